"""Examples from galleries of scenes: one picture, some of the conversations about it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any, final

import numpy as np

from lineament.errors import BadInput
from lineament.model.processor import VisualInput
from lineament.records.write.grammar import capital, number_word
from lineament.training.examples import Dialogue, Example, Shown
from lineament.training.recipe import Mix
from lineament.training.scene_gallery import Said, SceneGallery, has_gallery

DEFAULTS: dict[str, Any] = {
    "root": "", "folders": ("scenes*",), "num_dialogues": 6, "leave": (), "bare": False,
    "short": 0.0,
}  # fmt: skip
DRAWN = "scene "
# The data set of a real picture, by the folder that it lies in.
SOURCE_OF: Mapping[str, str] = {
    "rsicd": "rsicd", "ucm": "ucm-captions", "sydney": "sydney-captions",
}  # fmt: skip
SHORT_KINDS = (
    "scene_count", "scene_yes_no", "scene_relation", "scene_color", "scene_position", "scene_kind",
)  # fmt: skip
SHORTLY = (
    "Answer the question using a single word or number.",
    "Answer the question using a single word, number or short phrase.",
    "Answer the question using a single word or phrase.", "Answer with a single word or phrase.",
    "Answer with one word or phrase.", "One word is enough.", "Reply in one word.",
    "Keep the answer to a word or a number.", "Answer briefly.",
)  # fmt: skip
DIGITS = {number_word(number): str(number) for number in range(1, 100)}
START_WEIGHT = 3.0  # the first word of an answer says most


@final
class SceneExamples:
    """Pictures of one or several galleries.

    Options of the mix: ``root`` and ``folders`` (globs) tell where they lie; ``num_dialogues`` are
    taken of each picture, others every epoch; kinds in ``leave`` are left out. With ``bare`` an
    answer is cut to what the picture tells: "red" for "The largest building is red.". A share
    ``short`` of the answers that can be is asked for in a word and given in one.

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
        random = Random(f"{gallery.id(place)}:{epoch}")
        random.shuffle(said)
        said = said[: int(self.options["num_dialogues"])]
        share = float(self.options["short"])
        said = [(random.random() < share and ask_shortly(one, random)) or one for one in said]
        if self.options["bare"]:
            said = [Said(one.kind, one.level, bare_texts(one.texts)) for one in said]
        dialogues = tuple(map(make_dialogue, said))
        pixels = np.array(gallery.pixels[place])
        return Example(gallery.id(place), dialogues, VisualInput(pixels[None], (0.0,)))

    def list_media(self) -> Iterator[Shown]:
        """Yield every picture: drawn ones by their seed, real ones by the file they came in."""
        for gallery, place in self.places:
            name = gallery.id(place)
            if name.startswith(DRAWN):
                seed = int(name.removeprefix(DRAWN))
                yield Shown("rendered-scenes", f"scene-{seed:08d}.png", name)
            else:
                folder = next((p for p in Path(name).parts if p in SOURCE_OF), "")
                yield Shown(SOURCE_OF.get(folder, ""), Path(name).name)

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


def bare_texts(texts: Sequence[str]) -> tuple[str, ...]:
    """Return a conversation with every answer cut to the words that the picture tells.

    What repeats the question teaches nobody to look, and outweighs by far what does.
    """
    return tuple(bare_answer(text) if place % 2 else text for place, text in enumerate(texts))


def bare_answer(answer: str) -> str:
    """Return yes, no, a number, or what stands behind the verb; others stay as they are."""
    lead = re.match(r"(yes|no)\b", answer, re.IGNORECASE)
    if lead:
        return f"{lead[1].capitalize()}."
    found = re.match(r"there (?:is|are) ([\w-]+) [^.]+\.$", answer, re.IGNORECASE)
    found = found or re.match(r"the picture shows an? ([^.]+) area\.$", answer, re.IGNORECASE)
    found = found or re.match(r"the [^.]+? is (in the [^.]+|[a-z]+)\.$", answer, re.IGNORECASE)
    return f"{capital(found[1])}." if found else answer


def ask_shortly(said: Said, random: Random) -> Said | None:
    """Return a question that asks for a word, with that word; None where none is the answer.

    Numbers are digits and nothing is a sentence, as in the label sets.
    """
    if said.kind not in SHORT_KINDS or len(said.texts) != 2:
        return None
    question, answer = said.texts
    word = bare_answer(answer)
    if word == answer or (word == "No." and said.kind not in ("scene_yes_no", "scene_relation")):
        word = "0" if said.kind == "scene_count" and answer.startswith("There are no ") else ""
    if not word:
        return None
    word = word.rstrip(".").lower().removeprefix("in the ")
    asked = question + random.choice((" ", "\n")) + random.choice(SHORTLY)
    return Said(said.kind, said.level, (asked, DIGITS.get(word, word)))


def open_scene_galleries(mix: Mix) -> SceneExamples:
    """Open the galleries that a mix names."""
    return SceneExamples(mix)


def make_dialogue(said: Said) -> Dialogue:
    """Return a conversation as a model learns it."""
    roles = ("user", "assistant")
    messages = [{"role": roles[i % 2], "content": text} for i, text in enumerate(said.texts)]
    return Dialogue(messages, said.kind, said.level, start_weight=START_WEIGHT)
