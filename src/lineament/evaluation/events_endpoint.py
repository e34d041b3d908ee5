"""Events through a language model behind a server: extracted from texts and compared by it."""

import asyncio
import datetime
import functools
import tomllib
from collections.abc import Callable, Mapping, Sequence
from importlib import resources
from typing import Any, final

import numpy as np
from jaxtyping import Bool

from lineament.endpoint import EndpointClient, Request, Settings
from lineament.evaluation.events import Pair
from lineament.evaluation.item import hash_text
from lineament.metrics.events import EventScore, score_entailed

Events = tuple[str, ...]
Lists = tuple[Events, Events]  # to look for, known
_ENTRY = {
    "type": "object",
    "properties": {
        "event": {"type": "integer"}, "by": {"type": "array", "items": {"type": "integer"}},
    },
    "required": ["event", "by"],
    "additionalProperties": False,
}  # fmt: skip


@final
class EndpointEvents:
    """A language model that lists the events of each text once, and compares lists both ways.

    A reply that cannot be used leaves its pairs without a score and is listed.

    Attributes:
        settings: Which server and model.
        malformed: Why there is no score, by the text or the two lists that were asked about.
    """

    prefix = "judged_"

    def __init__(self, settings: Settings, *, today: Callable[[], str] | None = None) -> None:
        self.settings = settings
        self.name = settings.model
        self.malformed: dict[str, str] = {}
        self._today = today or _today
        self._events: dict[str, Events | None] = {}
        self._entailed: dict[Lists, Bool[np.ndarray, "events others"] | None] = {}

    def match_all(self, pairs: Sequence[Pair]) -> list[EventScore | None]:
        """Score candidates against references; what was asked before is not asked again."""
        asyncio.run(self._learn(pairs))
        return [self._score(*pair) for pair in pairs]

    def _score(self, candidate: str, reference: str) -> EventScore | None:
        said, known = self._list(candidate), self._list(reference)
        if said is None or not known:
            return None
        forward, backward = self._compare((said, known)), self._compare((known, said))
        if forward is None or backward is None:
            return None
        return score_entailed(forward, backward)

    def _list(self, text: str) -> Events | None:
        return self._events[text] if text.strip() else ()

    def _compare(self, lists: Lists) -> Bool[np.ndarray, "events others"] | None:
        if not all(lists):
            return np.zeros((len(lists[0]), len(lists[1])), bool)
        return self._entailed[lists]

    async def _learn(self, pairs: Sequence[Pair]) -> None:
        """Ask for what is not yet known: the events of texts, then which of them entail which."""
        async with EndpointClient(self.settings) as client:
            texts = [t for t in dict.fromkeys(t for pair in pairs for t in pair) if t.strip()]
            texts = [text for text in texts if text not in self._events]
            replies = await _ask(client, [write_extraction(text) for text in texts])
            for text, (reply, fault) in zip(texts, replies, strict=True):
                self._events[text] = None if fault else read_listed(reply)
                if self._events[text] is None:
                    self.malformed[text] = fault or f"no list of events: {str(reply)[:200]}"
            both = [(self._list(one), self._list(other)) for one, other in pairs]
            wanted = [lists for a, b in both if a and b for lists in ((a, b), (b, a))]
            fresh = [lists for lists in dict.fromkeys(wanted) if lists not in self._entailed]
            replies = await _ask(client, [write_comparison(lists) for lists in fresh])
            for lists, (reply, fault) in zip(fresh, replies, strict=True):
                self._entailed[lists] = None if fault else read_matches(reply, lists)
                if self._entailed[lists] is None:
                    why = fault or f"no matches of these lists: {str(reply)[:200]}"
                    self.malformed[" / ".join("; ".join(own) for own in lists)] = why

    def to_dict(self) -> dict[str, Any]:
        """Return what goes on record, every malformed reply among it."""
        return {
            "model": self.settings.model, "url": self.settings.url, "date": self._today(),
            "prompt_id": prompt_id(), "prompt": dict(read_prompts()), "temperature": 0.0,
            "num_malformed": len(self.malformed),
            "malformed": dict(self.malformed),
        }  # fmt: skip


async def _ask(
    client: EndpointClient, requests: Sequence[Request]
) -> list[tuple[Mapping[str, Any], str]]:
    """Return each request's object, or why there is none."""
    said: list[tuple[Mapping[str, Any], str]] = [({}, "no reply")] * len(requests)
    keyed = [
        Request(r.messages, r.max_tokens, r.temperature, schema=r.schema, key=str(place))
        for place, r in enumerate(requests)
    ]
    async for reply in client.complete_all(keyed):
        if isinstance(reply, tuple):
            request, error = reply
            said[int(request.key)] = ({}, error.message)
        else:
            said[int(reply.request.key)] = (reply.parsed or {}, "")
    return said


def write_extraction(text: str) -> Request:
    """Write the request for a text's events."""
    events = {"events": {"type": "array", "items": {"type": "string"}}}
    return _write("extract", events, text=text)


def write_comparison(lists: Lists) -> Request:
    """Write the request for which of the known events entail each that is looked for."""
    matches = {"matches": {"type": "array", "items": _ENTRY}}
    events, others = (
        "\n".join(f"{number}. {event}" for number, event in enumerate(own, start=1))
        for own in lists
    )
    return _write("compare", matches, events=events, others=others)


def _write(part: str, properties: Mapping[str, Any], **slots: str) -> Request:
    prompt = read_prompts()
    # The texts are filled in one pass, so that braces in them stay as they are.
    text = prompt[part]["user"].strip().format(**slots)
    return Request(
        messages=(
            {"role": "system", "content": prompt[part]["system"].strip()},
            {"role": "user", "content": text},
        ),
        max_tokens=prompt["max_tokens"], temperature=0.0,
        schema={
            "type": "object", "properties": dict(properties), "required": list(properties),
            "additionalProperties": False,
        },
    )  # fmt: skip


def read_listed(reply: Mapping[str, Any]) -> Events | None:
    """Return the events of a reply; None where it holds no list of texts."""
    events = reply.get("events")
    if not isinstance(events, list) or not all(isinstance(event, str) for event in events):
        return None
    return tuple(" ".join(event.split()) for event in events if event.strip())


def read_matches(
    reply: Mapping[str, Any], lists: Lists
) -> Bool[np.ndarray, "events others"] | None:
    """Return which known events entail each that was looked for; None where a number is off.

    An event that the reply leaves out is entailed by none.
    """
    entailed = np.zeros((len(lists[0]), len(lists[1])), bool)
    matches = reply.get("matches")
    if not isinstance(matches, list):
        return None
    for entry in matches:
        if not isinstance(entry, Mapping) or not isinstance(entry.get("by"), list):
            return None
        for number in entry["by"]:
            if not _is_place(entry.get("event"), lists[0]) or not _is_place(number, lists[1]):
                return None
            entailed[entry["event"] - 1, number - 1] = True
    return entailed


def _is_place(number: Any, events: Events) -> bool:
    return type(number) is int and 1 <= number <= len(events)


@functools.cache
def read_prompts() -> Mapping[str, Any]:
    """Read the committed prompts."""
    return tomllib.loads(_text())


def prompt_id() -> str:
    """Return version and hash of the prompts."""
    return f"events {read_prompts()['version']} {hash_text(_text())[:12]}"


def _text() -> str:
    return (resources.files("lineament.evaluation") / "events.toml").read_text("utf-8")


def _today() -> str:
    return datetime.datetime.now(datetime.UTC).date().isoformat()
