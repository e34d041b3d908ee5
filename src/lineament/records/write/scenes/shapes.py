"""Questions without the things they ask about: which wording one is, and what it asks for."""

import functools
import re
from collections.abc import Mapping

from lineament.claims.scenes_words import split_scene_tokens
from lineament.records.write.grammar import capital
from lineament.records.write.scenes.phrase import read_asks

_CONTENT = frozenset(("noun", "color", "position", "side", "relation"))


def shape_question(question: str) -> str:
    """Return a question without the things it asks about, so that wordings can be counted."""
    text = question.split("\n")[-1] if "\n" in question else question
    parts, at = [], 0
    for token in split_scene_tokens(text):
        if token.kind in _CONTENT:
            parts += (text[at : token.start], "_")
            at = token.stop
    shape = "".join((*parts, text[at:]))
    return re.sub(r"\[[\d., ]+\]", "_", shape).lower()


def find_ask(question: str) -> str:
    """Return what a question of ours asks for: ``count``, ``where``, ...; else ``other``."""
    return _asks_by_shape().get(shape_question(question), "other")


def is_complex(question: str) -> bool:
    """Say whether a question is on two kinds of things or more, or on a relation to one.

    "Seen from above" names no relation: nothing stands below it.
    """
    tokens = split_scene_tokens(question)
    related = any(
        one.kind == "relation"
        and other.kind == "noun"
        and not question[one.stop : other.start].strip()
        for one, other in zip(tokens, tokens[1:], strict=False)
    )
    return related or sum(token.kind == "noun" for token in tokens) >= 2


@functools.cache
def _asks_by_shape() -> Mapping[str, str]:
    slots = {
        "n": "the ship", "o": "the bridge", "p": "ships", "q": "bridges", "r": "near",
        "b": "[0, 0, 1, 1]",
    }  # fmt: skip
    return {
        shape_question(capital(wording.format(**slots))): kind
        for kind, wordings in read_asks().items()
        for wording in wordings
    }
