"""Put the papers' claims to the test at tiny scale: short runs, one CSV row for each.

Every question has a reference and one or two arms that differ in one thing, three seeds of each.
All learn from chat-tiny's galleries, real pictures with labels and rendered clips, of which every
twentieth item is held out. Questions about what sees are put to small models that learn labels
from nothing: scored is what then stands in their visual tokens. Questions about what teaches are
put to models that all go on from one, as the papers' do: it learned labels, to answer plain
questions by a bare word, and a little of all questions. Scored is yes against no.

Runs that have a row are left alone, and a run that was stopped goes on, so the command may be
killed at any time. Started twice, with ``--threads 1``, the two share the runs among them, which
is faster than one of two threads.

What this can show: whether a part helps a model of few million weights to see faces, or to tell
yes from no about them, after three minutes. What it cannot: anything about long answers, about
encoders or language models that were trained before, or about which of two parts would win with a
thousand times the data. An interval that holds 0 says only that three seeds of such runs do not
tell the arms apart.

    python benchmarks/ablations.py RUN/prepared      # `lineament train chat-tiny` made it
"""

import argparse
import fcntl
import itertools
import json
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from ablation_data import open_ablation
from ablation_scores import score_answers, score_labels
from ablation_table import Question, add_row, draw_plot, read_rows, summarise
from lineament.recipes.chat_tiny import SIZES
from lineament.training.recipe import Lora, Mix, Model, Recipe, Stage
from lineament.training.run import RunResult, run_recipe
from lineament.training.start import load_trained

ROOT = Path(__file__).resolve().parent
ROWS = ROOT / "results" / "ablations.csv"
PLOT = ROOT.parent / "docs" / "pictures" / "ablations.png"
SEEDS = (0, 1, 2)
# Reckoned for at most 180 s on one thread; --scale where that is wrong.
LABEL_STEPS, ANSWER_STEPS = 280, 108
START_LABEL_STEPS, START_LOOK_STEPS, START_ANSWER_STEPS = 700, 300, 350
SHARES = {"fairface-train": 3.0, "ffhq-train": 2.0, "lfw-train": 1.0, "clips*": 3.0}
SMALL: Mapping[str, Any] = {
    "vision_config": {"hidden_size": 128, "image_size": 64, "depths": [1, 1, 1, 2]},
    "face_config": {"hidden_size": 128, "image_size": 64, "depths": [1, 1, 1, 2]},
}
LANGUAGE, GAIN = ("language_model.*",), "media.landmark_tokens.gain"
BRIDGE = ("media.adapter.*", "media.landmark*", *LANGUAGE)
LORA = Lora(targets=("language_model.*_proj",), rank=16, alpha=32.0)

WAIT_SECONDS = 5.0
SOURCES = {"ablation": open_ablation}

Change = Callable[[Recipe], Recipe]


