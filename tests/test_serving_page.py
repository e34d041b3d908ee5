"""The page in a browser: a clip looked at, asked about, checked and drawn; by keys, on a phone."""

import base64
import json
import re
import shutil
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from lineament.model.hub import LoadedModel, load
from lineament.serving.answering import RequestChat
from lineament.serving.app import make_app
from lineament.serving.artist import Artist
from lineament.serving.engine import Engine
from lineament.serving.keys import Keys
from lineament.serving.routes_page import FOLDER, find_files
from lineament.serving.server import bind, make_server
from lineament.serving.settings import ServeSettings
from serving_toys import (  # noqa: F401
    BOX,
    PATIENCE_SECONDS,
    InlineLooker,
    fixture_model_folder,
    wait_until,
)
from test_draw import make_drawing_model
from test_model_toys import _one_thread  # noqa: F401

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
PATIENCE_MS = 240_000
KEY = "a-key-of-twenty-signs-and-more"
SEED = 3
# A sign of two halves in JavaScript comes first: places in a text count whole signs.
CAPTION = "🙂 He smiles and blinks. He never shakes his head. He wears a hat. He yawns at 1 s."
QUESTION = "Is the person smiling?"
TABS = ("ask", "check", "draw")


@contextmanager
def run_server(engine: Engine, **options: Any) -> Iterator[tuple[str, Any]]:
    """Serve the page on a free port; gives its address and what it serves."""
    listener = bind("127.0.0.1", 0)
    app = make_app(engine, **options)
    server = make_server(app, 64)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    wait_until(lambda: server.started)
    yield f"http://127.0.0.1:{listener.getsockname()[1]}", app.state.served
    server.should_exit = True
    thread.join(timeout=30)
    assert not thread.is_alive()


@pytest.fixture(name="browser", scope="module")
def fixture_browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("there is no chromium: apt-get install chromium")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(name="rendered", scope="module")
def fixture_rendered(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """Return a rendered clip and its true annotation."""
    pytest.importorskip("skia", reason="the renderer is not installed")
    from lineament.render import draw_clip, sample_face
    from lineament.video import write_clip

    truth = sample_face(SEED, require={"smile": True, "blink": True}, duration_seconds=3.0)
    frames, _ = draw_clip(truth, size_px=192, seed=SEED)
    path = tmp_path_factory.mktemp("page") / "face.mp4"
    return write_clip(path, iter(frames), fps=truth.fps), truth


@pytest.fixture(name="served", scope="module")
def fixture_served(model_folder: Path) -> Iterator[tuple[str, Any]]:
    """Serve the model that installs along, or a toy; drawings are a toy's."""
    mesh = pytest.importorskip("lineament.faces.mesh")
    pytest.importorskip("mediapipe", reason="mediapipe is not installed")
    engine = Engine(
        load_shipped(model_folder),
        InlineLooker(mesh.MeshFinder),
        ServeSettings(),
        artist=Artist(make_drawing_model()),
        name="chat",
    )
    with run_server(engine) as (url, served):
        yield url, served


def load_shipped(toy: Path) -> LoadedModel:
    weights = pytest.importorskip("lineament_weights", reason="no weights are installed")
    return load(weights.find_model("chat-tiny") or toy)


@pytest.fixture(name="visit", scope="module")
def fixture_visit(browser: Any, served: Any, rendered: Any) -> Iterator[tuple[Any, Any]]:
    """Open the page with the rendered clip; gives it, and what the API says of the clip."""
    with open_page(browser, served[0]) as page:
        page.set_input_files("#file", rendered[0])
        page.wait_for_selector(".bar")
        [file] = served[1].desk.uploads.list_files("address 127.0.0.1")
        yield page, post(served[0], "annotate", {"media": file.id, "boxes": True})


@contextmanager
def open_page(browser: Any, url: str, **options: Any) -> Iterator[Any]:
    """Open the page; it may ask nobody else, and say no error on the console."""
    page = browser.new_page(viewport={"width": 1280, "height": 860}, **options)
    page.set_default_timeout(PATIENCE_MS)
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda line: faults.append(line.text) if line.type == "error" else None)
    page.on("request", lambda asked: faults.append(asked.url) if is_foreign(asked.url, url) else 0)
    page.goto(url)
    yield page
    page.close()
    assert [fault for fault in faults if "Failed to load resource" not in fault] == []


def is_foreign(asked: str, own: str) -> bool:
    return not asked.startswith((own + "/", "blob:" + own, "data:"))


