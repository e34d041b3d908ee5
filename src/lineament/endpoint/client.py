"""The client: attempts, retries, budgets, and many requests at a time."""

import asyncio
import json
import logging
import math
import time
from collections.abc import AsyncIterable, AsyncIterator, Iterable
from dataclasses import dataclass
from random import Random
from typing import Any

from lineament.endpoint.flow import Breaker, Gate
from lineament.endpoint.request import (
    CHARS_PER_TOKEN,
    STRUCTURES,
    Reply,
    Request,
    Settings,
    Usage,
    estimate_tokens,
    parse_object,
)
from lineament.errors import BadInput, BudgetSpent, EndpointFailed, MissingExtra

log = logging.getLogger(__name__)

LIMIT_REPLY_BYTES = 16_000_000
RETRIED = frozenset((408, 409, 425, 500, 502, 503, 504, 520, 522, 524, 529))
REFUSED = frozenset((401, 403, 404))  # no later request will fare better


class EndpointClient:
    """Sends chat requests; use as ``async with EndpointClient(settings) as client``."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.usage = Usage()
        self.gate = Gate(settings.start_in_flight, settings.max_in_flight)
        self.breaker = Breaker(
            settings.breaker_failures, settings.breaker_seconds, settings.max_openings
        )
        self.structure = STRUCTURES[0]
        self._rng = Random(settings.seed)
        self._session: Any = None
        self._url = settings.url.rstrip("/") + "/chat/completions"

    async def __aenter__(self) -> "EndpointClient":
        """Open the connections."""
        try:
            import aiohttp
        except ImportError:
            raise MissingExtra("aiohttp", "endpoint") from None
        headers = {"Content-Type": "application/json"}
        if self.settings.api_key:
            headers["Authorization"] = f"Bearer {self.settings.api_key}"
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=60),
            timeout=aiohttp.ClientTimeout(total=self.settings.timeout_seconds),
            headers=headers,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the connections."""
        await self._session.close()

    @property
    def is_open(self) -> bool:
        """Whether the connections are open."""
        return self._session is not None and not self._session.closed

    async def complete(self, request: Request) -> Reply:
        """Ask for one completion, as often as it takes.

        Raises:
            BadInput: The server refuses the key, the model or the request.
            BudgetSpent: Nothing more may be sent.
            EndpointFailed: It failed too often.
        """
        num_failed = num_sent = 0
        give_up_at = time.monotonic() + self.settings.max_wait_seconds
        while True:
            await self.breaker.wait()
            await self.gate.enter()
            try:
                self._require_budget()
                num_sent += 1
                outcome = await self._attempt(request, num_sent)
            finally:
                self.gate.leave()
            if isinstance(outcome, Reply):
                return outcome
            if outcome.is_refusal:
                if time.monotonic() > give_up_at:
                    raise EndpointFailed(f"refused for {self.settings.max_wait_seconds:g} s")
                await asyncio.sleep(self._jitter(0))
                continue
            num_failed += not outcome.is_downgrade
            if num_failed >= self.settings.max_attempts:
                raise EndpointFailed(
                    f"{num_failed} attempts failed, the last one: {outcome.detail}"
                )
            if num_failed:
                await asyncio.sleep(self._jitter(num_failed - 1))

    async def complete_all(
        self, requests: AsyncIterable[Request] | Iterable[Request]
    ) -> AsyncIterator[Reply | tuple[Request, EndpointFailed]]:
        """Yield replies as they come; a request that failed comes with its error.

        No more requests are read ahead than twice what may be in flight. Errors that hold for
        all requests (a refused key, a spent budget) are raised once what was sent is back.
        """
        source = requests if isinstance(requests, AsyncIterable) else _as_async(requests)
        iterator = aiter(source)
        # A queue, since waiting on a set of tasks costs time in its size for every one done.
        finished: asyncio.Queue[asyncio.Task[Reply | tuple[Request, EndpointFailed]]]
        finished = asyncio.Queue()
        tasks: set[asyncio.Task[Reply | tuple[Request, EndpointFailed]]] = set()
        fatal: BaseException | None = None
        num_open, more = 0, True
        try:
            while more or num_open:
                while more and num_open < 2 * self.settings.max_in_flight:
                    try:
                        request = await anext(iterator)
                    except StopAsyncIteration:
                        more = False
                        break
                    task = asyncio.create_task(self._complete_or_tell(request))
                    tasks.add(task)
                    task.add_done_callback(finished.put_nowait)
                    num_open += 1
                if not num_open:
                    break
                task = await finished.get()
                tasks.discard(task)
                num_open -= 1
                if (error := task.exception()) is not None:
                    fatal, more = fatal or error, False
                else:
                    yield task.result()
        finally:
            for task in tasks:
                task.cancel()
        if fatal is not None:
            raise fatal

    async def _complete_or_tell(self, request: Request) -> Reply | tuple[Request, EndpointFailed]:
        try:
            return await self.complete(request)
        except EndpointFailed as error:
            if self.breaker.is_given_up:
                raise
            return request, error

    def _require_budget(self) -> None:
        spent = self.usage.input_tokens + self.usage.output_tokens
        limit = self.settings.budget_tokens
        if limit is not None and spent >= limit:
            raise BudgetSpent(f"{spent} of {limit} tokens are spent")
        if (
            self.settings.budget_money is not None
            and self.usage.money >= self.settings.budget_money
        ):
            raise BudgetSpent(
                f"{self.usage.money:.4f} of {self.settings.budget_money:.4f} are spent"
            )

    def _jitter(self, num_failed: int) -> float:
        return self.settings.retry_seconds * 2**num_failed * (0.5 + self._rng.random())

    async def _attempt(self, request: Request, num_sent: int) -> "Reply | _Fault":
        import aiohttp

        self.usage.num_requests += 1
        sent_at = time.monotonic()
        structure = self.structure
        data = json.dumps(request.body(self.settings.model, structure)).encode()
        try:
            async with self._session.post(self._url, data=data) as response:
                status = response.status
                content = await _read_content(response)
                retry_after = response.headers.get("Retry-After", "")
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            # It may have been answered, and billed, before the line was cut.
            may_be_billed = not isinstance(error, aiohttp.ClientConnectorError)
            return self._fail(request, f"{type(error).__name__}: {error}", is_billed=may_be_billed)
        except asyncio.CancelledError:
            self.breaker.release()
            raise
        if status == 200:
            took = time.monotonic() - sent_at
            return self._read_reply(request, content, num_sent, took)
        text = content[:300].decode("utf-8", "replace")
        if status == 429 or (status == 503 and retry_after):
            self.usage.num_refusals += 1
            self.breaker.release()
            self.gate.cut(sent_at, read_retry_after(retry_after))
            return _Fault(text, is_refusal=True)
        if status == 400 and request.schema is not None and _is_about_structure(content):
            return self._downgrade(structure, text)
        if status in RETRIED or status >= 500:
            return self._fail(request, f"HTTP {status}: {text}")
        self.breaker.release()
        if status in REFUSED:
            raise BadInput(
                f"{self._url}: HTTP {status}: {text}", hint="check the URL, the model and the key"
            )
        raise EndpointFailed(f"HTTP {status}: {text}")

    def _downgrade(self, structure: str, text: str) -> "_Fault":
        self.breaker.release()
        place = STRUCTURES.index(structure)
        if structure == self.structure:
            if place + 1 == len(STRUCTURES):
                raise EndpointFailed(f"HTTP 400: {text}")
            self.structure = STRUCTURES[place + 1]
            log.info("the server has no %s; using %s", structure, self.structure)
        return _Fault(text, is_downgrade=True)

    def _read_reply(
        self, request: Request, content: bytes, num_sent: int, seconds: float
    ) -> "Reply | _Fault":
        try:
            row = json.loads(content)
            text = row["choices"][0]["message"]["content"]
            counted = row.get("usage") or {}
            asked, answered = counted.get("prompt_tokens"), counted.get("completion_tokens")
        except (LookupError, ValueError, TypeError, AttributeError, RecursionError) as error:
            return self._fail(request, f"malformed answer ({type(error).__name__})", is_billed=True)
        if not isinstance(text, str):
            return self._fail(request, "an answer without text", is_billed=True)
        input_tokens = _count(asked, estimate_tokens(request.messages))
        output_tokens = _count(answered, math.ceil(len(text) / CHARS_PER_TOKEN))
        money = self.usage.add(input_tokens, output_tokens, self.settings.price)
        parsed = parse_object(text) if request.schema is not None else None
        if request.schema is not None and parsed is None:
            self.usage.num_failures += 1
            self.breaker.note(is_success=True)  # the model is at fault, not the server
            return _Fault("the answer is no JSON object")
        self.usage.num_replies += 1
        self.breaker.note(is_success=True)
        self.gate.widen(seconds)
        return Reply(request, text, parsed, input_tokens, output_tokens, money, num_sent, row)

    def _fail(self, request: Request, detail: str, *, is_billed: bool = False) -> "_Fault":
        """Count a failure; where it may be billed, as if it had been answered in full."""
        if is_billed:
            self.usage.add(
                estimate_tokens(request.messages), request.max_tokens, self.settings.price
            )
        self.usage.num_failures += 1
        self.breaker.note(is_success=False)
        return _Fault(detail)


