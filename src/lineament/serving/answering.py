"""Answering: `Chat` as it is, with the server's decoder, for one request at a time."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from lineament.cache import hash_parts
from lineament.describe.annotate import AnnotatedClip
from lineament.describe.answer import Answer, Glance
from lineament.describe.chat import Chat, History, OpenedMedia
from lineament.describe.refusals import REFUSALS, find_refused_topic
from lineament.model.media import MediaTokens
from lineament.model.sampling import GREEDY, Sampling
from lineament.serving.decoding import JointDecoder
from lineament.serving.ticket import Ticket

NO_MEDIA = "I cannot tell: no clip or picture was given."


@dataclass(frozen=True, slots=True)
class Wish:
    """What a request asks for.

    Attributes:
        question: In English.
        history: Questions and answers before, about the same media.
        sampling: How the model chooses its words.
        max_new_tokens: At most so many; None for as many as `Chat` says.
        stops: Texts before which the answer ends.
        all_facts: As for `Chat.ask`.
        has_attention: Whether to find which frames the model attended to, which costs a pass.
    """

    question: str
    history: History = ()
    sampling: Sampling = GREEDY
    max_new_tokens: int | None = None
    stops: tuple[str, ...] = ()
    all_facts: bool = False
    has_attention: bool = False


@dataclass(slots=True)
class Reply:
    """An answer, and what it took.

    Attributes:
        answer: With its evidence.
        num_prompt_tokens: Read by the model; 0 where a rule answered.
        num_cached_tokens: Those of them that had been read before.
        num_answer_tokens: Said by the model.
        finish: ``length`` where the answer was cut off.
    """

    answer: Answer
    num_prompt_tokens: int = 0
    num_cached_tokens: int = 0
    num_answer_tokens: int = 0
    finish: Literal["stop", "length"] = "stop"


@dataclass
class RequestDecoder:
    """The joint decoder as one request's `Chat` sees it: its own limit, its own end.

    Attributes:
        decoder: Shared by all requests.
        root: Names the media by their content.
        ticket: Says when the answer is of no use any more.
        wish: Of the request.
        has_gate: Whether the clip's tokens depend on the prompt, so that only the very same
            prompt may use what was read.
        reply: Gets the counts of tokens.
    """

    decoder: JointDecoder
    root: str
    ticket: Ticket
    wish: Wish
    has_gate: bool = False
    reply: Reply = field(default_factory=lambda: Reply(Answer("")))

    @property
    def max_tokens(self) -> int:
        """What the model can read."""
        return self.decoder.max_tokens

    def stream(
        self,
        token_ids: Sequence[int],
        *,
        media: MediaTokens | None = None,
        max_new_tokens: int = 128,
        sampling: Sampling = GREEDY,
    ) -> Iterator[int]:
        """Yield the answer's tokens; see `JointDecoder.stream`."""
        limit = min(self.wish.max_new_tokens or max_new_tokens, self.max_tokens - len(token_ids))
        self.reply.num_prompt_tokens = len(token_ids)
        root = hash_parts(self.root, repr(token_ids)) if self.has_gate else self.root
        tokens = self.decoder.stream(
            token_ids,
            media=media,
            root=root,
            max_new_tokens=limit,
            sampling=sampling,
            is_over=self.ticket.is_over,
            is_told_each=self.ticket.on_text is not None or bool(self.wish.stops),
            on_reused=self._note_reused,
        )
        for token in tokens:
            self.reply.num_answer_tokens += 1
            yield token
        self.ticket.check()
        if self.reply.num_answer_tokens >= limit:
            self.reply.finish = "length"

    def _note_reused(self, count: int) -> None:
        self.reply.num_cached_tokens = count


