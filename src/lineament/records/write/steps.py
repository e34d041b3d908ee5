"""The three steps of writing by a language model: caption, enrich, ask; texts to drafts."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from lineament.annotation import Annotation
from lineament.claims.scenes_objects import is_scene
from lineament.errors import BadMedia
from lineament.records.form import DEFAULT_LIMITS, Limits
from lineament.records.record import ONE_FACT, REASONING, SEVERAL_FACTS, TIMED, Record, Turn
from lineament.records.sources.rows import require_inside
from lineament.records.sources.scenes.rasters import read_shown
from lineament.records.verify import Rejected, Verifier
from lineament.records.write.key_frames import encode_frame, read_key_frames
from lineament.records.write.prompts import KINDS, SCENE_KINDS, STEPS, prompt_version
from lineament.records.write.scenes.phrase import read_asks
from lineament.records.write.scenes.told import (
    DESCRIPTIONS,
    DIALOGUE,
    MIN_ROUNDS,
    find_strange_words,
    keep_rounds,
    keep_sentences,
    read_rounds,
)

LEVEL: Mapping[str, int] = {
    "list": SEVERAL_FACTS, "count": SEVERAL_FACTS, "action": SEVERAL_FACTS,
    "caption": SEVERAL_FACTS, "summary": SEVERAL_FACTS, "timed": TIMED, "cues": REASONING,
    "scene_local": SEVERAL_FACTS, "scene_global": SEVERAL_FACTS, "scene_dialogue": REASONING,
    "scene_reasoning": REASONING,
}  # fmt: skip
TIFF_SUFFIXES = (".tif", ".tiff")
YES_NO_KINDS = frozenset(("yes_no", "scene_yes_no", "scene_relation"))
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


def read_pairs(
    parsed: Mapping[str, Any], kinds: Sequence[str] = KINDS, otherwise: str = "list"
) -> list[tuple[str, str, str]]:
    """Return kind, question and answer of whatever an answer holds of the right shape.

    Args:
        parsed: The answer's object.
        kinds: Known ones.
        otherwise: The kind of a row of another; empty leaves it out.
    """
    rows = parsed.get("questions")
    pairs: list[tuple[str, str, str]] = []
    for row in rows if isinstance(rows, list) else ():
        if not isinstance(row, Mapping):
            continue
        question, answer = row.get("question"), row.get("answer")
        if not isinstance(question, str) or not isinstance(answer, str):
            continue
        kind = row.get("kind") if row.get("kind") in kinds else otherwise
        question, answer = " ".join(question.split()), " ".join(answer.split())
        is_fit = 0 < len(question) <= MAX_QUESTION_CHARS and 0 < len(answer) <= MAX_ANSWER_CHARS
        if kind and is_fit:
            pairs.append(("caption" if kind == "description" else str(kind), question, answer))
    return pairs


class Enriched(NamedTuple):
    """What the second step gave.

    Attributes:
        records: Unverified descriptions.
        draft: Their text, to be sent back where something is wrong.
        held: What of it holds.
        wrong: What is wrong with the rest; empty where all holds.
    """

    records: tuple[Record, ...]
    draft: str
    held: str
    wrong: str


def read_enriched(
    parsed: Mapping[str, Any], annotation: Annotation, provenance: Mapping[str, str], writer: str
) -> Enriched | None:
    """Return the descriptions out of an answer; None where there are none.

    Of scenes there are two, and sentences that do not hold are left out: the build would drop
    such a description whole.
    """
    if not is_scene(annotation):
        text = read_answer_text("enrich", parsed)
        if text is None:
            return None
        record = summary_record(text, annotation, provenance, writer)
        return Enriched((record,), text, *find_wrong(record, annotation))
    records: list[Record] = []
    drafts, held, wrong = list[str](), list[str](), list[str]()
    for kind, key in DESCRIPTIONS.items():
        text = parsed.get(key)
        if not isinstance(text, str) or not text.strip():
            continue
        kept = keep_sentences(text, annotation)
        drafts.append(text.strip())
        held += kept.parts
        wrong += kept.wrong
        if kept.parts:
            question = _choose_wording(key, annotation.media)
            origin = {**provenance, "detail": kept.detail} if kept.detail else provenance
            joined = " ".join(kept.parts)
            records.append(_record(kind, question, joined, annotation, origin, writer))
    if not drafts:
        return None
    told = " ".join(dict.fromkeys(held))
    return Enriched(tuple(records), "\n".join(drafts), told, "; ".join(dict.fromkeys(wrong)))


def read_asked(
    parsed: Mapping[str, Any], annotation: Annotation, provenance: Mapping[str, str], writer: str
) -> list[Record]:
    """Return the questions out of an answer; of scenes a conversation, too.

    Rounds that do not hold are left out of the conversation, and single questions whose answers
    are not understood whole.
    """
    if not is_scene(annotation):
        return question_records(read_pairs(parsed), annotation, provenance, writer)
    records: list[Record] = []
    kept = keep_rounds(read_rounds(parsed), annotation)
    if len(kept.parts) >= MIN_ROUNDS:
        origin = {**provenance, "detail": kept.detail} if kept.detail else provenance
        turns = [
            Turn(role, text)
            for pair in kept.parts
            for role, text in zip(("user", "assistant"), pair, strict=True)
        ]
        records.append(_record_of(DIALOGUE, turns, annotation, origin, writer))
    pairs = [row for row in read_pairs(parsed, SCENE_KINDS, "") if not find_strange_words(row[2])]
    return records + question_records(pairs, annotation, provenance, writer)


def _choose_wording(key: str, media: str) -> str:
    wordings = read_asks()[key]
    digest = hashlib.blake2b(f"{key}:{media}".encode(), digest_size=2).digest()
    return wordings[int.from_bytes(digest, "big") % len(wordings)]


def is_worth_asking(annotation: Annotation) -> bool:
    """Say whether anything that is written can be checked: a scene without objects gives none."""
    return bool(annotation.subjects) or not is_scene(annotation)


def read_frames(annotation: Annotation, folder: Path | None, num_frames: int) -> tuple[str, ...]:
    """Return what of the media goes to the server: key frames, or the one picture of a scene.

    Raises:
        BadMedia: It is missing, damaged, or the reference leaves the folder.
        MissingExtra: A TIFF of more than eight bits, and tifffile is not installed.
    """
    if folder is None:
        return ()
    if not annotation.media.lower().endswith(TIFF_SUFFIXES):
        return read_key_frames(annotation.media, folder, num_frames)
    try:
        require_inside(annotation.media)
    except ValueError as error:
        raise BadMedia(f"{annotation.media}: {error}") from None
    return (encode_frame(read_shown(folder / annotation.media)),)


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
    turns = (Turn("user", question), Turn("assistant", answer))
    return _record_of(kind, turns, annotation, provenance, writer)


def _record_of(
    kind: str, turns: Sequence[Turn], annotation: Annotation,
    provenance: Mapping[str, str], writer: str,
) -> Record:  # fmt: skip
    origin = {
        "licence": annotation.licence,
        "split_key": annotation.split_key,
        **provenance,
        "writer": f"{writer}, {prompt_version()}",
    }
    if kind in YES_NO_KINDS:
        word = turns[1].text.split(" ")[0].rstrip(",.:;").casefold()
        if word in ("yes", "no"):
            origin["polarity"] = f"positive {word}"
    level = LEVEL.get(kind, ONE_FACT)
    return Record(kind, level, annotation.media, tuple(turns), provenance=origin)


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
