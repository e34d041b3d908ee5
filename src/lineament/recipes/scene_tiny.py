"""The recipe ``scene-tiny``: whole pictures alone, boxes as text; full, LoRA and MoE-LoRA tuning.

The three share a base: an encoder that was taught what cells hold, and a language model that looks
from its first weights on (``training/scene_start.py``) and has learned to say what it sees.
``lineament train scene-tiny --out RUN --set data=FOLDER`` takes real pictures in.
"""

from typing import Any

from lineament.recipes.reading import read_first
from lineament.training.recipe import Lora, Mix, Model, Recipe, Stage

SOURCE = "scene-galleries"
LAYERS = ("language_model.*_proj",)
SIDE_PX, CELL_PX = 144, 16  # nine by nine cells, so that ninths of the picture end where cells do
# Bare looks: each word of these answers is told by the picture.
PLAIN = (
    "scene_count", "scene_yes_no", "scene_position", "scene_color", "scene_kind", "scene_box",
    "scene_relation",
)  # fmt: skip
REASONED = ("scene_reasoning", "scene_dialogue")  # each names two things, in an order that counts
BOXES = ("scene_box",)  # learned last of all: each side is six characters
# What the model was given to look with must outlive what it learns of words at first.
RATES = {
    "*": 4e-4,
    "language_model.*self_attn.*_proj.*": 2e-4,
    "language_model.*embed_tokens*": 1e-4,
    "media.adapter.*": 1e-4,
}
PREPARED = {
    "num_scenes": 6000, "num_more": 18000, "num_checked": 300, "encoder_steps": 2000,
    "align_steps": 900,
}  # fmt: skip


def scene_tiny() -> Recipe:
    """Return the whole run, its last two stages tuning all of the language model."""
    recipe = _recipe("scene-tiny", RATES, ("media.adapter.*", "language_model.*"))
    return recipe.replace(stages=(*recipe.stages, _more(recipe.stages[-1])))


def scene_tiny_lora() -> Recipe:
    """Return the run whose last stage tunes one adapter on every layer."""
    lora = Lora(targets=LAYERS, rank=32, alpha=64.0)
    rates = {"*": 1e-4, "*.lora_*": 2e-3}
    return _recipe("scene-tiny-lora", rates, ("media.adapter.*",), lora)


def scene_tiny_moe_lora() -> Recipe:
    """Return the run whose last stage tunes four experts on every layer, chosen token by token.

    Rank 8 times four costs as many weights as `scene_tiny_lora`, less the routers.
    """
    lora = Lora(targets=LAYERS, rank=8, alpha=16.0, experts=4, top_k=2)
    rates = {"*": 1e-4, "*.lora_*": 2e-3}
    return _recipe("scene-tiny-moe-lora", rates, ("media.adapter.*",), lora)


def _recipe(
    name: str, rates: dict[str, float], trainable: tuple[str, ...], lora: Lora | None = None
) -> Recipe:
    return Recipe(
        name=name,
        model=scene_model(),
        stages=(_read(), _look(), _tuning(rates, trainable, lora)),
        precision="bf16",
        num_workers=1,
        num_threads=2,
        log_every=25,
        prepare="lineament.training.scene_preparation:prepare_scene_tiny",
    )


def scene_model() -> Model:
    """Return FaVChat with its general encoder alone: 81 tokens a picture, no face, no landmarks."""
    changes: dict[str, Any] = {
        "fusion": "general_only",
        "use_face": False,
        "use_landmarks": False,
        "landmark_tokens": 0,
        "token_grid": [SIDE_PX // CELL_PX] * 2,
        "grid_positions": True,
        "vision_config": {
            "model_type": "lineament_conv_vision",
            "hidden_size": 192,
            "num_hidden_layers": 4,
            "depths": [1, 2, 2, 2],
            "image_size": SIDE_PX,
            "patch_size": CELL_PX,
            "sees_places": True,
        },
        "text_config": {
            "hidden_size": 256,
            "intermediate_size": 768,
            "num_hidden_layers": 4,
            "tie_word_embeddings": False,  # the head learns at once, words keep their places
            "rope_parameters": {"rope_type": "default", "rope_theta": 1e6},
        },
    }
    return Model(vocab_size=2048, changes=changes)


def _read() -> Stage:
    """Return the first stage, whose first mix says what is to be prepared."""
    stage = read_first(_look(), 150)
    first, *others = stage.data
    prepared = first.replace(options={**first.options, **PREPARED})
    return stage.replace(data=(prepared, *others), save_every=150)


def _look() -> Stage:
    drawn = {"folders": ["scenes*"], "num_dialogues": 14, "bare": True}
    return Stage(
        name="look",
        trainable=("media.adapter.*", "language_model.*"),
        learning_rates=RATES,
        data=(
            Mix(source=SOURCE, kinds=PLAIN, weight=0.65, options=drawn),
            Mix(source=SOURCE, kinds=BOXES, weight=0.35, options=drawn | {"num_dialogues": 8}),
        ),
        validation=(_checked(PLAIN, bare=True),),
        validation_samples=150,
        validate_every=300,
        num_steps=3000,
        batch_size=24,
        row_tokens=512,
        weight_decay=0.02,
        betas=(0.9, 0.98),
        save_every=300,
    )


def _tuning(rates: dict[str, float], trainable: tuple[str, ...], lora: Lora | None) -> Stage:
    return Stage(
        name="tuning",
        trainable=trainable,
        learning_rates=rates,
        data=_mixes("scenes*", asked=0.47, reasoned=0.3, boxes=0.2, real=0.03),
        validation=(_checked(()),),
        validation_samples=150,
        validate_every=300,
        num_steps=2100,
        batch_size=16,
        row_tokens=768,
        weight_decay=0.02,
        betas=(0.9, 0.98),
        save_every=300,
        lora=lora,
    )


def _more(tuning: Stage) -> Stage:
    """Return the last stage: scenes never seen before, since boxes know the first by heart."""
    data = _mixes("more*", asked=0.45, reasoned=0.2, boxes=0.33, real=0.02)
    return tuning.replace(name="more", data=data, num_steps=2400)


def _mixes(
    drawn: str, *, asked: float, reasoned: float, boxes: float, real: float
) -> tuple[Mix, ...]:
    """Return questions of all kinds, conversations and boxes about drawn scenes; real pictures."""
    options = {"folders": [drawn], "num_dialogues": 8}
    return (
        Mix(source=SOURCE, weight=asked, options=options | {"short": 0.3}),
        Mix(source=SOURCE, kinds=REASONED, weight=reasoned, options=options | {"num_dialogues": 3}),
        Mix(source=SOURCE, kinds=BOXES, weight=boxes, options=options),
        Mix(source=SOURCE, weight=real, options={"folders": ["real"], "num_dialogues": 6}),
    )


def _checked(kinds: tuple[str, ...], *, bare: bool = False) -> Mix:
    options = {"folders": ["check*"], "num_dialogues": 6, "bare": bare}
    return Mix(source=SOURCE, kinds=kinds, options=options)
