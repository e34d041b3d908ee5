"""Compare ways to tune scene-tiny, at short length: one CSV row for each run, resumable.

Three seeds each of full, LoRA and MoE-LoRA tuning over one shared base; of full tuning on one task
alone; without conversations; and with local descriptions alone. The row ``prior`` is what blind
guessing scores. Runs that have a row are left alone, so a stopped study goes on. Every figure has
its interval over scenes and its number of items beside it.

The rows become a table beside them, one for each number of steps: means and intervals over seeds,
and what the reference of each question is ahead by, paired by seed. The scenes measured are of
seeds that nothing else uses: neither training nor validation, nor ``scenes_truth.py``, which
measures the model that is chosen.

    lineament train scene-tiny --out BASE --set data=RS      # look, then tuning
    python benchmarks/scenes_study.py BASE --steps 120 --scenes 24
    python benchmarks/scenes_study.py BASE --steps 600 --arms full "no conversations" "local alone"
    python benchmarks/scenes_study.py --table                # the table alone, from the rows
"""

import argparse
import dataclasses
import itertools
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from lineament.describe.scene_model import SceneModel
from lineament.recipes.scene_tiny import scene_tiny, scene_tiny_lora, scene_tiny_moe_lora
from lineament.records.sources.rendered import FIRST_SEED
from lineament.training.freeze import freeze
from lineament.training.recipe import Model, Recipe
from lineament.training.run import run_recipe
from lineament.training.scene_examples import open_scene_galleries
from lineament.training.scene_preparation import root_mixes
from lineament.training.start import adapt_model, load_trained
from scenes_truth import Asked, draw_questions, measure
from study_rows import add_row, choose_arms, interval, read_rows

RESULT = Path(__file__).resolve().parent / "results" / "scenes_study.csv"
SEEDS = (0, 1, 2)
BATCH_SIZE = 8  # half of scene-tiny's, for twice as many steps in a run's time
# Far from the scenes of validation, which are the first of the same split.
FIRST_SCENE = FIRST_SEED["dev"] + 1_000_000
CLOSED = ("count", "existence", "relation", "grounding", "multi_turn")
TOLD = ("local_precision", "local_recall", "global_precision", "global_recall")
FIGURES = (*CLOSED, *TOLD, "claim_precision", "claim_recall")
ENDS = ("low", "high", "items")
COLUMNS = (
    "arm", "seed", "steps", "trained_weights", "scenes", *FIGURES,
    *(f"{figure} {end}" for figure in FIGURES for end in ENDS), "seconds",
)  # fmt: skip
PRIOR = "prior"


class Arm(NamedTuple):
    """How tuning differs from scene-tiny's.

    Attributes:
        make: The recipe.
        kinds: Only these kinds of records.
        leave: Kinds that are left out.
    """

    make: Callable[[], Recipe] = scene_tiny
    kinds: tuple[str, ...] = ()
    leave: tuple[str, ...] = ()


ARMS: Mapping[str, Arm] = {
    "full": Arm(),
    "lora": Arm(scene_tiny_lora),
    "moe-lora": Arm(scene_tiny_moe_lora),
    "count alone": Arm(kinds=("scene_count",)),
    "existence alone": Arm(kinds=("scene_yes_no",)),
    "relation alone": Arm(kinds=("scene_relation",)),
    "grounding alone": Arm(kinds=("scene_box",)),
    "no conversations": Arm(leave=("scene_dialogue",)),
    "local alone": Arm(leave=("scene_global",)),
}


class Question(NamedTuple):
    """What is compared with what, and by which figures.

    Attributes:
        asked: What is asked.
        reference: The arm that is compared with the others.
        others: Those.
        figures: That bear on the question.
    """

    asked: str
    reference: str
    others: tuple[str, ...]
    figures: tuple[str, ...]


QUESTIONS = (
    Question("full tuning against adapters", "full", ("lora", "moe-lora"), FIGURES),
    *(
        Question("all tasks together against one", "full", (f"{task} alone",), (task,))
        for task in ("count", "existence", "relation", "grounding")
    ),
    Question("with conversations against without", "full", ("no conversations",), FIGURES),
    Question("local and global against local alone", "full", ("local alone",), FIGURES),
)


def study_recipe(name: str, seed: int, base: Path, steps: int) -> Recipe:
    """Return the recipe of one run: the stage of tuning alone, over the base that all share."""
    arm = ARMS[name]
    recipe = arm.make()
    stage = next(stage for stage in recipe.stages if stage.name == "tuning")
    # One task alone is learned from the mix that holds all kinds.
    mixes = (stage.data[0].replace(kinds=arm.kinds),) if arm.kinds else stage.data
    data = tuple(mix.replace(options={**mix.options, "leave": list(arm.leave)}) for mix in mixes)
    stage = stage.replace(
        data=data,
        validation=(),
        batch_size=BATCH_SIZE,
        num_steps=steps,
        save_every=max(1, steps),
        validate_every=0,
    )
    recipe = recipe.replace(
        name="scenes-study", seed=seed, prepare="", stages=(stage,), num_threads=1,
        model=Model(start=str(find_base(base))),
    )  # fmt: skip
    return root_mixes(recipe, base / "prepared")


def find_base(base: Path) -> Path:
    """Return the model that the first stage of scene-tiny left."""
    found = sorted(base.glob("*look*/final"))
    if not found:
        raise SystemExit(f"{base}: no finished stage 'look'; run lineament train scene-tiny first")
    return found[0]


