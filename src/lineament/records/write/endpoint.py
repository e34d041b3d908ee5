"""The endpoint writer: a language model writes in three steps, and is read back after each."""

import asyncio
import hashlib
import queue
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, final

from lineament.annotation import Annotation
from lineament.endpoint import (
    EndpointClient,
    Reply,
    Request,
    Settings,
    estimate_cost,
    parse_object,
)
from lineament.errors import BadInput, BadMedia, BudgetSpent, EndpointFailed, LineamentError
from lineament.records.record import Record
from lineament.records.sources.celebahq import CAPTIONS
from lineament.records.write.journal import Journal
from lineament.records.write.prompts import SUMMARY_WORDS, make_request, prompt_version
from lineament.records.write.steps import (
    Plan,
    is_worth_asking,
    read_answer_text,
    read_asked,
    read_enriched,
    read_frames,
    word_repair,
)
from lineament.records.writers import Job, Outcome

# A stand-in of the size of a key frame, for estimates.
_FRAME = "data:image/jpeg;base64,"


@dataclass(slots=True)
class _Spent:
    """What one job has cost so far."""

    money: float = 0.0
    tokens_in: int = 0
    tokens_out: int = 0


@final
@dataclass(frozen=True)
class EndpointWriter:
    """Writes a summary and questions about many annotations at once through a chat server.

    Caption from key frames; the caption corrected and enriched by the annotation; questions from
    both. A summary that does not hold goes back once with what is wrong; its sentences that still
    do not hold are not shown to the last step. Records come unverified, as from every writer.
    Of a scene: a local and a global description, a conversation and single questions; sentences
    and rounds that do not hold are left out, since the build drops such records whole.

    Attributes:
        settings: The server, budgets included.
        plan: How much is asked for.
        folder: Where media lie; None sends no frames.
        journal: Where answers are kept as they come, so that a killed run pays for none twice.
    """

    settings: Settings
    plan: Plan = field(default_factory=Plan)
    folder: Path | None = None
    journal: Path | None = None

    @property
    def name(self) -> str:
        """Which writer, and which model."""
        return f"endpoint {self.settings.model}"

    @property
    def prompt_version(self) -> str:
        """Which prompts."""
        return prompt_version()

    @property
    def sampling(self) -> str:
        """Temperature and other settings."""
        return self.plan.sampling()

    def write_all(self, jobs: Iterable[Job]) -> Iterator[Outcome]:
        """Yield one outcome a job, in the order in which they are done.

        Raises:
            BadInput: The server refuses the key, the model or the address.
            BudgetSpent: The budget is spent; all that was paid for has been yielded.
            EndpointFailed: The server only fails.
        """
        waiting = iter(jobs)
        with _Runner(self) as runner:
            num_open, more = 0, True
            while True:
                while more and runner.fatal is None and num_open < 2 * self.settings.max_in_flight:
                    job = next(waiting, None)
                    if job is None:
                        more = False
                    else:
                        runner.submit(job)
                        num_open += 1
                if not num_open:
                    break
                yield runner.finished.get()
                num_open -= 1
            if runner.fatal is not None:
                raise runner.fatal

    def estimate(self, annotations: Iterable[Annotation], total: int) -> dict[str, Any]:
        """Return what so many annotations would cost, from a sample; nothing is sent."""
        sample = list(annotations)
        requests = [request for item in sample for request in self._expected(item)]
        found = estimate_cost(requests, self.settings.price)
        scale = total / max(len(sample), 1)
        return {
            "requests": round(found.num_requests * scale),
            "tokens_in": round(found.input_tokens * scale),
            "tokens_out": round(found.output_tokens * scale),
            "cost": round(found.money * scale, 6),
            "model": self.settings.model,
        }

    def _expected(self, annotation: Annotation) -> list[Request]:
        frames = [_FRAME] * (self.plan.num_frames if annotation.duration_seconds else 1)
        filler = "word " * SUMMARY_WORDS
        return [
            make_request(
                step, annotation, frames if step == "caption" else (), text=filler,
                num_questions=self.plan.num_questions,
            )
            for step in self.plan.steps()
        ]  # fmt: skip


