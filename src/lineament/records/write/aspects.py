"""Which, what-colour and choose-one-of-four questions."""

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from random import Random

from lineament.records.record import ONE_FACT
from lineament.records.write.clauses import find_clauses
from lineament.records.write.draft import Draft, answer_voice, ask_voice, frames, pick, reply
from lineament.records.write.grammar import VOICES, capital, read_words, sentence, with_article
from lineament.records.write.view import View
from lineament.vocabulary import read_vocabulary

LETTERS = "ABCD"
SHORT_SHARE = 0.25


@dataclass(frozen=True, slots=True)
class Aspect:
    """Something that is one of several.

    Attributes:
        kind: ``color`` or ``which``.
        says: How each value is said, by flag or by choice.
        choice: The name, when the values are its choices.
        topic: What a conversation would call it.
        ask: Frames of questions.
        full: Frames of answers that stand alone.
        short: Frames of answers that need their question.
    """

    kind: str
    says: Mapping[str, str]
    choice: str
    topic: str
    ask: tuple[str, ...]
    full: tuple[str, ...]
    short: tuple[str, ...]

    def find(self, view: View) -> str | None:
        """Return the value that is known to hold, as a key of `says`, or None."""
        if self.choice:
            value = view.values.get(self.choice)
            return value if isinstance(value, str) and value in self.says else None
        held = view.held
        for name in self.says:
            if name in held:
                return name
        return None

    def others(self, view: View, held: str) -> list[str]:
        """Return the values that are known not to hold."""
        if self.choice:
            return [value for value in self.says if value != held]
        return [name for name in self.says if name in view.denied]


@functools.cache
def read_aspects() -> Mapping[str, Aspect]:
    """Read aspects.toml."""
    names = read_vocabulary().names
    aspects = {}
    for key, row in read_words("aspects.toml").items():
        choice = row.get("choice", "")
        said = row.get("members") or row.get("says") or {c: c for c in names[choice].choices}
        aspects[key] = Aspect(
            row["kind"], said, choice, row["topic"],
            tuple(row["ask"]), tuple(row["full"]), tuple(row["short"]),
        )  # fmt: skip
    return aspects


@functools.cache
def _fill(template: str, voice: str, media: str) -> str:
    return VOICES[voice].fill(template).replace("{m}", media)


def write_color(view: View, rng: Random, count: int) -> Iterator[Draft]:
    """Ask for colours that are known."""
    yield from _write_kind(view, rng, count, "color")


def write_which(view: View, rng: Random, count: int) -> Iterator[Draft]:
    """Ask which of several values a known aspect has."""
    yield from _write_kind(view, rng, count, "which")


def _write_kind(view: View, rng: Random, count: int, kind: str) -> Iterator[Draft]:
    known = [a for a in read_aspects().values() if a.kind == kind and a.find(view) is not None]
    rng.shuffle(known)
    for aspect in known[:count]:
        yield Draft(kind, ONE_FACT, (ask_aspect(view, rng, aspect),))


def ask_aspect(view: View, rng: Random, aspect: Aspect) -> tuple[str, str]:
    """Write one question about an aspect whose value is known, and its answer."""
    question = _fill(pick(rng, aspect.ask), ask_voice(view, rng), view.media)
    if aspect.short and not view.is_steady and rng.random() < SHORT_SHARE:
        x = aspect.says[aspect.find(view) or ""]
        return sentence(question), sentence(pick(rng, aspect.short).replace("{x}", x))
    return sentence(question), tell_aspect(view, rng, aspect)


def tell_aspect(view: View, rng: Random, aspect: Aspect) -> str:
    """Write a whole sentence on an aspect whose value is known."""
    x = aspect.says[aspect.find(view) or ""]
    frame = _fill(reply(view, rng, aspect.full), answer_voice(view, rng), view.media)
    return sentence(frame.replace("{an_x}", with_article(x)).replace("{x}", x))


def write_choose(view: View, rng: Random, count: int) -> Iterator[Draft]:
    """Ask to choose one of four: values of an aspect, or statements of which one is true."""
    for _ in range(count):
        draft = _choose_value(view, rng) if rng.random() < 0.5 else None
        draft = draft or _choose_statement(view, rng)
        if draft is not None:
            yield draft


def _choose_value(view: View, rng: Random) -> Draft | None:
    known = []
    for aspect in read_aspects().values():
        held = aspect.find(view)
        if held is not None:
            others = aspect.others(view, held)
            if len(others) >= 3:
                known.append((aspect, held, others))
    if not known:
        return None
    aspect, held, others = pick(rng, known)
    values = [held, *rng.sample(others, 3)]
    rng.shuffle(values)
    options = _options([aspect.says[value] for value in values])
    question = _fill(pick(rng, aspect.ask), ask_voice(view, rng), view.media)
    frame = pick(rng, frames("choose.frame", "they", view.media))
    text = frame.format(q=capital(question), options=options)
    answer = reply(view, rng, frames("choose.answer", "they", view.media))
    letter = LETTERS[values.index(held)]
    said = answer.format(letter=letter, full=tell_aspect(view, rng, aspect))
    return Draft("choose", ONE_FACT, ((text, said),))


def _choose_statement(view: View, rng: Random) -> Draft | None:
    right, wrong = view.true_names(), view.false_names()
    if not right or len(wrong) < 3:
        return None
    names = [pick(rng, right), *rng.sample(wrong, 3)]
    held = names[0]
    rng.shuffle(names)
    voice = answer_voice(view, rng)
    said = {name: capital(find_clauses(name, voice, view.media)[0].pos) for name in names}
    options = _options([said[name] for name in names])
    question = pick(rng, frames("choose.statement", "they", view.media)).format(options=options)
    answer = reply(view, rng, frames("choose.answer", "they", view.media))
    letter = LETTERS[names.index(held)]
    text = answer.format(letter=letter, full=f"{said[held]}.")
    return Draft("choose", ONE_FACT, ((f"{question}.", text),))


def _options(texts: list[str]) -> str:
    return ", ".join(f"({letter}) {text}" for letter, text in zip(LETTERS, texts, strict=True))


__all__ = [
    "Aspect",
    "ask_aspect",
    "read_aspects",
    "tell_aspect",
    "write_choose",
    "write_color",
    "write_which",
]
