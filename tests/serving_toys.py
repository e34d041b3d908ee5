"""A tiny untrained model, a clip, a finder and lookers that the tests of serving share."""

import base64
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lineament.errors import LineamentError
from lineament.model.favchat import FaVChatForConditionalGeneration
from lineament.model.favchat_config import favchat_tiny_config
from lineament.model.hub import LoadedModel, load
from lineament.model.processor import FaVChatProcessor
from lineament.serving.engine import Engine
from lineament.serving.looking import Looked, Sight, hide_path, look_once
from lineament.serving.server import bind, make_server
from lineament.serving.settings import MediaLimits, ServeSettings
from lineament.video import write_clip
from test_model_toys import toy_tokenizer

NUM_FRAMES = 12
BOX = (100.0, 60.0, 220.0, 200.0)
PATIENCE_SECONDS = 60.0


class OneFace:
    """A finder that sees one face in every frame."""

    name = "one face"

    def find(self, pixels: np.ndarray, known: Any = ()) -> list[Any]:
        return [] if known else [self._face()]

    def find_again(self, pixels: np.ndarray, last: Any) -> Any:
        return self._face()

    def close(self) -> None:
        pass

    def _face(self) -> Any:
        from conftest import frontal_face
        from lineament.faces.finder import FoundFace

        return FoundFace(BOX, frontal_face((160.0, 110.0), 80.0), 0.9)


class NoFace(OneFace):
    """A finder that sees nobody."""

    def find(self, pixels: np.ndarray, known: Any = ()) -> list[Any]:
        return []

    def find_again(self, pixels: np.ndarray, last: Any) -> Any:
        return None


class MoodyFace(OneFace):
    """A finder that hangs on red frames and fills the memory on blue ones."""

    def find(self, pixels: np.ndarray, known: Any = ()) -> list[Any]:
        red, _, blue = pixels.mean(axis=(0, 1))
        if blue > 200:
            kept = np.ones(1 << 27)  # a gigabyte
            time.sleep(60)
            return [] if kept.any() else [None]
        if red > 200:
            time.sleep(60)
        return super().find(pixels, known)


class InlineLooker:
    """Looks in this process, counts its looks, and waits while its gate is shut."""

    def __init__(
        self, make_finder: Callable[[], Any] = OneFace, limits: MediaLimits | None = None
    ) -> None:
        self.make_finder, self.limits = make_finder, limits or MediaLimits()
        self.gate = threading.Event()
        self.gate.set()
        self.num_looks = 0
        self.paths: list[Path] = []

    def look(self, path: Path, sight: Sight | None) -> Looked:
        self.num_looks += 1
        self.paths.append(path)
        assert self.gate.wait(PATIENCE_SECONDS)
        try:
            return look_once(path, sight, self.limits, self.make_finder)
        except LineamentError as error:
            raise hide_path(error, path) from None

    def close(self) -> None:
        self.gate.set()


def wait_until(is_so: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> None:
    """Wait for what other threads do; fails when it does not come about."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.005)


@contextmanager
def run_server(app: Any, max_connections: int = 64) -> Iterator[str]:
    """Serve an app on a socket from a thread; gives its address."""
    listener = bind("127.0.0.1", 0)
    server = make_server(app, max_connections)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    wait_until(lambda: server.started)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(timeout=300)
        assert not thread.is_alive()


def data_url(content: bytes, kind: str = "video/mp4") -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def toy_favchat(**changes: Any) -> tuple[FaVChatForConditionalGeneration, FaVChatProcessor]:
    """Return an untrained model of a few thousand weights that takes real landmarks."""
    encoder = {
        "model_type": "lineament_conv_vision", "hidden_size": 16, "num_hidden_layers": 3,
        "depths": (1, 1, 1), "image_size": 32, "patch_size": 16,
    }  # fmt: skip
    text = {
        "model_type": "qwen3", "vocab_size": 320, "hidden_size": 32, "intermediate_size": 48,
        "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 1,
        "head_dim": 16, "max_position_embeddings": 1024, "tie_word_embeddings": True,
    }  # fmt: skip
    config = favchat_tiny_config(
        320, frame_token_id=3, landmark_dim=16,
        vision_config=encoder, face_config=encoder, text_config=text, **changes,
    )  # fmt: skip
    torch.manual_seed(0)
    model = FaVChatForConditionalGeneration(config)
    with torch.no_grad():  # so that answers differ, and do not repeat one word
        for name, weight in model.language_model.named_parameters():
            if weight.ndim > 1:
                weight.normal_(0.0, 0.4 if "embed" in name else 0.3)
    return model, FaVChatProcessor.for_model(config, toy_tokenizer())


def make_toy_engine(folder: Path, settings: ServeSettings) -> Engine:
    """Make an engine in a process that does not run tests."""
    torch.set_num_threads(1)
    return Engine(load(folder), InlineLooker(), settings, name="toy")


@pytest.fixture(name="model_folder", scope="session")
def fixture_model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("serving") / "toy-chat"
    model, processor = toy_favchat()
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


@pytest.fixture(name="loaded", scope="session")
def fixture_loaded(model_folder: Path) -> LoadedModel:
    return load(model_folder)


@pytest.fixture(name="clip", scope="session")
def fixture_clip(tmp_path_factory: pytest.TempPathFactory, numbered_frames: Any) -> Path:
    path = tmp_path_factory.mktemp("clip") / "clip.mkv"
    return write_clip(path, (pixels for _, pixels in numbered_frames(NUM_FRAMES)), fps=25)


@pytest.fixture(name="other_clip", scope="session")
def fixture_other_clip(tmp_path_factory: pytest.TempPathFactory, numbered_frames: Any) -> Path:
    path = tmp_path_factory.mktemp("clip") / "other.mkv"
    frames = [255 - pixels for _, pixels in numbered_frames(NUM_FRAMES)]
    return write_clip(path, iter(frames), fps=25)


@pytest.fixture(name="looker")
def fixture_looker() -> InlineLooker:
    return InlineLooker()


@pytest.fixture(name="make_engine")
def fixture_make_engine(
    loaded: LoadedModel, looker: InlineLooker
) -> Iterator[Callable[..., Engine]]:
    """Return a function that starts engines; they end with the test."""
    made: list[Engine] = []

    def make(*, model: LoadedModel | None = loaded, artist: Any = None, **settings: Any) -> Engine:
        engine = Engine(model, looker, ServeSettings(**settings), artist=artist, name="toy")
        made.append(engine)
        return engine

    yield make
    for engine in made:
        engine.close()
