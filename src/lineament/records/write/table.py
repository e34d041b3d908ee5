"""The table of writers by name."""

from collections.abc import Mapping

from lineament.errors import BadInput
from lineament.records.write.options import read_batch_options, read_endpoint_options
from lineament.records.writers import (
    MakeWriter,
    PaidWriter,
    Writer,
    WriterSettings,
    make_template_writer,
)
from lineament.vocabulary import nearest_hint


def make_endpoint_writer(settings: WriterSettings) -> PaidWriter:
    """Return the writer that asks a server."""
    return read_endpoint_options(settings.options, seed=settings.seed)


def make_batch_writer(settings: WriterSettings) -> PaidWriter:
    """Return the writer that works through files."""
    return read_batch_options(settings.options, seed=settings.seed)


WRITERS: Mapping[str, MakeWriter] = {
    "template": make_template_writer,
    "endpoint": make_endpoint_writer,
    "batch": make_batch_writer,
}


def make_writer(name: str, settings: WriterSettings) -> Writer | PaidWriter:
    """Return a writer by its name.

    Raises:
        BadInput: There is none of that name, or its settings cannot be used.
    """
    if name not in WRITERS:
        raise BadInput(f"unknown writer {name!r}", hint=nearest_hint(name, WRITERS))
    return WRITERS[name](settings)
