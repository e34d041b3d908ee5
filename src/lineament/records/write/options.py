"""Options of the paid writers, from text to settings."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from lineament.endpoint import Price, Settings
from lineament.errors import BadInput
from lineament.records.write.batch import BatchWriter
from lineament.records.write.endpoint import EndpointWriter
from lineament.records.write.steps import Plan
from lineament.vocabulary import nearest_hint

OPTIONS = (
    "url", "model", "key", "price_in", "price_out", "budget_tokens", "budget_money", "in_flight",
    "frames", "questions", "temperature", "media", "journal", "batch", "timeout",
)  # fmt: skip
Number = TypeVar("Number", int, float)


def read_endpoint_options(options: Mapping[str, str], *, seed: int = 0) -> EndpointWriter:
    """Return an endpoint writer from text options, as a command line gives them.

    Args:
        options: ``url`` and ``model``; ``key`` (else ``OPENAI_API_KEY`` of the environment);
            ``price_in`` and ``price_out`` per million tokens; ``budget_tokens``,
            ``budget_money``; ``in_flight``; ``timeout`` in seconds; ``frames``, ``questions``,
            ``temperature``; ``media``, the folder of the media; ``journal``, a file.
        seed: Changes all that is written.

    Raises:
        BadInput: An option is missing, unknown or no number.
    """
    _require_known(options)
    for name in ("url", "model"):
        if not options.get(name):
            raise BadInput(f"the endpoint writer needs the option {name}", hint=f"{name}=...")
    budget = _number(options, "budget_money", float, -1.0)
    tokens = _number(options, "budget_tokens", int, -1)
    settings = Settings(
        url=options["url"],
        model=options["model"],
        api_key=options.get("key") or os.environ.get("OPENAI_API_KEY", ""),
        price=_price(options),
        budget_money=None if budget < 0 else budget,
        budget_tokens=None if tokens < 0 else tokens,
        max_in_flight=_number(options, "in_flight", int, 64),
        timeout_seconds=_number(options, "timeout", float, 120.0),
        seed=seed,
    )
    media, journal = options.get("media", ""), options.get("journal", "")
    return EndpointWriter(
        settings, _plan(options, seed),
        Path(media) if media else None, Path(journal) if journal else None,
    )  # fmt: skip


def read_batch_options(options: Mapping[str, str], *, seed: int = 0) -> BatchWriter:
    """Return a batch-file writer: ``model`` and ``batch``, the folder of its files.

    Raises:
        BadInput: An option is missing, unknown or no number.
    """
    _require_known(options)
    for name in ("model", "batch"):
        if not options.get(name):
            raise BadInput(f"the batch writer needs the option {name}", hint=f"{name}=...")
    media = options.get("media", "")
    return BatchWriter(
        Path(options["batch"]), options["model"], _plan(options, seed),
        Path(media) if media else None, _price(options),
    )  # fmt: skip


def _plan(options: Mapping[str, str], seed: int) -> Plan:
    frames = _number(options, "frames", int, 4)
    return Plan(
        num_questions=_number(options, "questions", int, 6),
        num_frames=frames if options.get("media") else 0,
        temperature=_number(options, "temperature", float, 0.7),
        seed=seed,
    )


def _price(options: Mapping[str, str]) -> Price:
    return Price(
        _number(options, "price_in", float, 0.0), _number(options, "price_out", float, 0.0)
    )


def _require_known(options: Mapping[str, str]) -> None:
    for name in options:
        if name not in OPTIONS:
            raise BadInput(f"unknown option {name!r} of a writer", hint=nearest_hint(name, OPTIONS))


def _number(
    options: Mapping[str, str], name: str, kind: Callable[[str], Number], default: Number
) -> Number:
    try:
        value = kind(options[name]) if options.get(name) else default
    except ValueError:
        raise BadInput(f"option {name}: expected a number, got {options[name]!r}") from None
    if value < 0 and options.get(name):
        raise BadInput(f"option {name}: expected 0 or more, got {options[name]!r}")
    return value
