"""How the ablations are scored: labels read off tokens, yes against no, both held out."""

import math
from collections.abc import Iterator, Sequence
from random import Random
from typing import Any

import torch
from torch.nn import functional

from ablation_table import BLIND, GROUPS
from lineament.errors import LineamentError
from lineament.model.media import Streams
from lineament.model.processor import IGNORED_LABEL
from lineament.training.examples import ExampleSource
from lineament.training.label_objective import NUM_AGES, SCALE, LabelObjective, label_directions
from lineament.training.labels import UNKNOWN
from lineament.training.objectives import VISUAL_INPUTS, Answers
from lineament.training.packing import attend_mask
from lineament.training.recipe import Stage
from lineament.training.stream import Drawn

BATCH = 8
OFF = {"use_general": False, "use_face": False, "use_landmarks": False}
FEWEST = 10  # frames that have a name, and that have it not, for the name to count

Tallies = dict[bool, list[int]]  # by what is true: how often right, how often asked


@torch.no_grad()
def score_labels(
    model: Any, processor: Any, stage: Stage, sources: Sequence[ExampleSource], count: int
) -> dict[str, float]:
    """Return balanced accuracy of the labels that stand in the tokens, the mean over names.

    What counts is the sign that the `labels` objective reads off the mean token of a frame.
    ``loss`` is the binary cross entropy of all labels, ``blind`` the same model with all its
    streams off, ``asked`` the number of labels.
    """
    model.eval()
    objective = LabelObjective(model, processor, stage)
    num_names = len(objective.table.labels.names)
    directions = label_directions(num_names + NUM_AGES, model.config.text_config.hidden_size)
    tallies: dict[str, dict[int, Tallies]] = {name: {} for name in (*GROUPS, *BLIND)}
    losses = [0.0, 0]
    for examples in held_out(objective, sources, count):
        batch = objective.collate([drawn for drawn, _ in examples])
        frame_mask = batch["frame_mask"]
        states = batch["states"][frame_mask]
        rows = frame_mask.nonzero()[:, 0].tolist()
        inputs = {name: batch[name] for name in VISUAL_INPUTS if name in batch}
        for suffix, switches in (("", {}), (" blind", OFF)):
            tokens = model.encode_media(**inputs, streams=Streams(**switches)).visual_tokens
            tokens = tokens.unflatten(1, (frame_mask.shape[1], -1)).float()
            logits = SCALE * tokens.mean(dim=2)[frame_mask] @ directions.T
            logits = logits[:, :num_names]
            if not suffix:
                known = states != UNKNOWN
                losses[0] += float(
                    functional.binary_cross_entropy_with_logits(
                        logits[known], (states[known] == 1).float(), reduction="sum"
                    )
                )
                losses[1] += int(known.sum())
            for frame, name in (states != UNKNOWN).nonzero().tolist():
                wanted = int(states[frame, name]) == 1
                group = tallies[examples[rows[frame]][1] + suffix]
                tally = group.setdefault(name, {True: [0, 0], False: [0, 0]})[wanted]
                tally[0] += bool(logits[frame, name] > 0) == wanted
                tally[1] += 1
    return {
        **{group: mean_over_names(names) for group, names in tallies.items()},
        "loss": round(losses[0] / max(1, losses[1]), 4),
        "asked": int(losses[1]),
    }


def mean_over_names(names: dict[int, Tallies]) -> float:
    """Return the mean of balanced accuracies over names that are often enough true and false."""
    often = [t for t in names.values() if min(asked for _, asked in t.values()) >= FEWEST]
    return round(sum(map(balanced, often)) / len(often), 4) if often else math.nan


@torch.no_grad()
def score_answers(
    model: Any, processor: Any, stage: Stage, sources: Sequence[ExampleSource], count: int
) -> dict[str, float]:
    """Return balanced accuracy of yes against no on real pictures and clips, and the loss.

    What counts is which of the two words is likelier at the place where the answer begins. The
    same model with all its streams off, ``blind``, is asked the same; ``asked`` is how often.
    """
    model.eval()
    objective = Answers(model, processor, stage.replace(row_tokens=0, lora=None))
    words = [processor.tokenizer(word)["input_ids"] for word in ("Yes", "No")]
    assert [len(ids) for ids in words] == [1, 1], "yes and no are one token each"
    yes, no = (ids[0] for ids in words)
    scores = {name: {True: [0, 0], False: [0, 0]} for name in (*GROUPS, *BLIND)}
    loss_sum, num_labels = 0.0, 0
    for examples in held_out(objective, sources, count):
        batch = objective.collate([drawn for drawn, _ in examples])
        labels = batch["labels"]
        is_label = labels != IGNORED_LABEL
        begins = is_label.clone()
        begins[:, 1:] &= ~is_label[:, :-1]
        begins &= (labels == yes) | (labels == no)
        for suffix, switches in (("", {}), (" blind", OFF)):
            logits = _read(model, batch, switches)
            if not suffix:
                losses = functional.cross_entropy(
                    logits[:, :-1][is_label[:, 1:]].float(), labels[is_label], reduction="sum"
                )
                loss_sum, num_labels = loss_sum + float(losses), num_labels + int(is_label.sum())
            for row, token in begins.nonzero().tolist():
                wanted = int(labels[row, token]) == yes
                said = bool(logits[row, token - 1, yes] > logits[row, token - 1, no])
                tally = scores[examples[row][1] + suffix][wanted]
                tally[0] += said == wanted
                tally[1] += 1
    asked = sum(scores[group][wanted][1] for group in GROUPS for wanted in (True, False))
    return {
        **{group: balanced(tallies) for group, tallies in scores.items()},
        "loss": round(loss_sum / max(1, num_labels), 4),
        "asked": asked,
    }


def held_out(
    objective: Answers | LabelObjective, sources: Sequence[ExampleSource], count: int
) -> Iterator[list[tuple[Drawn, str]]]:
    """Yield batches of held-out examples, each with its group; the same ones every time."""
    for source in sources:
        places = Random(0).sample(range(len(source)), min(count, len(source)))
        for start in range(0, len(places), BATCH):
            batch = []
            for place in places[start : start + BATCH]:
                try:
                    example = source.read(place, 0)
                    group = "clips" if example.id.startswith("rendered") else "real"
                    batch.append((Drawn(objective.encode(example)), group))
                except LineamentError:  # nothing is known of it
                    continue
            if batch:
                yield batch


def balanced(tallies: Tallies) -> float:
    """Return the mean share of right answers where yes is true and where no is."""
    shares = [hits / asked for hits, asked in tallies.values() if asked]
    return round(sum(shares) / len(shares), 4) if shares else math.nan


def _read(model: Any, batch: dict[str, Any], switches: dict[str, bool]) -> torch.Tensor:
    """Score every token; each row is one clip with its questions as branches."""
    mask = attend_mask(batch["segment_ids"], batch["branch_ids"])
    inputs = {name: batch[name] for name in VISUAL_INPUTS if name in batch}
    with torch.autocast("cpu", torch.bfloat16):  # as it was trained
        return model(
            input_ids=batch["input_ids"],
            attention_mask=mask,
            position_ids=batch["position_ids"],
            use_cache=False,
            **inputs,
            **switches,
        ).logits
