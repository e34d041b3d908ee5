"""Judges: free text graded against a reference, by a rule or by a language model."""

import asyncio
import datetime
import functools
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from typing import Any, Protocol, final, runtime_checkable

import numpy as np

from lineament.claims import Claim, read_answer, read_claims
from lineament.endpoint import EndpointClient, Request, Settings
from lineament.errors import EndpointFailed
from lineament.evaluation.item import Item, hash_text
from lineament.evaluation.measure import Measure
from lineament.metrics.intervals import mean_of, mean_stats


@dataclass(frozen=True, slots=True)
class Case:
    """One answer to grade.

    Attributes:
        id: The item's.
        question: What was asked.
        reference: What is right; where several texts are, joined by a line break.
        answer: What was said.
    """

    id: str
    question: str
    reference: str
    answer: str


@dataclass(frozen=True, slots=True)
class Judged:
    """What a judge said.

    Attributes:
        judge: Its name.
        scores: From 0 to 1 by item id; None where the judge gave nothing of use.
        malformed: Why there is none, by item id.
        about: What goes on record: prompt, model, date.
    """

    judge: str
    scores: Mapping[str, float | None]
    malformed: Mapping[str, str] = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return what goes on record, every malformed reply among it."""
        known = [score for score in self.scores.values() if score is not None]
        return {
            "judge": self.judge,
            **self.about,
            "num_judged": len(known),
            "num_malformed": len(self.scores) - len(known),
            "malformed": dict(self.malformed),
        }

    def measure(self, subjects: Mapping[str, str] | None = None) -> Measure:
        """Return the mean score, from 0 to 1, over what was judged."""
        ids = [id for id, score in self.scores.items() if score is not None]
        values = np.array([self.scores[id] for id in ids], np.float64)
        owners = [(subjects or {}).get(id, id) for id in ids]
        extra = {"judge": self.judge, "num_malformed": len(self.scores) - len(ids)}
        return Measure(
            ids=ids, subjects=owners, stats=mean_stats(values), statistic=mean_of, extra=extra
        )


@runtime_checkable
class Judge(Protocol):
    """Grades one answer against a reference."""

    @property
    def name(self) -> str:
        """What goes on record."""
        ...

    def judge(self, question: str, reference: str, answer: str) -> float | None:
        """Return how right an answer is, from 0 to 1; None where it cannot be said."""
        ...

    def judge_all(self, cases: Sequence[Case]) -> Judged:
        """Grade many answers; an empty answer has 0 without being asked about."""
        ...


@final
class RuleJudge:
    """Grades by claims: F1 between what a text says and what its reference says.

    Both are read into the vocabulary; claims said otherwise, such as no beard against a beard, do
    not meet. A reference in which nothing can be read cannot be judged.
    """

    name = "claims"

    def judge(self, question: str, reference: str, answer: str) -> float | None:
        """Return the F1 of the two sets of claims."""
        right, said = _read(question, reference), _read(question, answer)
        if not right:
            return None
        return 2 * len(right & said) / (len(right) + len(said))

    def judge_all(self, cases: Sequence[Case]) -> Judged:
        """Grade one after the other."""
        scores = {case.id: self.judge(case.question, case.reference, case.answer) for case in cases}
        unread = {id: "no claim in the reference" for id, s in scores.items() if s is None}
        return Judged(self.name, scores, unread, {"rule": "F1 of claims", "date": _today()})


def _read(question: str, text: str) -> set[tuple[Any, ...]]:
    claims: Sequence[Claim] = [c for line in text.split("\n") for c in read_answer(question, line)]
    if not claims:
        claims = [c for line in text.split("\n") for c in read_claims(line)]
    return {(c.name, c.value, c.negated) for c in claims}


@final
class EndpointJudge:
    """A language model behind an OpenAI-compatible server, with the committed prompt.

    It is asked for an object with a score; whatever else comes is no grade, and is listed.

    Attributes:
        settings: Which server and model.
    """

    def __init__(self, settings: Settings, *, today: Callable[[], str] | None = None) -> None:
        self.settings = settings
        self.name = settings.model
        self._today = today or _today

    def judge(self, question: str, reference: str, answer: str) -> float | None:
        """Ask about one answer."""
        return self.judge_all([Case("", question, reference, answer)]).scores[""]

    def judge_all(self, cases: Sequence[Case]) -> Judged:
        """Ask about all at once, within the client's limits."""
        return asyncio.run(self._judge(cases))

    async def _judge(self, cases: Sequence[Case]) -> Judged:
        asked = [(n, case) for n, case in enumerate(cases) if case.answer.strip()]
        scores: dict[str, float | None] = {
            case.id: None if case.answer.strip() else 0.0 for case in cases
        }
        malformed: dict[str, str] = {}
        requests = [write_request(case, str(place)) for place, case in asked]
        async with EndpointClient(self.settings) as client:
            async for reply in client.complete_all(requests):
                if isinstance(reply, tuple):
                    request, error = reply
                    malformed[cases[int(request.key)].id] = _reason(error)
                    continue
                case = cases[int(reply.request.key)]
                score, fault = read_score(reply.parsed or {})
                scores[case.id] = score
                if fault:
                    malformed[case.id] = f"{fault}: {reply.text[:200]}"
        about = {
            "model": self.settings.model, "url": self.settings.url, "date": self._today(),
            "prompt_id": prompt_id(), "prompt": dict(read_prompt()), "temperature": 0.0,
        }  # fmt: skip
        return Judged(self.name, scores, malformed, about)


