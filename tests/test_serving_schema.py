"""Requests made up from the server's own OpenAPI page: none of them gets a server error.

LINEAMENT_EXAMPLES=400 tries many more than the twelve for each route.
"""

import logging
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from hypothesis.strategies import integers

from lineament.serving.app import make_app
from lineament.serving.artist import Artist
from serving_toys import (  # noqa: F401
    fixture_clip,
    fixture_loaded,
    fixture_looker,
    fixture_make_engine,
    fixture_model_folder,
    run_server,
)
from test_draw import make_drawing_model
from test_model_toys import _one_thread  # noqa: F401

schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")
requests = pytest.importorskip("requests")

log = logging.getLogger(__name__)

NUM_EXAMPLES = int(os.environ.get("LINEAMENT_EXAMPLES", "12"))  # for each route and mode
QUESTION = {"role": "user", "content": "Is she smiling?"}


@pytest.fixture
def address(make_engine: Any) -> Iterator[str]:
    engine = make_engine(artist=Artist(make_drawing_model()), max_batch=4, deadline_seconds=900.0)
    with run_server(make_app(engine)) as url:
        yield url


@pytest.fixture
def file_id(address: str, clip: Path) -> str:
    sent = requests.post(f"{address}/v1/files", files={"file": ("a.mkv", clip.read_bytes())})
    return sent.json()["id"]


def steer(case: Any, file_id: str, way: int) -> None:
    """Let every second request get past the first refusals: a known model, file and question."""
    if way % 2:
        return
    if "file_id" in (case.path_parameters or {}) and case.method != "DELETE":
        case.path_parameters["file_id"] = file_id
    body = case.body
    if not isinstance(body, dict):
        return
    if case.path == "/v1/chat/completions":
        part = {"type": "video_url", "video_url": {"url": file_id}}
        content = [{"type": "text", "text": QUESTION["content"]}]
        body["model"] = "toy"
        if way:
            body["messages"] = [{"role": "user", "content": [*content, part]}]
        elif isinstance(body.get("messages"), list):
            body["messages"].append(QUESTION)
    elif case.path == "/check" and way:
        body.pop("media", None)
        given = body.get("annotation")
        known = {"facts": [{"name": "smile", "value": True}]}
        body["annotation"] = (given if isinstance(given, dict) else {}) | known
    elif case.path in ("/annotate", "/check"):
        body["media"] = file_id
        body.pop("annotation", None)
    elif case.path == "/v1/images/generations":
        body.pop("model", None)
        body.pop("size", None)


def try_operation(operation: Any, mode: str, file_id: str, session: Any) -> Counter[int]:
    """Send made-up requests to one route; return how often it answered what."""
    counts = Counter[int]()
    strategy = operation.as_strategy(generation_mode=getattr(schemathesis.GenerationMode, mode))

    @settings(
        max_examples=NUM_EXAMPLES,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=strategy, way=integers(0, 3))
    def ask(case: Any, way: int) -> None:
        steer(case, file_id, way)
        answer = case.call(session=session, timeout=900)
        counts[answer.status_code] += 1
        assert answer.status_code < 500, answer.text
        if answer.status_code >= 400:
            error = answer.json()["error"]
            assert error["message"]
            assert set(error) == {"message", "type", "param", "code"}

    with suppress(Unsatisfiable):  # nothing can be wrong about a request without parts
        ask()
    return counts


@pytest.mark.parametrize("mode", ["POSITIVE", "NEGATIVE"])
def test_no_request_that_can_be_made_up_gets_a_server_error(address: str, file_id: str, mode: str):
    api = schemathesis.openapi.from_url(f"{address}/openapi.json")
    with requests.Session() as session:
        seen = {
            operation.label: try_operation(operation, mode, file_id, session)
            for operation in (found.ok() for found in api.get_all_operations())
        }
    for label, counts in seen.items():
        log.info("%s %s %s", mode, label, dict(counts))
    assert len(seen) >= 14
    assert sum(1 for counts in seen.values() if counts) >= (14 if mode == "POSITIVE" else 5)
    assert requests.get(f"{address}/healthz").json() == {"status": "alive"}
    asked = {"model": "toy", "messages": [QUESTION]}
    assert requests.post(f"{address}/v1/chat/completions", json=asked).status_code == 200
