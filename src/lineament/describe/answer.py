"""Answer: the words of an answer, what they rest on, and how far that has been measured."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from lineament.annotation import Fact, Validated
from lineament.claims import CheckedClaim

Source = Literal["model", "rule", "blind"]


@dataclass(frozen=True, slots=True)
class Glance:
    """How much of the model's attention to the clip one frame had; a hint, not a proof."""

    time_seconds: float
    share: float


class Answer(str):
    """An answer in words; it is a string with more to it.

    Attributes:
        question: What was asked.
        facts: What landmarks show of the clip on the matter, with times. They are measured
            apart from the model, so they may refute it.
        claims: What the answer says, checked against those facts.
        validated: On what media answers of this kind have been measured and held: ``real``,
            ``rendered`` or ``none``; the weakest, where it says several things.
        source: ``model``; ``rule`` where fixed rules answered or refused; ``blind`` for a
            model that was shown nothing.
        attention: Which frames the model attended to.
        num_left_out: Sentences left out because nothing they say is validated on real media.
        num_denied: Sentences left out because the model denied them when asked outright.
        seconds: Time from question to answer.
    """

    __slots__ = (
        "attention", "claims", "facts", "num_denied", "num_left_out", "question", "seconds",
        "source", "validated",
    )  # fmt: skip
    question: str
    facts: tuple[Fact, ...]
    claims: tuple[CheckedClaim, ...]
    validated: Validated
    source: Source
    attention: tuple[Glance, ...]
    num_left_out: int
    num_denied: int
    seconds: float

    def __new__(
        cls,
        text: str,
        *,
        question: str = "",
        facts: Sequence[Fact] = (),
        claims: Sequence[CheckedClaim] = (),
        validated: Validated = "none",
        source: Source = "model",
        attention: Sequence[Glance] = (),
        num_left_out: int = 0,
        num_denied: int = 0,
        seconds: float = 0.0,
    ) -> "Answer":
        """Make an answer."""
        answer = super().__new__(cls, text)
        answer.question = question
        answer.facts = tuple(facts)
        answer.claims = tuple(claims)
        answer.validated = validated
        answer.source = source
        answer.attention = tuple(attention)
        answer.num_left_out = num_left_out
        answer.num_denied = num_denied
        answer.seconds = seconds
        return answer

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (str(self), {name: getattr(self, name) for name in self.__slots__})

    def to_dict(self) -> dict[str, Any]:
        """Return the answer in the JSON shape of ``lineament chat``."""
        return {
            "question": self.question,
            "answer": str(self),
            "facts": [fact.to_dict() | {"subject": fact.subject} for fact in self.facts],
            "validated": self.validated,
            "seconds": round(self.seconds, 4),
            "source": self.source,
            "claims": [
                {
                    "name": row.name,
                    "value": row.value,
                    "negated": row.claim.negated,
                    "verdict": row.verdict,
                }
                for row in self.claims
            ],
            "attention": [
                {"time_seconds": round(glance.time_seconds, 3), "share": round(glance.share, 4)}
                for glance in self.attention
            ],
            "sentences_left_out": self.num_left_out,
            "sentences_denied": self.num_denied,
        }


def _restore(text: str, fields: Mapping[str, Any]) -> Answer:
    return Answer(text, **fields)
