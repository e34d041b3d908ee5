"""Comparisons of two people in one picture or clip."""

import re
from collections.abc import Iterator
from random import Random

from lineament.annotation import Annotation, Fact
from lineament.records.record import ONE_FACT, REASONING
from lineament.records.write.clauses import find_clauses, read_word_table
from lineament.records.write.draft import Draft, frames, pick
from lineament.records.write.grammar import VOICES, Voice, sentence, third_person
from lineament.records.write.view import View

MIN_APART = 0.1  # centres nearer than this, in parts of the width, have no left and right


def write_comparison(view: View, rng: Random, count: int) -> Iterator[Draft]:
    """Ask which of two people has something, and what tells them apart.

    They are called the man and the woman where they differ in apparent sex, else by their sides,
    where the annotation tells these.
    """
    annotation = view.annotation
    faces = [subject.id for subject in annotation.subjects if subject.kind == "face"]
    if len(faces) != 2:
        return
    views = [View(annotation, face) for face in faces]
    called = _call(annotation, views)
    if called is None:
        return
    differing = [name for name in read_word_table() if _differs(views, name)]
    rng.shuffle(differing)
    for number, name in enumerate(differing[: (count + 1) // 2]):
        holder = 0 if views[0].state(name) is True else 1
        first, second = called[holder], called[1 - holder]
        pos = pick(rng, find_clauses(name, "the person", view.media)).pos
        neg = pick(rng, find_clauses(name, "the person", view.media)).neg
        told = _rename(pos, first)
        if number % 2:
            question = pick(rng, frames("comparison.differ", "they", view.media))
            answer = f"{told}. {sentence(_rename(neg, second))}."
        else:
            question = pick(rng, frames("comparison.who", "they", view.media))
            question = question.format(verbs=_predicate(name, rng))
            answer = f"{told}."
        yield Draft("comparison", REASONING, ((sentence(question), sentence(answer)),))
    yield from _ask_sides(views, called, rng, count // 2)


def _differs(views: list[View], name: str) -> bool:
    word = read_word_table()[name]
    if word.is_predicate_only or word.say == "sex" or any(name in view.spans for view in views):
        return False
    return {view.state(name) for view in views} == {True, False}


def _ask_sides(
    views: list[View], called: tuple[Voice, Voice], rng: Random, count: int
) -> Iterator[Draft]:
    """Ask whether one of the two has something, as often yes as no."""
    for number in range(count):
        side = int(rng.random() * 2)
        view, voice = views[side], called[side]
        names = view.false_names() if number % 2 else view.true_names()
        names = [n for n in names if read_word_table()[n].say not in ("sex", "picture")]
        if not names:
            continue
        clause = pick(rng, find_clauses(pick(rng, names), "the person", view.media))
        question = f"{_rename(clause.ask, voice)}?"
        told = f"No, {clause.neg}." if number % 2 else f"Yes, {clause.pos}."
        yield Draft(
            "comparison", ONE_FACT, ((sentence(question), _rename(told, voice)),),
            f"positive {'no' if number % 2 else 'yes'}",
        )  # fmt: skip


def _call(annotation: Annotation, views: list[View]) -> tuple[Voice, Voice] | None:
    sexes = [view.male for view in views]
    if None not in sexes and sexes[0] != sexes[1]:
        names = [VOICES["the man" if male else "the woman"] for male in sexes]
        return names[0], names[1]
    centres = [_centre_x(annotation.facts_of(view.subject)) for view in views]
    if None in centres or abs(centres[0] - centres[1]) < MIN_APART:  # type: ignore[operator]
        return None
    sides = ["left", "right"] if centres[0] < centres[1] else ["right", "left"]  # type: ignore[operator]
    names = [Voice(s := f"the person on the {side}", f"{s}'s", "their", s, s) for side in sides]
    return names[0], names[1]


def _centre_x(facts: tuple[Fact, ...]) -> float | None:
    for fact in facts:
        if fact.region:
            return (min(fact.region[0::2]) + max(fact.region[0::2])) / 2
    return None


def _rename(clause: str, voice: Voice) -> str:
    """Put somebody else's name in a clause about *the person*."""
    words = {"the person's": voice.p, "the person": voice.s, "their": voice.r}
    return _PERSON.sub(lambda match: words[match.group()], clause)


_PERSON = re.compile(r"the person's|the person|\btheir\b")


def _predicate(name: str, rng: Random) -> str:
    word = read_word_table()[name]
    if word.nouns:
        lead = "is wearing" if word.say == "wear" else "has"
        return f"{lead} {VOICES['they'].fill(pick(rng, word.nouns))}"
    phrase = VOICES["they"].fill(pick(rng, word.phrases))
    lead = {"be": "is ", "look": "looks "}.get(word.say)
    return f"{lead}{phrase}" if lead else third_person(phrase)
