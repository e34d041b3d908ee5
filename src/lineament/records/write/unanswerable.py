"""Questions that no picture answers, or that are not to be answered: cannot tell."""

import functools
from collections.abc import Iterator, Mapping
from random import Random
from typing import Any

from lineament.records.record import ONE_FACT
from lineament.records.write.aspects import read_aspects
from lineament.records.write.clauses import find_clauses, read_word_table
from lineament.records.write.draft import Draft, ask_voice, pick
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
    return _finish(question, pick(rng, topics["answer"][topic]), view)


def ask_hidden(view: View, rng: Random) -> tuple[str, str] | None:
    """Ask for something of the vocabulary that is not known of this picture."""
    if rng.random() < 0.5:
        open_aspects = [
            aspect
            for aspect in read_aspects().values()
            if aspect.find(view) is None
            and (aspect.choice or any(view.state(name) is None for name in aspect.says))
        ]
        if not open_aspects:
            return None
        question = pick(rng, pick(rng, open_aspects).ask)
        question = VOICES[ask_voice(view, rng)].fill(question)
    else:
        names = [name for name in read_word_table() if view.state(name) is None]
        if not names:
            return None
        clauses = find_clauses(pick(rng, names), ask_voice(view, rng), view.media)
        question = f"{pick(rng, clauses).ask}?"
    return _finish(question, pick(rng, read_topics()["answer"]["hidden"]), view)


def _finish(question: str, answer: str, view: View) -> tuple[str, str]:
    media = view.media
    return sentence(question.replace("{m}", media)), sentence(answer.replace("{m}", media))
