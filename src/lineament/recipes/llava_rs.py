"""LLaVA-1.5-7B for remote sensing: full, LoRA and MoE-LoRA tuning, as RS-GPT4V compares them.

``lineament convert llava SOURCE models/llava-1.5-7b`` makes the start. Nothing here has been
trained at this size: tests build the recipes without weights and run two steps, shapes shrunk.
"""

from typing import Any

from lineament.training.recipe import Lora, Mix, Model, Recipe, Stage

SCENES = "data/rs-gpt4v"  # a built data set of aerial scenes
START = Model(start="models/llava-1.5-7b", size="llava")
LAYERS = ("language_model.*_proj",)
# One route for each kind of record that ``lineament build rs-gpt4v`` gives.
TASKS = (
    "image_caption", "vqa", "grounding", "region_caption", "scene_local", "scene_global",
    "scene_dialogue",
)  # fmt: skip


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
    """Return tuning through four experts on every layer, chosen by the kind of task.

    Rank 32 times four experts costs as many weights as `llava_rs_lora`, less the routers.
    """
    lora = Lora(
        targets=LAYERS, rank=32, alpha=64.0, dropout=0.05, experts=4, route_by="task", tasks=TASKS
    )
    return _recipe(
        "llava-rs-moe-lora",
        trainable=("media.adapter.start.*",),
        learning_rates={"*": 2e-5, "*.lora_*": 2e-4},
        lora=lora,
    )


def _recipe(name: str, **changes: Any) -> Recipe:
    settings: dict[str, Any] = {
        "batch_size": 128,
        "accumulate": 16,
        "row_tokens": 2048,
        "num_samples": 991_206,
        "save_every": 500,
        "use_checkpointing": True,
    }
    stage = Stage(
        name="tuning",
        data=(Mix(source=SCENES, options={"media": "data/scenes"}),),
        **(settings | changes),
    )
    return Recipe(name=name, model=START, precision="bf16", num_workers=8, stages=(stage,))
