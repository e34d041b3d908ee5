"""The three steps of writing by a language model: caption, enrich, ask; texts to drafts."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from lineament.annotation import Annotation
from lineament.records.form import DEFAULT_LIMITS, Limits
from lineament.records.record import ONE_FACT, REASONING, SEVERAL_FACTS, TIMED, Record, Turn
from lineament.records.verify import Rejected, Verifier
from lineament.records.write.prompts import KINDS, STEPS, prompt_version

LEVEL: Mapping[str, int] = {
    "list": SEVERAL_FACTS, "count": SEVERAL_FACTS, "action": SEVERAL_FACTS,
    "caption": SEVERAL_FACTS, "summary": SEVERAL_FACTS, "timed": TIMED, "cues": REASONING,
}  # fmt: skip
ASK_SUMMARY = "Describe the person and what can be seen."
TEXT_KEY: Mapping[str, str] = {"caption": "caption", "enrich": "summary"}
MAX_QUESTION_CHARS, MAX_ANSWER_CHARS = 400, 1500


@dataclass(frozen=True, slots=True)
class Plan:
    """How a language model is made to write.

    Attributes:
        num_questions: Asked for about each annotation; 0 leaves the last step out.
        num_frames: Key frames sent with the first step; 0 sends none, and leaves it out.
        temperature: Of the sampling.
        max_repairs: How often a description that does not hold is sent back with what is wrong.
        seed: Of the sampling, where the server has it.
    """

    num_questions: int = 6
    num_frames: int = 4
    temperature: float = 0.7
    max_repairs: int = 1
    seed: int = 0

    def steps(self) -> tuple[str, ...]:
        """Return the steps this plan has."""
        return tuple(
            step
            for step in STEPS
            if (step != "caption" or self.num_frames) and (step != "ask" or self.num_questions)
        )

    def sampling(self) -> str:
        """Return what must be equal for an answer to be used again."""
        return (
            f"temperature {self.temperature:g}, seed {self.seed}, {self.num_frames} frames, "
            f"{self.num_questions} questions, {self.max_repairs} repairs"
        )


def read_answer_text(step: str, parsed: Mapping[str, Any]) -> str | None:
    """Return the text of a caption or summary out of an answer; None where it is not there."""
    text = parsed.get(TEXT_KEY[step])
    return text.strip() if isinstance(text, str) and text.strip() else None


def read_pairs(parsed: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return kind, question and answer of whatever an answer holds of the right shape."""
    rows = parsed.get("questions")
    pairs: list[tuple[str, str, str]] = []
    for row in rows if isinstance(rows, list) else ():
        if not isinstance(row, Mapping):
            continue
        question, answer = row.get("question"), row.get("answer")
        if not isinstance(question, str) or not isinstance(answer, str):
            continue
        kind = row.get("kind") if row.get("kind") in KINDS else "list"
        question, answer = " ".join(question.split()), " ".join(answer.split())
        if 0 < len(question) <= MAX_QUESTION_CHARS and 0 < len(answer) <= MAX_ANSWER_CHARS:
            pairs.append(("caption" if kind == "description" else str(kind), question, answer))
    return pairs


def summary_record(
    text: str, annotation: Annotation, provenance: Mapping[str, str], writer: str
) -> Record:
    """Return a summary as an unverified record."""
    return _record("summary", ASK_SUMMARY, " ".join(text.split()), annotation, provenance, writer)


def question_records(
    pairs: Iterable[tuple[str, str, str]],
    annotation: Annotation,
    provenance: Mapping[str, str],
    writer: str,
) -> list[Record]:
    """Return questions as unverified records, each question once."""
    seen: set[str] = set()
    records = []
    for kind, question, answer in pairs:
        if question.casefold() not in seen:
            seen.add(question.casefold())
            records.append(_record(kind, question, answer, annotation, provenance, writer))
    return records


def _record(
    kind: str, question: str, answer: str, annotation: Annotation,
    provenance: Mapping[str, str], writer: str,
) -> Record:  # fmt: skip
    origin = {
        "licence": annotation.licence,
        "split_key": annotation.split_key,
        **provenance,
        "writer": f"{writer}, {prompt_version()}",
    }
    if kind == "yes_no":
        word = answer.split(" ")[0].rstrip(",.:;").casefold()
        if word in ("yes", "no"):
            origin["polarity"] = f"positive {word}"
    turns = (Turn("user", question), Turn("assistant", answer))
    return Record(kind, LEVEL.get(kind, ONE_FACT), annotation.media, turns, provenance=origin)


def find_wrong(
    record: Record, annotation: Annotation, limits: Limits = DEFAULT_LIMITS
) -> tuple[str, str]:
    """Return the text that holds, cut where needed, and what was wrong with the rest.

    Returns:
        The text of the record after verification, empty where nothing of it could be kept; and
        the reason with its detail, empty where all of it holds.
    """
    result = Verifier(limits).verify(record, annotation)
    if isinstance(result, Rejected):
        return "", f"{result.reason}: {result.detail}" if result.detail else result.reason
    detail = result.provenance.get("detail", "") if result.id != record.id else ""
    return result.turns[-1].text, detail


def word_repair(text: str, wrong: str) -> str:
    """Return the draft for another round, with what was wrong with it."""
    return f"{text}\n\nThis is wrong or not certain in the draft, so leave it out: {wrong}"
