"""The batch-file writer: requests out as OpenAI batch JSONL, answers in, step after step."""

import json
import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, final

from lineament.annotation import Annotation
from lineament.endpoint import Price, parse_object
from lineament.errors import BadInput, LineamentError
from lineament.records.record import Record
from lineament.records.sources.celebahq import CAPTIONS
from lineament.records.sources.rows import read_json_lines
from lineament.records.sources.source import Dropped
from lineament.records.write.prompts import make_request, prompt_version
from lineament.records.write.steps import (
    Plan,
    is_worth_asking,
    read_answer_text,
    read_asked,
    read_enriched,
    read_frames,
)
from lineament.records.writers import Job, Outcome

log = logging.getLogger(__name__)
ENDPOINT = "/v1/chat/completions"
REQUESTS, ANSWERS = "requests", "answers"


@dataclass(frozen=True, slots=True)
class Answer:
    """One line of a batch's output.

    Attributes:
        parsed: The answer's object; empty where it failed.
        tokens_in: Tokens sent.
        tokens_out: Tokens received.
        error: Why it failed.
    """

    parsed: Mapping[str, Any]
    tokens_in: int = 0
    tokens_out: int = 0
    error: str = ""


def request_line(custom_id: str, body: Mapping[str, Any]) -> str:
    """Return one line of a batch's input."""
    row = {"custom_id": custom_id, "method": "POST", "url": ENDPOINT, "body": body}
    return json.dumps(row, ensure_ascii=False)


def read_answers(path: Path) -> Iterator[tuple[str, Answer] | Dropped]:
    """Yield the lines of a batch's output or error file by their ``custom_id``.

    Raises:
        BadInput: The file is damaged.
    """
    for number, row in enumerate(read_json_lines(path), start=1):
        if isinstance(row, Dropped):
            yield row
            continue
        custom_id = row.get("custom_id")
        if not isinstance(custom_id, str):
            yield Dropped(f"{path.name}, line {number}", "unreadable row", "no custom_id")
            continue
        yield custom_id, _read_response(row)


def _read_response(row: Mapping[str, Any]) -> Answer:
    if row.get("error"):
        return Answer({}, error=f"the batch says: {str(row['error'])[:200]}")
    try:
        response = row["response"]
        body = response["body"]
        if response.get("status_code", 200) != 200:
            return Answer({}, error=f"HTTP {response['status_code']}: {str(body)[:200]}")
        text = body["choices"][0]["message"]["content"]
        used = body.get("usage") or {}
        counts = [used.get(key) for key in ("prompt_tokens", "completion_tokens")]
        tokens = [count if isinstance(count, int) else 0 for count in counts]
    except (LookupError, TypeError, AttributeError) as error:
        return Answer({}, error=f"malformed answer ({type(error).__name__})")
    parsed = parse_object(text) if isinstance(text, str) else None
    if parsed is None:
        return Answer({}, tokens[0], tokens[1], "the answer is no JSON object")
    return Answer(parsed, tokens[0], tokens[1])