@dataclass(frozen=True, slots=True)
class _Fault:
    detail: str
    is_refusal: bool = False
    is_downgrade: bool = False


def read_retry_after(text: str, *, most: float = 120.0) -> float:
    """Return the seconds of a Retry-After header: a number, or a date; 0 for none."""
    from email.utils import parsedate_to_datetime

    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(text).timestamp() - time.time()
        except (TypeError, ValueError):
            return 0.0
    return min(max(seconds, 0.0), most) if math.isfinite(seconds) else 0.0


def _count(value: object, otherwise: int) -> int:
    """Return what the server counted, or an estimate where it counted nothing of use."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    return otherwise


def _is_about_structure(content: bytes) -> bool:
    return any(word in content for word in (b"response_format", b"json_schema", b"json_object"))


async def _as_async(requests: Iterable[Request]) -> AsyncIterator[Request]:
    for request in requests:
        yield request


async def _read_content(response: Any) -> bytes:
    """Read a body, and refuse to hold one beyond the limit."""
    parts, size = [], 0
    async for part in response.content.iter_any():
        size += len(part)
        if size > LIMIT_REPLY_BYTES:
            raise OSError(f"an answer of more than {LIMIT_REPLY_BYTES} bytes")
        parts.append(part)
    return b"".join(parts)