class _Runner:
    """A thread with the client's loop; jobs go in, outcomes come out."""

    def __init__(self, writer: EndpointWriter) -> None:
        self.writer = writer
        self.finished: queue.SimpleQueue[Outcome] = queue.SimpleQueue()
        self.fatal: LineamentError | None = None
        self._journal = Journal(writer.journal) if writer.journal is not None else None
        self._loop = asyncio.new_event_loop()
        self._client = EndpointClient(writer.settings)
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> "_Runner":
        self._thread.start()
        # Opens the connections, and tells at once where something is not installed.
        asyncio.run_coroutine_threadsafe(self._client.__aenter__(), self._loop).result()
        return self

    def __exit__(self, *_: object) -> None:
        async def close() -> None:
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
            if self._client.is_open:
                await self._client.__aexit__()

        asyncio.run_coroutine_threadsafe(close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        if self._journal is not None:
            self._journal.close()

    def submit(self, job: Job) -> None:
        """Begin a job."""
        asyncio.run_coroutine_threadsafe(self._run(job), self._loop)

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    async def _run(self, job: Job) -> None:
        spent = _Spent()
        records: tuple[Record, ...] | None = None
        error = ""
        try:
            records = await self._write(job, spent)
        except (BudgetSpent, EndpointFailed, BadInput) as fault:
            error = fault.message
            is_of_job = isinstance(fault, BadMedia) or (
                isinstance(fault, EndpointFailed) and not self._client.breaker.is_given_up
            )
            if not is_of_job:
                self.fatal = self.fatal or fault
        except Exception as fault:  # noqa: BLE001 - a job must end, or the build would wait for ever
            error = f"{type(fault).__name__}: {fault}"
            self.fatal = self.fatal or EndpointFailed(f"writing failed: {error}")
        self.finished.put(
            Outcome(job.key, records, spent.money, spent.tokens_in, spent.tokens_out, error)
        )

    async def _write(self, job: Job, spent: _Spent) -> tuple[Record, ...]:
        plan, annotation, name = self.writer.plan, job.annotation, self.writer.name
        if not is_worth_asking(annotation):
            return ()
        text = ""
        if "caption" in plan.steps():
            frames = await asyncio.to_thread(self._frames, annotation)
            given = next(iter(annotation.extra.get(CAPTIONS, ())), "")
            answer = await self._ask("caption", job, spent, frames=frames, text=given)
            text = read_answer_text("caption", answer) or ""
        described, held = await self._enrich(job, text, spent)
        records = list(described)
        if "ask" in plan.steps():
            answer = await self._ask("ask", job, spent, text=held)
            records += read_asked(answer, annotation, job.provenance, name)
        return tuple(records)

    async def _enrich(self, job: Job, text: str, spent: _Spent) -> tuple[tuple[Record, ...], str]:
        """Return the descriptions, and what of them holds."""
        plan, num_repairs, draft = self.writer.plan, 0, text
        while True:
            step = f"enrich-{num_repairs}" if num_repairs else "enrich"
            answer = await self._ask("enrich", job, spent, text=draft, part=step)
            found = read_enriched(answer, job.annotation, job.provenance, self.writer.name)
            if found is None:
                raise EndpointFailed("the summary is missing in the answer")
            if not found.wrong or num_repairs == plan.max_repairs:
                return found.records, found.held
            num_repairs += 1
            draft = word_repair(found.draft, found.wrong)

    def _frames(self, annotation: Annotation) -> tuple[str, ...]:
        return read_frames(annotation, self.writer.folder, self.writer.plan.num_frames)

    async def _ask(
        self, step: str, job: Job, spent: _Spent, *, frames: tuple[str, ...] = (), text: str = "",
        part: str = "",
    ) -> Mapping[str, Any]:  # fmt: skip
        key = f"{job.key}-{part or step}"
        if self._journal is not None and (kept := self._journal.find(key)) is not None:
            return parse_object(kept) or {}
        plan = self.writer.plan
        request = make_request(
            step, job.annotation, frames, text=text, num_questions=plan.num_questions,
            temperature=plan.temperature, seed=seed_of(plan.seed, key), key=key,
        )  # fmt: skip
        reply: Reply = await self._client.complete(request)
        spent.money += reply.money
        spent.tokens_in += reply.input_tokens
        spent.tokens_out += reply.output_tokens
        if self._journal is not None:
            self._journal.append(key, reply.text)
        return reply.parsed or {}


def seed_of(seed: int, key: str) -> int:
    """Return a seed of 31 bits that depends on the key and the plan's seed."""
    digest = hashlib.blake2b(f"{seed}:{key}".encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big") >> 1
