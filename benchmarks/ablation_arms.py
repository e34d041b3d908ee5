"""The arms of the ablations: one recipe each, which differs from another in one thing."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ablation_table import Question
from lineament.recipes.chat_tiny import LAID_RATES, TEXT
from lineament.recipes.reading import read_first
from lineament.training.recipe import Lora, Mix, Model, Recipe, Stage

# Reckoned for at most 180 s on one thread; --scale where that is wrong.
LABEL_STEPS, ANSWER_STEPS = 280, 108
START_LABEL_STEPS, START_READ_STEPS = 1000, 80
SHARES = {"fairface-train": 3.0, "ffhq-train": 2.0, "lfw-train": 1.0, "clips*": 3.0}
SIZES = {"frame_px": 96, "face_px": 64}  # shrunk before anything else is done to a picture
SMALL: Mapping[str, Any] = {
    "vision_config": {"hidden_size": 128, "image_size": 64, "depths": [1, 1, 1, 2]},
    "face_config": {"hidden_size": 128, "image_size": 64, "depths": [1, 1, 1, 2]},
}
LANGUAGE, GAIN = ("language_model.*",), "media.landmark_tokens.gain"
BRIDGE = ("media.adapter.*", "media.landmark*", *LANGUAGE)
LORA = Lora(targets=("language_model.*_proj",), rank=16, alpha=32.0)

RATES = {"*": 1e-3, **LAID_RATES}

Change = Callable[[Recipe], Recipe]


QUESTIONS = (
    Question("two encoders against one", "hybrid", ("general only", "face only")),
    Question("experts against an MLP of equal active weights", "one expert of four", ("MLP",)),
    Question("the mixture as published, two of four and one for all", "hybrid", ("MLP",)),
    Question("several levels against the last", "hybrid", ("last level",)),
    Question("the landmark stream", "hybrid", ("no landmarks",)),
    Question("rising difficulty", "rising stages", ("mixed stages", "shuffled stages")),
    Question("the better half of the questions", "better half", ("random half",)),
    Question("tuning the whole", "tuned whole", ("tuned by LoRA", "tuned by MoE-LoRA")),
)


def eyes_recipe(prepared: Path, scale: float, steps: int = LABEL_STEPS) -> Recipe:
    """Return the recipe that arms about seeing change: labels, learned from nothing."""
    stage = Stage(
        name="labels",
        objective="labels",
        trainable=("media.*",),
        learning_rates={"*": 4e-3, "media.adapter.*": 1.5e-3},
        data=mixes(prepared, labels=True),
        num_steps=round(steps * scale),
        batch_size=32,
        weight_decay=0.05,
        betas=(0.9, 0.98),
        drop_streams={"face": 0.1, "landmarks": 0.1, "general": 0.1},
        save_every=100,
    )
    return Recipe(
        name="ablation",
        model=Model(tokenizer=str(prepared / "tokenizer"), changes=dict(SMALL), fit_landmarks=100),
        stages=(stage,),
        precision="bf16",
        log_every=20,
    )


def start_recipe(prepared: Path, scale: float) -> Recipe:
    """Return the recipe of the model from which all arms about teaching go on.

    It goes on from one whose language model was laid (`training/name_start.py`); see `ablations`.
    """
    recipe = eyes_recipe(prepared, scale, START_LABEL_STEPS)
    changes = {**recipe.model.changes, "text_config": TEXT}
    read = read_first(answer_stage("questions", prepared, 1), round(START_READ_STEPS * scale))
    return recipe.replace(
        model=recipe.model.replace(changes=changes), stages=(*recipe.stages, read)
    )


def talk_recipe(prepared: Path, scale: float, start: Path) -> Recipe:
    """Return the recipe that arms about teaching change: questions of all levels."""
    return Recipe(
        name="ablation",
        model=Model(start=str(start)),
        stages=(answer_stage("questions", prepared, round(ANSWER_STEPS * scale)),),
        precision="bf16",
        log_every=20,
    )


def answer_stage(name: str, prepared: Path, steps: int, **options: Any) -> Stage:
    """Return a stage of questions and answers."""
    return Stage(
        name=name,
        trainable=BRIDGE,
        learning_rates=RATES,
        data=mixes(prepared, **options),
        num_steps=steps,
        batch_size=12,
        row_tokens=512,
        weight_decay=0.02,
        betas=(0.9, 0.98),
        save_every=60,
    )


def mixes(prepared: Path, **options: Any) -> tuple[Mix, ...]:
    """Return the galleries to learn from, as far as they are there, by their shares."""
    found = []
    for folder, weight in SHARES.items():
        if list(prepared.glob(f"{folder}/manifest.json")):
            chosen = {"root": str(prepared), "folders": [folder], "part": "train", **SIZES}
            if folder.startswith("clips"):  # a frame costs an eighth
                chosen["picture_share"] = 0.6
            found.append(Mix(source="ablation", weight=weight, options=chosen | options))
    if not found:
        raise SystemExit(f"{prepared}: no galleries; `lineament train chat-tiny` prepares them")
    return tuple(found)


def with_model(**changes: Any) -> Change:
    """Return a change of the model's configuration."""
    return lambda recipe: recipe.replace(
        model=recipe.model.replace(
            changes={**recipe.model.changes, **changes},
            fit_landmarks=100 if changes.get("use_landmarks", True) else 0,
        )
    )


