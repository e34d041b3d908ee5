"""What the ablations learn from: galleries, and dialogues that are chosen."""

import json
from collections.abc import Sequence
from random import Random
from typing import Any

from lineament.claims import read_answer
from lineament.errors import BadInput
from lineament.records.quality import Prior, count_prior
from lineament.training.chat_tiny_data import open_galleries
from lineament.training.examples import Dialogue, Example, ExampleSource
from lineament.training.recipe import Mix

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
