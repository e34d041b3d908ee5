"""People who look alike: what holds of all of them or of none, since no word tells them apart."""

from collections.abc import Iterator, Sequence
from random import Random
from typing import NamedTuple

from lineament.annotation import Annotation
from lineament.records.record import ONE_FACT, SEVERAL_FACTS
from lineament.records.write.clauses import read_word_table
from lineament.records.write.denials import FACIAL_HAIR
from lineament.records.write.draft import Draft, pick
from lineament.records.write.grammar import (
    VOICES,
    capital,
    gerund,
    join_words,
    number_word,
    third_person,
)
from lineament.records.write.paragraph import read_sections
from lineament.records.write.view import View

NUM_QUESTIONS = 12
NUM_WORDS = {"summary": 60, "caption": 80}
SAID = frozenset(("wear", "have", "part", "be", "look", "do"))
OPENERS = (
    "The {m} shows {number} {many}.", "There are {number} {many} in the {m}.",
    "{Number} {many} are in the {m}.", "In the {m} there are {number} {many}.",
    "One can see {number} {many} in the {m}.", "This {m} shows {number} {many}.",
    "{Number} {many} can be seen in the {m}.", "{Number} {many} are shown in the {m}.",
)  # fmt: skip
ASKS = (
    "{Q}?", "Looking at the {m}, {q}?", "Tell me: {q}?", "In this {m}, {q}?", "Please say: {q}?",
    "From what the {m} shows, {q}?", "Judging by the {m}, {q}?", "Can you tell: {q}?",
)  # fmt: skip


class Group(NamedTuple):
    """How several people are called together.

    Attributes:
        number: How many, as a word.
        many: What they are: women, men, people.
        all: Of all of them: ``both women``.
        none: Of none of them: ``neither woman``.
        any: Of one at least: ``either woman``.
    """

    number: str
    many: str
    all: str
    none: str
    any: str


def find_group(annotation: Annotation, views: Sequence[View]) -> Group | None:
    """Return how to call everybody together; None where somebody more is in the picture."""
    count = annotation.facts_named("num_people")
    if len(views) < 2 or any(fact.value != len(views) for fact in count):
        return None
    sexes = {view.male for view in views}
    words = {True: ("men", "man"), False: ("women", "woman"), None: ("people", "person")}
    many, one = words[sexes.pop() if len(sexes) == 1 else None]
    number = number_word(len(views))
    if len(views) == 2:
        return Group(number, many, f"both {many}", f"neither {one}", f"either {one}")
    return Group(number, many, f"all {number} {many}", f"none of the {many}", f"any of the {many}")


def write_together(
    annotation: Annotation, views: Sequence[View], rng: Random, kind: str, count: int
) -> Iterator[Draft]:
    """Write a description, or yes/no questions, about several people at once."""
    group = find_group(annotation, views)
    if group is None or not count:
        return
    if kind in NUM_WORDS:
        yield from _describe(group, views, rng, kind)
    elif kind == "yes_no":
        yield from _ask(group, views, rng)


def _shared(views: Sequence[View], rng: Random) -> tuple[list[str], list[str]]:
    """Return the names that hold of everybody, and those that hold of nobody, in any order."""
    table = read_word_table()
    held: list[str] = []
    denied: list[str] = []
    for name, word in table.items():
        is_plain = word.say in SAID and not (word.say == "part" and not word.nouns)
        if is_plain and not any(name in view.spans for view in views):
            states = {view.state(name) for view in views}
            held += [name] * (states == {True})
            denied += [name] * (states == {False})
    rng.shuffle(held)
    rng.shuffle(denied)
    return held, denied


