"""LLaVA-1.5-7B for remote sensing: full, LoRA and MoE-LoRA tuning, as RS-GPT4V compares them.

``lineament convert llava SOURCE models/llava-1.5-7b`` makes the start. Nothing here has been
trained at this size: tests build the recipes without weights and run two steps, shapes shrunk.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lineament.records.sources.scenes.adapt import MAX_PACKED
from lineament.records.sources.scenes.mixture import PAPER_TRAIN, RS_GPT4V, WRITTEN_TRAIN
from lineament.training.recipe import Lora, Mix, Model, Recipe, Stage

SCENES = "data/rs-gpt4v"  # `lineament build rs-gpt4v --split train`
# The same with `--split test`: there is no third part. Its losses are shown and choose nothing.
HELD_OUT = "data/rs-gpt4v-test"
START = Model(start="models/llava-1.5-7b", size="llava")
LAYERS = ("language_model.*_proj",)
WRITTEN = "written"  # the part that is written about pictures, a task beside those of the labels
# What is trained on, by task: every kind of record that ``lineament build rs-gpt4v`` gives but
# the labels with a flaw, `blank_caption` and `lost_noun`; lines that stand twice are in the paper.
KINDS: Mapping[str, tuple[str, ...]] = {
    "caption": ("image_caption",),
    "vqa": ("vqa", "repeated_question"),
    "grounding": ("grounding",),
    "region": ("region_caption",),
    WRITTEN: ("scene_local", "scene_global", "scene_dialogue"),
}
UNTESTED = ("region",)  # the test part asks no phrases of boxes
TASKS = tuple(kind for kinds in KINDS.values() for kind in kinds)
# Records about a picture that share an example. A row has 2,048 tokens, the picture takes 576 of
# them and what does not fit is left out: two records of sixteen questions fit, a third does not.
MOST_RECORDS: Mapping[str, int] = {
    "caption": 10, "vqa": 2, "grounding": 10, "region": 10, WRITTEN: 10,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Share:
    """What one task brings to training.

    Attributes:
        pairs: Questions with their answers that there are.
        examples: Pictures with their records, as `BuiltExamples` groups them.
        power: What its sources weigh in the mixture, which tempers their sizes.
    """

    pairs: int
    examples: int
    power: float

    @property
    def weight(self) -> float:
        """Examples to draw, relative to other tasks, for the pairs to be shared by `power`."""
        return self.power * self.examples / self.pairs


def count_shares() -> dict[str, Share]:
    """Count each task of a data set of the published size."""
    shares: dict[str, Share] = {}
    for task in KINDS:
        sizes = [one.train for one in RS_GPT4V.ingredients if one.is_in_paper and one.task == task]
        if task == WRITTEN:  # a description and a conversation about each picture
            sizes = [(WRITTEN_TRAIN[0] - WRITTEN_TRAIN[0] // 2, WRITTEN_TRAIN[1])]
        power = math.fsum(RS_GPT4V.weigh(pairs) for _, pairs in sizes)
        examples = sum(count_examples(task, *size) for size in sizes)
        shares[task] = Share(sum(pairs for _, pairs in sizes), examples, power)
    return shares


def count_examples(task: str, pictures: int, pairs: int) -> int:
    """Return how many examples pictures give that have the mean number of pairs each."""
    if task == WRITTEN:
        return pictures
    a_picture = pairs / pictures
    records = math.ceil(a_picture / MAX_PACKED) if task == "vqa" else a_picture
    return pictures * math.ceil(records / MOST_RECORDS[task])


def count_samples(shares: Mapping[str, Share]) -> int:
    """Return how many examples to draw for one epoch: as many pairs as there are, drawn once.

    The rare tasks come more often than once and the questions less often, by the mixture's
    weights; all together are as many pairs as published.
    """
    pairs_an_example = math.fsum(share.power for share in shares.values()) / math.fsum(
        share.weight for share in shares.values()
    )
    return round(PAPER_TRAIN[1] / pairs_an_example)


def llava_rs_full() -> Recipe:
    """Return tuning of the projector and the whole language model."""
    return _recipe(
        "llava-rs-full",
        trainable=("media.adapter.start.*", "language_model.*"),
        learning_rates={"*": 2e-5},
    )


def llava_rs_lora() -> Recipe:
    """Return tuning through one adapter on every layer."""
    lora = Lora(targets=LAYERS, rank=128, alpha=256.0, dropout=0.05)
    return _recipe(
        "llava-rs-lora",
        trainable=("media.adapter.start.*",),
        learning_rates={"*": 2e-5, "*.lora_*": 2e-4},
        lora=lora,
    )


def llava_rs_moe_lora() -> Recipe:
    """Return tuning through four experts on every layer, two of them chosen for every token.

    Rank 32 times four experts costs as many weights as `llava_rs_lora`, less the routers.
    """
    lora = Lora(
        targets=LAYERS, rank=32, alpha=64.0, dropout=0.05, experts=4, top_k=2, route_by="token",
        balance_weight=0.01,
    )  # fmt: skip
    return _recipe(
        "llava-rs-moe-lora",
        trainable=("media.adapter.start.*",),
        learning_rates={"*": 2e-5, "*.lora_*": 2e-4},
        lora=lora,
    )


def _recipe(name: str, **changes: Any) -> Recipe:
    shares = count_shares()
    settings: dict[str, Any] = {
        "batch_size": 128,
        "accumulate": 16,
        "row_tokens": 2048,
        "num_samples": count_samples(shares),
        "save_every": 500,
        "use_checkpointing": True,
        "validation": tuple(
            _task(task, source=HELD_OUT, split="test") for task in KINDS if task not in UNTESTED
        ),
        "validation_samples": 512,
        "validate_every": 500,
    }
    data = tuple(
        _task(task, source=SCENES, weight=round(share.weight, 3)) for task, share in shares.items()
    )
    stage = Stage(name="tuning", data=data, **(settings | changes))
    return Recipe(name=name, model=START, precision="bf16", num_workers=8, stages=(stage,))


def _task(task: str, **changes: Any) -> Mix:
    options = {"media": "data/scenes", "dialogues_per_example": MOST_RECORDS[task]}
    return Mix(kinds=KINDS[task], options=options, **changes)
