"""Answers by rule: what landmarks show, in fixed words; what they do not show is not told."""

from random import Random

from lineament.annotation import Annotation, Fact
from lineament.claims import Checked, Question, check_claims, read_question
from lineament.describe.refusals import media_word
from lineament.records.write.clauses import find_clauses
from lineament.records.write.grammar import join_words, sentence, span_text
from lineament.records.write.summary import write_summary
from lineament.records.write.view import View

CANNOT_TELL = "I cannot tell from this {media}."
MAX_SPANS = 4
VOICE = "the person"


def answer_by_rule(question: str, annotation: Annotation, subject: str) -> str:
    """Answer from the annotation alone.

    Args:
        question: As asked.
        annotation: What is known.
        subject: The person meant, such as ``face 0``.
    """
    asked = read_question(question)
    by_kind = {
        "whether": _tell_whether,
        "which": _tell_which,
        "when": _tell_when,
        "how many": _tell_how_many,
    }
    answer = by_kind.get(asked.kind, _tell_what)(asked, annotation, subject)
    return answer or CANNOT_TELL.format(media=media_word(annotation))


def _tell_whether(asked: Question, annotation: Annotation, subject: str) -> str | None:
    checked = check_claims(asked.claims, annotation, subject)
    verdicts = [row.verdict for row in checked.claims]
    if "contradicted" in verdicts:
        return "No."
    return "Yes." if verdicts and "unknown" not in verdicts else None


def _tell_which(asked: Question, annotation: Annotation, subject: str) -> str | None:
    checked = check_claims(asked.claims, annotation, subject)
    media = media_word(annotation)
    said = [_say(row.name, row.value is True, media) for row in _supported(checked)]
    return _sentence([text for text in said if text])


def _tell_when(asked: Question, annotation: Annotation, subject: str) -> str | None:
    if not asked.claims:
        return None
    name = asked.claims[0].name
    facts = _true_facts(annotation, subject, (name,))
    spans = [fact.span_seconds for fact in facts if fact.span_seconds]
    clause = _say(name, True, media_word(annotation))
    if spans and clause:
        times = [span_text(span, 0.0) for span in spans[:MAX_SPANS]]
        return _sentence([f"{clause} {join_words(times)}"])
    if not facts and annotation.is_closed(name):
        return "Never."
    return None


def _tell_how_many(asked: Question, annotation: Annotation, subject: str) -> str | None:
    del asked, subject
    for fact in annotation.facts_named("num_people"):
        if not isinstance(fact.value, str):
            count = int(fact.value)
            return "There is one person." if count == 1 else f"There are {count} people."
    return None


def _tell_what(asked: Question, annotation: Annotation, subject: str) -> str | None:
    if not asked.names:
        drafts = list(write_summary(View(annotation, subject), Random(0), 1))
        return drafts[0].pairs[0][1] if drafts else None
    media = media_word(annotation)
    names = dict.fromkeys(fact.name for fact in _true_facts(annotation, subject, asked.names))
    said = [text for name in names if (text := _say(name, True, media))]
    return _sentence(said)


def _supported(checked: Checked) -> list:
    return [row for row in checked.claims if row.verdict == "supported"]


def _true_facts(annotation: Annotation, subject: str, names: tuple[str, ...]) -> list[Fact]:
    facts = [f for f in annotation.facts_of(subject) if f.name in names and f.value is True]
    return sorted(facts, key=lambda fact: fact.span_seconds or (0.0, 0.0))


def _sentence(parts: list[str]) -> str | None:
    return sentence(f"{join_words(parts)}.") if parts else None


def _say(name: str, holds: bool, media: str) -> str:
    clauses = find_clauses(name, VOICE, media)
    if not clauses:
        return ""
    return clauses[0].pos if holds else clauses[0].neg
