"""Questions that no picture answers, or that are not to be answered: cannot tell."""

import functools
from collections.abc import Iterator, Mapping
from random import Random
from typing import Any

from lineament.records.record import ONE_FACT
from lineament.records.write.aspects import read_aspects
from lineament.records.write.clauses import find_clauses
from lineament.records.write.draft import Draft, ask_voice, pick, reply
from lineament.records.write.grammar import VOICES, read_words, sentence
from lineament.records.write.view import View

HIDDEN_SHARE = 0.5


@functools.cache
def read_topics() -> Mapping[str, Any]:
    """Read topics.toml."""
    return read_words("topics.toml")


def write_unanswerable(view: View, rng: Random, count: int) -> Iterator[Draft]:
    """Ask who somebody is, for ancestry, for what is hidden or not visible at all."""
    for _ in range(count):
        pair = ask_hidden(view, rng) if rng.random() < HIDDEN_SHARE else None
        yield Draft("unanswerable", ONE_FACT, (pair or ask_untold(view, rng),))


def ask_untold(view: View, rng: Random) -> tuple[str, str]:
    """Ask something that a picture cannot tell."""
    topics = read_topics()
    topic = pick(rng, ("who", "ancestry", "mind", "any"))
    question = VOICES[ask_voice(view, rng)].fill(pick(rng, topics[topic]["ask"]))
    return _finish(question, reply(view, rng, topics["answer"][topic]), view)


def ask_hidden(view: View, rng: Random) -> tuple[str, str] | None:
    """Ask for something that is hidden here: eyes behind sunglasses, motion in a picture."""
    keys = [key for key in find_hidden(view) if not _is_known(view, key)]
    if not keys:
        return None
    key = pick(rng, keys)
    voice = ask_voice(view, rng)
    if key in read_aspects():
        question = VOICES[voice].fill(pick(rng, read_aspects()[key].ask))
    else:
        question = f"{pick(rng, find_clauses(key, voice, view.media)).ask}?"
    return _finish(question, reply(view, rng, read_topics()["answer"]["hidden"]), view)


def find_hidden(view: View) -> list[str]:
    """Return names and aspects that what is worn, or a still picture, keeps from view."""
    hidden: dict[str, None] = {}
    for cause, keys in read_topics()["hidden"].items():
        holds = view.media == "picture" if cause == "picture" else view.values.get(cause) is True
        if holds:
            hidden.update(dict.fromkeys(keys))
    return list(hidden)


def _is_known(view: View, key: str) -> bool:
    aspect = read_aspects().get(key)
    if aspect is None:
        return view.state(key) is not None
    names = (aspect.choice,) if aspect.choice else aspect.says
    return any(view.state(name) is not None for name in names)


def _finish(question: str, answer: str, view: View) -> tuple[str, str]:
    media = view.media
    return sentence(question.replace("{m}", media)), sentence(answer.replace("{m}", media))
