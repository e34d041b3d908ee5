"""Ask every shipped model every task that needs no download, and set all baselines beside it.

    python benchmarks/shipped_models.py --data DATA --out RUN               # all of it: hours
    python benchmarks/shipped_models.py --data DATA --out RUN --count 20    # a first look

DATA holds the folders ``face`` and ``rs``; tasks whose part of it is missing are named with what
they need. Beside each figure stand what the best constant answer gives (prior), answers drawn by
chance (random), the same model without sight (blind), and peers: predictions of others that lie
in ``PEERS/TASK/NAME.jsonl``. With ``--models`` the figures of others are left as they are, if
as many media were asked. An evaluation that is in RUN is taken from there while weights and
questions are the same; a stopped one goes on. ``--again`` scores kept answers anew.
"""

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shipped_table import gather, require_figures, write_table

RESULT = Path(__file__).resolve().parent / "results" / "shipped_models.json"
MODELS = ("chat-tiny", "draw-tiny", "scene-tiny")
NOT_INSTALLED = "not installed"
NUM_FACES = 400  # of the built data set
BUILT = "built"


@dataclass(frozen=True, slots=True)
class Trial:
    """One task as it is run here.

    Attributes:
        task: Its name.
        folder: Where its data lie below DATA; `BUILT` for the data set that is built; empty where
            the media are drawn.
        figures: Shown beside the headline.
        is_about_scenes: It is for models of scenes, otherwise for models of faces.
        frames: Numbers of frames to ask with again.
        with_phrasings: All wordings are asked.
    """

    task: str
    folder: str = ""
    figures: tuple[str, ...] = ()
    is_about_scenes: bool = False
    frames: tuple[int, ...] = ()
    with_phrasings: bool = False


