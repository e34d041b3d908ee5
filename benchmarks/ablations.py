"""Put the papers' claims to the test at tiny scale: short runs, one CSV row for each.

Every question has a reference and one or two arms that differ in one thing, three seeds of each.
A model has chat-tiny's decoder and smaller encoders; what it learns from are chat-tiny's
galleries: real pictures with labels, and rendered clips. Held out is every twentieth item. A run
first learns labels with its encoders, then to answer. Runs that have a row are left alone, and a
run that was stopped goes on, so the command may be killed at any time.

What this can show: whether a part helps a decoder of few million weights to tell yes from no about
faces after three minutes on two cores. What it cannot: anything about long answers, about real
clips, about encoders or language models that were trained before, or about which of two parts
would win with a thousand times the data. An interval that holds 0 says only that three seeds of
such runs do not tell the arms apart.

    python benchmarks/ablations.py RUN/prepared      # `lineament train chat-tiny` made it
"""

import argparse
import itertools
import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ablation_data import open_ablation, score_answers
from ablation_table import Question, add_row, draw_plot, read_rows, summarise
from lineament.recipes.chat_tiny import SIZES
from lineament.training.recipe import Lora, Mix, Model, Recipe, Stage
from lineament.training.run import run_recipe
from lineament.training.start import load_trained

ROOT = Path(__file__).resolve().parent
ROWS = ROOT / "results" / "ablations.csv"
PLOT = ROOT.parent / "docs" / "pictures" / "ablations.png"
SEEDS = (0, 1, 2)
# Reckoned from chat-tiny's speed for about 160 s on two free cores; --scale where that is wrong.
LABEL_STEPS, ANSWER_STEPS = 360, 96
SHARES = {"fairface-train": 3.0, "ffhq-train": 2.0, "lfw-train": 1.0, "clips*": 3.0}
SMALL: Mapping[str, Any] = {
    "vision_config": {"hidden_size": 128, "image_size": 64, "depths": [1, 1, 1, 2]},
    "face_config": {"hidden_size": 128, "image_size": 64, "depths": [1, 1, 1, 2]},
}
LANGUAGE, GAIN = ("language_model.*",), "media.landmark_tokens.gain"
BRIDGE = ("media.adapter.*", "media.landmark*", *LANGUAGE)
LORA = Lora(targets=("language_model.*_proj",), rank=16, alpha=32.0)

Change = Callable[[Recipe], Recipe]


QUESTIONS = (
    Question("two encoders against one", "hybrid", ("general only", "face only")),
    Question("experts against an MLP of equal active weights", "one expert of four", ("MLP",)),
    Question("several levels against the last", "hybrid", ("last level",)),
    Question("the landmark stream", "hybrid", ("no landmarks",)),
    Question("rising difficulty", "rising stages", ("hybrid", "shuffled stages")),
    Question("the better half of the questions", "better half", ("random half",)),
    Question("tuning the whole", "tuned whole", ("tuned by LoRA", "tuned by MoE-LoRA")),
)


def base_recipe(prepared: Path, scale: float) -> Recipe:
    """Return the recipe that all arms change: labels, then questions of all levels."""
    stages = (
        Stage(
            name="labels",
            objective="labels",
            trainable=("media.*",),
            learning_rates={"*": 4e-3, "media.adapter.*": 1.5e-3},
            data=mixes(prepared, labels=True),
            num_steps=round(LABEL_STEPS * scale),
            batch_size=32,
            weight_decay=0.05,
            betas=(0.9, 0.98),
            drop_streams={"face": 0.1, "landmarks": 0.1, "general": 0.1},
            save_every=100,
        ),
        answer_stage("questions", prepared, round(ANSWER_STEPS * scale)),
    )
    return Recipe(
        name="ablation",
        model=Model(tokenizer=str(prepared / "tokenizer"), changes=dict(SMALL), fit_landmarks=100),
        stages=stages,
        precision="bf16",
        num_threads=2,
        log_every=20,
    )


def answer_stage(name: str, prepared: Path, steps: int, **options: Any) -> Stage:
    """Return a stage of questions and answers."""
    return Stage(
        name=name,
        trainable=BRIDGE,
        learning_rates={"*": 1.5e-3, "media.*": 2e-4},
        data=mixes(prepared, **options),
        validation=mixes(prepared, part="check"),
        validation_samples=96,
        num_steps=steps,
        batch_size=12,
        row_tokens=512,
        weight_decay=0.02,
        betas=(0.9, 0.98),
        save_every=60,
    )


def mixes(prepared: Path, *, part: str = "train", **options: Any) -> tuple[Mix, ...]:
    """Return the galleries, as far as they are there, by their shares."""
    found = []
    for folder, weight in SHARES.items():
        if list(prepared.glob(f"{folder}/manifest.json")):
            chosen = {"root": str(prepared), "folders": [folder], "part": part, **SIZES}
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
        labels, questions = recipe.stages
        steps = questions.num_steps // len(orders)
        stages = [
            questions.replace(
                name=name,
                num_steps=steps,
                data=tuple(m.replace(options={**m.options, **options}) for m in questions.data),
                validation=questions.validation if number == len(orders) else (),
            )
            for number, (name, options) in enumerate(orders, start=1)
        ]
        return recipe.replace(stages=(labels, *stages))

    return change