def with_stages(*orders: tuple[str, Mapping[str, Any]]) -> Change:
    """Return a change of the questions into several stages of equal length, with options each."""

    def change(recipe: Recipe) -> Recipe:
        (questions,) = recipe.stages
        steps = questions.num_steps // len(orders)
        stages = [
            questions.replace(
                name=name,
                num_steps=steps,
                data=tuple(m.replace(options={**m.options, **options}) for m in questions.data),
            )
            for name, options in orders
        ]
        return recipe.replace(stages=tuple(stages))

    return change


def with_tuning(lora: Lora | None) -> Change:
    """Return a change: the decoder alone is tuned."""

    def change(recipe: Recipe) -> Recipe:
        (stage,) = recipe.stages
        # A stage has to name something of the model itself, so all three train one number more.
        if lora is None:
            stage = stage.replace(trainable=(*LANGUAGE, GAIN))
        else:
            stage = stage.replace(trainable=(GAIN,), lora=lora, learning_rates={"*": 3e-3})
        return recipe.replace(stages=(stage,))

    return change


FACTS, SEVERAL, TIMED = (
    (name, {"levels": levels})
    for name, levels in (("facts", [1]), ("several", [2]), ("timed", [3, 4]))
)
# Every level is first, second and last once, and none of the orders rises.
SHUFFLED = ((TIMED, FACTS, SEVERAL), (SEVERAL, TIMED, FACTS), (FACTS, TIMED, SEVERAL))
ONE = {"num_experts_per_token": 1, "use_shared_expert": False}
EYES: Mapping[str, Change] = {
    "hybrid": lambda recipe: recipe,
    "general only": with_model(fusion="general_only"),
    "face only": with_model(fusion="face_only"),
    "one expert of four": with_model(**ONE),
    "MLP": with_model(fusion="concat"),
    "last level": with_model(face_levels=[1.0]),
    "no landmarks": with_model(use_landmarks=False),
}
TALK: Mapping[str, Change] = {
    "mixed stages": with_stages(*((f"mixed {number}", {}) for number in (1, 2, 3))),
    "rising stages": with_stages(FACTS, SEVERAL, TIMED),
    "shuffled stages": lambda recipe: with_stages(*SHUFFLED[recipe.seed % len(SHUFFLED)])(recipe),
    "better half": with_stages(("questions", {"half": "better"})),
    "random half": with_stages(("questions", {"half": "random"})),
    "tuned whole": with_tuning(None),
    "tuned by LoRA": with_tuning(LORA),
    "tuned by MoE-LoRA": with_tuning(LORA.replace(rank=4, alpha=8.0, experts=4)),
}
ARMS = {**EYES, **TALK}


def arm_recipe(arm: str, seed: int, prepared: Path, start: Path, scale: float = 1.0) -> Recipe:
    """Return the recipe of one run."""
    if arm in TALK:
        return TALK[arm](talk_recipe(prepared, scale, start).replace(seed=seed))
    recipe = EYES[arm](eyes_recipe(prepared, scale).replace(seed=seed))
    if arm == "no landmarks":
        recipe = recipe.replace(stages=tuple(_without_landmarks(s) for s in recipe.stages))
    return recipe


def _without_landmarks(stage: Stage) -> Stage:
    kept = tuple(glob for glob in stage.trainable if "landmark" not in glob)
    return stage.replace(trainable=kept)
