"""Put the papers' claims to the test at tiny scale: short runs, one CSV row for each.

Every question has a reference and one or two arms that differ in one thing, three seeds of each.
All learn from chat-tiny's galleries, real pictures with labels and rendered clips; scored are the
real dev parts, by the data sets' own labels, and clips of other seeds. Questions about what sees
are put to small models that learn labels from nothing: scored is what then stands in their visual
tokens. Questions about what teaches are put to models that all go on from one, as the papers' do:
its encoders learned labels, its language model was laid so that it compares what is asked with
them, and its head learned to say what it finds, as chat-tiny begins. Scored is yes against no.

Runs that have a row are left alone, and a run that was stopped goes on, so the command may be
killed at any time. Started twice, with ``--threads 1``, the two share the runs among them, which
is faster than one of two threads.

What this can show: whether a part helps a model of few million weights to see faces, or to tell
yes from no about them, after three minutes. What it cannot: anything about long answers, about
encoders or language models that were trained before, or about which of two parts would win with a
thousand times the data. An interval that holds 0 says only that three seeds of such runs do not
tell the arms apart.

    python benchmarks/ablations.py RUN/prepared --data DATA    # of `lineament train chat-tiny`
"""

import argparse
import fcntl
import itertools
import json
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from ablation_arms import ARMS, EYES, QUESTIONS, SIZES, TALK, arm_recipe, start_recipe
from ablation_data import open_ablation, prepare_held_out
from ablation_scores import score_answers, score_labels
from ablation_table import add_row, draw_plot, read_rows, summarise
from lineament.training.examples import ExampleSource
from lineament.training.gallery import MANIFEST
from lineament.training.gallery_examples import PLAIN, GalleryExamples
from lineament.training.name_start import start_comparing
from lineament.training.recipe import Mix, Model, Recipe
from lineament.training.run import RunResult, run_recipe
from lineament.training.start import load_trained, start_model, write_whole

ROOT = Path(__file__).resolve().parent
ROWS = ROOT / "results" / "ablations.csv"
PLOT = ROOT.parent / "docs" / "pictures" / "ablations.png"
SEEDS = (0, 1, 2)
WAIT_SECONDS = 5.0
SOURCES = {"ablation": open_ablation}


def open_held_out(folders: Sequence[Path], *, labels: bool) -> list[ExampleSource]:
    """Open the galleries that are scored, each on its own."""
    options = {"still": True, "labels": labels, **SIZES}
    return [
        open_ablation(
            Mix(
                source="ablation",
                options={"root": str(folder.parent), "folders": [folder.name], **options},
            )
        )
        for folder in folders
    ]


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
        laid = options.work / "laid"
        if not (laid / "config.json").is_file():
            lay_model(recipe, options.prepared, laid)
        recipe = recipe.replace(num_threads=options.threads, model=Model(start=str(laid)))
        return finished(run_recipe(recipe, folder, resume=True, sources=SOURCES)).folder


def lay_model(recipe: Recipe, prepared: Path, folder: Path) -> None:
    """Write a new model whose language model compares what is asked with labels."""
    folders = [path.parent for path in sorted(prepared.glob(f"*/{MANIFEST}"))]
    sources = [GalleryExamples([path], PLAIN) for path in folders]
    model, processor = start_model(recipe.model, sources, seed=recipe.seed)
    start_comparing(model, processor.tokenizer, seed=recipe.seed)
    write_whole(model, processor, folder)


def run_arm(arm: str, seed: int, start: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Train and measure one run; a stopped one goes on."""
    recipe = arm_recipe(arm, seed, options.prepared, start, options.scale)
    recipe = recipe.replace(num_threads=options.threads)
    folder = options.work / f"{arm.replace(' ', '-')}-{seed}"
    began = time.process_time()
    result = finished(run_recipe(recipe, folder, resume=True, sources=SOURCES))
    seconds = time.process_time() - began
    model, processor = load_trained(result.folder)
    score = score_labels if arm in EYES else score_answers
    held_out = open_held_out(options.held_out, labels=arm in EYES)
    row: dict[str, Any] = {
        "arm": arm,
        "seed": seed,
        "steps": result.num_steps,
        "weights": sum(weight.numel() for weight in model.parameters()),
        **score(model, processor, recipe.stages[-1], held_out, options.count),
        "seconds": round(seconds, 1),
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
def only_here(path: Path, *, wait: bool = False) -> Iterator[bool]:
    """Hold a run's lock, or say that another process holds it; a killed one holds none."""
    with path.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
        else:
            yield True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("prepared", type=Path, help="chat-tiny's galleries and tokenizer")
    parser.add_argument("--data", type=Path, help="real data, for the held-out galleries")
    parser.add_argument("--work", type=Path, default=Path("runs/ablations"), help="unfinished runs")
    parser.add_argument("--seeds", type=int, nargs="*", default=SEEDS)
    parser.add_argument("--arms", nargs="*", default=tuple(ARMS), choices=tuple(ARMS))
    parser.add_argument("--scale", type=float, default=1.0, help="of all numbers of steps")
    parser.add_argument("--count", type=int, default=150, help="held-out items of each gallery")
    parser.add_argument("--threads", type=int, default=2, help="of torch")
    parser.add_argument("--rows", type=Path, default=ROWS)
    parser.add_argument("--no-plot", action="store_true")
    options = parser.parse_args()
    options.rows.parent.mkdir(parents=True, exist_ok=True)
    options.work.mkdir(parents=True, exist_ok=True)
    # Not beside what is learned from: a run reads every gallery that it finds there.
    with only_here(options.work / "held-out.lock", wait=True):
        options.held_out = prepare_held_out(options.data, options.work / "held-out")
    torch.set_num_threads(options.threads)
    while run_next(options):
        pass
    rows = read_rows(options.rows)
    result = {
        "command": "make ablations",
        "runs": len(rows),
        "longest run, processor seconds": max(row["seconds"] for row in rows),
        "arms": summarise(rows, QUESTIONS),
    }
    options.rows.with_suffix(".json").write_text(json.dumps(result, indent=2) + "\n")
    if not options.no_plot:
        draw_plot(rows, tuple(ARMS), PLOT)


if __name__ == "__main__":
    main()