def write_request(case: Case, key: str) -> Request:
    """Write the request for one grade, its reply's shape included."""
    prompt = read_prompt()
    slots = {"low": prompt["low"], "high": prompt["high"]}
    # The texts are filled in one pass, so that braces in them stay as they are.
    text = (
        prompt["user"]
        .strip()
        .format(question=case.question, reference=case.reference, answer=case.answer, **slots)
    )
    return Request(
        messages=(
            {"role": "system", "content": prompt["system"].strip()},
            {"role": "user", "content": text},
        ),
        max_tokens=prompt["max_tokens"], temperature=0.0, key=key,
        schema={
            "type": "object",
            "properties": {
                "reason": {"type": "string"},
                "score": {"type": "integer", "minimum": slots["low"], "maximum": slots["high"]},
            },
            "required": ["reason", "score"],
            "additionalProperties": False,
        },
    )  # fmt: skip


def read_score(reply: Mapping[str, Any]) -> tuple[float | None, str]:
    """Return the grade of a reply from 0 to 1, or why it holds none."""
    low, high = read_prompt()["low"], read_prompt()["high"]
    score = reply.get("score")
    if not isinstance(score, int | float) or isinstance(score, bool):
        return None, "no number as score"
    if not low <= score <= high:
        return None, f"a score outside {low} to {high}"
    return (score - low) / (high - low), ""


def _reason(error: EndpointFailed) -> str:
    return error.message


def cases_from_items(items: Sequence[Item], answers: Mapping[str, str]) -> list[Case]:
    """Return the items whose truth is a text, or an option's words, with what was answered."""
    cases = []
    for item in items:
        reference = find_reference(item)
        if reference:
            # Of a conversation a judge is told the turn alone, as where a task asks it.
            question = str(getattr(item.truth, "question", item.question))
            cases.append(Case(item.id, question, reference, answers.get(item.id, "")))
    return cases


def find_reference(item: Item) -> str:
    """Return what is right in words; nothing for times, boxes and lists of labels."""
    if item.kind == "yes_no":
        return "Yes." if item.truth is not item.is_denied else "No."
    if item.kind == "choice" and item.options:
        place = ord(str(item.truth)) - ord("A")
        return item.options[place] if 0 <= place < len(item.options) else ""
    if item.kind == "text":
        return "\n".join(item.truth) if isinstance(item.truth, tuple) else str(item.truth)
    return str(item.truth) if item.kind in ("class", "exact", "age") else ""


@functools.cache
def read_prompt() -> Mapping[str, Any]:
    """Read the committed prompt."""
    return tomllib.loads(_text())


def prompt_id() -> str:
    """Return version and hash of the prompt: what scores of a judge rest on."""
    return f"judges {read_prompt()['version']} {hash_text(_text())[:12]}"


def _text() -> str:
    return (resources.files("lineament.evaluation") / "judges.toml").read_text("utf-8")


def _today() -> str:
    return datetime.datetime.now(datetime.UTC).date().isoformat()
