"""Verification: every answer is read back and checked; what does not hold is dropped or cut."""

import functools
import operator
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from lineament.annotation import Annotation
from lineament.claims import (
    Checker,
    Claim,
    Statement,
    Verdict,
    read_answer,
    read_claims,
    read_statements,
    statement_of,
)
from lineament.claims.scenes_check import check_scene_claims
from lineament.claims.scenes_objects import Scene, is_scene, read_scene
from lineament.claims.scenes_read import read_scene_answer
from lineament.records.record import ROLES, Record, Turn, statement_row

# Why records are dropped or changed; counted by `lineament build`.
BAD_FORMAT = "format"
BAD_LENGTH = "length"
REPEATED_TEXT = "repeated text"
CONTRADICTED = "contradicted claim"
UNSUPPORTED = "unsupported claim"
SILENT = "nothing read back"
REPAIRED = "repaired"
ADAPTED = "adapted"
# Kinds whose answers state nothing on purpose, or nothing in words of the vocabulary.
WORDLESS_KINDS = frozenset(("unanswerable", "scene_box"))
SCENE_KIND = "scene_"  # how kinds of records about aerial scenes begin
_SENTENCE_END = re.compile(r"[.!?](\s+)(?=[A-Z])")  # begins with few signs: letters are skipped
_LEFTOVER = re.compile(r"[{}<>\x00-\x08\x0b-\x1f]")


@dataclass(frozen=True, slots=True)
class Limits:
    """What a record may be like.

    Attributes:
        max_turn_chars: Longest text of one turn.
        max_turns: Most turns.
        min_description_words: Shortest summary or caption.
        max_description_words: Longest summary or caption.
        accept_unknown: Keep claims that the annotation is silent on.
    """

    max_turn_chars: int = 4000
    max_turns: int = 40
    min_description_words: int = 5
    max_description_words: int = 260
    accept_unknown: bool = False