def _describe(group: Group, views: Sequence[View], rng: Random, kind: str) -> Iterator[Draft]:
    """Write what everybody has and what nobody has, by turns; nothing where they share nothing."""
    media = views[0].media
    opener = pick(rng, OPENERS).format(
        m=media, number=group.number, Number=group.number.capitalize(), many=group.many
    )
    held, denied = _shared(views, rng)
    if group.many == "women":  # that women have no beards goes without saying
        denied = [name for name in denied if name not in FACIAL_HAIR]
    positive = [f"{capital(group.all)} {_has(name, holds=True)}." for name in held]
    negative = [f"{capital(group.none)} {denial}." for denial in _denials(denied)]
    first, second = (positive, negative) if len(positive) > len(negative) else (negative, positive)
    sentences = [opener]
    for place in range(2 * len(second) + 1):  # by turns, so that no two neighbours are of one shape
        said = second if place % 2 else first
        if place // 2 < len(said) and sum(map(_count_words, sentences)) < NUM_WORDS[kind]:
            sentences.append(said[place // 2])
    question = pick(rng, read_sections()[f"ask_{kind}"]).replace("{m}", media)
    if len(sentences) > 1:
        yield Draft(kind, SEVERAL_FACTS, ((question, " ".join(sentences)),))


def _denials(names: Sequence[str]) -> list[str]:
    """Return what nobody is, has or does, up to three things of one verb together."""
    by_verb: dict[str, list[str]] = {}
    for name in names:
        verb, rest = _predicate(name)
        lead = "is wearing" if rest.startswith("wearing ") else "is" if verb == "be" else verb
        by_verb.setdefault(lead, []).append(rest.removeprefix("wearing "))
    said = []
    for lead, rests in by_verb.items():
        verb = lead if lead.startswith("is") else _singular(lead)
        said += [
            f"{verb} {join_words(rests[start : start + 3], 'or')}"
            for start in range(0, len(rests), 3)
        ]
    return said


def _ask(group: Group, views: Sequence[View], rng: Random) -> Iterator[Draft]:
    """Ask about everybody, as often yes as no where there is enough of both."""
    held, denied = _shared(views, rng)
    num_held = min(len(held), max(NUM_QUESTIONS // 2, NUM_QUESTIONS - len(denied)))
    asked = [(name, True) for name in held[:num_held]]
    asked += [(name, False) for name in denied[: NUM_QUESTIONS - num_held]]
    rng.shuffle(asked)
    # Where little holds of everybody, some of the rest is asked so that yes is right.
    num_turned = max(len(asked) - 2 * num_held, 0) // 2
    for name, holds in asked:
        is_turned = not holds and num_turned > 0
        num_turned -= is_turned
        none = f"{group.none} {_has(name, holds=False)}"
        if is_turned:
            question, answer = f"is it true that {none}", f"Yes. {capital(none)}."
        elif holds:
            question = _question(name, group.all, is_plural=True)
            answer = f"Yes, {group.all} {_has(name, holds=True)}."
        else:
            question = _question(name, group.any, is_plural=False)
            answer = f"No. {capital(none)}."
        text = pick(rng, ASKS).format(q=question, Q=capital(question), m=views[0].media)
        polarity = "negative yes" if is_turned else "positive yes" if holds else "positive no"
        yield Draft("yes_no", ONE_FACT, ((text, answer),), polarity)


def _has(name: str, *, holds: bool) -> str:
    """Return the predicate: of all in the plural, of none in the singular."""
    verb, rest = _predicate(name)
    if verb == "be":
        return f"{'are' if holds else 'is'} {rest}"
    return f"{verb if holds else _singular(verb)} {rest}"


def _question(name: str, subject: str, *, is_plural: bool) -> str:
    verb, rest = _predicate(name)
    if verb == "be":
        return f"{'are' if is_plural else 'is'} {subject} {rest}"
    return f"{'do' if is_plural else 'does'} {subject} {verb} {rest}"


def _predicate(name: str) -> tuple[str, str]:
    """Return the bare verb and what follows it."""
    word, they = read_word_table()[name], VOICES["they"]
    if word.say == "wear":
        return "be", f"wearing {they.fill(word.nouns[0])}"
    if word.say in ("have", "part"):
        return "have", they.fill(word.nouns[0])
    phrase = they.fill(word.phrases[0])
    if word.say == "do":
        return "be", gerund(phrase)
    return ("look" if word.say == "look" else "be"), phrase


def _singular(verb: str) -> str:
    return "has" if verb == "have" else third_person(verb)


def _count_words(text: str) -> int:
    return text.count(" ") + 1
