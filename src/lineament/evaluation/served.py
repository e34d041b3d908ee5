"""Answers from elsewhere: any OpenAI-compatible server, and the whole chat with its rules."""

import asyncio
import base64
import io
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, final, runtime_checkable

import numpy as np
from PIL import Image

from lineament.endpoint import EndpointClient, Request, Settings
from lineament.errors import EndpointFailed
from lineament.evaluation.answerer import (
    LONG_TOKENS,
    Asked,
    ChatAnswerer,
    Failure,
    group_by_visual,
    spread_frames,
    tell_times,
)
from lineament.evaluation.item import Visual, hash_text
from lineament.video import write_clip

MAX_TOKENS, MAX_FRAMES = 96, 8


@final
class EndpointAnswerer:
    """A vision model behind a server: frames go as JPEG parts, questions after them.

    Attributes:
        settings: Which server and model, and how hard to press it.
        max_frames: Frames of a clip at most, evenly spread; their times are told in words.
    """

    is_looking = True
    num_media = 32

    def __init__(self, settings: Settings, *, max_frames: int = MAX_FRAMES) -> None:
        self.settings = settings
        self.max_frames = max_frames
        self.name = settings.model
        self.identity = f"{settings.url} {settings.model}, frames {max_frames}"

    def answer(self, batch: Sequence[Asked]) -> list[str | Failure]:
        """Send all questions of the batch at once, within the client's limits."""
        return asyncio.run(self._answer(batch))

    async def _answer(self, batch: Sequence[Asked]) -> list[str | Failure]:
        answers: list[str | Failure] = [Failure("not answered")] * len(batch)
        async with EndpointClient(self.settings) as client:
            async for reply in client.complete_all(self._requests(batch)):
                if isinstance(reply, tuple):
                    request, error = reply
                    answers[int(request.key)] = Failure(_reason(error))
                else:
                    answers[int(reply.request.key)] = reply.text.strip()
        return answers

    def _requests(self, batch: Sequence[Asked]) -> list[Request]:
        return [
            Request(
                messages=messages,
                max_tokens=LONG_TOKENS if batch[place].is_long else MAX_TOKENS,
                temperature=0.0,
                key=str(place),
            )
            for place, messages in write_messages(batch, self.max_frames)
        ]


def write_messages(
    batch: Sequence[Asked], max_frames: int
) -> Iterator[tuple[int, tuple[Mapping[str, Any], ...]]]:
    """Yield the messages of each question with its place; a media's frames are written once."""
    for visual, places in group_by_visual(batch):
        parts = write_parts(visual, max_frames)
        for place in places:
            content = [*parts, {"type": "text", "text": batch[place].prompt}]
            yield place, ({"role": "user", "content": content},)


def _reason(error: EndpointFailed) -> str:
    return error.message


def write_parts(visual: Visual, max_frames: int) -> list[Mapping[str, Any]]:
    """Return a clip as message parts: pictures, and for several also when each is shown."""
    places = spread_frames(visual, max_frames)
    parts: list[Mapping[str, Any]] = []
    for place in places:
        buffer = io.BytesIO()
        Image.fromarray(visual.frames[place]).save(buffer, "JPEG", quality=92)
        data = base64.b64encode(buffer.getvalue()).decode("ascii")
        parts.append({"type": "image_url", "image_url": {"url": f"data:image/jpeg;base64,{data}"}})
    if len(places) > 1:
        parts.append({"type": "text", "text": tell_times(visual, places)})
    return parts


@runtime_checkable
class AsksMedia(Protocol):
    """What answers a question about a file: ``lineament.describe.chat.Chat`` is one."""

    @property
    def name(self) -> str:
        """What it is called."""
        ...

    def ask(self, media: Path | str, question: str) -> object:
        """Return a text-like answer."""
        ...


def answerer_from_chat(chat: AsksMedia, identity: str = "") -> ChatAnswerer:
    """Return a chat, with its refusals and rules, as an answerer.

    Media that are no files of their own are written to one for the time of their questions:
    pictures without loss, clips as H.264.
    """

    def ask_all(visual: Visual, questions: Sequence[str]) -> list[object]:
        with tempfile.TemporaryDirectory() as folder:
            path = visual.path or write_media(visual, Path(folder))
            return [chat.ask(path, question) for question in questions]

    return ChatAnswerer(ask_all, chat.name, identity or f"chat {chat.name}")


def write_media(visual: Visual, folder: Path) -> Path:
    """Write a picture or clip into a folder, under a name of its own."""
    name = hash_text(f"{visual.frames.shape} {visual.frames.sum()} {visual.times_seconds}")
    if len(visual.frames) == 1:
        path = folder / f"{name}.png"
        Image.fromarray(visual.frames[0]).save(path)
        return path
    step = float(np.median(np.diff(visual.times_seconds)))
    return write_clip(folder / f"{name}.mp4", visual.frames, fps=1 / step, crf=4)


def open_chat(name: str, *, is_blind: bool = False) -> ChatAnswerer:
    """Open a model with the whole chat around it; blind, it has nothing to see.

    Raises:
        BadModel: There is no such model.
    """
    from lineament.describe.chat import Chat
    from lineament.evaluation.loaded import hash_model
    from lineament.model.hub import find_folder

    folder = find_folder(name)
    chat = Chat(name, answerer="blind" if is_blind else "model")
    suffix = ", blind" if is_blind else ""
    answerer = answerer_from_chat(chat, f"chat {hash_model(folder)}{suffix}")
    answerer.name = f"{name}{suffix}"
    return answerer
