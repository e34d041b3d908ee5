"""The six principles of RS-GPT4V as figures over records: what was asked for, measured."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from lineament.annotation import Annotation
from lineament.claims import Claim
from lineament.claims.scenes_check import check_scene_claims
from lineament.claims.scenes_objects import RELATIONS
from lineament.claims.scenes_read import read_scene_answer
from lineament.claims.scenes_words import split_scene_tokens
from lineament.errors import BadInput
from lineament.records.record import Record, record_from_dict
from lineament.records.sources.scenes.adapt import labels_from_record
from lineament.records.write.scenes.phrase import read_asks
from lineament.records.write.scenes.writer import read_scene_record

MIN_OBJECTS = 3
_CONTENT = frozenset(("noun", "color", "position", "side", "relation"))
_OPPOSITE = {
    "left_of": "right_of", "right_of": "left_of", "above": "below", "below": "above",
}  # fmt: skip
_SIDES = {"left": "right", "right": "left", "top": "bottom", "bottom": "top"}
_CORNERS = {
    "top_left": "bottom_right", "bottom_right": "top_left", "top_right": "bottom_left",
    "bottom_left": "top_right", "top": "bottom", "bottom": "top", "left": "right",
    "right": "left",
}  # fmt: skip
_NEGATIVE = re.compile(r"^\W*no\b", re.IGNORECASE)
_PLAIN_ANSWER = re.compile(r"(?:yes|no)(?=, there is)|there(?= is| are)", re.IGNORECASE)
_CLOSED = ("scene_count", "scene_yes_no", "scene_dialogue")
_DESCRIPTIONS = ("scene_local", "scene_global")


@dataclass(frozen=True, slots=True)
class Principles:
    """The figures; shares lie in 0 to 1.

    Attributes:
        num_records: Records measured.
        unity: Share that the one schema reads back unchanged; adapted ones give back their labels.
        wordings: Question wordings by kind.
        commonest_share: Share of the commonest wording, of the kind where it is largest.
        correctness: Share of generated claims that the annotation supports.
        planted_found: Share of planted errors that are contradicted.
        complexity: Share of questions in conversations on several objects or a relation.
        objects_a_description: Mean number of objects spoken of.
        attributes_a_description: Mean number of colours, places, sizes and directions.
        relations_a_description: Mean number of relations.
        rich_share: Share of descriptions with three objects and more.
        negative_share: Share of generated questions whose answer is no.
        paraphrase_agreement: Share of other wordings under which an answer says the same.
    """

    num_records: int
    unity: float
    wordings: Mapping[str, int]
    commonest_share: float
    correctness: float
    planted_found: float
    complexity: float
    objects_a_description: float
    attributes_a_description: float
    relations_a_description: float
    rich_share: float
    negative_share: float
    paraphrase_agreement: float


def measure_principles(
    records: Iterable[Record], annotations: Mapping[str, Annotation]
) -> Principles:
    """Measure records against the annotations they were written from.

    Args:
        records: Adapted and generated ones, in any order.
        annotations: By media; needed for generated records alone.
    """
    rows = list(records)
    generated = [r for r in rows if r.kind.startswith("scene_") and r.media in annotations]
    generated = [r for r in generated if r.claims or r.kind == "scene_box"]
    claims = [(c, annotations[r.media]) for r in generated for _, c in read_scene_record(r)]
    planted = [(wrong, a) for c, a in claims if (wrong := plant_error(c)) is not None]
    told = [list(zip(r.turns[::2], r.turns[1::2], strict=True)) for r in generated]
    dialogues = [pair for r, pairs in zip(generated, told, strict=True) for pair in pairs
                 if r.kind == "scene_dialogue"]  # fmt: skip
    pairs = [pair for own in told for pair in own]
    rich = [[c for _, c in read_scene_record(r)] for r in generated if r.kind in _DESCRIPTIONS]
    shapes = _count_wordings(rows)
    return Principles(
        num_records=len(rows),
        unity=_share(_is_uniform(record) for record in rows),
        wordings={kind: len(counts) for kind, counts in shapes.items()},
        commonest_share=max(
            (max(counts.values()) / counts.total() for counts in shapes.values()), default=0.0
        ),
        correctness=_share(_verdict(c, a) == "supported" for c, a in claims),
        planted_found=_share(_verdict(c, a) == "contradicted" for c, a in planted),
        complexity=_share(_is_complex(question.text) for question, _ in dialogues),
        objects_a_description=_mean([len(_objects(own)) for own in rich]),
        attributes_a_description=_mean([sum(map(_is_attribute, own)) for own in rich]),
        relations_a_description=_mean([sum(c.name in RELATIONS for c in own) for own in rich]),
        rich_share=_share(len(_objects(own)) >= MIN_OBJECTS for own in rich),
        negative_share=_share(bool(_NEGATIVE.match(answer.text)) for _, answer in pairs),
        paraphrase_agreement=_share(_agreements(generated)),
    )


def plant_error(claim: Claim) -> Claim | None:
    """Return a claim made wrong on purpose; None where no certain error is known.

    Numbers are moved beyond what is there, places and relations turned round.
    """
    if claim.name == "object_count" and isinstance(claim.value, tuple):
        low, high = claim.value
        if low is not None and high == low + 1 and ":" not in claim.subject:
            return replace(claim, value=(low + 1, low + 2))
    if claim.name in _OPPOSITE and not claim.negated:
        return replace(claim, name=_OPPOSITE[claim.name])
    if claim.name == "object_position" and claim.value in _CORNERS and not claim.negated:
        return replace(claim, value=_CORNERS[str(claim.value)])
    if claim.name == "object_side" and not claim.negated:
        return replace(claim, value=_SIDES[str(claim.value)])
    return None


def shape_question(question: str) -> str:
    """Return a question without the things it asks about, so that wordings can be counted."""
    text = question.split("\n")[-1] if "\n" in question else question
    parts, at = [], 0
    for token in split_scene_tokens(text):
        if token.kind in _CONTENT:
            parts += (text[at : token.start], "_")
            at = token.stop
    shape = "".join((*parts, text[at:]))
    return re.sub(r"\[[\d., ]+\]", "_", shape).lower()


def _count_wordings(records: Sequence[Record]) -> dict[str, Counter[str]]:
    shapes: dict[str, Counter[str]] = {}
    for record in records:
        if record.kind == "scene_dialogue":
            continue  # its questions are those of the other kinds
        counts = shapes.setdefault(record.kind, Counter())
        if (record.kind.startswith("scene_") and record.claims) or record.kind == "scene_box":
            counts.update(shape_question(turn.text) for turn in record.turns[::2])
        else:
            counts.update(_adapted_wordings(record))
    return {kind: counts for kind, counts in shapes.items() if counts}


def _adapted_wordings(record: Record) -> Iterator[str]:
    found = re.findall(r'"wording": (\d+)', record.provenance.get("detail", ""))
    yield from found


def _is_uniform(record: Record) -> bool:
    try:
        back = record_from_dict(record.to_dict())
        if record.provenance.get("writer", "").startswith("adapted"):
            return back.id == record.id and len(labels_from_record(record)) > 0
        return back.id == record.id
    except BadInput:
        return False


def _verdict(claim: Claim, annotation: Annotation) -> str:
    return check_scene_claims((claim,), annotation).claims[0].verdict


def _is_complex(question: str) -> bool:
    kinds = [token.kind for token in split_scene_tokens(question)]
    return kinds.count("noun") >= 2 or "relation" in kinds


def _objects(claims: Sequence[Claim]) -> set[str]:
    return {claim.subject for claim in claims if claim.subject}


def _is_attribute(claim: Claim) -> bool:
    return claim.name in (
        "object_color", "object_position", "object_side", "length_meters", "orientation_degrees",
    )  # fmt: skip


def _agreements(records: Sequence[Record]) -> Iterator[bool]:
    """Yield, for bare counts and yes or no, whether other wordings read the same."""
    pairs = ((q.text, a.text) for r in records for q, a in zip(r.turns[::2], r.turns[1::2],
             strict=True) if r.kind in _CLOSED)  # fmt: skip
    asked = ((q, a, lead[0].lower()) for q, a in pairs if (lead := _PLAIN_ANSWER.match(a)))
    for question, answer, lead in islice(asked, 200):
        kind, slot = ("count", "p") if lead == "there" else ("exists", "n")
        nouns = [token for token in split_scene_tokens(question) if token.kind == "noun"]
        if not nouns:
            continue
        phrase = question[nouns[0].start : nouns[0].stop]
        meant = _meaning(read_scene_answer(question, answer))
        for wording in read_asks()[kind]:
            other = read_scene_answer(wording.format(**{slot: phrase}), answer)
            yield _meaning(other) == meant


def _meaning(claims: Iterable[Claim]) -> set[tuple[object, ...]]:
    return {(c.name, c.value, c.negated, c.subject) for c in claims}


def _share(answers: Iterable[bool]) -> float:
    rows = list(answers)
    return sum(rows) / len(rows) if rows else 0.0


def _mean(numbers: Sequence[int]) -> float:
    return sum(numbers) / len(numbers) if numbers else 0.0