TRIALS = (
    Trial(
        "first-light", "face",
        ("ffhq/balanced_accuracy", "fairface/male", "fairface/age_within_one_balanced",
         "lfw/happy", "london/smile", "london/male", "agreement"),
        with_phrasings=True,
    ),
    Trial("rendered", "", ("lasting", "timed", "when_f1", "agreement"), frames=(1, 2, 4, 8)),
    Trial("counterfactual", "", ("clean", "stable", "one_right")),
    Trial(
        "favchat-test", BUILT,
        ("level/single", "level/several", "level/timed", "level/reasoning", "kind/timed/order",
         "kind/timed/first", "kind/timed/after", "kind/timed/when", "declines"),
    ),
    Trial("unif2ace-description", BUILT, ("attribute_recall", "attribute_precision")),
    Trial("unif2ace-conversation", BUILT, ("level/single", "level/several", "level/timed")),
    Trial(
        "rsvqa-lr", "rs/rsvqa_splits/RSVQA-LR",
        ("exact_match_presence", "exact_match_comp", "exact_match_count",
         "exact_match_rural_urban"),
        is_about_scenes=True,
    ),
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--data", type=Path, help="holds face and rs")
    parser.add_argument("--out", type=Path, required=True, help="where answers and results stay")
    parser.add_argument("--models", nargs="*", default=MODELS)
    parser.add_argument("--tasks", nargs="*", default=(), help="these alone")
    parser.add_argument("--count", type=int, help="media of a task at most")
    parser.add_argument("--peers", type=Path, help="predictions of others: PEERS/TASK/NAME.jsonl")
    parser.add_argument("--no-blind", action="store_true", help="leave the blind copies out")
    parser.add_argument("--again", action="store_true", help="score kept answers anew")
    parser.add_argument("--result", type=Path, default=RESULT)
    options = parser.parse_args()
    result = start_result(options)
    result["models"] = read_others(options)
    for model in options.models:
        kind = find_kind(model)
        if kind is None:
            result["models"][model] = NOT_INSTALLED
            print(f"{model}: {NOT_INSTALLED}", file=sys.stderr)
            continue
        result["models"][model] = {}
        own = [trial for trial in TRIALS if trial.is_about_scenes is (kind == "scenes")]
        for trial in own:
            if not options.tasks or trial.task in options.tasks:
                result["models"][model][trial.task] = try_task(model, trial, options)
                options.result.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    options.result.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(write_table(result))


def start_result(options: argparse.Namespace) -> dict[str, Any]:
    """Return what stands above the figures: the command, and the tasks that are not tried."""
    from lineament.evaluation.tasks.table import TASKS

    count = "" if options.count is None else f" --count {options.count}"
    tried = {trial.task for trial in TRIALS}
    return {
        "command": f"python benchmarks/shipped_models.py --data DATA --out RUN{count}",
        "count": options.count,
        "models": {},
        "without_data": [name for name in TASKS if name not in tried],
    }


def read_others(options: argparse.Namespace) -> dict[str, Any]:
    """Return what stands in the result already, of models that are not asked this time."""
    if not options.result.is_file():
        return {}
    kept = json.loads(options.result.read_text(encoding="utf-8"))
    is_same = kept["count"] == options.count
    others = kept["models"] if is_same else {}
    return {name: rows for name, rows in others.items() if name not in options.models}


def find_kind(model: str) -> str | None:
    """Say whether a model sees faces or scenes; None where it is not installed."""
    from lineament.describe.scene_model import is_scene_model
    from lineament.errors import BadModel
    from lineament.model.hub import find_folder

    try:
        find_folder(model)
    except BadModel:
        return None
    return "scenes" if is_scene_model(model) else "faces"


def try_task(model: str, trial: Trial, options: argparse.Namespace) -> dict[str, Any] | str:
    """Run one task, or say why it cannot be run."""
    from lineament.errors import LineamentError

    try:
        folder = find_data(trial, options)
        if folder is None:
            return f"not run: needs DATA/{trial.folder}"
        print(f"{model}: {trial.task}", file=sys.stderr, flush=True)
        return gather(ask(model, trial, folder, options), trial.figures)
    except LineamentError as error:
        return f"not run: {error.message}"


def find_data(trial: Trial, options: argparse.Namespace) -> Path | None:
    """Return the folder of a task's data, building it where it is built; None without any."""
    if not trial.folder:
        return Path()
    if trial.folder == BUILT:
        return build_faces(options.out, options.count or NUM_FACES)
    folder = None if options.data is None else options.data / trial.folder
    return folder if folder is not None and folder.is_dir() else None


def build_faces(out: Path, count: int) -> Path:
    """Build questions about drawn faces nobody has seen, or go on building them."""
    from lineament.records.build import BuildSettings, build
    from lineament.records.sources.rendered import Rendered

    folder = out / f"{BUILT}-{count}"
    build(Rendered(num_faces=count), None, folder, BuildSettings(split="test"))
    return folder


def ask(model: str, trial: Trial, folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Return the result of one evaluation, from RUN where it is there."""
    from lineament.evaluation.answerer import PredictionsFile
    from lineament.evaluation.item import hash_items
    from lineament.evaluation.loaded import LoadedAnswerer, open_model
    from lineament.evaluation.run import run_task
    from lineament.evaluation.tasks.table import require_task
    from lineament.evaluation.tasks.task import Options

    task = require_task(trial.task)
    chosen = Options(limit=options.count, count=options.count, with_phrasings=trial.with_phrasings)
    answerer, blind = open_model(model, is_blind=not options.no_blind)
    out = options.out / Path(model).name / f"{trial.task}-{options.count or 'all'}"
    kept = out / "result.json"
    items = task.read_items(folder, chosen).items
    shown = (task.headline, *trial.figures)
    require_figures(task.score(items, {}).figures, shown, trial.task)
    if kept.is_file() and not options.again:
        row = json.loads(kept.read_text(encoding="utf-8"))
        is_same = row["items_hash"] == hash_items(items)
        is_same = is_same and set(shown) <= row["metrics"].keys()
        if is_same and row["identity"] == answerer.identity and ("blind" in row or blind is None):
            return row
    files = sorted((options.peers / trial.task).glob("*.jsonl")) if options.peers else []
    # A model that sees one frame of a clip has no use for fewer.
    frames = trial.frames if isinstance(answerer, LoadedAnswerer) else ()
    result, _, _ = run_task(
        task, answerer, folder, options=chosen, out=out, blind=blind, with_random=True,
        others={path.stem: PredictionsFile(path) for path in files}, frames=frames,
        shuffle_frames=bool(frames),
    )  # fmt: skip
    row = result.to_dict()
    out.mkdir(parents=True, exist_ok=True)
    kept.write_text(json.dumps(row, indent=1) + "\n", encoding="utf-8")
    return row


if __name__ == "__main__":
    main()
