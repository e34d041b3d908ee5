"""Running a task: its questions asked, scored, and compared with blind, others and fewer frames."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from lineament.errors import BadInput
from lineament.evaluation.answerer import Answerer
from lineament.evaluation.asking import Answered, AnswerLog, answer_items, hash_visual
from lineament.evaluation.basis import find_prompts
from lineament.evaluation.item import Item, ItemSet, hash_items
from lineament.evaluation.judge_agreement import KeptJudge, judge_result
from lineament.evaluation.judges import Judge
from lineament.evaluation.overlap import find_overlap
from lineament.evaluation.result import Result, Scores, difference_row
from lineament.evaluation.scorers import NORMALISED
from lineament.evaluation.sensitivity import (
    SEED,
    measure_changes,
    score_by_level,
    with_frames,
    with_shuffled_frames,
)
from lineament.evaluation.tasks.chance import Chance
from lineament.evaluation.tasks.task import (
    Grader,
    Options,
    Task,
    require_gradable,
    require_options,
)

__all__ = ["AnswerLog", "Answered", "answer_items", "hash_visual", "run_task"]
ANSWERS = "answers.jsonl"
SHUFFLED = "shuffled"
CAPTION_METRICS = ("bleu4", "cider", "rouge_l")  # tasks split captions in the one default way


def run_task(
    task: Task,
    answerer: Answerer,
    folder: Path,
    *,
    options: Options | None = None,
    out: Path | None = None,
    blind: Answerer | None = None,
    others: Mapping[str, Answerer] | None = None,
    manifest: Path | None = None,
    frames: Sequence[int] = (),
    shuffle_frames: bool = False,
    with_random: bool = False,
    judge: Grader | None = None,
    further_judges: Sequence[Judge] = (),
    on_item: Callable[[str, int, int], None] | None = None,
) -> tuple[Result, ItemSet, Answered]:
    """Ask a task's questions and score the answers.

    Args:
        task: The benchmark.
        answerer: What is judged.
        folder: The data set's folder.
        options: Split, limit, phrasings.
        out: Where answers are kept; a stopped run goes on from there.
        blind: The same model without sight; its figures and the paired gain stand beside.
        manifest: What the model was trained on, for the overlap check; see `find_overlap`.
        others: More answerers to compare with in pairs on the items they answer, by name.
        frames: Ask about clips again with so many frames at most, for each number.
        shuffle_frames: Ask about clips again with their frames out of order.
        with_random: Compare with answers drawn by chance; see `Chance`.
        judge: Grades answers against references, where the task has such.
        further_judges: Grade the same answers; how far each two agree goes on record.
        on_item: Called with who answers, items done and items in all.

    Raises:
        BadInput: The data set cannot be used, the task has no such split or wordings, or nothing
            to judge.
    """
    started = time.perf_counter()
    options = options or Options()
    require_options(task, options)
    judges = [KeptJudge(one) for one in require_judges(judge, further_judges)]
    if judge is not None:
        task = require_gradable(task).with_judge(judges[0] if judges else judge)
    variants = reframe(answerer, frames, is_shuffled=shuffle_frames)
    found = task.read_items(folder, options)
    log = AnswerLog(out / ANSWERS if out is not None else None)

    def ask(who: Answerer, items: Sequence[Item] = found.items) -> Answered:
        def report(number: int) -> None:
            if on_item is not None:
                on_item(who.name, number, len(items))

        return answer_items(replace(found, items=tuple(items)), who, log=log, on_item=report)

    answered = ask(answerer)
    unseeing = ask(blind) if blind is not None else None
    scores = task.score(found.items, answered.answers)
    tables = dict(scores.tables)
    tables |= find_levels(task, found.items, answered, unseeing)
    about = describe_run(task, found, answered, options, answerer) | name_words(scores)
    if manifest is not None:
        overlap = find_overlap(found.items, manifest, found.open_media, source=task.name).to_dict()
        about |= {"zero_shot": overlap.pop("zero_shot"), "overlap": overlap}
    if blind is not None and unseeing is not None:
        about["blind"] = compare_with(task, found, answered, unseeing, blind.name)
    compared: dict[str, Any] = {}
    if with_random:
        chance = Chance(found.items)
        drawn = answer_items(found, chance)
        compared[chance.name] = compare_with(task, found, answered, drawn, chance.name)
    for name, other in (others or {}).items():
        compared[name] = compare_with(task, found, answered, ask(other), other.name)
    if compared:
        about["compared"] = compared
    if variants:
        tables |= try_frames(task, found, answered, unseeing, variants, ask)
    seconds = time.perf_counter() - started
    scores = replace(scores, tables=tables)
    result = Result(task.name, answerer.name, scores, len(found.items), seconds, about)
    return judge_result(result, found, answered.answers, judges), found, answered


def require_judges(judge: Grader | None, further: Sequence[Judge]) -> list[Judge]:
    """Return all judges whose agreement is wanted; none where there is but one.

    Raises:
        BadInput: There are further judges, and the first is none that can be compared.
    """
    if not further:
        return []
    if not isinstance(judge, Judge):
        raise BadInput("further judges need a first one that grades many answers at once")
    return [judge, *further]


def name_words(scores: Scores) -> dict[str, str]:
    """Return how captions were split into words, where any were."""
    has_captions = any(name.rpartition("/")[2] in CAPTION_METRICS for name in scores.figures)
    return {"normalise": NORMALISED} if has_captions else {}


def find_levels(
    task: Task, items: Sequence[Item], answered: Answered, unseeing: Answered | None
) -> dict[str, Any]:
    """Return the table ``levels``: the headline by level, a blind copy's beside it."""
    rows = score_by_level(task, items, answered.answers)
    if unseeing is not None:
        for name, row in score_by_level(task, items, unseeing.answers).items():
            rows.setdefault(name, {})["blind"] = row["value"]
    return {"levels": rows} if rows else {}