def with_tuning(lora: Lora | None) -> Change:
    """Return a change: the first half asks plain facts, the second tunes the decoder for all."""

    def change(recipe: Recipe) -> Recipe:
        labels, first, second = with_stages(("facts", {"levels": [1]}), ("tuning", {}))(
            recipe
        ).stages
        # A stage has to name something of the model itself, so all three train one number more.
        if lora is None:
            second = second.replace(trainable=(*LANGUAGE, GAIN), learning_rates={"*": 1.5e-3})
        else:
            second = second.replace(trainable=(GAIN,), lora=lora, learning_rates={"*": 3e-3})
        return recipe.replace(stages=(labels, first, second))

    return change


FACTS, SEVERAL, TIMED = (
    (name, {"levels": levels})
    for name, levels in (("facts", [1]), ("several", [2]), ("timed", [3, 4]))
)
ONE = {"num_experts_per_token": 1, "use_shared_expert": False}
ARMS: Mapping[str, Change] = {
    "hybrid": lambda recipe: recipe,
    "general only": with_model(fusion="general_only"),
    "face only": with_model(fusion="face_only"),
    "one expert of four": with_model(**ONE),
    "MLP": with_model(fusion="concat"),
    "last level": with_model(face_levels=[1.0]),
    "no landmarks": with_model(use_landmarks=False),
    "rising stages": with_stages(FACTS, SEVERAL, TIMED),
    "shuffled stages": with_stages(TIMED, FACTS, SEVERAL),
    "better half": with_stages(("questions", {"half": "better"})),
    "random half": with_stages(("questions", {"half": "random"})),
    "tuned whole": with_tuning(None),
    "tuned by LoRA": with_tuning(LORA),
    "tuned by MoE-LoRA": with_tuning(LORA.replace(rank=4, alpha=8.0, experts=4)),
}


def arm_recipe(arm: str, seed: int, prepared: Path, scale: float = 1.0) -> Recipe:
    """Return the recipe of one run."""
    recipe = ARMS[arm](base_recipe(prepared, scale))
    if arm == "no landmarks":
        recipe = recipe.replace(stages=tuple(_without_landmarks(s) for s in recipe.stages))
    return recipe.replace(seed=seed)


def _without_landmarks(stage: Stage) -> Stage:
    kept = tuple(glob for glob in stage.trainable if "landmark" not in glob)
    return stage.replace(trainable=kept)


def run_arm(arm: str, seed: int, options: argparse.Namespace) -> dict[str, Any]:
    """Train and measure one run; a stopped one goes on."""
    recipe = arm_recipe(arm, seed, options.prepared, options.scale)
    folder = options.work / f"{arm.replace(' ', '-')}-{seed}"
    result = run_recipe(recipe, folder, resume=True, sources={"ablation": open_ablation})
    model, processor = load_trained(result.folder)
    held_out = [open_ablation(mix) for mix in mixes(options.prepared, part="check", still=True)]
    row: dict[str, Any] = {
        "arm": arm,
        "seed": seed,
        "steps": result.num_steps,
        "weights": sum(weight.numel() for weight in model.parameters()),
        **score_answers(model, processor, recipe.stages[-1], held_out, options.count),
        "seconds": round(result.seconds, 1),
    }
    shutil.rmtree(folder)
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("prepared", type=Path, help="chat-tiny's galleries and tokenizer")
    parser.add_argument("--work", type=Path, default=Path("runs/ablations"), help="unfinished runs")
    parser.add_argument("--seeds", type=int, nargs="*", default=SEEDS)
    parser.add_argument("--arms", nargs="*", default=tuple(ARMS), choices=tuple(ARMS))
    parser.add_argument("--scale", type=float, default=1.0, help="of all numbers of steps")
    parser.add_argument("--count", type=int, default=300, help="held-out items of each kind")
    parser.add_argument("--rows", type=Path, default=ROWS)
    parser.add_argument("--no-plot", action="store_true")
    options = parser.parse_args()
    options.rows.parent.mkdir(parents=True, exist_ok=True)
    done = {(row["arm"], row["seed"]) for row in read_rows(options.rows)}
    for seed, arm in itertools.product(options.seeds, options.arms):
        if (arm, seed) not in done:
            row = run_arm(arm, seed, options)
            add_row(options.rows, row)
            print(row, flush=True)
    rows = read_rows(options.rows)
    result = {
        "command": "make ablations",
        "runs": len(rows),
        "longest run, seconds": max(row["seconds"] for row in rows),
        "arms": summarise(rows, QUESTIONS),
    }
    options.rows.with_suffix(".json").write_text(json.dumps(result, indent=2) + "\n")
    if not options.no_plot:
        draw_plot(rows, tuple(ARMS), PLOT)


if __name__ == "__main__":
    main()
