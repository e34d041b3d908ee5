"""What an answer rests on: its claims, the clip's facts that bear on them, their validation."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from lineament.annotation import VALIDATED, Annotation, Fact, Validated
from lineament.claims import (
    Checked,
    Claim,
    check_claims,
    read_answer,
    read_claims,
    read_question,
)
from lineament.errors import BadModel
from lineament.vocabulary import read_vocabulary

VALIDATED_FILE = "validated.json"
MAX_FACTS = 24
SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z])")

_HE = re.compile(r"\b(?:he|him|his|himself)\b", re.IGNORECASE)
_SHE = re.compile(r"\b(?:she|her|hers|herself)\b", re.IGNORECASE)

Validation = Mapping[str, Validated]


def find_validation(folder: Path | None) -> Validation:
    """Read on what media a model's answers have been measured, by fact name; may be empty.

    Raises:
        BadModel: The file is there and is not such a table.
    """
    path = None if folder is None else folder / VALIDATED_FILE
    if path is None or not path.is_file():
        return {}
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadModel(f"{path}: cannot be read ({error})", hint="copy the model again") from error
    if not isinstance(table, dict):
        raise BadModel(f"{path}: expected an object of fact names")
    for name, value in table.items():
        if value not in VALIDATED:
            raise BadModel(f"{path}: {name}: expected one of {', '.join(VALIDATED)}")
    return table


def find_weakest(names: Iterable[str], validation: Validation) -> Validated:
    """Return the least that any of the names is validated on; ``none`` without names."""
    found = [VALIDATED.index(validation.get(name, "none")) for name in names]
    return VALIDATED[max(found, default=len(VALIDATED) - 1)]


def read_own_claims(question: str, text: str) -> tuple[Claim, ...]:
    """Read what an answer says of its own; "she" in it says nothing where the question said so."""
    claims = read_answer(question, text)
    return tuple(claim for claim in claims if not _is_echo(claim, question))


def _is_echo(claim: Claim, question: str) -> bool:
    pronoun = _HE if claim.value is True else _SHE
    return (
        claim.name == "male"
        and pronoun.fullmatch(claim.text) is not None
        and pronoun.search(question) is not None
    )


def check_answer(claims: Sequence[Claim], annotation: Annotation, subject: str | None) -> Checked:
    """Check what an answer says of the person it is about, or of everybody."""
    return check_claims(claims, annotation, subject)


def find_facts(
    question: str, checked: Checked, annotation: Annotation, subject: str | None
) -> tuple[Fact, ...]:
    """Return the facts about what was asked or said: those that decide first, then by time."""
    deciding = [row.fact for row in checked.claims if row.fact is not None]
    names = {row.name for row in checked.claims} | set(read_question(question).names)
    opposite = read_vocabulary().negatives
    related = [
        fact
        for fact in annotation.facts
        if opposite.get(fact.name, fact.name) in names
        and (subject is None or fact.subject in (subject, "clip"))
    ]
    related.sort(key=lambda fact: (fact.span_seconds or (-1.0, 0.0), fact.name))
    return tuple(dict.fromkeys([*deciding, *related]))[:MAX_FACTS]


def split_sentences(text: str) -> list[str]:
    """Cut a text into sentences; a number's point ends none."""
    return [part for part in SENTENCE_END.split(text.strip()) if part]


def is_validated_real(sentence: str, validation: Validation) -> bool:
    """Say whether all that a sentence claims is validated on real media."""
    names = [claim.name for claim in read_claims(sentence)]
    return not names or find_weakest(names, validation) == "real"
