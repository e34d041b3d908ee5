"""Examples from galleries of scenes: one picture, some of the conversations about it."""

from pathlib import Path
from random import Random
from typing import Any, final

import numpy as np

from lineament.errors import BadInput
from lineament.model.processor import VisualInput
from lineament.training.examples import Dialogue, Example
from lineament.training.recipe import Mix
from lineament.training.scene_gallery import Said, SceneGallery, has_gallery

DEFAULTS: dict[str, Any] = {"root": "", "folders": ("scenes*",), "num_dialogues": 6, "leave": ()}
START_WEIGHT = 3.0  # the first word of an answer says most


@final
class SceneExamples:
    """Pictures of one or several galleries.

    Options of the mix: ``root`` and ``folders`` (globs) tell where they lie; ``num_dialogues`` are
    taken of each picture, others every epoch; kinds in ``leave`` are left out.

    Raises:
        BadInput: An option is unknown, or no gallery is there.
    """

    def __init__(self, mix: Mix) -> None:
        for option in mix.options:
            if option not in DEFAULTS:
                raise BadInput(
                    f"scenes: unknown option {option!r}", hint=f"options: {', '.join(DEFAULTS)}"
                )
        self.mix, self.options = mix, DEFAULTS | mix.options
        self._open()

    def __getstate__(self) -> dict[str, Any]:
        return {"mix": self.mix}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["mix"])

    def __len__(self) -> int:
        return min(self.mix.limit or len(self.places), len(self.places))

    def read(self, index: int, epoch: int) -> Example:
        """Read one picture, and conversations about it that depend on the epoch alone."""
        gallery, place = self.places[index]
        said = [one for one in gallery.said(place) if self._wants(one)]
        Random(f"{gallery.id(place)}:{epoch}").shuffle(said)
        dialogues = tuple(map(make_dialogue, said[: int(self.options["num_dialogues"])]))
        pixels = np.array(gallery.pixels[place])
        return Example(gallery.id(place), dialogues, VisualInput(pixels[None], (0.0,)))

    def _wants(self, said: Said) -> bool:
        if said.kind in self.options["leave"]:
            return False
        return not self.mix.kinds or said.kind in self.mix.kinds

    def _open(self) -> None:
        root = Path(str(self.options["root"]))
        folders = [path for glob in self.options["folders"] for path in sorted(root.glob(glob))]
        galleries = [SceneGallery(path) for path in folders if has_gallery(path)]
        if not galleries:
            raise BadInput(f"{root}: no gallery of scenes", hint="lineament train scene-tiny")
        self.places = [
            (gallery, index)
            for gallery in galleries
            for index in range(len(gallery))
            if any(self._wants(said) for said in gallery.said(index))
        ]


def open_scene_galleries(mix: Mix) -> SceneExamples:
    """Open the galleries that a mix names."""
    return SceneExamples(mix)


def make_dialogue(said: Said) -> Dialogue:
    """Return a conversation as a model learns it."""
    roles = ("user", "assistant")
    messages = [{"role": roles[i % 2], "content": text} for i, text in enumerate(said.texts)]
    return Dialogue(messages, said.kind, said.level, start_weight=START_WEIGHT)