def count_trained(recipe: Recipe) -> int:
    model, _ = load_trained(Path(recipe.model.start))
    stage = recipe.stages[0]
    adapt_model(model, stage.lora, seed=0)
    names = set(freeze(model, stage))
    return sum(weight.numel() for name, weight in model.named_parameters() if name in names)


def run_arm(name: str, seed: int, options: argparse.Namespace) -> dict[str, Any]:
    """Train and measure one run."""
    recipe = study_recipe(name, seed, options.base, options.steps)
    trained = count_trained(recipe)
    sources = {"scene-galleries": open_scene_galleries}
    with tempfile.TemporaryDirectory(prefix="scenes-study-") as folder:
        result = run_recipe(recipe, Path(folder) / "run", sources=sources)
        model = SceneModel(result.folder)
        scenes = draw_questions(options.scenes, options.size, FIRST_SCENE)
        found = measure(model, only_kinds(scenes, ARMS[name].kinds))
    row = {"arm": name, "seed": seed, "steps": options.steps, "trained_weights": trained,
           "scenes": options.scenes} | row_of_figures(found)  # fmt: skip
    priors = {figure: found[figure].get("prior") for figure in FIGURES if figure in found}
    return {"row": row | {"seconds": round(result.seconds, 1)}, "priors": priors}


def only_kinds(scenes: Iterator[Asked], kinds: tuple[str, ...]) -> Iterator[Asked]:
    """Keep what an arm has learned to answer; all where it learned all."""
    for asked in scenes:
        kept = tuple(r for r in asked.records if not kinds or r.kind in kinds)
        yield dataclasses.replace(asked, records=kept)


def row_of_figures(found: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the columns of all figures that were measured: value, interval, number of items."""
    known = [figure for figure in FIGURES if figure in found]
    row = {figure: found[figure]["value"] for figure in known}
    return row | {f"{name} {end}": found[name][end] for name in known for end in ENDS}


def summarise(
    rows: Sequence[Mapping[str, str]], questions: Sequence[Question] = QUESTIONS
) -> dict[str, Any]:
    """Return every question's arms over seeds, and what the reference is ahead by, seed by seed.

    A question of which no other arm has a run is left out.
    """
    runs = {(row["arm"], int(row["seed"] or 0)): row for row in rows}
    prior = runs.get((PRIOR, 0), {})
    table: dict[str, Any] = {}
    for question in questions:
        if not any(name in question.others for name, _ in runs):
            continue
        for arm in (question.reference, *question.others):
            seeds = sorted(seed for name, seed in runs if name == arm)
            cells: dict[str, Any] = {"seeds": len(seeds)}
            for figure in question.figures:
                known = [seed for seed in seeds if runs[arm, seed].get(figure)]
                if not known:
                    continue
                cells[figure] = interval([float(runs[arm, seed][figure]) for seed in known])
                cells[f"{figure}, items a run"] = int(runs[arm, known[0]][f"{figure} items"])
                if prior.get(figure):
                    cells[f"{figure}, blind"] = float(prior[figure])
                ahead = [
                    float(runs[question.reference, seed][figure]) - float(runs[arm, seed][figure])
                    for seed in known
                    if runs.get((question.reference, seed), {}).get(figure)
                ]
                if arm != question.reference:
                    cells[f"reference minus this, {figure}"] = interval(ahead)
            table.setdefault(question.asked, {}).setdefault(arm, {}).update(cells)
    return table


def write_table(path: Path) -> None:
    """Write the comparison beside the rows: runs of one length are compared with each other."""
    rows = read_rows(path)
    result = {
        "command": "python benchmarks/scenes_study.py BASE",
        "first seed of the scenes": FIRST_SCENE,
        "lengths": {
            f"{steps} steps": {
                "runs": sum(row["arm"] != PRIOR for row in alike),
                "scenes a run": sorted({int(row["scenes"]) for row in alike}),
                "questions": summarise(alike),
            }
            for steps in sorted({int(row["steps"]) for row in rows})
            if (alike := [row for row in rows if int(row["steps"]) == steps])
        },
    }
    path.with_suffix(".json").write_text(json.dumps(result, indent=1) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument(
        "base", type=Path, nargs="?", help="a run of scene-tiny whose first stage is done"
    )
    parser.add_argument("--table", action="store_true", help="run nothing, write the table alone")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--scenes", type=int, default=60, help="measured in each run")
    parser.add_argument("--size", type=int, default=144)
    parser.add_argument("--seeds", type=int, nargs="*", default=SEEDS)
    parser.add_argument("--arms", nargs="*", default=())
    parser.add_argument("--out", type=Path, default=RESULT)
    options = parser.parse_args()
    if options.base is None and not options.table:
        parser.error("BASE is needed, or --table")
    if not options.table:
        run_study(options)
    write_table(options.out)


def find_done(path: Path) -> set[tuple[str, int, int]]:
    """Return which runs have a row: arm, seed, steps."""
    return {(row["arm"], int(row["seed"]), int(row["steps"])) for row in read_rows(path)}


def run_study(options: argparse.Namespace) -> None:
    """Do the runs that have no row; several of these may go on at once, with arms of their own."""
    for seed, arm in itertools.product(options.seeds, choose_arms(options.arms, ARMS)):
        if (arm, seed, options.steps) in find_done(options.out):
            continue
        found = run_arm(arm, seed, options)
        if not ARMS[arm].kinds and (PRIOR, 0, options.steps) not in find_done(options.out):
            prior = {"arm": PRIOR, "seed": 0, "steps": options.steps, "scenes": options.scenes}
            add_row(options.out, prior | found["priors"], COLUMNS)
        add_row(options.out, found["row"], COLUMNS)
        print(found["row"], flush=True)


if __name__ == "__main__":
    main()
