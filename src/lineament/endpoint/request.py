"""Requests, replies, settings and prices of an OpenAI-compatible server."""

import contextlib
import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from lineament.errors import BadInput

CHARS_PER_TOKEN = 4.0  # English prose; used where a server does not count for us
TOKENS_PER_IMAGE = 255  # one 512-px tile of the common pricing scheme
TOKENS_PER_MESSAGE = 4
STRUCTURES = ("json_schema", "json_object", "none")  # from the most to the least a server may have


@dataclass(frozen=True, slots=True)
class Price:
    """Money per million tokens, in any one currency."""

    input_per_million: float = 0.0
    output_per_million: float = 0.0

    def of(self, input_tokens: int, output_tokens: int) -> float:
        """Return what so many tokens cost."""
        return (
            input_tokens * self.input_per_million + output_tokens * self.output_per_million
        ) / 1e6


@dataclass(frozen=True, slots=True)
class Settings:
    """How to reach a server and how hard to press it.

    Attributes:
        url: Up to and with the version: ``http://127.0.0.1:8000/v1``.
        model: What the server calls it.
        api_key: Sent as a bearer token; never logged.
        price: For counting money.
        budget_tokens: Nothing new is sent once so many tokens are spent; None for no limit.
        budget_money: The same in money.
        start_in_flight: How many requests are in flight at first.
        max_in_flight: Never more than these.
        timeout_seconds: Of one attempt, from sending to the last byte.
        max_attempts: Attempts that fail before a request is given up; refusals for load (429) do
            not count, but see `max_wait_seconds`.
        max_wait_seconds: How long one request may wait for a server that says 429.
        retry_seconds: First pause before another attempt; doubles, with jitter.
        breaker_failures: Failures in a row that open the circuit.
        breaker_seconds: How long it stays open before one request tries.
        max_openings: How often in a row it may open before the server is given up.
        seed: Of the jitter.
    """

    url: str
    model: str
    api_key: str = field(default="", repr=False)
    price: Price = Price()
    budget_tokens: int | None = None
    budget_money: float | None = None
    start_in_flight: int = 16
    max_in_flight: int = 64
    timeout_seconds: float = 120.0
    max_attempts: int = 5
    max_wait_seconds: float = 600.0
    retry_seconds: float = 0.5
    breaker_failures: int = 16
    breaker_seconds: float = 10.0
    max_openings: int = 3
    seed: int = 0

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise BadInput(
                f"endpoint: {self.url!r} is no URL", hint="for example http://127.0.0.1:8000/v1"
            )
        if not self.model:
            raise BadInput("endpoint: no model named", hint="give the name the server knows it by")
        for name in ("start_in_flight", "max_in_flight", "timeout_seconds", "max_attempts"):
            if not getattr(self, name) > 0:
                raise BadInput(f"endpoint: {name} must be above 0, got {getattr(self, name)}")
        if self.budget_money is not None and self.price == Price():
            raise BadInput(
                "endpoint: a budget in money needs prices",
                hint="give the price of a million tokens",
            )


@dataclass(frozen=True, slots=True)
class Request:
    """One chat completion to ask for.

    Attributes:
        messages: In the shape of OpenAI's chat API.
        max_tokens: Longest answer.
        temperature: 0 for the likeliest answer.
        top_p: Share of the probability to draw from.
        seed: Of the server's sampling, where it has one.
        schema: JSON schema of the answer; an answer that is no JSON object is then a failure.
        key: Whatever the caller knows it by.
    """

    messages: tuple[Mapping[str, Any], ...]
    max_tokens: int = 512
    temperature: float = 0.7
    top_p: float = 1.0
    seed: int | None = None
    schema: Mapping[str, Any] | None = None
    key: str = ""

    def body(self, model: str, structure: str = STRUCTURES[0]) -> dict[str, Any]:
        """Return the JSON body of the request."""
        body: dict[str, Any] = {
            "model": model,
            "messages": list(self.messages),
            "max_tokens": self.max_tokens,
            "temperature": self.temperature,
            "top_p": self.top_p,
        }
        if self.seed is not None:
            body["seed"] = self.seed
        if self.schema is not None and structure == "json_schema":
            named = {"name": "answer", "schema": dict(self.schema), "strict": True}
            body["response_format"] = {"type": "json_schema", "json_schema": named}
        elif self.schema is not None and structure == "json_object":
            body["response_format"] = {"type": "json_object"}
        return body


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server answered.

    Attributes:
        request: To what.
        text: The answer.
        parsed: The answer as an object, where a schema was given.
        input_tokens: As counted by the server, else estimated.
        output_tokens: As counted by the server, else estimated.
        money: By the price given.
        num_attempts: How often it was sent.
        answer: The server's whole answer, for what else it tells, such as log-probabilities.
    """

    request: Request
    text: str
    parsed: Mapping[str, Any] | None
    input_tokens: int
    output_tokens: int
    money: float
    num_attempts: int
    answer: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(slots=True)
class Usage:
    """What was spent so far."""

    num_requests: int = 0
    num_replies: int = 0
    num_refusals: int = 0
    num_failures: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    money: float = 0.0

    def add(self, input_tokens: int, output_tokens: int, price: Price) -> float:
        """Count tokens, and return what they cost."""
        money = price.of(input_tokens, output_tokens)
        self.input_tokens += input_tokens
        self.output_tokens += output_tokens
        self.money += money
        return money


@dataclass(frozen=True, slots=True)
class Estimate:
    """What requests would cost, before any is sent."""

    num_requests: int
    input_tokens: int
    output_tokens: int
    money: float


def estimate_cost(requests: Iterable[Request], price: Price, *, fill: float = 0.5) -> Estimate:
    """Return what requests would use; for ``--dry-run``.

    Args:
        requests: Read through, not sent.
        price: Of a million tokens.
        fill: Share of ``max_tokens`` that answers are expected to use.
    """
    count = input_tokens = 0
    output_tokens = 0.0
    for request in requests:
        count += 1
        input_tokens += estimate_tokens(request.messages)
        output_tokens += request.max_tokens * fill
    whole = math.ceil(output_tokens)
    return Estimate(count, input_tokens, whole, price.of(input_tokens, whole))


def estimate_tokens(messages: Iterable[Mapping[str, Any]]) -> int:
    """Estimate the tokens of messages from characters and pictures."""
    total = 0.0
    for message in messages:
        total += TOKENS_PER_MESSAGE
        content = message.get("content") or ""
        if isinstance(content, str):
            total += len(content) / CHARS_PER_TOKEN
            continue
        for part in content:
            if part.get("type") == "text":
                total += len(part["text"]) / CHARS_PER_TOKEN
            else:
                total += TOKENS_PER_IMAGE
    return math.ceil(total)


_FENCE = re.compile(r"^\s*```(?:json)?\s*|\s*```\s*$")


def parse_object(text: str) -> dict[str, Any] | None:
    """Parse the JSON object in an answer, fenced or with words around it, or return None."""
    bare = _FENCE.sub("", text)
    first, last = bare.find("{"), bare.rfind("}")
    for part in (bare, bare[first : last + 1] if 0 <= first < last else ""):
        with contextlib.suppress(ValueError, RecursionError):
            row = json.loads(part)
            if isinstance(row, dict):
                return row
    return None