def post(url: str, path: str, body: Any) -> Any:
    asked = urllib.request.Request(
        f"{url}/{path}", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(asked, timeout=PATIENCE_SECONDS) as answer:
        return json.load(answer)


def wait_for_time(page: Any, seconds: float) -> None:
    """Wait until the player shows a moment, and says so."""
    page.wait_for_function(
        """seconds => {
            const video = document.querySelector('video');
            const told = Number(document.getElementById('time').textContent);
            return !video.seeking && Math.abs(video.currentTime - seconds) < .02
                && Math.abs(told - seconds) < .02;
        }""",
        arg=seconds,
    )


def test_page_is_plain_files_that_need_nobody_else():
    files = find_files()
    assert {"index.html", "app.js", "style.css", "icon.svg"} <= set(files)
    html = files["index.html"].read_text()
    for word in (r"<style", r"\sstyle=", r"\son\w+=", r"<script(?![^>]*src=)", r"javascript:"):
        assert not re.search(word, html), word
    named = set(re.findall(r'(?:src|href)="page/([\w.]+)', html))
    for name, path in files.items():
        text = path.read_text()
        assert set(re.findall(r"https?://[^\"' ]+", text)) <= {"http://www.w3.org/2000/svg"}
        assert "innerHTML" not in text
        assert text.count("\n") <= 300, name
        named |= set(re.findall(r'from "\./([\w.]+)"', text))
    assert named | {"index.html"} == set(files)


def test_files_of_the_page_need_no_key_and_others_are_not_there():
    from fastapi.testclient import TestClient

    app = make_app(Engine(None, InlineLooker()), keys=Keys([KEY]))
    with TestClient(app, base_url="http://127.0.0.1:8000") as client:
        answer = client.get("/")
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        policy = answer.headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "unsafe" not in policy
        for name in find_files():
            assert client.get(f"/page/{name}").content == (FOLDER / name).read_bytes()
        assert client.get("/page/limits").json()["max_seconds"] == 120
        for name in ("../app.py", "..%2Fapp.py", "%2Fetc%2Fpasswd", "routes_page.py", ""):
            assert client.get(f"/page/{name}").status_code in (401, 404), name
        assert client.get("/v1/models").status_code == 401


def test_timeline_shows_what_the_clip_holds(visit: Any, rendered: Any):
    page, told = visit
    [face] = told["subjects"]
    bars = page.locator(".bar").all()
    starts = sorted(float(bar.get_attribute("data-start")) for bar in bars)
    moments = [f for f in face["facts"] if f["start_seconds"] is not None]
    timed = [f for f in moments if (f["start_seconds"], f["stop_seconds"]) != (0.0, 3.0)]
    assert starts == sorted(fact["start_seconds"] for fact in timed)
    [true] = rendered[1].facts_named("smile")
    smile = page.locator(".bar[aria-label^='smile, face 0']")
    axis = page.locator(".track").first.bounding_box()
    bar = smile.bounding_box()
    shown = [(bar["x"] + part * bar["width"] - axis["x"]) / axis["width"] * 3 for part in (0, 1)]
    assert shown == pytest.approx(true.span_seconds, abs=0.25)
    assert "1 face found" in page.inner_text("#status")


def test_bars_jump_the_player_by_mouse_and_by_keys(visit: Any):
    page, _ = visit
    smile = page.locator(".bar[aria-label^='smile, face 0']")
    smile.click()
    start = float(smile.get_attribute("data-start"))
    wait_for_time(page, start)
    assert page.evaluate("document.querySelector('video').videoWidth") == 192  # it does play
    assert "now" in smile.get_attribute("class")
    page.keyboard.press("Home")
    first = page.evaluate("Number(document.activeElement.dataset.start)")
    assert first <= start
    page.keyboard.press("Enter")
    wait_for_time(page, first)
    page.select_option("#speed", "0.25")
    page.focus("#stage")
    page.keyboard.press("ArrowRight")
    wait_for_time(page, first + 0.04)
    page.keyboard.press("Space")
    page.wait_for_function(
        "time => document.querySelector('video').currentTime > time", arg=first + 0.2
    )
    page.keyboard.press("Space")
    assert page.evaluate("document.querySelector('video').paused")


def test_box_lies_on_the_face_at_every_moment(visit: Any):
    page, told = visit
    [track] = told["tracks"]
    for number in (5, 40, 70):
        page.evaluate(
            "time => { const s = document.getElementById('seek');"
            " s.value = time; s.dispatchEvent(new Event('input')); }",
            track["times_seconds"][number] + 0.02,
        )
        wait_for_time(page, track["times_seconds"][number] + 0.02)
        frame = page.locator("#frame").bounding_box()
        box = page.locator(".box").bounding_box()
        x0, y0, x1, y1 = track["boxes_xyxy_px"][number]
        scale = frame["width"] / told["width"]
        assert box["x"] - frame["x"] == pytest.approx(x0 * scale, abs=2)
        assert box["y"] - frame["y"] == pytest.approx(y0 * scale, abs=2)
        assert box["width"] == pytest.approx((x1 - x0) * scale, abs=2)
        assert box["height"] == pytest.approx((y1 - y0) * scale, abs=2)


def test_question_streams_its_answer_with_moments(visit: Any, served: Any, monkeypatch: Any):
    page, _ = visit
    gate, stream = threading.Event(), RequestChat._stream_text

    def hold(*arguments: Any) -> Iterator[str]:
        for piece in stream(*arguments):
            yield piece
            assert gate.wait(PATIENCE_SECONDS)

    monkeypatch.setattr(RequestChat, "_stream_text", hold)
    page.click("#tab-ask")
    page.fill("#question", QUESTION)
    page.keyboard.press("Enter")
    page.wait_for_selector(".turn[aria-busy] .said:not(:empty)")
    begun = page.inner_text(".said")
    assert page.inner_text("#send") == "Stop"
    gate.set()
    page.wait_for_selector(".turn:not([aria-busy])")
    [file] = served[1].desk.uploads.list_files("address 127.0.0.1")
    parts = [{"type": "text", "text": QUESTION}, {"type": "file", "file": {"file_id": file.id}}]
    body = {"model": "chat", "messages": [{"role": "user", "content": parts}]}
    message = post(served[0], "v1/chat/completions", body)["choices"][0]["message"]
    assert page.locator(".said").text_content() == message["content"]
    assert message["content"].startswith(begun)
    assert begun != message["content"]
    timed = [f for f in message["lineament"]["facts"] if f["start_seconds"] is not None]
    assert page.locator(".evidence .jump").count() == len(timed)
    if timed:
        page.locator(".evidence .jump").first.click()
        wait_for_time(page, timed[0]["start_seconds"])


def test_text_is_checked_claim_by_claim(visit: Any, served: Any):
    page, _ = visit
    page.click("#tab-check")
    page.fill("#caption", CAPTION)
    page.click("#check-send")
    page.wait_for_selector(".claims li")
    [file] = served[1].desk.uploads.list_files("address 127.0.0.1")
    checked = post(served[0], "check", {"text": CAPTION, "media": file.id})
    assert {"supported", "contradicted", "unknown"} <= {c["verdict"] for c in checked["claims"]}
    assert page.locator(".marked").text_content() == CAPTION
    for row, claim in zip(page.locator(".claims li").all(), checked["claims"], strict=True):
        assert claim["verdict"] in row.inner_text()
        sign = row.locator("use").first.get_attribute("href")
        assert sign == f"page/icon.svg#{claim['verdict']}"
    page.click(".claim[aria-label^='smiles']")
    fact = next(c for c in checked["claims"] if c["name"] == "smile")["evidence"]["fact"]
    wait_for_time(page, fact["start_seconds"])


def test_faces_are_drawn_with_their_seeds(visit: Any, served: Any):
    page, _ = visit
    page.click("#tab-draw")
    page.fill("#prompt", "A smiling woman with glasses")
    page.fill("#count", "2")
    page.fill("#seed", "7")
    page.press("#guidance", "Home")
    page.click("#draw-send")
    page.wait_for_selector(".faces figure:nth-child(2)")
    body = {"prompt": "A smiling woman with glasses", "n": 2, "seed": 7, "guidance": 0}
    drawn = post(served[0], "v1/images/generations", body)
    for number, row in enumerate(drawn["data"]):
        figure = page.locator(".faces figure").nth(number)
        url = f"data:image/png;base64,{row['b64_json']}"
        assert figure.locator("img").get_attribute("src") == url
        assert figure.locator("img").evaluate("picture => picture.naturalWidth") == 16
        assert f"seed {7 + number}" in figure.inner_text()


@pytest.mark.parametrize("look", ["light", "dark", "phone"])
def test_nobody_is_shut_out(visit: Any, look: str):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="no axe").Axe()
    page, _ = visit
    page.emulate_media(color_scheme="dark" if look == "dark" else "light")
    size = (360, 740) if look == "phone" else (1280, 860)
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.evaluate("scrollTo(0, 0)")
    for tab in TABS:
        page.click(f"#tab-{tab}")
        found = axe.run(page).response["violations"]
        grave = [row for row in found if row["impact"] in ("serious", "critical")]
        named = [(row["id"], node["html"][:90]) for row in grave for node in row["nodes"]]
        assert named == []
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]


