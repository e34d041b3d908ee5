"""What the ablations learn from and are scored on: galleries, and dialogues that are chosen."""

import json
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

from lineament.claims import read_answer
from lineament.errors import BadInput
from lineament.faces.mesh import MeshFinder
from lineament.records.quality import Prior, count_prior
from lineament.records.sources.rendered import FIRST_SEED
from lineament.training.chat_tiny_data import open_galleries
from lineament.training.examples import Dialogue, Example, ExampleSource
from lineament.training.gallery import MANIFEST
from lineament.training.gallery_examples import read_guesses
from lineament.training.gallery_writer import write_gallery
from lineament.training.preparation import RealPart, draw_looks, look_at_part
from lineament.training.recipe import Mix

DEV_PARTS = (
    RealPart("fairface-dev", "fairface", "fairface-adult", "dev"),
    RealPart("ffhq-dev", "ffhq-adult", "ffhq-adult-882", "dev"),
    RealPart("london-dev", "london", "london-webmorph", "dev"),
)
DEV_CLIPS, NUM_DEV_CLIPS = "clips-dev", 90
NUM_PRIOR = 400  # items that tell how common a name is
UNREAD = 0.5  # what an answer surprises by, of which nothing was read
# A held-out item is shown as it is, whole, and asked often.
STILL = {"picture_share": 0.0, "window_share": 0.0, "mirror_share": 0.0, "gray_share": 0.0,
         "has_changes": False, "yes_no": 8}  # fmt: skip


def open_ablation(mix: Mix) -> ExampleSource:
    """Open galleries as `open_galleries` does.

    More options: ``levels`` keeps dialogues of these levels, or of the nearest that an item
    has; ``half`` is ``better`` or ``random``; ``still`` is for held-out items.
    """
    options: dict[str, Any] = dict(mix.options)
    levels, half = tuple(options.pop("levels", ())), str(options.pop("half", ""))
    if options.pop("still", False):
        options |= STILL
    galleries = open_galleries(mix.replace(source="galleries", options=options))
    if not levels and not half:
        return galleries
    return ChosenDialogues(galleries, levels, half)


def prepare_held_out(data: Path | None, root: Path) -> list[Path]:
    """Return galleries of people whom nothing learned from, made as far as they lack.

    Their labels are the data sets' own: what a reader guessed of a picture is never scored.

    Raises:
        BadInput: One has to be made and ``data`` is None or does not hold it.
    """
    finder = None
    for part in DEV_PARTS:
        if not (root / part.name / MANIFEST).is_file():
            if data is None:
                raise BadInput(f"{root / part.name}: not there", hint="--data FOLDER makes it")
            finder = finder or MeshFinder()
            write_gallery(root / part.name, look_at_part(part, data, finder), origin=part.name)
    if not (root / DEV_CLIPS / MANIFEST).is_file():
        finder = finder or MeshFinder()
        looks = draw_looks(FIRST_SEED["dev"], NUM_DEV_CLIPS, finder)
        write_gallery(root / DEV_CLIPS, looks, origin="rendered")
    if finder is not None:
        finder.close()
    folders = [root / name for name in (*(part.name for part in DEV_PARTS), DEV_CLIPS)]
    for folder in folders:
        if read_guesses(folder):
            raise BadInput(f"{folder}: holds guesses, and they are never scored")
    return folders


class ChosenDialogues:
    """A source whose examples keep some of their dialogues."""

    def __init__(self, source: Any, levels: tuple[int, ...], half: str) -> None:
        self.source, self.levels, self.half = source, levels, half
        self.prior = Prior()
        if half == "better":
            step = max(1, len(source) // NUM_PRIOR)
            self.prior = count_prior(source.annotation(n) for n in range(0, len(source), step))

    def __len__(self) -> int:
        return len(self.source)

    def read(self, index: int, epoch: int) -> Example:
        """Read one example and choose.

        Raises:
            BadInput: Nothing is asked about it.
        """
        example = self.source.read(index, epoch)
        if not example.dialogues:
            raise BadInput(f"{example.id}: no dialogue")
        dialogues = list(example.dialogues)
        if self.levels:
            dialogues = nearest_levels(dialogues, self.levels)
        if self.half:
            dialogues = self._choose_half(dialogues, f"{index}:{epoch}")
        return Example(example.id, tuple(dialogues), example.visual)

    def _choose_half(self, dialogues: list[Dialogue], key: str) -> list[Dialogue]:
        order = list(range(len(dialogues)))
        Random(key).shuffle(order)  # which also breaks ties
        if self.half == "better":
            order.sort(key=lambda place: -surprise(dialogues[place], self.prior))
        kept = sorted(order[: max(1, len(order) // 2)])
        return [dialogues[place] for place in kept]


def nearest_levels(dialogues: Sequence[Dialogue], levels: Sequence[int]) -> list[Dialogue]:
    """Keep dialogues of some levels, or of the nearest level that there is."""
    away = [min(abs(dialogue.level - level) for level in levels) for dialogue in dialogues]
    return [one for one, far in zip(dialogues, away, strict=True) if far == min(away)]


def surprise(dialogue: Dialogue, prior: Prior) -> float:
    """Return one minus how likely an answer's claims are before looking."""
    chances = []
    said = [str(message["content"]) for message in dialogue.messages]
    for question, answer in zip(said[::2], said[1::2], strict=False):
        for claim in read_answer(question, answer):
            chance = prior.probability(claim.name, json.dumps(claim.value))
            if chance is not None:
                chances.append(1.0 - chance if claim.negated else chance)
    return 1.0 - sum(chances) / len(chances) if chances else UNREAD
