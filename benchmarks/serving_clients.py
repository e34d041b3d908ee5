"""Servers and clients for the benchmarks of serving: a process, questions, and what they cost."""

import asyncio
import json
import os
import secrets
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
START_SECONDS = 900.0
QUESTIONS = (
    "Describe the person.", "Is the person smiling?", "What colour is the hair?",
    "Does the person wear glasses?", "What does the person do, and when?", "Is it a man?",
    "Is the mouth open at any time?", "How often does the person blink?", "Is there a beard?",
    "Does the person look to the left?", "Is the hair long?", "Describe the eyes.",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Outcome:
    """One request as its client saw it."""

    status: int
    seconds: float
    said: str = ""
    num_tokens: int = 0
    retry_after: str | None = None


@dataclass
class Server:
    """A running server.

    Attributes:
        url: Its address.
        pid: Of its process.
        keys: That it knows; none where everybody may ask.
        peak_bytes: Most that it and its children have held, while `watch` looked.
    """

    url: str
    pid: int
    keys: list[str] = field(default_factory=list)
    peak_bytes: int = 0

    def count_bytes(self) -> int:
        """Return what it and its children hold."""
        return sum(_resident_bytes(pid) for pid in _list_family(self.pid))

    @contextmanager
    def watch(self) -> Iterator[None]:
        """Note the most memory while the block runs."""
        is_over = threading.Event()

        def look() -> None:
            while not is_over.wait(0.2):
                self.peak_bytes = max(self.peak_bytes, self.count_bytes())

        thread = threading.Thread(target=look, daemon=True)
        thread.start()
        try:
            yield
        finally:
            is_over.set()
            thread.join()


def make_clips(folder: Path, count: int) -> list[bytes]:
    """Draw clips of faces."""
    command = [lineament(), "render", str(folder), "--count", str(count), "--workers", "1"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return [path.read_bytes() for path in sorted(folder.glob("*.mp4"))]


def lineament() -> str:
    """Return the command."""
    return str(Path(sys.executable).with_name("lineament"))


@contextmanager
def run_server(
    model: str, *options: str, num_keys: int = 0, environment: dict[str, str] | None = None
) -> Iterator[Server]:
    """Start ``lineament serve`` and wait until it is ready; it ends with the block."""
    keys = [secrets.token_urlsafe(24) for _ in range(num_keys)]
    with tempfile.TemporaryDirectory() as folder:
        command = [lineament(), "serve", model, "--port", "0", *options]
        if keys:
            path = Path(folder) / "keys"
            path.write_text("\n".join(keys))
            command += ["--api-key-file", str(path)]
        with subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | (environment or {}),
        ) as process:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            try:
                _wait_until_ready(url)
                yield Server(url, process.pid, keys)
            finally:
                process.send_signal(signal.SIGINT)
                try:
                    process.wait(60)
                except subprocess.TimeoutExpired:
                    process.kill()


async def upload(
    session: aiohttp.ClientSession, server: Server, clips: Sequence[bytes], key: str | None
) -> list[str]:
    """Send clips once; return their ids, which are one client's alone."""
    ids = []
    for clip in clips:
        form = aiohttp.FormData()
        form.add_field("file", clip, filename="clip.mp4")
        async with session.post(
            f"{server.url}/v1/files", data=form, headers=_headers(key)
        ) as answer:
            ids.append((await answer.json())["id"])
    return ids


async def ask(
    session: aiohttp.ClientSession,
    url: str,
    model: str,
    question: str,
    file_id: str | None,
    key: str | None = None,
) -> Outcome:
    """Ask one question about one clip."""
    parts: list[dict[str, Any]] = [{"type": "text", "text": question}]
    if file_id is not None:
        parts.append({"type": "video_url", "video_url": {"url": file_id}})
    body = {"model": model, "messages": [{"role": "user", "content": parts}]}
    began = time.perf_counter()
    try:
        async with session.post(
            f"{url}/v1/chat/completions", json=body, headers=_headers(key)
        ) as answer:
            told = await answer.json()
            seconds = time.perf_counter() - began
            if answer.status != 200:
                return Outcome(
                    answer.status, seconds, retry_after=answer.headers.get("Retry-After")
                )
            said = told["choices"][0]["message"]["content"]
            return Outcome(200, seconds, said, told["usage"]["completion_tokens"])
    except aiohttp.ClientError:
        return Outcome(0, time.perf_counter() - began)


async def ask_in_turn(
    server: Server,
    model: str,
    jobs: Sequence[tuple[str, str]],
    num_clients: int,
    *,
    file_ids: dict[str | None, dict[str, str]],
) -> tuple[list[Outcome], float]:
    """Let clients ask one question after the other until all are answered.

    Args:
        server: Which.
        model: Its name there.
        jobs: Questions and clips.
        num_clients: At a time.
        file_ids: By key and clip.

    Returns:
        Outcomes in the order of the jobs, and the seconds of all of them together.
    """
    outcomes: list[Outcome | None] = [None] * len(jobs)
    numbers = count()
    async with open_session(num_clients) as session:

        async def work(client: int) -> None:
            key = server.keys[client % len(server.keys)] if server.keys else None
            while (number := next(numbers)) < len(jobs):
                question, clip = jobs[number]
                outcomes[number] = await ask(
                    session, server.url, model, question, file_ids[key][clip], key
                )

        began = time.perf_counter()
        await asyncio.gather(*(work(client) for client in range(num_clients)))
        return [row for row in outcomes if row is not None], time.perf_counter() - began


async def upload_for_all(server: Server, clips: Sequence[bytes]) -> dict[str | None, Any]:
    """Upload clips for every key; return ids by key and by the clip's number as text."""
    file_ids: dict[str | None, Any] = {}
    async with open_session(4) as session:
        for key in server.keys or [None]:
            ids = await upload(session, server, clips, key)
            file_ids[key] = {str(number): name for number, name in enumerate(ids)}
    return file_ids


def open_session(num_clients: int) -> aiohttp.ClientSession:
    """Return a client that opens as many lines as it likes and waits long."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=max(num_clients, 1)),
        timeout=aiohttp.ClientTimeout(total=900),
    )


def summarise(outcomes: Sequence[Outcome], seconds: float) -> dict[str, float]:
    """Return throughput and latencies of what was answered."""
    answered = sorted(row.seconds for row in outcomes if row.status == 200)
    if not answered:
        return {"requests_per_second": 0.0, "p50_seconds": 0.0, "p95_seconds": 0.0}
    return {
        "requests_per_second": round(len(answered) / seconds, 3),
        "p50_seconds": round(statistics.median(answered), 4),
        "p95_seconds": round(answered[min(len(answered) - 1, int(0.95 * len(answered)))], 4),
        "tokens_per_second": round(sum(row.num_tokens for row in outcomes) / seconds, 2),
    }


def read_page(url: str, key: str | None = None) -> str:
    """Return what a GET answers."""
    asked = urllib.request.Request(url, headers=_headers(key))
    with urllib.request.urlopen(asked, timeout=60) as answer:
        return answer.read().decode()


def write_result(name: str, result: dict[str, Any], *, is_full: bool) -> None:
    """Print a result, and keep it where it is a full run's."""
    text = json.dumps(result, indent=1) + "\n"
    if is_full:
        (RESULTS / f"{name}.json").write_text(text)
    print(text, end="")


def _headers(key: str | None) -> dict[str, str]:
    return {} if key is None else {"Authorization": f"Bearer {key}"}


def _wait_until_ready(url: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            read_page(f"{url}/readyz")
        except urllib.error.HTTPError:
            time.sleep(0.2)
        else:
            return
    sys.exit(f"{url}: not ready in {START_SECONDS:g} s")


def _list_family(pid: int) -> list[int]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return [pid]
    return [pid, *(member for child in children for member in _list_family(int(child)))]


def _resident_bytes(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_BYTES
    except (OSError, IndexError, ValueError):
        return 0
