"""Reading back: what the answers of a record claim, from their text alone."""

import functools
import operator

from lineament.claims import (
    Claim,
    Statement,
    read_answer,
    read_claims,
    read_statements,
    statement_of,
)
from lineament.claims.scenes_read import read_scene_answer
from lineament.records.record import Record

# Kinds whose answers state nothing on purpose.
WORDLESS_KINDS = frozenset(("unanswerable", "scene_unanswerable"))
SCENE_KIND = "scene_"  # how kinds of records about aerial scenes begin
_NAME_OF = operator.attrgetter("name")
_SEX_ALONE = frozenset(("male",))
_PRONOUNS = frozenset(("he", "she", "his", "her", "him", "hers", "herself", "himself"))


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


def _says_something(claims: tuple[Claim, ...]) -> bool:
    """Say whether there is more than the sex that a pronoun tells."""
    return any(claim.name != "male" or claim.text.lower() not in _PRONOUNS for claim in claims)
