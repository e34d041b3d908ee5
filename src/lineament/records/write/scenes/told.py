"""What a language model wrote about a scene: kept as far as it is read whole and holds."""

import functools
import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from lineament.annotation import Annotation
from lineament.claims import Claim
from lineament.claims.scenes_check import check_scene_claims
from lineament.claims.scenes_objects import Scene, read_scene
from lineament.claims.scenes_read import read_scene_answer, read_scene_claims
from lineament.claims.scenes_words import NUMBERS, split_scene_tokens
from lineament.records.form import split_description
from lineament.records.write.grammar import read_words

log = logging.getLogger(__name__)
DESCRIPTIONS: Mapping[str, str] = {"scene_local": "local", "scene_global": "global"}
DIALOGUE = "scene_dialogue"
MIN_ROUNDS = 2
MAX_WRONG = 6
Pair = tuple[str, str]


class Kept(NamedTuple):
    """What holds of a text, or of a conversation.

    Attributes:
        parts: Its sentences, or its rounds, that hold.
        wrong: What was wrong with the others, a line each.
    """

    parts: tuple[Any, ...]
    wrong: tuple[str, ...]

    @property
    def detail(self) -> str:
        """What was left out, as a record's provenance has it; empty where all was kept."""
        return f"cut: {'; '.join(self.wrong[:MAX_WRONG])}" if self.wrong else ""


def keep_sentences(text: str, annotation: Annotation) -> Kept:
    """Return the sentences of a description that are understood whole and that hold.

    What follows a sentence that goes may have leaned on it, so what is left is read again.
    """
    scene = read_scene(annotation)
    sentences, wrong = split_description(" ".join(text.split())), list[str]()
    while sentences:
        joined = " ".join(sentences)
        claims = read_scene_claims(joined)
        kept, start = list[str](), 0
        for sentence in sentences:
            stop = start + len(sentence)
            own = [claim for claim in claims if start <= claim.start < stop]
            fault = find_fault(sentence, own, annotation, scene)
            if fault:
                wrong.append(f"{sentence!r}: {fault}")
            else:
                kept.append(sentence)
            start = stop + 1
        if len(kept) == len(sentences):
            break
        sentences = kept
    return Kept(tuple(dict.fromkeys(sentences)), tuple(wrong))


def keep_rounds(rounds: Sequence[Pair], annotation: Annotation) -> Kept:
    """Return the rounds of a conversation whose answers are understood whole and hold."""
    scene = read_scene(annotation)
    kept, wrong = list[Pair](), list[str]()
    for question, answer in rounds:
        claims = read_scene_answer(question, answer)
        fault = find_fault(answer, claims, annotation, scene)
        if not fault and question in dict(kept):
            fault = "asked before"
        if fault:
            wrong.append(f"{answer!r}: {fault}")
        else:
            kept.append((question, answer))
    return Kept(tuple(kept), tuple(wrong))


def find_fault(text: str, claims: Sequence[Claim], annotation: Annotation, scene: Scene) -> str:
    """Return why a text may not stay; empty where it holds.

    Args:
        text: A sentence or an answer.
        claims: What was read from it, with its question where there is one.
        annotation: What is known.
        scene: The annotation's objects.
    """
    if not claims:
        return "nothing in it can be checked"
    for checked in check_scene_claims(claims, annotation, scene).claims:
        if checked.verdict != "supported":
            return f"{checked.verdict}, {checked.evidence}"
    strange = find_strange_words(text)
    return f"not understood: {' '.join(strange)}" if strange else ""


def find_strange_words(text: str) -> list[str]:
    """Return the words of a text that the reader of scenes passes over, plain ones aside."""
    rest = list(text)
    for token in split_scene_tokens(text):
        rest[token.start : token.stop] = " " * (token.stop - token.start)
    words = re.findall(r"[^\W\d_]+", "".join(rest))
    return [word for word in words if word.lower() not in _plain_words()]


@functools.cache
def _plain_words() -> frozenset[str]:
    words = read_words("prompts.toml")["scene"]["plain"]["words"]
    return frozenset(words.split()) | frozenset(NUMBERS)


def read_rounds(parsed: Mapping[str, Any]) -> list[Pair]:
    """Return the rounds of a conversation, whatever of them has the right shape."""
    rows = parsed.get("dialogue")
    found: list[Pair] = []
    for row in rows if isinstance(rows, list) else ():
        if isinstance(row, Mapping):
            texts = [row.get(key) for key in ("question", "answer")]
            if all(isinstance(text, str) and text.strip() for text in texts):
                question, answer = (" ".join(str(text).split()) for text in texts)
                found.append((question, answer))
    return found
