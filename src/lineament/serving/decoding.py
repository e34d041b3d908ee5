"""Decoding for many threads: one thread writes all their answers, each as if it stood alone."""

import logging
import threading
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

import torch

from lineament.errors import BadInput
from lineament.model.drafting import Drafter
from lineament.model.media import MediaTokens
from lineament.model.sampling import GREEDY, Sampling, find_context_length, make_chooser
from lineament.serving.batch import Batch, BatchFigures
from lineament.serving.faults import log_fault
from lineament.serving.prefixes import PrefixCache
from lineament.serving.rows import Row
from lineament.serving.ticket import ServerStopped

log = logging.getLogger(__name__)

JOIN_SECONDS = 30.0

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class _Call:
    function: Callable[[], Any]
    future: Future[Any]


class JointDecoder:
    """Write the answers of all requests in one `Batch`, on a thread of its own.

    Everything that touches the model runs on this thread.

    Args:
        model: FaVChat or any causal language model of ``transformers`` with a plain cache. Its
            weights must stay as they are.
        stop_token_ids: Tokens that end an answer; they are not part of it.
        max_rows: Answers at once; more wait.
        prefix_bytes: For what was read, to be used again.
        make_drafter: Makes what guesses tokens for one answer; the answers are the same without.
    """

    def __init__(
        self,
        model: Any,
        *,
        stop_token_ids: Collection[int],
        max_rows: int = 16,
        prefix_bytes: int = 1 << 28,
        make_drafter: Callable[[], Drafter | None] = lambda: None,
    ) -> None:
        self.max_tokens = find_context_length(model)
        self.prefixes = PrefixCache(prefix_bytes)
        self._max_rows, self._make_drafter = max_rows, make_drafter
        self._batch = Batch(model, stop_token_ids, self.prefixes)
        self._waiting: deque[Row] = deque()
        self._inbox: SimpleQueue[Row | _Call | None] = SimpleQueue()
        self._is_closed = False
        self._door = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="decoder", daemon=True)
        self._thread.start()

    @property
    def num_rows(self) -> int:
        """How many answers are being written."""
        return len(self._batch)

    @property
    def figures(self) -> BatchFigures:
        """What was done so far."""
        return self._batch.figures

    def count_bytes(self) -> int:
        """Return what the open texts take."""
        return self._batch.count_bytes()

    def stream(
        self,
        token_ids: Sequence[int],
        *,
        media: MediaTokens | None = None,
        root: str = "",
        max_new_tokens: int = 128,
        sampling: Sampling = GREEDY,
        is_over: Callable[[], bool] = lambda: False,
        is_told_each: bool = True,
        on_reused: Callable[[int], None] = lambda _: None,
    ) -> Iterator[int]:
        """Yield the answer's tokens; leaving the iteration ends the answer.

        Args:
            token_ids: The prompt, with placeholders where visual tokens go.
            media: The clip's tokens.
            root: Names the clip by its content; the same name always means the same tokens.
            max_new_tokens: At most so many.
            sampling: How to choose.
            is_over: Says whether nobody wants the rest.
            is_told_each: Whether to yield tokens as they come; else all at the end.
            on_reused: Told how many tokens of the prompt were not read again.

        Raises:
            BadInput: The prompt leaves no room for an answer.
            ServerStopped: The decoder is closed.
        """
        prompt = [int(token) for token in token_ids]
        room = self.max_tokens - len(prompt)
        if room < 1 or not prompt:
            raise BadInput(
                f"the prompt has {len(prompt)} tokens; 1 to {self.max_tokens - 1} fit the model",
                hint="ask a shorter question, or start a new conversation",
            )
        self._batch.check_clip(prompt, media)
        has_left = threading.Event()
        row = Row(
            prompt,
            len(prompt),
            min(max_new_tokens, room),
            make_chooser(sampling),
            lambda: has_left.is_set() or is_over(),
            media,
            root,
            self._make_drafter(),
            is_told_each,
        )
        return self._follow(row, has_left, on_reused)

    def compute(self, function: Callable[[], Result]) -> Result:
        """Run a function of the model on the decoder's thread, between two passes.

        Raises:
            ServerStopped: The decoder is closed.
        """
        call = _Call(function, Future())
        self._put(call)
        return call.future.result()

    def close(self) -> None:
        """End all answers and the thread."""
        with self._door:
            self._is_closed = True
            self._inbox.put(None)
        self._thread.join(timeout=JOIN_SECONDS)

    def _follow(
        self, row: Row, has_left: threading.Event, on_reused: Callable[[int], None]
    ) -> Iterator[int]:
        self._put(row)
        is_first = True
        try:
            while (told := row.told.get()) is not None:
                if isinstance(told, BaseException):
                    raise told
                if is_first:
                    on_reused(row.num_reused)
                    is_first = False
                yield from told
        finally:
            has_left.set()

    def _put(self, work: Row | _Call) -> None:
        with self._door:  # nothing comes in behind the None that ends the thread
            if self._is_closed:
                raise ServerStopped
            self._inbox.put(work)

    @torch.inference_mode()
    def _run(self) -> None:
        while self._take_in():
            try:
                self._batch.advance()
            except Exception as error:  # noqa: BLE001 - one bad pass must not end the server
                log_fault(log, "a pass failed", error)
                self._batch.fail(error)
        self._batch.fail(ServerStopped())
        for row in self._waiting:
            row.end(ServerStopped())

    def _take_in(self) -> bool:
        """Take new work in, waiting for some when there is none; False at the end."""
        while True:
            try:
                work = self._inbox.get(block=not (len(self._batch) or self._waiting))
            except Empty:
                break
            if work is None:
                return False
            if isinstance(work, _Call):
                _answer_call(work)
            else:
                self._waiting.append(work)
        while self._waiting and len(self._batch) < self._max_rows:
            row = self._waiting.popleft()
            if row.is_over():
                row.end()
            else:
                self._batch.open(row)
        return True


def _answer_call(call: _Call) -> None:
    try:
        call.future.set_result(call.function())
    except Exception as error:  # noqa: BLE001 - whoever asked gets it
        call.future.set_exception(error)
