"""Draft: one piece of writing before it is verified, and how frames of text are filled."""

import functools
from collections.abc import Callable, Iterator, Mapping
from random import Random
from typing import Any, NamedTuple

from lineament.records.write.grammar import ANSWERED, ASKED, VOICES, read_words
from lineament.records.write.view import View


class Draft(NamedTuple):
    """Questions and answers that are about to become a record.

    Attributes:
        kind: What is asked for.
        level: How much the answer takes.
        pairs: Question and answer by turns.
        polarity: For yes/no questions: the question's and the answer's, as ``positive yes``.
    """

    kind: str
    level: int
    pairs: tuple[tuple[str, str], ...]
    polarity: str = ""


Write = Callable[[View, Random, int], Iterator[Draft]]


@functools.cache
def read_forms() -> Mapping[str, Any]:
    """Read forms.toml."""
    return read_words("forms.toml")


@functools.cache
def frames(path: str, voice: str, media: str) -> tuple[str, ...]:
    """Return the frames at a dotted path of forms.toml, voice and medium filled in."""
    node: Any = read_forms()
    for key in path.split("."):
        node = node[key]
    called = VOICES[voice]
    return tuple(called.fill(frame).replace("{m}", media) for frame in node)


def pick(rng: Random, options: tuple[Any, ...] | list[Any]) -> Any:
    """Choose one; twice as quick as ``rng.choice``."""
    return options[int(rng.random() * len(options))]


def reply(view: View, rng: Random, options: tuple[Any, ...] | list[Any]) -> Any:
    """Choose the form of an answer: any, or always the first of a view that is steady."""
    return options[0] if view.is_steady else pick(rng, options)


def ask_voice(view: View, rng: Random) -> str:
    """Choose how a question calls somebody."""
    return pick(rng, ASKED[view.male] if view.is_alone else ANSWERED[view.male])


def answer_voice(view: View, rng: Random) -> str:
    """Choose how an answer calls somebody."""
    return "the person" if view.is_steady else pick(rng, ANSWERED[view.male])
