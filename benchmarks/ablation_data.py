"""What the ablations learn from and how they are scored: galleries, chosen dialogues, yes or no."""

import json
from collections.abc import Sequence
from random import Random
from typing import Any

import torch
from torch.nn import functional

from lineament.claims import read_answer
from lineament.errors import BadInput, LineamentError
from lineament.model.processor import IGNORED_LABEL
from lineament.records.quality import Prior, count_prior
from lineament.training.chat_tiny_data import open_galleries
from lineament.training.examples import Dialogue, Example, ExampleSource
from lineament.training.objectives import VISUAL_INPUTS, Answers
from lineament.training.packing import attend_mask
from lineament.training.recipe import Mix, Stage
from lineament.training.stream import Drawn

NUM_PRIOR = 400  # items that tell how common a name is
UNREAD = 0.5  # what an answer surprises by, of which nothing was read
# A held-out item is shown as it is, whole, and asked often.
STILL = {"picture_share": 0.0, "window_share": 0.0, "mirror_share": 0.0, "gray_share": 0.0,
         "has_changes": False, "yes_no": 12}  # fmt: skip
BATCH = 8


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


@torch.no_grad()
def score_answers(
    model: Any, processor: Any, stage: Stage, sources: Sequence[ExampleSource], count: int
) -> dict[str, float]:
    """Return balanced accuracy of yes against no on real pictures and clips, and the loss.

    What counts is which of the two words is likelier at the place where the answer begins.
    """
    model.eval()
    objective = Answers(model, processor, stage.replace(row_tokens=0, lora=None))
    words = [processor.tokenizer(word)["input_ids"] for word in ("Yes", "No")]
    assert [len(ids) for ids in words] == [1, 1], "yes and no are one token each"
    yes, no = (ids[0] for ids in words)
    right = {group: {True: [0, 0], False: [0, 0]} for group in ("real", "clips")}
    loss_sum, num_labels = 0.0, 0
    for source in sources:
        places = Random(0).sample(range(len(source)), min(count, len(source)))
        for start in range(0, len(places), BATCH):
            drawn, groups = [], []
            for place in places[start : start + BATCH]:
                try:
                    example = source.read(place, 0)
                    drawn.append(Drawn(objective.encode(example)))
                except LineamentError:  # nothing is known of it
                    continue
                groups.append("clips" if example.id.startswith("rendered") else "real")
            if not drawn:
                continue
            batch = objective.collate(drawn)
            logits = _read(model, batch)
            labels = batch["labels"]
            is_label = labels != IGNORED_LABEL
            losses = functional.cross_entropy(
                logits[:, :-1][is_label[:, 1:]].float(), labels[is_label], reduction="sum"
            )
            loss_sum, num_labels = loss_sum + float(losses), num_labels + int(is_label.sum())
            begins = is_label.clone()
            begins[:, 1:] &= ~is_label[:, :-1]
            begins &= (labels == yes) | (labels == no)
            for row, token in begins.nonzero().tolist():
                wanted = int(labels[row, token]) == yes
                said = bool(logits[row, token - 1, yes] > logits[row, token - 1, no])
                tally = right[groups[row]][wanted]
                tally[0] += said == wanted
                tally[1] += 1
    scores = {group: balanced(tallies) for group, tallies in right.items()}
    return {**scores, "loss": round(loss_sum / max(1, num_labels), 4)}


def balanced(tallies: dict[bool, list[int]]) -> float:
    """Return the mean share of right answers where yes is true and where no is."""
    shares = [hits / asked for hits, asked in tallies.values() if asked]
    return round(sum(shares) / len(shares), 4) if shares else float("nan")


def _read(model: Any, batch: dict[str, Any]) -> torch.Tensor:
    """Score every token; each row is one clip with its questions as branches."""
    mask = attend_mask(batch["segment_ids"], batch["branch_ids"])
    inputs = {name: batch[name] for name in VISUAL_INPUTS if name in batch}
    return model(
        input_ids=batch["input_ids"],
        attention_mask=mask,
        position_ids=batch["position_ids"],
        use_cache=False,
        **inputs,
    ).logits
