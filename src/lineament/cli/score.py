"""``lineament score``: anybody's predictions scored, with intervals."""

import enum
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lineament.errors import BadInput

if TYPE_CHECKING:
    from lineament.evaluation.events import EventMatcher


class Kind(enum.StrEnum):
    """What the predictions are."""

    CAPTIONS = "captions"
    VQA = "vqa"
    GROUNDING = "grounding"
    CLASSES = "classes"
    CLAIMS = "claims"


class Normalise(enum.StrEnum):
    """How captions are split into words."""

    PLAIN = "plain"
    JOINED = "joined"
    LOWER = "lower"
    RAW = "raw"


_SPLITS = {
    "plain": "lower case, punctuation becomes a space",
    "joined": "lower case, punctuation vanishes",
    "lower": "lower case only",
    "raw": "split at spaces",
}


def score(
    kind: Annotated[Kind, typer.Argument(help="Kind of predictions.")],
    file: Annotated[Path, typer.Argument(help="JSON Lines, one prediction per line.")],
    normalise: Annotated[
        Normalise,
        typer.Option(
            help="How captions become words. "
            + "; ".join(f"{name}: {text}" for name, text in _SPLITS.items())
            + "."
        ),
    ] = Normalise.PLAIN,
    events: Annotated[
        str,
        typer.Option(
            help="Also match what happens in captions, and in what order: claims (a rule), or "
            "MODEL@URL of a server beside the rule."
        ),
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Score a file of predictions, with 95 % intervals."""
    from lineament.cli.evaluate import print_result
    from lineament.evaluation.scorers import score_file

    matchers = open_events(events) if events else ()
    result = score_file(file, kind.value, normalise=normalise.value, events=matchers)
    if as_json:
        print(json.dumps(result.to_dict()))
        return
    print_result(result)
    used = result.about.get("normalise")
    if used is not None:
        print(f"normalisation: {used}{f' ({_SPLITS[used]})' if used in _SPLITS else ''}")


def open_events(name: str) -> "tuple[EventMatcher, ...]":
    """Return who matches events: the rule, and a server's model beside it where one is named.

    Raises:
        BadInput: The name is neither.
    """
    from lineament.endpoint import Settings
    from lineament.evaluation.events import ClaimEvents
    from lineament.evaluation.events_endpoint import EndpointEvents

    if name == ClaimEvents.name:
        return (ClaimEvents(),)
    model, _, url = name.partition("@")
    if not model or not url.startswith(("http://", "https://")):
        raise BadInput(
            f"--events: {name!r} matches no events",
            hint="claims, or MODEL@URL such as gpt-4o@https://api.openai.com/v1",
        )
    settings = Settings(url, model, os.environ.get("OPENAI_API_KEY", ""))
    return ClaimEvents(), EndpointEvents(settings)
