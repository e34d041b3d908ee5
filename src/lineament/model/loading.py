"""Loading of own model folders: quietly, and with every weight in its place."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from transformers.utils import logging as loading_log

from lineament.errors import BadModel


@contextmanager
def quiet_loading() -> Iterator[None]:
    """Show neither a bar for a fraction of a second nor a table of what is missing.

    Whoever loads says in one line what is wrong.
    """
    before, has_bars = loading_log.get_verbosity(), loading_log.is_progress_bar_enabled()
    loading_log.set_verbosity_error()
    loading_log.disable_progress_bar()
    try:
        yield
    finally:
        loading_log.set_verbosity(before)
        if has_bars:
            loading_log.enable_progress_bar()


def refuse_misfits(report: Mapping[str, Any], folder: Path, hint: str) -> None:
    """Refuse weights that are missing, left over or of another shape.

    Args:
        report: What ``from_pretrained`` tells with ``output_loading_info``.
        folder: Of the model.
        hint: What to do about it.

    Raises:
        BadModel: There are some.
    """
    for problem in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        names = sorted(str(key[0] if isinstance(key, tuple) else key) for key in report[problem])
        if names:
            what = problem.removesuffix("_keys")
            raise BadModel(f"{folder}: {len(names)} {what} weights, {names[0]} first", hint=hint)
