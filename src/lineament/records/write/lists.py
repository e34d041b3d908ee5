"""List questions and counts: what is worn, what is on the skin, how often, how many."""

import functools
from collections.abc import Iterator, Mapping, Sequence
from random import Random
from typing import Any

from lineament.records.record import SEVERAL_FACTS, TIMED
from lineament.records.write.clauses import names_said, read_word_table
from lineament.records.write.draft import Draft, answer_voice, ask_voice, frames, pick, reply
from lineament.records.write.grammar import (
    VOICES,
    Voice,
    gerund,
    is_plural,
    join_words,
    number_word,
    read_words,
    sentence,
    span_text,
    third_person,
    times_word,
)
from lineament.records.write.view import View

MAX_LISTED = 6
COUNTED = ("blink", "nod", "smile", "wink", "yawn", "turn", "close_eyes", "laugh", "shake_head")


@functools.cache
def read_lists() -> Mapping[str, Any]:
    """Read lists.toml."""
    return read_words("lists.toml")


def write_list(view: View, rng: Random, count: int) -> Iterator[Draft]:
    """Ask for everything of one sort: accessories, facial hair, make-up, skin, features."""
    keys = list(read_lists())
    rng.shuffle(keys)
    written = 0
    for key in keys:
        if written >= count:
            return
        pair = ask_list(view, rng, key)
        if pair is not None:
            written += 1
            yield Draft("list", SEVERAL_FACTS, (pair,))


def ask_list(view: View, rng: Random, key: str) -> tuple[str, str] | None:
    """Write one list question and its answer; None where too little is known."""
    row = read_lists()[key]
    names: Sequence[str] = row["names"]
    held = [name for name in names if name in view.held]
    told = VOICES[answer_voice(view, rng)]
    question = VOICES[ask_voice(view, rng)].fill(pick(rng, row["ask"]))
    if held:
        if "goatee" in held:
            held.remove("beard")
        nouns = [told.fill(noun) for noun in _nouns(held[:MAX_LISTED])]
        verb = "are" if is_plural(nouns[0]) else "is"
        answer = told.fill(reply(view, rng, row["some"]))
        answer = answer.replace("{l}", join_words(nouns)).replace("{is}", verb)
    else:
        denied = [name for name in names if name in view.denied][:4]
        if len(denied) < 2 or not row["none"]:
            return None
        nouns = [told.fill(noun) for noun in _nouns(denied)]
        bare = [noun.removeprefix("a ").removeprefix("an ") for noun in nouns]
        nor = join_words([bare[0], *(f"no {noun}" for noun in bare[1:])])
        answer = told.fill(reply(view, rng, row["none"]))
        answer = answer.replace("{or}", join_words(nouns, "or")).replace("{nor}", nor)
    return sentence(question.replace("{m}", view.media)), sentence(
        answer.replace("{m}", view.media)
    )


def _nouns(names: Sequence[str]) -> list[str]:
    table = read_word_table()
    return [table[name].nouns[0] for name in names]


def write_count(view: View, rng: Random, count: int) -> Iterator[Draft]:
    """Ask how often, how many people, or how many of several things."""
    makers = [_count_times, count_people, _count_these]
    rng.shuffle(makers)
    written = 0
    for make in makers:
        draft = make(view, rng) if written < count else None
        if draft is not None:
            written += 1
            yield draft


def _count_times(view: View, rng: Random) -> Draft | None:
    if not view.annotation.duration_seconds:
        return None
    some = [n for n in COUNTED if 0 < len(view.spans.get(n, ())) <= 4 and n in view.closed]
    none = [n for n in COUNTED if view.state(n) is False]
    names = some if some and (not none or rng.random() < 0.7) else none
    if not names:
        return None
    name = pick(rng, names)
    spans = view.spans.get(name, [])
    asked, told = VOICES[ask_voice(view, rng)], VOICES[answer_voice(view, rng)]
    phrase = pick(rng, read_word_table()[name].phrases)
    question = pick(rng, frames("count.times.ask", _key(asked), view.media))
    frame = frames(f"count.times.{'some' if spans else 'none'}", _key(told), view.media)
    when = join_words([span_text(span, 0.0) for span in spans])
    answer = reply(view, rng, frame).format(
        times=times_word(len(spans)),
        number=number_word(len(spans)),
        when=when,
        **_verbs(told, phrase),
    )
    text = question.format(**_verbs(asked, phrase))
    return Draft("count", TIMED, ((sentence(text), sentence(answer)),))


def _key(voice: Voice) -> str:
    return next(key for key, known in VOICES.items() if known is voice)


def _verbs(voice: Voice, phrase: str) -> dict[str, str]:
    base = voice.fill(phrase)
    return {"base": base, "verbs": third_person(base), "ing": gerund(base)}


def count_people(view: View, rng: Random) -> Draft | None:
    """Ask how many people there are, where that is known."""
    number = view.values.get("num_people")
    if not isinstance(number, int | float) or isinstance(number, bool):
        return None
    count = int(number)
    question = pick(rng, frames("count.people.ask", "they", view.media))
    answer = reply(view, rng, frames("count.people.answer", "they", view.media)).format(
        number=number_word(count), people="person" if count == 1 else "people",
        **{"is": "is" if count == 1 else "are"},
    )  # fmt: skip
    return Draft("count", SEVERAL_FACTS, ((question, sentence(answer)),))


def _count_these(view: View, rng: Random) -> Draft | None:
    things = names_said("wear", "have")
    right = [name for name in view.true_names() if name in things]
    wrong = [name for name in view.false_names() if name in things]
    if len(right) + len(wrong) < 3:
        return None
    held = rng.sample(right, min(len(right), 1 + int(rng.random() * 3)))
    names = held + rng.sample(wrong, min(len(wrong), 4 - min(len(held), 3)))
    if len(names) < 3:
        return None
    rng.shuffle(names)
    asked = VOICES[ask_voice(view, rng)]
    listed = join_words([asked.fill(noun) for noun in _nouns(names)])
    question = pick(rng, frames("count.these.ask", _key(asked), view.media))
    question = question.format(options=listed)
    said = _say_together(VOICES[answer_voice(view, rng)], held or names, holds=bool(held))
    number = number_word(len(held)) if held else "none"
    return Draft("count", SEVERAL_FACTS, ((sentence(question), sentence(f"{number}: {said}.")),))


def _say_together(told: Voice, names: Sequence[str], *, holds: bool) -> str:
    """Say of several things that they are worn or had, or that none of them is."""
    table = read_word_table()
    parts = []
    for say, verb in (
        ("wear", ("is wearing", "is not wearing")),
        ("have", ("has", "does not have")),
    ):
        nouns = [told.fill(table[name].nouns[0]) for name in names if table[name].say == say]
        if nouns:
            joined = join_words(nouns, "and" if holds else "or")
            parts.append(f"{told.s} {verb[0] if holds else verb[1]} {joined}")
    return " and ".join(parts) if holds else ". ".join(parts)
