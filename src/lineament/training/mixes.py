"""A recipe's mixes, opened: named sources, or built data sets by their folder."""

from pathlib import Path
from typing import Any

from lineament.config import nearest_hint
from lineament.errors import BadInput
from lineament.training.built import open_built
from lineament.training.examples import ExampleSource, Sources
from lineament.training.recipe import Mix


def open_mix(mix: Mix, sources: Sources, *, where: str) -> ExampleSource:
    """Open a named source, or a built data set by its folder.

    Raises:
        BadInput: There is nothing of that name, or nothing in it.
    """
    source = _open(mix, sources)
    if not len(source):
        chosen = [
            f"{key} {list(v)}" for key, v in (("kinds", mix.kinds), ("levels", mix.levels)) if v
        ]
        raise BadInput(
            f"{where}: no data in {mix.source!r}" + (f" for {', '.join(chosen)}" if chosen else ""),
            hint="choose other kinds or levels, or build more data",
        )
    return source


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
