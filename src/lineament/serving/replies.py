"""Replies: answers, pieces of answers, counts and errors in OpenAI's shapes."""

import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

from lineament.describe.annotate import AnnotatedClip, subject_id
from lineament.errors import BadInput, BadMedia, LineamentError, MissingExtra
from lineament.serving.answering import Reply
from lineament.serving.ticket import (
    ClientLeft,
    DeadlinePassed,
    QueueFull,
    ReplicaDied,
    ServerStopped,
    StillStarting,
)
from lineament.serving.uploads import UnknownFile, Upload
from lineament.serving.wire import round_seconds

FINGERPRINT = "lineament-" + version("lineament")


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error as it is answered."""

    status: int
    message: str
    type: str = "invalid_request_error"
    code: str | None = None
    param: str | None = None
    hint: str = ""
    retry_seconds: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return it in OpenAI's shape; the hint is ours."""
        error = {
            "message": f"{self.message} ({self.hint})" if self.hint else self.message,
            "type": self.type,
            "param": self.param,
            "code": self.code,
        }
        return {"error": error}

    def headers(self) -> dict[str, str]:
        """Return what goes above it."""
        return {} if self.retry_seconds is None else {"Retry-After": str(self.retry_seconds)}


def refuse_error(error: BaseException, *, param: str | None = None) -> Refusal:
    """Say how an error is answered; nothing is told of errors that nobody foresaw."""
    busy, gone = "rate_limit_error", "server_error"
    if isinstance(error, QueueFull):
        return Refusal(
            429, error.message, busy, "queue_full", None, error.hint, error.retry_seconds
        )
    if isinstance(error, DeadlinePassed):
        return Refusal(504, error.message, gone, "deadline_passed", None, error.hint)
    if isinstance(error, ServerStopped):
        return Refusal(503, error.message, gone, "stopping", None, error.hint, 5)
    if isinstance(error, ReplicaDied):
        return Refusal(503, error.message, gone, "replica_died", None, error.hint, 1)
    if isinstance(error, StillStarting):
        return Refusal(503, error.message, gone, "starting", None, error.hint, 2)
    if isinstance(error, ClientLeft):
        return Refusal(499, error.message, code="client_left")
    if isinstance(error, UnknownFile):
        return Refusal(404, error.message, code="file_not_found", param=param, hint=error.hint)
    if isinstance(error, BadInput):
        code = "bad_media" if isinstance(error, BadMedia) else "invalid_value"
        return Refusal(400, error.message, code=code, param=param, hint=error.hint)
    if isinstance(error, MissingExtra):
        return Refusal(501, error.message, gone, "not_installed", None, error.hint)
    if isinstance(error, LineamentError):
        return Refusal(503, error.message, gone, "failed", None, error.hint)
    return Refusal(500, "the server failed on this request", gone, "failed")


@dataclass
class Completion:
    """One request's answers in the making: what all its pieces have in common.

    Attributes:
        model: As it was asked for.
        notes: What of the request is not followed.
        id: New for each.
        created: Seconds since 1970.
    """

    model: str
    notes: Sequence[str] = ()
    id: str = field(default_factory=lambda: f"chatcmpl-{secrets.token_hex(12)}")
    created: int = field(default_factory=lambda: round_seconds(time.time()))

    def whole(self, replies: Sequence[Reply]) -> dict[str, Any]:
        """Return all answers at once."""
        choices = [
            {
                "index": index,
                "message": {
                    "role": "assistant",
                    "content": str(reply.answer),
                    "refusal": None,
                    "lineament": self.evidence(reply),
                },
                "logprobs": None,
                "finish_reason": reply.finish,
            }
            for index, reply in enumerate(replies)
        ]
        return self._head("chat.completion") | {"choices": choices, "usage": count_usage(replies)}

    def piece(
        self, index: int, delta: Mapping[str, Any], finish: str | None = None
    ) -> dict[str, Any]:
        """Return a piece of one answer."""
        choice = {
            "index": index, "delta": dict(delta), "logprobs": None, "finish_reason": finish,
        }  # fmt: skip
        return self._head("chat.completion.chunk") | {"choices": [choice]}

    def last(self, replies: Sequence[Reply]) -> dict[str, Any]:
        """Return the piece that only counts."""
        return self._head("chat.completion.chunk") | {
            "choices": [],
            "usage": count_usage(replies),
        }

    def evidence(self, reply: Reply) -> dict[str, Any]:
        """Return what an answer rests on, and what of the request is not followed."""
        told = reply.answer.to_dict()
        del told["question"], told["answer"]
        return told | {"notes": list(self.notes)}

    def _head(self, kind: str) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": kind,
            "created": self.created,
            "model": self.model,
            "system_fingerprint": FINGERPRINT,
        }


def count_usage(replies: Sequence[Reply]) -> dict[str, Any]:
    """Count tokens; a prompt counts once, however many answers it has."""
    num_prompt = max((reply.num_prompt_tokens for reply in replies), default=0)
    num_cached = max((reply.num_cached_tokens for reply in replies), default=0)
    num_said = sum(reply.num_answer_tokens for reply in replies)
    return {
        "prompt_tokens": num_prompt,
        "completion_tokens": num_said,
        "total_tokens": num_prompt + num_said,
        "prompt_tokens_details": {"cached_tokens": num_cached},
    }


def dict_from_file(file: Upload) -> dict[str, Any]:
    """Return an uploaded file in OpenAI's shape."""
    return {
        "id": file.id,
        "object": "file",
        "bytes": file.stored.num_bytes,
        "created_at": round_seconds(file.created),
        "expires_at": round_seconds(file.expires),
        "filename": file.name,
        "purpose": file.purpose,
        "status": "processed",
    }


def dict_from_annotated(annotated: AnnotatedClip, *, has_boxes: bool) -> dict[str, Any]:
    """Return an annotation in the shape of ``lineament annotate``, with boxes if wanted."""
    told = annotated.annotation.to_dict()
    if has_boxes:
        clip = annotated.followed.clip
        told["width"], told["height"] = clip.width, clip.height
        told["tracks"] = [
            {
                "subject": subject_id(track),
                "times_seconds": track.times_seconds.round(4).tolist(),
                "boxes_xyxy_px": track.boxes_xyxy_px.round(1).tolist(),
            }
            for track in annotated.followed.tracks
        ]
    return told
