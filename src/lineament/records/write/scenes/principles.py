"""The six principles of RS-GPT4V as figures over records: what was asked for, measured."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import pyarrow as pa

from lineament.annotation import Annotation
from lineament.claims import Claim
from lineament.claims.scenes_check import check_scene_claims, choose_objects
from lineament.claims.scenes_objects import RELATIONS, Scene, read_scene
from lineament.claims.scenes_read import read_scene_answer
from lineament.claims.scenes_words import Token, split_scene_tokens
from lineament.errors import BadInput
from lineament.records.record import SCHEMA, Record, record_from_dict
from lineament.records.sources.scenes.adapt import labels_from_record
from lineament.records.sources.scenes.label import labels_of
from lineament.records.write.grammar import capital
from lineament.records.write.scenes.phrase import read_asks, say_noun
from lineament.records.write.scenes.shapes import find_ask, is_complex, shape_question
from lineament.records.write.scenes.writer import read_scene_record

Answer = Callable[[str, Annotation], str]

MIN_OBJECTS = 3
MAX_REWORDED = 200  # questions that are asked again in every other wording
_OPPOSITE = {
    "left_of": "right_of", "right_of": "left_of", "above": "below", "below": "above",
}  # fmt: skip
_SIDES = {"left": "right", "right": "left", "top": "bottom", "bottom": "top"}
_CORNERS = {
    "top_left": "bottom_right", "bottom_right": "top_left", "top_right": "bottom_left",
    "bottom_left": "top_right", "top": "bottom", "bottom": "top", "left": "right",
    "right": "left",
}  # fmt: skip
_NEGATIVE = re.compile(r"^\W*(?:no\b|there (?:is|are) no\b)", re.IGNORECASE)
_UNANSWERED = re.compile(
    r"\b(?:cannot|can not|can't|impossible to) (?:be )?(?:tell|told|say|said|see|seen|know|known)\b"
    r"|\bnot (?:known|told|visible|clear)\b|\bunknown\b",
    re.IGNORECASE,
)
_LEAD = re.compile(r"^\W*(yes|no)\b", re.IGNORECASE)
_DESCRIPTIONS = ("scene_local", "scene_global")
_DIALOGUE = "scene_dialogue"


@dataclass(frozen=True, slots=True)
class Principles:
    """The figures; shares lie in 0 to 1.

    Attributes:
        num_records: Records measured.
        unity: Share that the one schema reads back unchanged; of adapted ones, also every label as
            its source has it.
        labels_compared: Adapted records whose labels were compared with those of their source.
        wordings: Question wordings by kind; of conversations by what is asked.
        commonest_share: Share of the commonest wording, of the kind where it is largest.
        correctness: Share of generated claims that the annotation supports, by our own reader.
        planted_found: Share of planted errors that are contradicted.
        complexity: Share of questions in conversations on several objects or a relation.
        objects_a_description: Mean number of objects spoken of singly.
        classes_a_description: Mean number of classes whose number is told.
        attributes_a_description: Mean number of colours, places, sizes and directions.
        relations_a_description: Mean number of relations.
        rich_share: Share of descriptions with three objects and more, where the picture has them.
        negative_share: Share of generated questions about what is not so or not there.
        unanswerable_share: Share of generated questions whose answer is that it cannot be told.
        paraphrase_agreement: Share of other wordings of a question under which somebody asked gives
            the answer of the record; None where nobody was asked.
    """

    num_records: int
    unity: float
    labels_compared: int
    wordings: Mapping[str, int]
    commonest_share: float
    correctness: float
    planted_found: float
    complexity: float
    objects_a_description: float
    classes_a_description: float
    attributes_a_description: float
    relations_a_description: float
    rich_share: float
    negative_share: float
    unanswerable_share: float
    paraphrase_agreement: float | None


def measure_principles(
    records: Iterable[Record],
    annotations: Mapping[str, Annotation],
    answer: Answer | None = None,
) -> Principles:
    """Measure records against the annotations they come from.

    Args:
        records: Adapted and generated ones, in any order.
        annotations: By media. Generated records without one are left out of all but unity and
            diversity; adapted ones without one have no labels to be compared with.
        answer: Who is asked again in other words: rules or a model.
    """
    rows = list(records)
    generated = [r for r in rows if _is_generated(r) and r.media in annotations]
    claims = [(c, annotations[r.media]) for r in generated for _, c in read_scene_record(r)]
    planted = [(wrong, a) for c, a in claims if (wrong := plant_error(c)) is not None]
    asked = [pair for r in generated if r.kind not in _DESCRIPTIONS for pair in _pairs(r)]
    dialogues = [pair for r in generated if r.kind == _DIALOGUE for pair in _pairs(r)]
    told = [
        ([c for _, c in read_scene_record(r)], read_scene(annotations[r.media]))
        for r in generated
        if r.kind in _DESCRIPTIONS
    ]
    objects = [len(find_objects(own, scene)) for own, scene in told]
    shapes = _count_wordings(rows)
    agreed = list(_agreements(generated, annotations, answer)) if answer else []
    return Principles(
        num_records=len(rows),
        unity=_share(_is_uniform(record, annotations.get(record.media)) for record in rows),
        labels_compared=sum(_is_adapted(r) and r.media in annotations for r in rows),
        wordings={kind: len(counts) for kind, counts in shapes.items()},
        commonest_share=max(
            (max(counts.values()) / counts.total() for counts in shapes.values()), default=0.0
        ),
        correctness=_share(_verdict(c, a) == "supported" for c, a in claims),
        planted_found=_share(_verdict(c, a) == "contradicted" for c, a in planted),
        complexity=_share(is_complex(question) for question, _ in dialogues),
        objects_a_description=_mean(objects),
        classes_a_description=_mean([len(_counted(own)) for own, _ in told]),
        attributes_a_description=_mean([sum(map(_is_attribute, own)) for own, _ in told]),
        relations_a_description=_mean([sum(c.name in RELATIONS for c in own) for own, _ in told]),
        rich_share=_share(
            count >= MIN_OBJECTS
            for count, (_, scene) in zip(objects, told, strict=True)
            if len(scene.objects) >= MIN_OBJECTS
        ),
        negative_share=_share(bool(_NEGATIVE.match(answer)) for _, answer in asked),
        unanswerable_share=_share(bool(_UNANSWERED.search(answer)) for _, answer in asked),
        paraphrase_agreement=_share(agreed) if agreed else None,
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


def find_objects(claims: Iterable[Claim], scene: Scene) -> set[str]:
    """Return the ids of the objects that claims speak of singly; numbers of a class name none."""
    found: set[str] = set()
    for claim in claims:
        if claim.name == "object_count" or claim.quantity == "all" or not claim.subject:
            continue
        ends = [claim.subject, *([str(claim.value)] if claim.name in RELATIONS else [])]
        for designator in ends:
            chosen = choose_objects(designator, scene)
            if chosen is not None and len(chosen[0]) == 1:
                found.add(chosen[0][0].id)
    return found


def _is_adapted(record: Record) -> bool:
    return record.provenance.get("writer", "").startswith("adapted")


def _is_generated(record: Record) -> bool:
    return record.kind.startswith("scene_") and not _is_adapted(record)


def _pairs(record: Record) -> list[tuple[str, str]]:
    turns = zip(record.turns[::2], record.turns[1::2], strict=True)
    return [(question.text, answer.text) for question, answer in turns]


def _count_wordings(records: Sequence[Record]) -> dict[str, Counter[str]]:
    shapes: dict[str, Counter[str]] = {}
    for record in records:
        for kind, wording in _wordings(record):
            shapes.setdefault(kind, Counter())[wording] += 1
    return shapes


def _wordings(record: Record) -> Iterator[tuple[str, str]]:
    """Yield what is asked for and in which wording."""
    if not _is_generated(record):
        for number in re.findall(r'"wording": (\d+)', record.provenance.get("detail", "")):
            yield record.kind, number
        return
    for question, _ in _pairs(record):
        is_mixed = record.kind == _DIALOGUE
        kind = f"{record.kind}: {find_ask(question)}" if is_mixed else record.kind
        yield kind, shape_question(question)


def _is_uniform(record: Record, annotation: Annotation | None) -> bool:
    """Say whether a record comes back from the schema, and its labels from the record."""
    try:
        (row,) = pa.Table.from_pylist([dict(record.to_dict())], schema=SCHEMA).to_pylist()
        back = record_from_dict(row)
        if (back.id, back.kind, back.turns) != (record.id, record.kind, record.turns):
            return False
        if not _is_adapted(record):
            return True
        labels = Counter(labels_from_record(back))
        return annotation is None or labels <= Counter(labels_of(annotation))
    except (BadInput, pa.ArrowException):
        return False


def _verdict(claim: Claim, annotation: Annotation) -> str:
    return check_scene_claims((claim,), annotation).claims[0].verdict


def _counted(claims: Sequence[Claim]) -> set[str]:
    """Return the classes of which exact numbers are told, of the whole picture."""
    return {
        claim.subject
        for claim in claims
        if claim.name == "object_count" and isinstance(claim.value, tuple)
        and claim.value[1] is not None and " " not in claim.subject
    }  # fmt: skip


def _is_attribute(claim: Claim) -> bool:
    return claim.name in (
        "object_color", "object_position", "object_side", "length_meters", "orientation_degrees",
    )  # fmt: skip


def _agreements(
    records: Sequence[Record], annotations: Mapping[str, Annotation], answer: Answer
) -> Iterator[bool]:
    """Yield, for numbers and yes or no, whether other wordings get the record's answer."""
    asked = (
        (question, said, slots, annotations[record.media])
        for record in records
        if record.kind not in _DESCRIPTIONS
        for question, said in _pairs(record)
        if (slots := _find_slots(question)) and _close(question, said) is not None
    )
    for question, said, slots, annotation in islice(asked, MAX_REWORDED):
        for wording in read_asks()[find_ask(question)]:
            other = capital(wording.format(**slots))
            if other != question:
                yield _close(other, answer(other, annotation)) == _close(question, said)


