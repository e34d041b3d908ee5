"""Published instruction data: UniF2ace-130K, RS-GPT4V and FaVChat, to stand beside ours.

These are texts without annotations, so they are no sources of facts: they are counted, and read
back by the checker where somebody has an annotation of the same picture.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lineament.annotation import Annotation
from lineament.claims import check_text, read_claims
from lineament.errors import BadInput
from lineament.records.record import ONE_FACT, REASONING, SEVERAL_FACTS, Record, Turn
from lineament.records.sources.rows import LIMIT_JSON_BYTES, read_json_lines, require_inside
from lineament.records.sources.source import UNREADABLE, Dropped
from lineament.vocabulary import nearest_hint

MEDIA_MARKS = ("<image>", "<video>")
ASK_CAPTION = "Describe this picture."
_HUMAN, _MODEL = frozenset(("human", "user")), frozenset(("gpt", "bot", "assistant"))
_ANSWER = ("<answer>", "</answer>")
DESCRIPTION_WORDS = 40


def read_llava(row: Mapping[str, Any]) -> Record:
    """Read ``{"image" or "video", "conversations": [{"from", "value"}]}``.

    A first turn that is not the user's is left out, as public loaders do.
    """
    media = row.get("image") or row.get("video")
    turns: list[Turn] = []
    for turn in row["conversations"]:
        said = str(turn.get("from", turn.get("role", ""))).casefold()
        role = "user" if said in _HUMAN else "assistant" if said in _MODEL else ""
        if not role:
            raise ValueError(f"unknown speaker {said[:20]!r}")
        if turns or role == "user":
            turns.append(Turn(role, _without_marks(turn.get("value", turn.get("content")))))
    return _record(media, turns)


def read_caption(row: Mapping[str, Any]) -> Record:
    """Read ``{"image", "caption"}``."""
    turns = [Turn("user", ASK_CAPTION), Turn("assistant", _without_marks(row["caption"]))]
    return _record(row.get("image") or row.get("video"), turns)


def read_favchat(row: Mapping[str, Any]) -> Record:
    """Read FaVChat's own shape: ``problem, problem_type, options, path, solution``."""
    question = _without_marks(row["problem"])
    options = [str(option) for option in row.get("options") or ()]
    if options:
        question = f"{question} {' '.join(options)}"
    answer = str(row["solution"])
    if _ANSWER[0] in answer:
        answer = answer.split(_ANSWER[0], 1)[1].split(_ANSWER[1], 1)[0]
    turns = [Turn("user", question), Turn("assistant", _without_marks(answer))]
    record = _record(row["path"], turns)
    if not row.get("process"):
        return record
    return Record(record.kind, REASONING, record.media, record.turns, provenance=record.provenance)


def _read_any(row: Mapping[str, Any]) -> Record:
    return read_llava(row) if "conversations" in row else read_caption(row)


PUBLISHED: Mapping[str, Callable[[Mapping[str, Any]], Record]] = {
    "unif2ace-130k": _read_any,
    "rs-gpt4v": read_llava,
    "favchat-170k": read_favchat,
}


def read_published(name: str, path: Path) -> Iterator[Record | Dropped]:
    """Yield the records of a published file, JSON or JSON Lines; rows of no use are dropped.

    Raises:
        BadInput: The name is unknown, or the file is missing, too large or damaged.
    """
    if name not in PUBLISHED:
        raise BadInput(f"unknown published set {name!r}", hint=nearest_hint(name, PUBLISHED))
    seen: set[str] = set()
    for number, row in enumerate(_read_rows(path), start=1):
        where = f"{path.name}, row {number}"
        if isinstance(row, Dropped):
            yield row
            continue
        try:
            record = PUBLISHED[name](row)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            yield Dropped(where, UNREADABLE, f"{type(error).__name__}: {error}")
            continue
        if record.id in seen:
            yield Dropped(where, "duplicate row")
        else:
            seen.add(record.id)
            yield record


def _read_rows(path: Path) -> Iterator[Mapping[str, Any] | Dropped]:
    if not path.is_file():
        raise BadInput(f"{path}: no such file")
    if path.suffix != ".json":
        yield from read_json_lines(path)
        return
    if (size := path.stat().st_size) > LIMIT_JSON_BYTES:
        raise BadInput(f"{path}: {size} bytes, more than {LIMIT_JSON_BYTES}", hint="use .jsonl")
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise BadInput(f"{path}: not JSON ({error})") from None
    if not isinstance(rows, list):
        raise BadInput(f"{path}: expected a list, got {type(rows).__name__}")
    for number, row in enumerate(rows, start=1):
        if isinstance(row, Mapping):
            yield row
        else:
            yield Dropped(f"{path.name}, row {number}", UNREADABLE, "no object")


def _without_marks(text: Any) -> str:
    if not isinstance(text, str):
        raise TypeError(f"expected text, got {type(text).__name__}")
    for mark in MEDIA_MARKS:
        text = text.replace(mark, "")
    return text.strip()


def _record(media: Any, turns: list[Turn]) -> Record:
    if not isinstance(media, str):
        raise TypeError("no image or video")
    if len(turns) < 2 or any(not turn.text for turn in turns):
        raise ValueError("no question with its answer")
    num_words = len(turns[-1].text.split())
    is_description = len(turns) == 2 and num_words >= DESCRIPTION_WORDS
    kind = "caption" if is_description else "conversation" if len(turns) > 2 else "which"
    level = SEVERAL_FACTS if kind != "which" else ONE_FACT
    return Record(kind, level, require_inside(media), tuple(turns))


@dataclass(slots=True)
class Faults:
    """What the checker finds in published texts.

    Attributes:
        num_records: Read.
        num_checked: Those of which an annotation was at hand.
        num_claims: Claims read in all answers.
        verdicts: Claims of the checked ones by verdict.
    """

    num_records: int = 0
    num_checked: int = 0
    num_claims: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)

    @property
    def error_rate(self) -> float | None:
        """Share of contradicted claims among those that are decided; None where none is."""
        decided = self.verdicts["supported"] + self.verdicts["contradicted"]
        return self.verdicts["contradicted"] / decided if decided else None


def check_published(
    records: Iterator[Record | Dropped], find_annotation: Callable[[str], Annotation | None]
) -> Faults:
    """Count claims of published answers, and check those whose media somebody has labelled.

    Args:
        records: As `read_published` yields them.
        find_annotation: By the record's media; None where there is no annotation.
    """
    found = Faults()
    for record in records:
        if isinstance(record, Dropped):
            continue
        found.num_records += 1
        annotation = find_annotation(record.media)
        found.num_checked += annotation is not None
        for turn in record.turns[1::2]:
            if annotation is None:
                found.num_claims += len(read_claims(turn.text))
                continue
            checked = check_text(turn.text, annotation)
            found.num_claims += len(checked.claims)
            found.verdicts.update(claim.verdict for claim in checked.claims)
    return found
