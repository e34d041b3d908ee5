"""A recipe's mixes, opened: named sources, or built data sets by their folder."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lineament.config import nearest_hint, require_known
from lineament.errors import BadInput
from lineament.model.foreign import first_line
from lineament.training.built import BuiltExamples, open_built
from lineament.training.examples import ExampleSource, Sources
from lineament.training.recipe import Mix

FILTERS = ("kinds", "levels", "quality_share", "split", "limit")
# Which filters a named source goes by. Built data sets go by all; of other sources nobody knows.
READ_BY: Mapping[str, tuple[str, ...]] = {
    "galleries": ("kinds",),
    "faceless": (),
    "crowds": (),
    "portraits": ("limit",),
    "drawings": (),
    "asking": ("kinds",),
    "built-drawings": FILTERS,
    "built-asking": FILTERS,
    "scene-galleries": ("kinds", "limit"),
    "rendered": ("kinds", "levels", "split", "limit"),
}
# Options that count, wherever a source knows them.
COUNTS = (
    "count", "num_frames", "num_samples", "size_px", "num_dialogues", "crop_size_px",
    "dialogues_per_example",
)  # fmt: skip


def open_mix(mix: Mix, sources: Sources, *, where: str) -> ExampleSource:
    """Open a named source, or a built data set by its folder.

    Raises:
        BadInput: There is nothing of that name, or nothing in it, or its options are none.
    """
    try:
        source = _open(mix, sources)
        is_empty = not len(source)
    except (TypeError, ValueError, KeyError, AttributeError) as error:  # options of a wrong type
        reason = f"{error} is missing" if isinstance(error, KeyError) else first_line(error)
        raise BadInput(f"{where}: options of {mix.source!r}: {reason}") from error
    if is_empty:
        chosen = [
            f"{key} {list(v)}" for key, v in (("kinds", mix.kinds), ("levels", mix.levels)) if v
        ]
        raise BadInput(
            f"{where}: no data in {mix.source!r}" + (f" for {', '.join(chosen)}" if chosen else ""),
            hint="choose other kinds or levels, or build more data",
        )
    return source


def check_mix(mix: Mix, sources: Sources, *, where: str) -> None:
    """Refuse filters that a source does not read, and counts that are none.

    Raises:
        BadInput: Naming the field.
    """
    is_ours = mix.source in READ_BY if mix.source in sources else Path(mix.source).is_dir()
    if not is_ours:
        return
    read = READ_BY.get(mix.source, FILTERS) if mix.source in sources else FILTERS
    for name in FILTERS:
        if name not in read and getattr(mix, name) != Mix.model_fields[name].default:
            raise BadInput(
                f"{where}.{name}: {mix.source!r} does not read it",
                hint=f"it reads {', '.join(read)}" if read else "it reads options alone",
            )
    if mix.source == "rendered":
        from lineament.records.sources.rendered import FIRST_SEED

        require_known(mix.split, FIRST_SEED, f"value of {where}.split")
    for name in COUNTS:
        count = mix.options.get(name, 1)
        if not isinstance(count, int) or isinstance(count, bool) or count < 1:
            raise BadInput(
                f"{where}.options.{name}: expected a whole number from 1 up, got {count!r}"
            )


def find_kinds(mix: Mix, source: ExampleSource) -> set[str] | None:
    """Return the kinds of records that a mix can bring; None where only reading all would tell."""
    if isinstance(source, BuiltExamples):
        kinds = source.store.column("kind")
        return {str(kinds[row]) for group in source.groups for row in group}
    return set(mix.kinds) or None


def _open(mix: Mix, sources: Sources) -> Any:
    if mix.source in sources:
        return sources[mix.source](mix)
    if Path(mix.source).is_dir():
        return open_built(mix)
    known = ", ".join(sources) or "none"
    raise BadInput(
        f"{mix.source!r}: neither a built data set nor a source",
        hint=nearest_hint(mix.source, sources, otherwise=f"sources: {known}"),
    )
