"""Mangled uploads: one clear error each, no server error, nothing left, and the server lives on.

LINEAMENT_LONG=1 sends 300 instead of 60.
"""

import logging
import os
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from lineament.model.hub import LoadedModel
from lineament.serving.app import make_app
from lineament.serving.engine import Engine
from lineament.serving.looker_process import ProcessLooker
from lineament.serving.settings import MediaLimits, ServeSettings
from lineament.video import write_clip
from serving_mangled import Mangled, list_boxes, make_mangled, make_wholes
from serving_toys import (  # noqa: F401
    OneFace,
    data_url,
    fixture_clip,
    fixture_loaded,
    fixture_model_folder,
)
from test_model_toys import _one_thread  # noqa: F401

log = logging.getLogger(__name__)

COUNT = 300 if os.environ.get("LINEAMENT_LONG") else 60
LIMITS = MediaLimits(decode_seconds=30.0, decode_bytes=1_500_000_000)
GRACE_SECONDS = 30.0  # for a new process to start in, on a busy machine


@pytest.fixture(scope="module")
def client(loaded: LoadedModel) -> Iterator[TestClient]:
    looker = ProcessLooker(LIMITS, make_finder=OneFace)
    looker.wait_until_ready()
    engine = Engine(loaded, looker, ServeSettings(media=LIMITS), name="toy")
    app = make_app(engine)
    app.state.looker = looker
    with TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False) as made:
        yield made


@pytest.fixture(scope="module")
def mangled(tmp_path_factory: pytest.TempPathFactory, make_pattern: Any) -> list[Mangled]:
    folder = tmp_path_factory.mktemp("whole")
    frames = [make_pattern(number) for number in range(12)]
    mp4, mkv = (write_clip(folder / f"clip.{kind}", frames).read_bytes() for kind in ("mp4", "mkv"))
    return make_mangled(COUNT, make_wholes(mp4, mkv))


def send(client: TestClient, sent: Mangled) -> Any:
    """Upload something, have it looked at, and forget it; return the answer to the look."""
    kept = client.post("/v1/files", files={"file": (f"{sent.name}.mp4", sent.content)})
    assert kept.status_code == 200, kept.text
    answer = client.post("/annotate", json={"media": kept.json()["id"]})
    client.delete(f"/v1/files/{kept.json()['id']}")
    return answer


def find_faults(sent: Mangled, answer: Any) -> list[str]:
    """Say what is wrong with an answer about something mangled."""
    if answer.status_code == 200:
        faults = [f"is taken: {answer.text[:200]}"] if sent.is_hopeless else []
        return faults + (["has no frames"] if answer.json()["num_frames"] < 1 else [])
    if answer.status_code != 400:
        return [f"{answer.status_code} {answer.text}"]
    error = answer.json()["error"]
    faults = [] if error["code"] == "bad_media" else [f"code {error['code']}"]
    told = [word for word in ("lineament-serve", "passwd") if word in error["message"]]
    return faults + [f"tells {word}" for word in told]


def require_good_answer(client: TestClient, clip: Path) -> None:
    part = {"type": "video_url", "video_url": {"url": data_url(clip.read_bytes())}}
    content = [{"type": "text", "text": "Is she smiling?"}, part]
    asked = {"model": "toy", "messages": [{"role": "user", "content": content}], "max_tokens": 3}
    assert client.post("/v1/chat/completions", json=asked).status_code == 200
    client.app.state.served.engine.shelf._kept.clear()  # the next one is looked at again
    told = client.post("/annotate", json={"media": data_url(clip.read_bytes())})
    assert told.json()["num_frames"] == 12


def test_the_manglers_change_what_they_are_given(mangled: list[Mangled]):
    assert len(mangled) == COUNT
    assert len({sent.name for sent in mangled}) == COUNT
    assert len({sent.content for sent in mangled}) > 0.9 * COUNT
    assert sum(sent.is_hopeless for sent in mangled) >= 30
    assert max(len(sent.content) for sent in mangled) < 2_000_000


def test_boxes_of_a_clip_are_found(tmp_path: Path, make_pattern: Any):
    content = write_clip(tmp_path / "clip.mp4", [make_pattern(0)] * 3).read_bytes()
    kinds = {content[first + 4 : first + 8] for first, _ in list_boxes(content)}
    assert {b"moov", b"mvhd", b"trak", b"mdhd", b"stts", b"stsz", b"mdat"} <= kinds


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_mangled_media_get_one_clear_error_and_the_server_lives_on(
    client: TestClient, mangled: list[Mangled], clip: Path
):
    looker, spool = client.app.state.looker, client.app.state.served.desk.spool
    statuses, messages = Counter[int](), Counter[str]()
    faults, slowest = list[str](), (0.0, "")
    for number, sent in enumerate(mangled):
        began = time.monotonic()
        answer = send(client, sent)
        slowest = max(slowest, (time.monotonic() - began, sent.name))
        statuses[answer.status_code] += 1
        faults += [f"{sent.name}: {fault}" for fault in find_faults(sent, answer)]
        if answer.status_code == 400:
            messages[" ".join(answer.json()["error"]["message"].split()[:5])] += 1
        if number % 20 == 19:
            require_good_answer(client, clip)
    log.info("%s, %d killed, slowest %s", dict(statuses), looker.num_killed, slowest)
    for message, count in messages.most_common():
        log.info("%4d %s", count, message)
    assert faults == []
    assert slowest[0] < LIMITS.decode_seconds + GRACE_SECONDS, slowest
    require_good_answer(client, clip)
    assert spool.num_bytes == 0
    assert list(spool.folder.iterdir()) == []
    assert len(client.app.state.served.engine._places) == 0
