"""Ask every shipped model every task that needs no download, and set all baselines beside it.

    python benchmarks/shipped_models.py --data DATA --out RUN               # all of it: hours
    python benchmarks/shipped_models.py --data DATA --out RUN --count 20    # a first look

DATA holds the folders ``face`` and ``rs``; tasks whose part of it is missing are named with what
they need. Beside each figure stand what the best constant answer gives (prior), answers drawn by
chance (random), the same model without sight (blind), and peers: predictions of others that lie
in ``PEERS/TASK/NAME.jsonl``. An evaluation that is in RUN is taken from there while weights and
questions are the same; a stopped one goes on. ``--again`` scores kept answers anew.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shipped_table import NOT_TESTED, write_table

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
        ("level/single", "level/several", "level/timed", "level/reasoning", "kind/order",
         "kind/when", "declines"),
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
    """Return what stands above the figures: the command, and the tasks that cannot be run."""
    from lineament.evaluation.tasks.table import TASKS

    count = "" if options.count is None else f" --count {options.count}"
    tried = {trial.task for trial in TRIALS}
    return {
        "command": f"python benchmarks/shipped_models.py --data DATA --out RUN{count}",
        "count": options.count,
        "models": {},
        "without_data": [name for name in TASKS if name not in tried],
    }


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
        return gather(ask(model, trial, folder, options), trial)
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
    if kept.is_file() and not options.again:
        row = json.loads(kept.read_text(encoding="utf-8"))
        is_same = row["items_hash"] == hash_items(task.read_items(folder, chosen).items)
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


def gather(result: Mapping[str, Any], trial: Trial) -> dict[str, Any]:
    """Take the figures that are shown out of a result, all baselines beside each."""
    headline = result["headline"]
    figures: dict[str, Any] = {}
    for name in (headline, *trial.figures):
        if (row := find_figure(result, name)) is not None:
            figures[name] = row
    figures |= dict(list_frames(result))
    figures |= dict(list_sensitivities(result))
    return {
        "headline": headline, "num_items": result["num_items"], "seconds": result["seconds"],
        "identity": result["identity"], "items_hash": result["items_hash"],
        "num_failures": result["num_failures"], "num_unread": result["num_unread"],
        "figures": figures,
    }  # fmt: skip


def find_figure(result: Mapping[str, Any], name: str) -> dict[str, Any] | None:
    """Return one figure with its baselines; None where the task has it not, or no value."""
    metric = result["metrics"].get(name)
    if metric is None or metric["value"] is None:
        return None
    compared = dict(result.get("compared") or {})
    random = compared.pop("random", None)
    peers = {key: value_of(other, name) for key, other in compared.items()}
    return keep_ends(metric) | {
        "items": metric.get("num_items", result["num_items"]),
        "prior": metric.get("prior"),
        "random": value_of(random, name),
        "blind": value_of(result.get("blind"), name),
        "peers": peers or NOT_TESTED,
    }


def keep_ends(metric: Mapping[str, Any]) -> dict[str, Any]:
    unit = {"unit": metric["unit"]} if metric.get("unit") else {}
    return {"value": metric["value"], "low": metric["low"], "high": metric["high"]} | unit


def value_of(side: Mapping[str, Any] | None, name: str) -> float | None:
    """Return the other side's value of a metric."""
    return ((side or {}).get("metrics", {}).get(name) or {}).get("value")


def list_frames(result: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the headline with fewer frames and with frames out of order, and what changed then."""
    headline = result["headline"]
    tables = result.get("tables", {})
    shuffled = tables.get("shuffled") or {}
    rows = {
        f"{headline}, {count} frame{'' if count == '1' else 's'}": row
        for count, row in (tables.get("frames") or {}).get("counts", {}).items()
    }
    if "shuffled" in shuffled:
        rows[f"{headline}, frames out of order"] = shuffled["shuffled"]
    beside = find_figure(result, headline) or {}
    for name, row in rows.items():
        metric = row["metrics"].get(headline)
        if metric is not None and metric["value"] is not None:
            # Chance and the blind answer alike whatever is shown.
            yield (
                name,
                keep_ends(metric)
                | {"items": row["num_items"]}
                | {key: beside.get(key) for key in ("prior", "random", "blind", "peers")},
            )
    changed = (shuffled.get("shuffled") or {}).get("changed", {})
    if (metric := changed.get("changed/timed minus lasting")) is not None:
        yield "answers changed by order, timed minus lasting", keep_ends(metric) | {
            "items": metric.get("num_items"), "prior": 0.0, "random": 0.0, "blind": 0.0,
            "peers": NOT_TESTED,
        }  # fmt: skip


def list_sensitivities(result: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the mean range over wordings, the yes-bias, and the largest gap between groups."""
    ranges = {
        side: mean_range(other)
        for side, other in (
            ("value", result), ("random", (result.get("compared") or {}).get("random")),
            ("blind", result.get("blind")),
        )
    }  # fmt: skip
    if ranges["value"] is not None:
        yield "range over three wordings, mean over names (0 is best)", ranges | {"prior": 0.0}
    if (bias := find_figure(result, "yes_bias")) is not None:
        yield "yes-bias (0 is best)", bias
    for label, groups in (result.get("tables", {}).get("gaps") or {}).items():
        known = {group: entry["gap"] for group, entry in groups.items() if entry["gap"] is not None}
        if known:
            widest = max(known, key=known.__getitem__)
            yield f"largest gap by {label}, for audit: {widest}", {"value": known[widest]}


def mean_range(side: Mapping[str, Any] | None) -> float | None:
    """Return the mean over names of how far the wordings of a question lie apart."""
    metrics = (side or {}).get("metrics", {}).values()
    found = [metric["phrasing_range"] for metric in metrics if "phrasing_range" in metric]
    known = [one for one in found if one is not None]
    return round(sum(known) / len(known), 6) if known else None


if __name__ == "__main__":
    main()