class RequestChat(Chat):
    """`Chat` for one request: media that are open already, and the server's decoder.

    Args:
        chat: Whose model, name and tables are used.
        opened: What the request is about.
        decoder: The request's own.
        keep: Told when something was added to the opened media.
    """

    decoder: Any

    def __init__(
        self, chat: Chat, opened: OpenedMedia, decoder: RequestDecoder, keep: Callable[[], None]
    ) -> None:
        vars(self).update(vars(chat))  # nothing is loaded again
        self._ready, self.decoder, self._keep = opened, decoder, keep

    def open(
        self,
        media: Path | str,  # noqa: ARG002
        annotated: AnnotatedClip | None = None,  # noqa: ARG002
        *,
        on_frame: Callable[[float], None] | None = None,  # noqa: ARG002
    ) -> OpenedMedia:
        """Return the request's media."""
        return self._ready

    def _stream_text(
        self, prompt: list[int], media: MediaTokens, sampling: Sampling, token_ids: list[int]
    ) -> Iterator[str]:
        pieces = super()._stream_text(prompt, media, sampling, token_ids)
        return cut_at_stops(pieces, self.decoder.wish.stops)

    def _find_media(self, opened: OpenedMedia, prompt: list[int]) -> MediaTokens:
        def find() -> MediaTokens:
            is_new = opened.media is None
            media = Chat._find_media(self, opened, prompt)
            if not self.decoder.has_gate:
                opened.inputs = {}  # encoded for good
            if is_new:
                self._keep()
            return media

        return self.decoder.decoder.compute(find)

    def _find_attention(
        self, opened: OpenedMedia, prompt: list[int], token_ids: list[int], media: MediaTokens
    ) -> tuple[Glance, ...]:
        if not self.decoder.wish.has_attention:
            return ()
        find = Chat._find_attention
        return self.decoder.decoder.compute(lambda: find(self, opened, prompt, token_ids, media))


def answer_wish(
    chat: Chat,
    opened: OpenedMedia | None,
    wish: Wish,
    ticket: Ticket,
    *,
    root: str = "",
    decoder: JointDecoder | None = None,
    has_gate: bool = False,
    keep: Callable[[], None] = lambda: None,
) -> Reply:
    """Answer one request, as ``lineament chat`` does.

    Args:
        chat: The model, or the rules.
        opened: What is asked about; None when no media came.
        wish: What is asked.
        ticket: Gets the pieces of the answer, and says when it is of no use.
        root: Names the media by their content.
        decoder: Shared by all requests; None where rules answer.
        has_gate: As for `RequestDecoder`.
        keep: Told when something was added to the opened media.

    Raises:
        BadInput: The question cannot be answered.
        ClientLeft: Nobody waits for it.
        DeadlinePassed: It is too late.
    """
    told = ticket.on_text or (lambda _: None)
    if opened is None:
        topic = find_refused_topic(wish.question)
        text = NO_MEDIA if topic is None else REFUSALS[topic]
        told(text)
        return Reply(Answer(text, question=wish.question, source="rule"))
    if decoder is None:
        answerer: Chat = _Opened(chat, opened)
        reply = Reply(Answer(""))
    else:
        view = RequestDecoder(decoder, root, ticket, wish, has_gate)
        answerer, reply = RequestChat(chat, opened, view, keep), view.reply
    reply.answer = answerer.ask(
        "",
        wish.question,
        wish.history,
        all_facts=wish.all_facts,
        sampling=wish.sampling,
        on_text=told,
    )
    return reply


class _Opened(Chat):
    """`Chat` by rule, about media that are open already."""

    def __init__(self, chat: Chat, opened: OpenedMedia) -> None:
        vars(self).update(vars(chat))
        self._ready = opened

    def open(self, *_: Any, **__: Any) -> OpenedMedia:
        return self._ready


def cut_at_stops(pieces: Iterator[str], stops: Sequence[str]) -> Iterator[str]:
    """Pass text on up to the first stop; what may be the beginning of one is held back."""
    held = ""
    with closing(pieces):  # type: ignore[type-var] - generators are closed
        for piece in pieces:
            held += piece
            places = [place for stop in stops if (place := held.find(stop)) >= 0]
            if places:
                if min(places):
                    yield held[: min(places)]
                return
            sure = len(held) - _count_begun(held, stops)
            if sure:
                yield held[:sure]
                held = held[sure:]
    if held:
        yield held


def _count_begun(text: str, stops: Sequence[str]) -> int:
    """Return how many letters at the end may be the beginning of a stop."""
    longest = max((len(stop) for stop in stops), default=1) - 1
    for count in range(min(longest, len(text)), 0, -1):
        if any(stop.startswith(text[-count:]) for stop in stops):
            return count
    return 0