@final
@dataclass
class BatchWriter:
    """Writes through files: each run takes the answers that are there and asks what comes next.

    ``requests-<step>.jsonl`` in the folder is to be sent; what comes back is put beside it as
    ``answers-<step>.jsonl`` (several files: ``answers-<step>-*.jsonl``). After the last step the
    build goes through.

    Attributes:
        folder: Of the files.
        model: Goes into every request.
        plan: How much is asked for.
        media: Where media lie; None sends no frames.
        price: For counting money.
        dropped: Lines of answer files that were of no use, by reason.
    """

    folder: Path
    model: str
    plan: Plan = field(default_factory=Plan)
    media: Path | None = None
    price: Price = field(default_factory=Price)
    dropped: Counter[str] = field(default_factory=Counter)

    @property
    def name(self) -> str:
        """Which writer, and which model."""
        return f"batch {self.model}"

    @property
    def prompt_version(self) -> str:
        """Which prompts."""
        return prompt_version()

    @property
    def sampling(self) -> str:
        """Temperature and other settings."""
        return self.plan.sampling()

    def write_all(self, jobs: Iterable[Job]) -> Iterator[Outcome]:
        """Yield outcomes of what is answered in full, and write requests for the rest.

        Raises:
            LineamentError: Requests wait for their answers; the message names the files.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        answers = {step: self._read_step(step) for step in self.plan.steps()}
        pending: Counter[str] = Counter()
        drafts = {step: self.folder / f"{REQUESTS}-{step}.jsonl.draft" for step in answers}
        files = {step: path.open("w", encoding="utf-8") for step, path in drafts.items()}
        try:
            for job in jobs:
                found = self._advance(job, answers)
                if isinstance(found, Outcome):
                    yield found
                    continue
                step, line = found
                files[step].write(line + "\n")
                pending[step] += 1
        finally:
            for file in files.values():
                file.close()
        for step, path in drafts.items():
            if pending[step]:
                path.replace(self.folder / f"{REQUESTS}-{step}.jsonl")
            else:
                path.unlink()
        if pending:
            step = next(step for step in answers if pending[step])
            waiting, expected = f"{REQUESTS}-{step}.jsonl", f"{ANSWERS}-{step}.jsonl"
            raise LineamentError(
                f"{pending[step]} requests wait in {self.folder / waiting}",
                hint=f"send it, put what comes back beside it as {expected}, and build again",
            )

    def _read_step(self, step: str) -> dict[str, Answer]:
        found: dict[str, Answer] = {}
        for path in sorted(self.folder.glob(f"{ANSWERS}-{step}*.jsonl")):
            for item in read_answers(path):
                if isinstance(item, Dropped):
                    self.dropped[item.reason] += 1
                    log.warning("%s: %s", item.row, item.detail)
                elif item[0] in found and not found[item[0]].error:
                    self.dropped["duplicate row"] += 1
                else:
                    found[item[0]] = item[1]
        return found

    def _advance(
        self, job: Job, answers: Mapping[str, Mapping[str, Answer]]
    ) -> Outcome | tuple[str, str]:
        """Return what came of a job, or the next step and its request."""
        text, held, records = "", "", list[Record]()
        if not is_worth_asking(job.annotation):
            return Outcome(job.key, ())
        tokens_in = tokens_out = 0
        for step in self.plan.steps():
            key = f"{job.key}-{step}"
            answer = answers[step].get(key)
            if answer is None:
                return step, self._request(step, job, held if step == "ask" else text, key)
            tokens_in += answer.tokens_in
            tokens_out += answer.tokens_out
            fault = answer.error
            origin = job.annotation, job.provenance, self.name
            if step == "ask":
                records += read_asked(answer.parsed, *origin)
            elif step == "caption":
                text = read_answer_text(step, answer.parsed) or ""
            elif not fault:
                found = read_enriched(answer.parsed, *origin)
                if found is None:
                    fault = "the summary is missing"
                else:
                    held = found.held
                    records += found.records
            if fault:
                money = self.price.of(tokens_in, tokens_out)
                return Outcome(job.key, None, money, tokens_in, tokens_out, fault)
        money = self.price.of(tokens_in, tokens_out)
        return Outcome(job.key, tuple(records), money, tokens_in, tokens_out)

    def _request(self, step: str, job: Job, text: str, key: str) -> str:
        frames: tuple[str, ...] = ()
        if step == "caption":
            frames = self._frames(job.annotation)
            text = next(iter(job.annotation.extra.get(CAPTIONS, ())), "")
        request = make_request(
            step, job.annotation, frames, text=text, num_questions=self.plan.num_questions,
            temperature=self.plan.temperature, seed=self.plan.seed,
        )  # fmt: skip
        return request_line(key, request.body(self.model))

    def _frames(self, annotation: Annotation) -> tuple[str, ...]:
        try:
            return read_frames(annotation, self.media, self.plan.num_frames)
        except BadInput as error:
            log.warning("%s: sent without frames", error.message)
            return ()
