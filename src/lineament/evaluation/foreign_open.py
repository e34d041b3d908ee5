"""Models named by where they come from: ``hf:``, ``vqa:`` and ``reader:`` with a folder or name."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, final

from lineament.errors import BadInput
from lineament.evaluation.answerer import Answerer, Asked, Blindfold, Failure

if TYPE_CHECKING:
    from lineament.evaluation.foreign import YesNo, YesNoModel

KINDS = ("hf", "vqa", "reader")
_WEIGHED = re.compile(r"\s*\(P yes ([\d.e+-]+), P no ([\d.e+-]+)\)\s*$")


def is_foreign(model: str | None) -> bool:
    """Say whether a model's name begins with one of `KINDS`."""
    return model is not None and model.partition(":")[0] in KINDS and ":" in model


def open_foreign(
    model: str, *, is_blind: bool = False, without: Sequence[str] = ()
) -> tuple[Answerer, Answerer | None]:
    """Open what answers, and its copy that gets grey pictures where one is wanted.

    ``hf:X`` answers in words, ``vqa:X`` by how likely its yes is, ``reader:X`` is an attribute
    reader.

    Raises:
        BadInput: Streams are to be switched off, which only our models have, or there is no such
            model.
    """
    if without:
        raise BadInput("--without needs a model of ours, asked as a network alone")
    kind, _, name = model.partition(":")
    if not name:
        raise BadInput(f"{model}: names no model", hint=f"{kind}:FOLDER")
    answerer = _OPENERS[kind](name)
    return answerer, Blindfold(answerer) if is_blind else None


@final
class LikelihoodAnswerer:
    """Says yes or no, whichever is likelier, and how likely both are.

    Attributes:
        model: Whatever tells log-probabilities.
    """

    is_looking = True
    num_media = 8

    def __init__(self, model: "YesNoModel") -> None:
        self.model = model
        self.name = f"{model.name}, by likelihood"
        self.identity = f"{model.identity}, by likelihood"

    def answer(self, batch: Sequence[Asked]) -> list[str | Failure]:
        """Weigh yes against no."""
        return [
            found if isinstance(found, Failure) else write_weighed(found)
            for found in self.model.yes_no(batch)
        ]


def write_weighed(found: "YesNo") -> str:
    """Write an answer with its two probabilities."""
    import math

    word = "Yes." if found.log_yes > found.log_no else "No."
    return f"{word} (P yes {math.exp(found.log_yes):.8g}, P no {math.exp(found.log_no):.8g})"


def read_weighed(answer: str) -> tuple[str, float | None]:
    """Split an answer into its words and the probability of yes; None where it tells none."""
    found = _WEIGHED.search(answer)
    if found is None:
        return answer, None
    return answer[: found.start()], float(found.group(1))


def _open_words(name: str) -> Answerer:
    from lineament.evaluation.foreign import load_foreign

    return load_foreign(name)


def _open_likelihood(name: str) -> Answerer:
    from lineament.evaluation.foreign import load_foreign

    return LikelihoodAnswerer(load_foreign(name))


def _open_reader(name: str) -> Answerer:
    from lineament.evaluation.drawing_reader import load_reader

    return load_reader(name)


_OPENERS = {"hf": _open_words, "vqa": _open_likelihood, "reader": _open_reader}
