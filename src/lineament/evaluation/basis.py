"""What a run's figures rest on, in one line each: zero-shot or not, prompts, judges, words."""

from collections.abc import Iterator, Mapping
from typing import Any

from lineament.evaluation.result import Result
from lineament.evaluation.table_rows import show_value

PROMPTS = "prompts: "  # begins the note in which a task names its prompts


def say_basis(result: Result) -> list[str]:
    """Return the lines that stand below the figures, on the terminal and on the page."""
    about = result.about
    lines = [say_zero_shot(about)] if "zero_shot" in about else []
    lines += [f"prompts: {about['prompts']}"] if about.get("prompts") else []
    lines += [f"normalise: {about['normalise']}"] if about.get("normalise") else []
    return [*lines, *_say_judges(result), *_say_events(result), *_say_agreement(about)]


def find_prompts(notes: tuple[str, ...]) -> str:
    """Return version and hash of a task's prompts out of its notes."""
    return ", ".join(note.removeprefix(PROMPTS) for note in notes if note.startswith(PROMPTS))


def say_zero_shot(about: Mapping[str, Any]) -> str:
    """Say whether a run is zero-shot, and by what; null claims nothing."""
    overlap = about.get("overlap")
    if overlap is None:
        return "zero_shot: null, nobody said what it was trained on (--trained-on)"
    trained = f"{overlap['trained_on']} training examples"
    if about["zero_shot"]:
        counts = ", ".join(f"{number} {name}" for name, number in overlap["compared"].items())
        return f"zero_shot: true, none is shared with {trained} of {counts} compared"
    if about["zero_shot"] is None:
        return f"zero_shot: null, not compared: {'; '.join(overlap['not_compared'])}"
    counts = ", ".join(
        f"{overlap[f'shared_{name}']} {name}" for name in ("pictures", "media", "subjects")
    )
    examples = ", ".join(overlap["examples"][:3])
    return f"zero_shot: false, shared with {trained}: {counts}; such as {examples}"


def _say_judges(result: Result) -> Iterator[str]:
    judges = list(result.about.get("judges") or ())
    figure = result.scores.figures.get("judge")
    if not judges and figure is not None:
        judges = [figure.extra]
    for row in judges:
        known = (row.get("judge"), row.get("prompt_id") or row.get("rule"), row.get("date"))
        yield f"judge: {_join(*known, _count_malformed(row, 'grade'))}"


def _say_events(result: Result) -> Iterator[str]:
    figure = result.scores.figures.get("judged_event_f1")
    if figure is not None:
        known = (figure.extra.get(key) for key in ("events", "prompt_id", "date"))
        yield f"events: {_join(*known, _count_malformed(figure.extra, 'list'))}"


def _count_malformed(row: Mapping[str, Any], wanted: str) -> str:
    return f"{row['num_malformed']} without a {wanted}" if row.get("num_malformed") else ""


def _join(*parts: object) -> str:
    return ", ".join(str(part) for part in parts if part)


def _say_agreement(about: Mapping[str, Any]) -> Iterator[str]:
    for row in about.get("judge_agreement") or ():
        figures = {
            "kappa": row["kappa"], "rank correlation": row["spearman"],
            "mean difference": row["mean_difference"],
        }  # fmt: skip
        told = ", ".join(f"{name} {show_value(v) or 'none'}" for name, v in figures.items())
        yield f"judges {' and '.join(row['judges'])}: {told}, n {row['num_items']}"