def _find_slots(question: str) -> dict[str, str]:
    """Return what fills the slots of a question on a number, on presence or on a relation."""
    ask, tokens = find_ask(question), split_scene_tokens(question)
    nouns = [token for token in tokens if token.kind == "noun"]

    def text(token: Token) -> str:
        return question[token.start : token.stop]

    if ask == "count" and len(nouns) == 1:
        return {"p": say_noun(nouns[0].value.name, 2)}
    if ask == "exists" and len(nouns) == 1:
        return {"n": text(nouns[0])}
    if ask == "relation" and len(nouns) == 2:
        span = range(nouns[0].stop, nouns[1].start)
        between = [t for t in tokens if t.kind == "relation" and t.start in span]
        if len(between) == 1:
            return {"n": text(nouns[0]), "r": text(between[0]), "o": text(nouns[1])}
    return {}


def _close(question: str, answer: str) -> object:
    """Return yes, no, or the numbers that an answer tells; None where it tells none."""
    if lead := _LEAD.match(answer):
        return lead[1].lower()
    claims = read_scene_answer(question, answer)
    return frozenset(c.value for c in claims if c.name == "object_count") or None


def _share(answers: Iterable[bool]) -> float:
    rows = list(answers)
    return sum(rows) / len(rows) if rows else 0.0


def _mean(numbers: Sequence[int]) -> float:
    return sum(numbers) / len(numbers) if numbers else 0.0
