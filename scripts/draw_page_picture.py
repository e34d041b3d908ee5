"""Draw docs/pictures/page.png: the page on a rendered clip, with its timeline and answers.

Needs chromium (apt-get install chromium), playwright and the model chat-tiny; about a minute.
"""

import argparse
import io
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from lineament.render import draw_clip, sample_face
from lineament.video import write_clip

PICTURE = Path(__file__).resolve().parent.parent / "docs" / "pictures" / "page.png"
SEEDS = (3, 7)
SECONDS = 6.0
SIZE_PX = (1280, 900)
MAX_BYTES = 250_000
STEP = 6  # of a colour's 256 values
QUESTIONS = ("Describe the person.", "Does he wear glasses?", "When does he blink?")


def draw_pair(path: Path) -> Path:
    """Draw two people beside each other."""
    halves = [
        draw_clip(
            sample_face(seed, require={"smile": True, "blink": True}, duration_seconds=SECONDS),
            size_px=384,
            seed=seed,
        )[0]
        for seed in SEEDS
    ]
    return write_clip(path, iter(np.concatenate(halves, axis=2)), fps=25)


@contextmanager
def run_server() -> Iterator[str]:
    """Serve chat-tiny on a free port; gives the address."""
    command = [sys.executable, "-c", "from lineament.cli import main; main()"]
    command += ["serve", "chat-tiny", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.terminate()


def visit(page: Page, url: str, clip: Path) -> None:
    """Choose the clip, ask the questions, and go to the moment of a smile."""
    page.set_default_timeout(600_000)
    page.goto(url)
    page.set_input_files("#file", clip)
    page.wait_for_selector(".bar")
    for number, question in enumerate(QUESTIONS, start=1):
        page.fill("#question", question)
        page.keyboard.press("Enter")
        page.wait_for_selector(f".turn:nth-child({number}):not([aria-busy])")
    page.locator(".bar[aria-label^='smile']").first.click()
    page.mouse.move(0, 0)
    page.wait_for_timeout(1_000)  # for the frame that was jumped to


def shrink(content: bytes) -> bytes:
    """Round colours to steps that nobody sees and a PNG file is much smaller for."""
    pixels = np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).astype(int)
    rounded = np.clip((pixels + STEP // 2) // STEP * STEP, 0, 255).astype(np.uint8)
    shrunk = io.BytesIO()
    Image.fromarray(rounded).save(shrunk, "PNG", optimize=True)
    return shrunk.getvalue()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=PICTURE)
    parser.add_argument("--scheme", choices=("light", "dark"), default="light")
    parser.add_argument("--width", type=int, default=SIZE_PX[0])
    parser.add_argument("--height", type=int, default=SIZE_PX[1])
    options = parser.parse_args()
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("error: there is no chromium\nhint: apt-get install chromium")
    with (
        tempfile.TemporaryDirectory() as folder,
        run_server() as url,
        sync_playwright() as driver,
    ):
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(
            viewport={"width": options.width, "height": options.height},
            color_scheme=options.scheme,
        )
        visit(page, url, draw_pair(Path(folder) / "two people.mp4"))
        content = shrink(page.screenshot())
        browser.close()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_bytes(content)
    print(f"{options.out}: {len(content):,} bytes")
    if len(content) > MAX_BYTES:
        sys.exit(f"error: more than {MAX_BYTES:,} bytes")


if __name__ == "__main__":
    main()