def test_clip_is_forgotten_when_it_is_removed(visit: Any, served: Any):
    page, _ = visit
    page.click("#forget")
    page.wait_for_selector("#drop")
    wait_until(lambda: not served[1].desk.uploads.list_files("address 127.0.0.1"))
    assert page.evaluate("document.activeElement.id") == "choose"
    page.click("#tab-ask")
    assert page.is_disabled("#question")


def test_small_server_says_in_words_what_it_lacks(
    browser: Any, encode_clip: Any, gradient_picture: Path, tmp_path: Path
):
    clip = encode_clip(tmp_path / "old.avi", codec="mpeg4", size=(240, 320), stamps=range(25))
    looker = InlineLooker()
    engine = Engine(None, looker, ServeSettings(max_batch=1, max_waiting=0), name="rule")
    with (
        run_server(engine, keys=Keys([KEY])) as (url, _),
        open_page(browser, url) as page,
    ):
        page.fill("#key", KEY)
        page.keyboard.press("Enter")
        page.wait_for_selector("#where:has-text('rules')")
        page.click("#tab-ask")
        page.keyboard.press("End")  # the last tab, by keys
        assert "no model that draws" in page.inner_text("#draw")
        looker.gate.clear()
        page.set_input_files("#file", clip)
        wait_until(lambda: looker.num_looks == 1)
        page.click("#tab-ask")
        page.fill("#question", QUESTION)
        page.click("#send")
        page.wait_for_selector(".turn .notice")
        assert "The server is busy. Try again in" in page.inner_text(".turn .notice")
        looker.gate.set()
        page.wait_for_selector(".box:not([hidden])")
        assert "Your browser cannot show" in page.inner_text("#stage-note")
        frame, box = (page.locator(name).bounding_box() for name in ("#frame", ".box"))
        assert box["width"] / frame["width"] == pytest.approx((BOX[2] - BOX[0]) / 320, abs=0.01)
        page.focus("#stage")
        page.keyboard.press("Space")
        page.wait_for_function("() => Number(document.getElementById('time').textContent) > 0.2")
        page.set_input_files("#file", gradient_picture)
        page.wait_for_selector("#throughout:not([hidden])")
        assert page.is_hidden("#timeline")
        assert page.is_hidden("#controls")
        assert page.is_visible("#picture")
        mangled = tmp_path / "mangled.mp4"
        mangled.write_bytes(b"no clip at all" * 99)
        page.set_input_files("#file", mangled)
        page.wait_for_selector("#look-error:not([hidden])")
        assert "This file cannot be used" in page.inner_text("#look-error")


def test_dropped_picture_is_looked_at_and_forgotten_when_the_page_is_left(
    browser: Any, gradient_picture: Path
):
    engine = Engine(None, InlineLooker(), name="rule")
    with run_server(engine) as (url, served), open_page(browser, url) as page:
        ground = "getComputedStyle(document.body).backgroundColor"
        before = page.evaluate(ground)
        page.click("#theme")
        assert page.evaluate(ground) != before
        page.reload()
        assert page.get_attribute("html", "data-theme") == "dark"  # the switch is remembered
        dropped = page.evaluate_handle(
            """content => {
                const bytes = Uint8Array.from(atob(content), sign => sign.charCodeAt(0));
                const transfer = new DataTransfer();
                transfer.items.add(new File([bytes], 'face.png', {type: 'image/png'}));
                return transfer;
            }""",
            base64.b64encode(gradient_picture.read_bytes()).decode(),
        )
        page.dispatch_event("#drop", "drop", {"dataTransfer": dropped})
        page.wait_for_selector(".box:not([hidden])")
        uploads = served.desk.uploads
        assert [file.name for file in uploads.list_files("address 127.0.0.1")] == ["face.png"]
        page.goto("about:blank")
        wait_until(lambda: not uploads.list_files("address 127.0.0.1"))