DEFAULT_LIMITS = Limits()
DESCRIPTION_KINDS = frozenset(("summary", "caption"))
# All that describe a whole picture: faces as we write them, scenes as written or as labelled.
WHOLE_KINDS = DESCRIPTION_KINDS | {"scene_global", "image_caption"}


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record that did not pass, and why."""

    record: Record
    reason: str
    detail: str = ""


@dataclass(slots=True)
class Tally:
    """Counts of one verification run; tallies of workers add up.

    Attributes:
        verdicts: Claims by verdict.
        outcomes: Records by outcome: kept, repaired, or the reason they were dropped.
        answers: Yes/no answers by the question's polarity, as ``positive yes``.
        names: Yes/no answers by name, as ``beard yes``.
    """

    verdicts: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    names: Counter[str] = field(default_factory=Counter)

    def add(self, other: "Tally") -> None:
        """Add the counts of another tally."""
        self.verdicts.update(other.verdicts)
        self.outcomes.update(other.outcomes)
        self.answers.update(other.answers)
        self.names.update(other.names)

    @property
    def yes_share(self) -> float:
        """Share of yes among the yes/no answers; 0.5 is balanced."""
        yes = sum(count for key, count in self.answers.items() if key.endswith(" yes"))
        return yes / max(self.answers.total(), 1)


class Verifier:
    """Checks records against the annotations they were written from.

    The reader gets the finished text alone: nothing of how it was written.
    """

    def __init__(self, limits: Limits = DEFAULT_LIMITS) -> None:
        self.limits = limits
        self.tally = Tally()
        # The records of one annotation come together and repeat its claims.
        self._annotation: Annotation | None = None
        self._judge: Callable[[Statement], Verdict] = _judge_nothing
        self._verdicts: dict[Statement, Verdict] = {}
        self._supported: set[Statement] = set()

    def verify(self, record: Record, annotation: Annotation) -> Record | Rejected:
        """Return the record with its claims, cut where a sentence did not hold, or reject it."""
        result = self._verify(record, annotation)
        if isinstance(result, Rejected):
            self.tally.outcomes[result.reason] += 1
            return result
        self.tally.outcomes[REPAIRED if result.id != record.id else "kept"] += 1
        polarity = result.provenance.get("polarity", "")
        if polarity:
            self.tally.answers[polarity] += 1
            self._count_names(result)
        return result

    def verify_form(self, record: Record) -> Record | Rejected:
        """Return a record that is a data set's own label, or reject it; its truth is not ours."""
        fault = find_fault(record, self.limits)
        if fault is not None:
            self.tally.outcomes[fault[0]] += 1
            return Rejected(record, *fault)
        self.tally.outcomes[ADAPTED] += 1
        return record

    def _verify(self, record: Record, annotation: Annotation) -> Record | Rejected:
        fault = find_fault(record, self.limits)
        if fault is not None:
            return Rejected(record, *fault)
        said = read_statements_of(record)
        if annotation is not self._annotation:
            self._meet(annotation)
        rows: list[Mapping[str, Any]] = []
        num_supported = 0
        for turn_index, statements in said:
            num_supported += self._count_supported(statements)
            rows += [statement_row(statement, turn_index) for statement in statements]
        if num_supported:
            self.tally.verdicts["supported"] += num_supported
        if num_supported < len(rows):
            faults = self._find_faults(record)
            if faults:
                return self._repair(record, faults, annotation)
        if not rows and record.kind not in WORDLESS_KINDS:
            return Rejected(record, SILENT)
        return record.with_claims(tuple(rows))

    def _count_supported(self, statements: tuple[Statement, ...]) -> int:
        """Judge what was not judged before, and return how many statements hold."""
        supported = self._supported
        for statement in statements:
            if statement not in supported and statement not in self._verdicts:
                verdict = self._verdicts[statement] = self._judge(statement)
                if verdict == "supported":
                    supported.add(statement)
        return sum(map(supported.__contains__, statements))

    def _meet(self, annotation: Annotation) -> None:
        """Forget what was said of the annotation before."""
        self._annotation = annotation
        self._verdicts, self._supported = {}, set()
        if is_scene(annotation):
            scene = read_scene(annotation)
            self._judge = functools.partial(_judge_scene, annotation=annotation, scene=scene)
        else:
            self._judge = Checker(annotation).judge

    def _find_faults(self, record: Record) -> list[tuple[int, Claim, str]]:
        """Count the claims that do not hold, and return those that may not stay."""
        faults: list[tuple[int, Claim, str]] = []
        for turn_index, claim in read_record(record):
            statement = statement_of(claim)
            verdict = self._verdicts.get(statement) or self._judge(statement)
            if verdict == "supported":
                continue
            self.tally.verdicts[verdict] += 1
            if verdict == "contradicted":
                faults.append((turn_index, claim, CONTRADICTED))
            elif not self.limits.accept_unknown:
                faults.append((turn_index, claim, UNSUPPORTED))
        return faults

    def _repair(
        self, record: Record, faults: list[tuple[int, Claim, str]], annotation: Annotation
    ) -> Record | Rejected:
        """Cut the faulty sentences of a description; a short answer is dropped as a whole."""
        turn_index, claim, reason = faults[0]
        detail = f"{claim.name} {claim.value}: {claim.text!r}"
        if record.kind not in DESCRIPTION_KINDS:
            return Rejected(record, reason, detail)
        text = record.turns[turn_index].text
        sentences = split_description(text)
        places = {claim.start for index, claim, _ in faults if index == turn_index}
        kept, start = [], 0
        for sentence in sentences:
            at = text.index(sentence, start)
            start = at + len(sentence)
            if not any(at <= place < start for place in places):
                kept.append(sentence)
        if len(kept) == len(sentences) or len(kept) < 2:
            return Rejected(record, reason, detail)
        turns = list(record.turns)
        turns[turn_index] = Turn("assistant", " ".join(kept))
        provenance = {**record.provenance, "detail": f"cut: {reason}, {detail}"}
        return self._verify(
            replace(record, turns=tuple(turns), provenance=provenance, id=""), annotation
        )

    def _count_names(self, record: Record) -> None:
        for claim in record.claims:
            if claim["name"] != "male" or len(record.claims) == 1:
                self.tally.names[f"{claim['name']} {claim['value']}"] += 1


def find_fault(record: Record, limits: Limits = DEFAULT_LIMITS) -> tuple[str, str] | None:
    """Return the reason and detail of a fault in form, or None."""
    turns = record.turns
    if len(turns) < 2 or len(turns) % 2 or len(turns) > limits.max_turns:
        return BAD_FORMAT, f"{len(turns)} turns"
    if not _are_well_formed(turns, limits):  # all at once, which is quick; then turn by turn
        fault = _find_turn_fault(turns, limits)
        if fault is not None:
            return fault
    if record.kind in DESCRIPTION_KINDS:
        num_words = turns[-1].text.count(" ") + 1
        if not limits.min_description_words <= num_words <= limits.max_description_words:
            return BAD_LENGTH, f"{num_words} words"
        sentences = split_description(turns[-1].text)
        if len(set(sentences)) < len(sentences):
            return REPEATED_TEXT, "a sentence stands twice"
    return None