def reframe(answerer: Answerer, counts: Sequence[int], *, is_shuffled: bool) -> dict[str, Answerer]:
    """Return the answerer as it is shown each number of frames, and frames out of order.

    Raises:
        BadInput: A number is below 1, or the answerer does not look.
    """
    variants: dict[str, Answerer] = {
        str(count): with_frames(answerer, count) for count in sorted(set(counts))
    }
    return variants | ({SHUFFLED: with_shuffled_frames(answerer)} if is_shuffled else {})


def try_frames(
    task: Task, found: ItemSet, answered: Answered, unseeing: Answered | None,
    variants: Mapping[str, Answerer], ask: Callable[[Answerer, Sequence[Item]], Answered],
) -> dict[str, Any]:  # fmt: skip
    """Ask about clips again with other frames; returns the tables ``frames`` and ``shuffled``.

    Raises:
        BadInput: None of the media has several frames.
    """
    moving = [item for item in found.items if answered.num_frames.get(item.media, 0) > 1]
    if not moving:
        raise BadInput(
            f"{task.name}: no media has several frames, so none can be kept or shuffled",
            hint="leave out --frames and --shuffle-frames, or use a task about clips",
        )
    own = replace(found, items=tuple(moving))
    everything = compare_with(task, own, answered, answered, "all")
    everything |= {"difference": {}, "levels": score_by_level(task, moving, answered.answers)}
    whole: dict[str, Any] = {
        "metric": task.headline, "num_items": len(moving), "all": everything,
    }  # fmt: skip
    if unseeing is not None:
        whole["blind"] = compare_with(task, own, answered, unseeing, "blind")["metrics"]
    tables: dict[str, Any] = {}
    for name, variant in variants.items():
        said = ask(variant, moving)
        row = compare_with(task, own, answered, said, variant.name)
        row |= {"levels": score_by_level(task, moving, said.answers)}
        row["num_failures"] = len(said.failures)
        if name == SHUFFLED:
            changes = measure_changes(moving, answered.answers, said.answers)
            row["changed"] = {key: m.figure().to_dict() for key, m in changes.items()}
            tables[SHUFFLED] = {"seed": SEED, **whole, SHUFFLED: row}
        else:
            tables.setdefault("frames", {**whole, "counts": {}})["counts"][name] = row
    return tables


def describe_run(
    task: Task, found: ItemSet, answered: Answered, options: Options, answerer: Answerer
) -> dict[str, Any]:
    """Return what a score rests on, for the record."""
    return {
        "headline": task.headline,
        "split": options.split or task.splits[0],
        "items_hash": hash_items(found.items),
        "identity": answerer.identity,
        "prompts": find_prompts(found.notes),
        "zero_shot": None,  # nothing is claimed until training data have been looked at
        "excluded": dict(found.excluded),
        "dropped": dict(found.dropped),
        "num_failures": len(answered.failures),
        "failures": dict(answered.failures),
        "num_cached": answered.num_cached,
        "notes": list(found.notes),
        "published": [
            {"system": p.system, "metric": p.metric, "value": p.value, "source": p.source,
             "caution": p.caution}
            for p in task.published
        ],
    }  # fmt: skip


def compare_with(
    task: Task, found: ItemSet, answered: Answered, other: Answered, name: str
) -> dict[str, Any]:
    """Score another answerer on the items it answers, and compare on those in pairs.

    Failures of ours count as wrong; what the other side was never asked is left out. Figures that
    do not rest on the same items on both sides, such as a judge's, have no difference.
    """
    items = [item for item in found.items if item.id in other.answers]
    if not items:
        return {"model": name, "num_items": 0, "metrics": {}, "difference": {}}
    theirs = task.score(items, other.answers)
    ours = task.score(items, answered.answers)
    differences = {
        key: difference_row(measure.minus(theirs.measures[key]))
        for key, measure in ours.measures.items()
        if key in theirs.measures and list(measure.ids) == list(theirs.measures[key].ids)
    }
    return {
        "model": name,
        "num_items": len(items),
        "metrics": {key: figure.to_dict() for key, figure in theirs.figures.items()},
        "difference": differences,
    }
