"""``/v1/chat/completions`` and ``/v1/models``: answers at once or piece by piece."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from lineament.errors import BadInput
from lineament.model.sampling import Sampling
from lineament.serving.answering import Reply, Wish
from lineament.serving.conversation import Conversation, read_conversation
from lineament.serving.faults import log_fault
from lineament.serving.replies import Completion, refuse_error
from lineament.serving.served import Served, UnknownModel, client_of, served_of
from lineament.serving.spool import Stored
from lineament.serving.ticket import ClientLeft
from lineament.serving.waiting import Piece, Waiting
from lineament.serving.wire import ChatRequest

log = logging.getLogger(__name__)
router = APIRouter()


@router.get("/v1/models")
async def list_models(request: Request) -> dict[str, Any]:
    """List the models."""
    return {"object": "list", "data": served_of(request).list_models()}


@router.get("/v1/models/{name:path}")
async def describe_model(name: str, request: Request) -> dict[str, Any]:
    """Describe one model."""
    for model in served_of(request).list_models():
        if model["id"] == name:
            return model
    raise UnknownModel("model: there is no such model", hint="GET /v1/models lists them")


@router.post("/v1/chat/completions")
async def complete(body: ChatRequest, request: Request) -> Response:
    """Answer a question about a clip or picture."""
    served, client = served_of(request), client_of(request)
    served.require_chat_model(body.model)
    asked = read_conversation(body.messages)
    wishes = _read_wishes(body, asked, served.settings.max_choices)
    media = None if asked.media is None else await served.take(asked.media, client, asked.where)
    answers = _Answers(served, body, asked, media, Waiting(request.receive))
    is_streaming = False
    try:
        answers.begin(wishes, client)
        if not body.stream:
            return JSONResponse(answers.completion.whole(await answers.whole()))
        first = await answers.waiting.next()  # what fails now still gets a status of its own
        is_streaming = True
        return EventStream(answers.stream(first), answers.end)
    finally:
        if not is_streaming:
            answers.end()


def _read_wishes(body: ChatRequest, asked: Conversation, max_choices: int) -> list[Wish]:
    """Return one wish for each answer that differs: without chance, all are the same."""
    count = body.n or 1
    if count > max_choices:
        raise BadInput(f"n: expected 1 to {max_choices}, got {count}")
    temperature = body.temperature or 0.0
    return [
        Wish(
            asked.question,
            tuple(asked.history),
            Sampling(temperature, body.top_p or 1.0, body.choose_seed(number)),
            body.token_limit,
            body.stops,
            body.all_facts,
            body.attention,
        )
        for number in range(count if temperature else 1)
    ]


class _Answers:
    """One request's answers, from its tickets to its last byte."""

    def __init__(
        self,
        served: Served,
        body: ChatRequest,
        asked: Conversation,
        media: Stored | None,
        waiting: Waiting,
    ) -> None:
        self.waiting = waiting
        self.completion = Completion(body.model, asked.notes)
        self._served, self._body, self._media = served, body, media
        self._num_wishes = 1

    def begin(self, wishes: Sequence[Wish], client: str) -> None:
        """Take places for all answers."""
        self._num_wishes = len(wishes)
        on_text = self.waiting.tell if self._body.stream else None
        tickets = self._served.engine.ask(wishes, self._media, client=client, on_text=on_text)
        self.waiting.follow(tickets)

    async def whole(self) -> list[Reply]:
        """Wait for all answers."""
        replies: list[Reply] = await self.waiting.results()
        return replies if len(replies) > 1 else replies * (self._body.n or 1)

    async def stream(self, event: Any) -> AsyncIterator[bytes]:
        """Yield server-sent events; what goes wrong on the way is the last one."""
        completion, replies = self.completion, dict[int, Reply]()
        try:
            for index in range(self._body.n or 1):
                yield _event(completion.piece(index, {"role": "assistant", "content": ""}))
            while True:
                for index in self._choices_of(event.number):
                    if isinstance(event, Piece):
                        yield _event(completion.piece(index, {"content": event.text}))
                        continue
                    replies[index] = event.result
                    evidence = {"lineament": completion.evidence(event.result)}
                    yield _event(completion.piece(index, evidence, event.result.finish))
                if len(replies) == (self._body.n or 1):
                    break
                event = await self.waiting.next()
        except ClientLeft:
            return
        except Exception as error:  # noqa: BLE001 - the status is sent: an event has to say it
            refusal = refuse_error(error)
            if refusal.status == 500:
                log_fault(log, "a stream failed", error)
            yield _event(refusal.to_dict())
            return
        if self._body.stream_options and self._body.stream_options.include_usage:
            yield _event(completion.last([replies[index] for index in sorted(replies)]))
        yield b"data: [DONE]\n\n"

    def end(self) -> None:
        """Give everything back."""
        self.waiting.stop()
        if self._media is not None:
            self._served.desk.spool.drop(self._media)

    def _choices_of(self, number: int) -> Sequence[int]:
        """Return the choices that a ticket's answer is: all, where chance plays no part."""
        return [number] if self._num_wishes > 1 else range(self._body.n or 1)


def _event(content: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(content, separators=(',', ':'))}\n\n".encode()


class EventStream(Response):
    """Events as they come; the end is told however the stream ends."""

    media_type = "text/event-stream"

    def __init__(self, events: AsyncIterator[bytes], on_end: Callable[[], None]) -> None:
        super().__init__()
        del self.headers["content-length"]
        self._events, self._on_end = events, on_end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Send all events."""
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            async for event in self._events:
                await send({"type": "http.response.body", "body": event, "more_body": True})
                await asyncio.sleep(0)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            self._on_end()
