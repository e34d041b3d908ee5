"""Likelihoods: how probable a yes is and a no, whoever tells: what VQAScore is made of."""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, final, runtime_checkable

from lineament.evaluation.answerer import Asked, Failure

# Words of the answer whose first token is read; a tokenizer may join the space to the word.
SPELLINGS = {True: ("Yes", "yes", "YES"), False: ("No", "no", "NO")}
_SPACES = " \t\n▁Ġ"  # as tokenizers write the space before a word
_WEIGHED = re.compile(r"\s*\(P yes ([\d.e+-]+), P no ([\d.e+-]+)\)\s*$")


@dataclass(frozen=True, slots=True)
class YesNo:
    """How likely an answer begins with yes, and with no: log-probabilities over all tokens."""

    log_yes: float
    log_no: float

    @property
    def share_yes(self) -> float:
        """Return the probability of yes among yes and no."""
        return 1.0 / (1.0 + math.exp(min(self.log_no - self.log_yes, 700.0)))


@runtime_checkable
class YesNoModel(Protocol):
    """Tells how likely it answers yes: what VQAScore is made of."""

    @property
    def name(self) -> str:
        """How the report calls it."""
        ...

    @property
    def identity(self) -> str:
        """What its answers depend on."""
        ...

    def yes_no(self, batch: Sequence[Asked]) -> list[YesNo | Failure]:
        """Return the log-probabilities for every question of a batch, in order."""
        ...


@final
class LikelihoodAnswerer:
    """Says yes or no, whichever is likelier, and how likely both are.

    Attributes:
        model: Whatever tells log-probabilities.
    """

    is_looking = True
    num_media = 8

    def __init__(self, model: YesNoModel) -> None:
        self.model = model
        self.name = f"{model.name}, by likelihood"
        self.identity = f"{model.identity}, by likelihood"

    def answer(self, batch: Sequence[Asked]) -> list[str | Failure]:
        """Weigh yes against no."""
        return [
            found if isinstance(found, Failure) else write_weighed(found)
            for found in self.model.yes_no(batch)
        ]


def weigh_tokens(tokens: Iterable[tuple[str, float]]) -> YesNo | Failure:
    """Sum the likeliest first tokens of an answer to yes and no.

    A side that is not among them counts as impossible; where both are missing, nothing is known.

    Args:
        tokens: With the log-probability of each.
    """
    sides = {True: 0.0, False: 0.0}
    seen: list[str] = []
    for token, log_prob in tokens:
        seen.append(token)
        for side, words in SPELLINGS.items():
            if token.strip(_SPACES) in words:
                sides[side] += math.exp(log_prob)
    if not any(sides.values()):
        return Failure(f"neither yes nor no is among the {len(seen)} likeliest tokens, {seen[:3]}")
    logs = {side: math.log(total) if total else -math.inf for side, total in sides.items()}
    return YesNo(logs[True], logs[False])


def write_weighed(found: YesNo) -> str:
    """Write an answer with its two probabilities."""
    word = "Yes." if found.log_yes > found.log_no else "No."
    return f"{word} (P yes {math.exp(found.log_yes):.8g}, P no {math.exp(found.log_no):.8g})"


def read_weighed(answer: str) -> tuple[str, float | None]:
    """Split an answer into its words and the probability of yes; None where it tells none."""
    found = _WEIGHED.search(answer)
    if found is None:
        return answer, None
    return answer[: found.start()], float(found.group(1))
