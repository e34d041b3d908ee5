"""LLaVA and ShareGPT JSON: records out, and conversations of any hand in."""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, get_args

from lineament.errors import BadInput
from lineament.records.record import SEVERAL_FACTS, Record, Turn, record_from_dict
from lineament.records.sources.rows import LIMIT_JSON_BYTES, read_json_lines
from lineament.records.sources.source import UNREADABLE, Dropped

Layout = Literal["llava", "sharegpt"]
LAYOUTS: tuple[Layout, ...] = get_args(Layout)
OWN = "lineament"  # the key under which an export keeps what the layout has no place for
CLIP_SUFFIXES = (".mp4", ".webm", ".mkv", ".avi", ".mov", ".gif", ".m4v", ".mpg")
# Also `bot`, which GeoPixelD writes, and the names of OpenAI's roles.
_ASKS = frozenset(("human", "user"))
_ANSWERS = frozenset(("gpt", "bot", "assistant"))


def row_of(record: Record, layout: Layout) -> dict[str, Any]:
    """Return a record in the layout; what the layout lacks stands under the key ``lineament``."""
    medium = "video" if record.media.lower().endswith(CLIP_SUFFIXES) else "image"
    said = [
        {"from": "gpt" if turn.role == "assistant" else "human", "value": turn.text}
        for turn in record.turns
    ]
    if said:
        said[0]["value"] = f"<{medium}>\n{said[0]['value']}"
    row: dict[str, Any] = {"id": record.id}
    if layout == "llava":
        row[medium] = record.media
    else:
        row[f"{medium}s"] = [record.media]
    row["conversations"] = said
    row[OWN] = {
        "kind": record.kind, "level": record.level, "claims": list(record.claims),
        "provenance": dict(record.provenance), "quality": record.quality,
    }  # fmt: skip
    return row


def write_exchange(path: Path | str, records: Iterable[Record], layout: Layout) -> int:
    """Write records as one JSON list, a record a line; returns how many."""
    path = Path(path)
    draft = path.with_name(f"{path.name}.draft")
    count = 0
    with draft.open("w", encoding="utf-8") as file:
        file.write("[")
        for record in records:
            file.write(",\n" if count else "\n")
            file.write(json.dumps(row_of(record, layout), ensure_ascii=False))
            count += 1
        file.write("\n]\n")
    draft.replace(path)
    return count


def read_exchange(path: Path | str) -> Iterator[Record | Dropped]:
    """Yield the records of a JSON list or of JSON Lines in either layout; bad rows are dropped.

    A row of our own export gives exactly the record it came from; others become conversations.

    Raises:
        BadInput: The file cannot be read, or is no JSON.
    """
    path = Path(path)
    if path.suffix == ".jsonl":
        rows: Iterable[Any] = read_json_lines(path)
    else:
        rows = _read_list(path)
    seen: set[str] = set()
    for number, row in enumerate(rows):
        if isinstance(row, Dropped):
            yield row
            continue
        where = f"{path.name}[{number}]"
        try:
            record = _record_from_row(row, where)
        except BadInput as error:
            yield Dropped(where, UNREADABLE, error.message)
            continue
        if record.id in seen:
            yield Dropped(where, "repeated record", record.id)
            continue
        seen.add(record.id)
        yield record


def _read_list(path: Path) -> list[Any]:
    try:
        if (size := path.stat().st_size) > LIMIT_JSON_BYTES:
            raise BadInput(f"{path}: {size} bytes, more than {LIMIT_JSON_BYTES}", hint="use .jsonl")
        rows = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror or error}") from None
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{path}: not JSON ({error})") from None
    if not isinstance(rows, list):
        raise BadInput(f"{path}: expected a list, got {type(rows).__name__}")
    return rows


def _record_from_row(row: Any, where: str) -> Record:
    if not isinstance(row, Mapping):
        raise BadInput(f"{where}: expected an object, got {type(row).__name__}")
    media = _media_of(row, where)
    said = row.get("conversations", row.get("messages"))
    if not isinstance(said, list) or not said:
        raise BadInput(f"{where}.conversations: missing or no list")
    turns = [_turn_of(entry, f"{where}.conversations[{n}]") for n, entry in enumerate(said)]
    while turns and turns[0]["role"] != "user":
        turns.pop(0)  # as LLaVA's loader does
    if len(turns) < 2:
        raise BadInput(f"{where}.conversations: no question and answer")
    turns[0]["text"] = _without_tag(turns[0]["text"])
    own = row.get(OWN)
    if own is None:
        pairs = tuple(Turn(turn["role"], turn["text"]) for turn in turns)  # type: ignore[arg-type]
        return Record("conversation", SEVERAL_FACTS, media, pairs)
    if not isinstance(own, Mapping):
        raise BadInput(f"{where}.{OWN}: expected an object")
    given = {"id": row["id"]} if "id" in row else {}
    return record_from_dict({**own, "media": media, "turns": turns, **given}, where=where)


def _media_of(row: Mapping[str, Any], where: str) -> str:
    for key in ("image", "video", "images", "videos"):
        value = row.get(key)
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
        if isinstance(value, str) and value:
            return value
    raise BadInput(f"{where}: names no single image or video")


def _turn_of(entry: Any, where: str) -> dict[str, str]:
    if not isinstance(entry, Mapping):
        raise BadInput(f"{where}: expected an object")
    speaker, text = entry.get("from", entry.get("role")), entry.get("value", entry.get("content"))
    if not isinstance(text, str) or speaker not in _ASKS | _ANSWERS:
        raise BadInput(f"{where}: expected a speaker and text")
    return {"role": "user" if speaker in _ASKS else "assistant", "text": text}


def _without_tag(text: str) -> str:
    for tag in ("<image>", "<video>"):
        if text.startswith(tag):
            # Some published files hold a backslash and an n instead of a line end.
            return text.removeprefix(tag).removeprefix("\\n").removeprefix("\n")
    return text