QUESTIONS = (
    Question("two encoders against one", "hybrid", ("general only", "face only")),
    Question("experts against an MLP of equal active weights", "one expert of four", ("MLP",)),
    Question("several levels against the last", "hybrid", ("last level",)),
    Question("the landmark stream", "hybrid", ("no landmarks",)),
    Question("rising difficulty", "rising stages", ("one stage", "shuffled stages")),
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
    """Return the recipe of the model from which all arms about teaching go on."""
    recipe = eyes_recipe(prepared, scale, START_LABEL_STEPS)
    plain = {"plain": True, "labels_only": True, "yes_no": 10}
    look = answer_stage("look", prepared, round(START_LOOK_STEPS * scale), **plain)
    questions = answer_stage("questions", prepared, round(START_ANSWER_STEPS * scale))
    return recipe.replace(stages=(*recipe.stages, look.replace(batch_size=24), questions))


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
        learning_rates={"*": 1.5e-3, "media.*": 1e-4},
        data=mixes(prepared, **options),
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
            stage = stage.replace(trainable=(*LANGUAGE, GAIN), learning_rates={"*": 1.5e-3})
        else:
            stage = stage.replace(trainable=(GAIN,), lora=lora, learning_rates={"*": 3e-3})
        return recipe.replace(stages=(stage,))

    return change


FACTS, SEVERAL, TIMED = (
    (name, {"levels": levels})
    for name, levels in (("facts", [1]), ("several", [2]), ("timed", [3, 4]))
)
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
    "one stage": lambda recipe: recipe,
    "rising stages": with_stages(FACTS, SEVERAL, TIMED),
    "shuffled stages": with_stages(TIMED, FACTS, SEVERAL),
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
        return TALK[arm](talk_recipe(prepared, scale, start)).replace(seed=seed)
    recipe = EYES[arm](eyes_recipe(prepared, scale))
    if arm == "no landmarks":
        recipe = recipe.replace(stages=tuple(_without_landmarks(s) for s in recipe.stages))
    return recipe.replace(seed=seed)


def _without_landmarks(stage: Stage) -> Stage:
    kept = tuple(glob for glob in stage.trainable if "landmark" not in glob)
    return stage.replace(trainable=kept)


def finished(result: RunResult) -> RunResult:
    """Pass a run that is done; one that was told to stop ends the command.

    Raises:
        SystemExit: It was told to stop, and kept what it has.
    """
    if result.status != "done":
        raise SystemExit("stopped; the same command goes on")
    return result


def make_start(options: argparse.Namespace) -> Path | None:
    """Return the model that arms about teaching go on from; None while another process makes it."""
    folder: Path = options.work / "start"
    with only_here(options.work / "start.lock") as is_mine:
        if not is_mine:
            return None
        recipe = start_recipe(options.prepared, options.scale)
        recipe = recipe.replace(num_threads=options.threads)
        return finished(run_recipe(recipe, folder, resume=True, sources=SOURCES)).folder


def run_arm(arm: str, seed: int, start: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Train and measure one run; a stopped one goes on."""
    recipe = arm_recipe(arm, seed, options.prepared, start, options.scale)
    recipe = recipe.replace(num_threads=options.threads)
    folder = options.work / f"{arm.replace(' ', '-')}-{seed}"
    result = finished(run_recipe(recipe, folder, resume=True, sources=SOURCES))
    model, processor = load_trained(result.folder)
    is_eyes = arm in EYES
    chosen = mixes(options.prepared, part="check", still=True, labels=is_eyes)
    score = score_labels if is_eyes else score_answers
    held_out = [open_ablation(mix) for mix in chosen]
    row: dict[str, Any] = {
        "arm": arm,
        "seed": seed,
        "steps": result.num_steps,
        "weights": sum(weight.numel() for weight in model.parameters()),
        **score(model, processor, recipe.stages[-1], held_out, options.count),
        "seconds": round(result.seconds, 1),
    }
    shutil.rmtree(folder)
    return row


def run_next(options: argparse.Namespace) -> bool:
    """Do the first run that nobody has done or does; False where there is none."""
    is_waiting = False
    for seed, arm in itertools.product(options.seeds, options.arms):
        with only_here(options.work / f"{arm.replace(' ', '-')}-{seed}.lock") as is_mine:
            done = {(row["arm"], row["seed"]) for row in read_rows(options.rows)}
            if not is_mine or (arm, seed) in done:
                continue
            start = make_start(options) if arm in TALK else Path()
            if start is None:
                is_waiting = True
                continue
            row = run_arm(arm, seed, start, options)
            add_row(options.rows, row)
            print(row, flush=True)
            return True
    if is_waiting:
        time.sleep(WAIT_SECONDS)
    return is_waiting


@contextmanager
def only_here(path: Path) -> Iterator[bool]:
    """Hold a run's lock, or say that another process holds it; a killed one holds none."""
    with path.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("prepared", type=Path, help="chat-tiny's galleries and tokenizer")
    parser.add_argument("--work", type=Path, default=Path("runs/ablations"), help="unfinished runs")
    parser.add_argument("--seeds", type=int, nargs="*", default=SEEDS)
    parser.add_argument("--arms", nargs="*", default=tuple(ARMS), choices=tuple(ARMS))
    parser.add_argument("--scale", type=float, default=1.0, help="of all numbers of steps")
    parser.add_argument("--count", type=int, default=100, help="held-out items of each kind")
    parser.add_argument("--threads", type=int, default=2, help="of torch")
    parser.add_argument("--rows", type=Path, default=ROWS)
    parser.add_argument("--no-plot", action="store_true")
    options = parser.parse_args()
    options.rows.parent.mkdir(parents=True, exist_ok=True)
    options.work.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(options.threads)
    while run_next(options):
        pass
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
