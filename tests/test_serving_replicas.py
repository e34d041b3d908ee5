"""Replicas on Ray: one server's answers, files and limits; and what a kill -9 costs."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from lineament.describe.chat import Chat
from lineament.errors import BadInput
from lineament.serving.app import make_app
from lineament.serving.engine import EngineFigures
from lineament.serving.replica import widen
from lineament.serving.replicas import NO_FIGURES, Replicas, add_figures
from lineament.serving.settings import ServeSettings
from serving_toys import (  # noqa: F401
    InlineLooker,
    OneFace,
    data_url,
    fixture_clip,
    fixture_loaded,
    fixture_model_folder,
    make_toy_engine,
    run_server,
    wait_until,
)
from test_model_toys import _one_thread  # noqa: F401

ray = pytest.importorskip("ray", reason="ray is not installed")
pytest.importorskip("ray.serve", reason="ray[serve] is not installed")
requests = pytest.importorskip("requests")
# Ray leaves sockets and files to the interpreter's end, and reads names of pydantic's old version.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(5400),
    pytest.mark.filterwarnings("ignore"),
]
QUESTION = "Is she smiling?"
SETTINGS = ServeSettings(max_batch=4, max_waiting=4, deadline_seconds=900.0)


@pytest.fixture(scope="module")
def replicas(model_folder: Path) -> Iterator[Replicas]:
    make = partial(make_toy_engine, model_folder, widen(SETTINGS))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(__file__).parent), prepend=os.pathsep)  # theirs
        made = Replicas(make, 2, SETTINGS, name="toy")
        yield made
        made.close()


@pytest.fixture(scope="module")
def url(replicas: Replicas) -> Iterator[str]:
    with run_server(make_app(replicas), max_connections=128) as address:
        early = requests.post(f"{address}/v1/chat/completions", json=ask(None))
        assert (early.status_code, early.json()["error"]["code"]) == (503, "starting")
        assert early.headers["retry-after"] == "2"
        assert requests.get(f"{address}/readyz").status_code == 503
        replicas.start()
        assert requests.get(f"{address}/readyz").status_code == 200
        yield address


def ask(media: str | None, **options: Any) -> dict[str, Any]:
    parts: list[dict[str, Any]] = [{"type": "text", "text": QUESTION}]
    if media is not None:
        parts.append({"type": "video_url", "video_url": {"url": media}})
    return {"model": "toy", "messages": [{"role": "user", "content": parts}]} | options


def complete(url: str, body: dict[str, Any]) -> Any:
    return requests.post(f"{url}/v1/chat/completions", json=body, timeout=300)


def test_replicas_answer_as_one_engine(url: str, replicas: Replicas, clip: Path, loaded):
    expected = Chat(loaded, make_finder=OneFace).ask(clip, QUESTION)
    file = requests.post(f"{url}/v1/files", files={"file": ("a.mkv", clip.read_bytes())}).json()
    for _ in range(6):  # whichever replica it reaches
        told = complete(url, ask(file["id"])).json()["choices"][0]
        assert told["message"]["content"] == str(expected)
    assert len(replicas._reports) == 2
    options = {"n": 2, "temperature": 0.9, "seed": 4, "max_tokens": 20}
    whole = complete(url, ask(file["id"], **options)).json()
    said = ["", ""]
    streamed = complete(url, ask(file["id"], **options, stream=True)).text
    for line in streamed.splitlines():
        if line.startswith("data: {"):
            for choice in json.loads(line.removeprefix("data: "))["choices"]:
                said[choice["index"]] += choice["delta"].get("content", "")
    assert said == [choice["message"]["content"] for choice in whole["choices"]]
    assert streamed.count("data: ") > 20
    told = requests.post(f"{url}/annotate", json={"media": file["id"], "boxes": True}).json()
    assert len(told["tracks"][0]["times_seconds"]) == 12
    checked = requests.post(f"{url}/check", json={"media": file["id"], "text": "There are two."})
    assert checked.status_code == 200
    assert [row["id"] for row in requests.get(f"{url}/v1/models").json()["data"]] == ["toy"]
    assert "lineament_answering 0.0" in requests.get(f"{url}/metrics").text
    assert replicas.measure().num_said_tokens > 40


def test_media_travel_where_disks_differ(url: str, clip: Path, monkeypatch):
    content = clip.read_bytes() + b"\0"  # no replica has seen it
    monkeypatch.setattr("lineament.serving.replicas.pack", lambda path: ray.put(path.read_bytes()))
    told = requests.post(f"{url}/annotate", json={"media": data_url(content)}, timeout=300)
    assert told.status_code == 200, told.text
    assert told.json()["num_frames"] == 12


def test_errors_of_replicas_have_the_usual_shape(url: str):
    answer = requests.post(f"{url}/annotate", json={"media": data_url(b"no clip at all")})
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "bad_media"
    drawn = requests.post(f"{url}/v1/images/generations", json={"prompt": "a man"})
    assert drawn.status_code == 404


def test_whoever_leaves_frees_a_place_of_a_replica(url: str, replicas: Replicas, clip: Path):
    body = ask(data_url(clip.read_bytes()), stream=True, max_tokens=900)
    for _ in range(2):
        streams = [
            requests.post(f"{url}/v1/chat/completions", json=body, stream=True) for _ in range(6)
        ]
        for stream in streams:
            assert stream.status_code == 200
            next(stream.iter_lines())
            stream.close()
        wait_until(lambda: len(replicas._places) == 0 and replicas.measure().num_answering == 0)

    def is_idle() -> bool:  # only this very answer is being written
        complete(url, ask(data_url(clip.read_bytes()), max_tokens=2))
        return all(row.num_answering <= 1 for row in replicas._reports.values())

    wait_until(is_idle, seconds=300)


def follow_stream(url: str, body: dict[str, Any]) -> str:
    """Return how a stream ended: whole, or with which error."""
    answer = complete(url, body)
    if answer.status_code != 200:
        return f"{answer.status_code} {answer.json()['error']['code']}"
    if not body.get("stream"):
        return "whole"
    last = [line for line in answer.text.splitlines() if line][-1].removeprefix("data: ")
    return "whole" if last == "[DONE]" else json.loads(last)["error"]["code"]


def test_a_killed_replica_costs_its_own_requests_alone(url: str, replicas: Replicas, clip: Path):
    media = data_url(clip.read_bytes())
    outcomes = list[str]()

    is_killed = threading.Event()
    num_done = [0] * 8

    def follow(number: int, body: dict[str, Any]) -> None:  # always has a request under way
        while not is_killed.is_set():
            outcomes.append(follow_stream(url, body))
            num_done[number] += 1

    bodies = [ask(media, stream=number % 3 > 0, max_tokens=900) for number in range(len(num_done))]
    for body in bodies:
        if not body["stream"]:
            body["temperature"], body["seed"] = 1.0, 3
    threads = [threading.Thread(target=follow, args=row) for row in enumerate(bodies)]
    wait_until(  # both have told of themselves
        lambda: complete(url, ask(media, max_tokens=2)).ok and len(replicas._reports) == 2,
        seconds=300,
    )
    before = {int(name.rpartition(":")[2]) for name in replicas._reports}
    assert len(before) == 2
    for thread in threads:
        thread.start()
    wait_until(lambda: len(outcomes) >= len(bodies), seconds=300)

    def stop_with_a_request() -> bool:
        """Hold the replica still; tell whether a client waits for it, and let it go on if none."""
        os.kill(min(before), signal.SIGSTOP)
        start, deadline = list(num_done), time.monotonic() + 60
        while time.monotonic() < deadline and sum(num_done) <= sum(start) + 4 * len(bodies):
            time.sleep(0.05)  # what the other one holds is answered many times over
        if any(now == then for now, then in zip(num_done, start, strict=True)):
            return True
        os.kill(min(before), signal.SIGCONT)
        time.sleep(0.3)
        return False

    # Toys answer too fast to be met in the middle; a stopped one keeps what it holds.
    wait_until(stop_with_a_request, seconds=300)
    num_before = len(outcomes)
    is_killed.set()
    os.kill(min(before), signal.SIGKILL)
    after = Counter[str]()
    while len({int(name.rpartition(":")[2]) for name in replicas._reports} - {min(before)}) < 2:
        after[follow_stream(url, ask(media, stream=True, max_tokens=2))] += 1
        assert after.total() < 2000
    for thread in threads:
        thread.join(timeout=600)
    counts = Counter(outcomes)
    assert len(outcomes) <= num_before + len(bodies)
    assert set(counts) <= {"whole", "replica_died", "503 replica_died"}, counts
    died = counts["replica_died"] + counts["503 replica_died"]
    assert 1 <= died <= len(bodies), counts
    assert counts["whole"] >= len(bodies)
    assert set(after) <= {"whole", "replica_died", "503 replica_died"}, after
    assert after["whole"] > 0
    assert len(replicas._places) == 0
    assert complete(url, ask(media, max_tokens=3)).status_code == 200


def test_figures_of_dead_replicas_stay_counted():
    one = EngineFigures(*range(15))
    assert add_figures([one, NO_FIGURES, one]).num_said_tokens == 2 * one.num_said_tokens


def test_wrong_clusters_are_said(monkeypatch):
    from lineament.serving.cluster import connect

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "cluster_resources", lambda: {"CPU": 3.0})

    def fail(**options: Any) -> None:
        raise ConnectionError("nobody is there\nat all")

    monkeypatch.setattr(ray, "init", fail)
    with pytest.raises(BadInput, match=r"--ray 192\.0\.2\.1:6379: nobody is there$"):
        connect("192.0.2.1:6379", 1)
    monkeypatch.setattr(ray, "init", lambda **options: None)
    with pytest.raises(BadInput, match="--replicas 4: the cluster has 3 cores"):
        connect("auto", 4)
    assert connect("auto", 3) is False
    assert connect("local", 1) is True


@pytest.mark.long
def test_the_command_starts_replicas_and_ends_with_them(tmp_path: Path):
    code = "from lineament.cli import main; main()"
    options = ["serve", "--answerer", "rule", "--port", "0", "--replicas", "1"]
    with subprocess.Popen(
        [sys.executable, "-c", code, *options],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        wait_until(lambda: requests.get(f"{address}/readyz").status_code == 200, seconds=600)
        body = {"text": "She smiles.", "annotation": {"facts": [{"name": "smile"}]}}
        assert requests.post(f"{address}/check", json=body).json()["supported"] == 1
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert out == ""
    own = [line for line in err.splitlines() if "(raylet)" not in line]  # Ray's own, if any
    assert own == ["serving rule; Ctrl+C ends"]