def split_description(text: str) -> list[str]:
    """Cut a description where a sentence ends and the next begins with a capital letter."""
    gaps = [end.span(1) for end in _SENTENCE_END.finditer(text)]
    starts = [0, *(stop for _, stop in gaps)]
    stops = [*(start for start, _ in gaps), len(text)]
    return [text[start:stop] for start, stop in zip(starts, stops, strict=True)]


def _are_well_formed(turns: Sequence[Turn], limits: Limits) -> bool:
    """Say whether no turn has a fault; turns that are alike are left to a closer look."""
    roles, texts = zip(*turns, strict=True)
    joined = "\n".join(texts)
    return (
        roles == ROLES * (len(turns) // 2)
        and "  " not in joined
        and not any(map(joined.__contains__, "{}<>"))
        and all(map(str.isprintable, texts))
        and all(map(str.strip, texts))
        and len(joined) <= limits.max_turn_chars
        and len(set(texts)) == len(texts)
    )


def _find_turn_fault(turns: Sequence[Turn], limits: Limits) -> tuple[str, str] | None:
    seen: set[str] = set()
    for index, turn in enumerate(turns):
        text = turn.text
        if turn.role != ROLES[index % 2]:
            return BAD_FORMAT, f"turn {index} is the {turn.role}'s"
        if not text.strip() or "  " in text or _LEFTOVER.search(text):
            return BAD_FORMAT, f"turn {index}: {text[:60]!r}"
        if len(text) > limits.max_turn_chars:
            return BAD_LENGTH, f"turn {index}: {len(text)} characters"
        if not index % 2 and text in seen:
            return REPEATED_TEXT, text[:60]
        seen.add(text)
    return None


def read_record(record: Record) -> list[tuple[int, Claim]]:
    """Read what the answers of a record claim, with the number of the turn.

    An answer that stands by itself is read alone; one that does not (``Yes.``, ``Brown.``) is
    read after its question.
    """
    said: list[tuple[int, Claim]] = []
    for index in range(1, len(record.turns), 2):
        answer = record.turns[index].text
        if record.kind.startswith(SCENE_KIND):
            asked = read_scene_answer(record.turns[index - 1].text, answer)
            said += [(index, claim) for claim in asked]
            continue
        claims = read_claims(answer)
        if not _says_something(claims) and record.kind not in WORDLESS_KINDS:
            claims = read_answer(record.turns[index - 1].text, answer)
        said += [(index, claim) for claim in claims]
    return said


def read_statements_of(record: Record) -> list[tuple[int, tuple[Statement, ...]]]:
    """Return what `read_record` reads, turn by turn without the words: quick where texts repeat."""
    if record.kind.startswith(SCENE_KIND):
        return [(index, (statement_of(claim),)) for index, claim in read_record(record)]
    is_wordless = record.kind in WORDLESS_KINDS
    turns = record.turns
    return [
        (index, _read_turn(turns[index - 1].text, turns[index].text, is_wordless=is_wordless))
        for index in range(1, len(turns), 2)
    ]


def _read_turn(question: str, answer: str, *, is_wordless: bool) -> tuple[Statement, ...]:
    said = read_statements(answer)
    if is_wordless or not _SEX_ALONE.issuperset(map(_NAME_OF, said)):
        return said
    if _says_something(read_claims(answer)):
        return said
    return read_after_question(question, answer)


@functools.lru_cache(maxsize=16384)
def read_after_question(question: str, answer: str) -> tuple[Statement, ...]:
    """Return what an answer says that needs its question."""
    return tuple(statement_of(claim) for claim in read_answer(question, answer))


_NAME_OF = operator.attrgetter("name")
_SEX_ALONE = frozenset(("male",))


def _judge_scene(statement: Statement, annotation: Annotation, scene: Scene) -> Verdict:
    claim = Claim(**statement._asdict())
    return check_scene_claims((claim,), annotation, scene).claims[0].verdict


def _judge_nothing(_: Statement) -> Verdict:
    return "unknown"


def _says_something(claims: tuple[Claim, ...]) -> bool:
    """Say whether there is more than the sex that a pronoun tells."""
    return any(claim.name != "male" or claim.text.lower() not in _PRONOUNS for claim in claims)


_PRONOUNS = frozenset(("he", "she", "his", "her", "him", "hers", "herself", "himself"))
