"""Training manifest: media and subjects of a run's data, for ``lineament eval --trained-on``."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from lineament.errors import LineamentError
from lineament.training.examples import ExampleSource, ListsMedia, Shown
from lineament.training.recipe import Model, Recipe

TRAINED_ON = "trained_on.jsonl"


def write_trained_on(
    recipe: Recipe, sources: Mapping[int, Sequence[ExampleSource]], path: Path
) -> None:
    """Write one line for everything shown in training, and one for all that nobody can tell.

    A line that tells nothing keeps every claim to be zero-shot open, and forbids nothing.

    Args:
        recipe: The run.
        sources: Opened data of its stages by position; of the others nothing is known.
        path: The file; what is there already stays, since a resumed run has the same data.
    """
    if path.is_file():
        return
    draft = path.with_suffix(".draft")
    with draft.open("w", encoding="utf-8") as lines:
        for shown in dict.fromkeys(_list_all(recipe, sources)):
            lines.write(json.dumps(shown._asdict()) + "\n")
        for line in _list_start(recipe.model):
            lines.write(line + "\n")
    draft.replace(path)


def _list_all(recipe: Recipe, sources: Mapping[int, Sequence[ExampleSource]]) -> Iterator[Shown]:
    for number in range(len(recipe.stages)):
        if number not in sources:
            yield Shown()
        for source in sources.get(number, ()):
            try:
                yield from source.list_media() if isinstance(source, ListsMedia) else (Shown(),)
            except (LineamentError, OSError, KeyError):
                yield Shown()


def _list_start(model: Model) -> Iterator[str]:
    """Yield what the weights were trained on that a run begins with, as far as it is told."""
    for place in filter(None, (model.start, *model.parts.values())):
        folder = Path(place)
        near = [one / TRAINED_ON for one in (folder, *folder.parents[:2])]
        path = next((one for one in near if one.is_file()), None)
        if path is None:
            yield json.dumps(Shown()._asdict())
        else:
            yield from path.read_text(encoding="utf-8").splitlines()
