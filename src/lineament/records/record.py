"""Record and Turn: one training example, named by the hash of its content."""

import functools
import hashlib
import itertools
import json
import operator
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, TypeVar, get_args

import pyarrow as pa

from lineament.claims import Claim, Statement, statement_of
from lineament.errors import BadInput

Role = Literal["user", "assistant"]
ROLES: tuple[Role, ...] = get_args(Role)
# What an answer takes, from least to most: one fact, several, times, reasoning over facts.
ONE_FACT, SEVERAL_FACTS, TIMED, REASONING = 1, 2, 3, 4
LEVELS: Mapping[int, str] = {
    ONE_FACT: "one fact",
    SEVERAL_FACTS: "several facts",
    TIMED: "timed",
    REASONING: "reasoning",
}
PROVENANCE_KEYS = (
    "source", "split", "split_key", "licence", "writer", "seed", "polarity", "detail",
)  # fmt: skip

Row = TypeVar("Row", bound=Mapping[str, Any])
_TEXT = pa.string()
_CLAIM = pa.struct(
    [
        ("name", _TEXT),
        ("value", _TEXT),
        ("negated", pa.bool_()),
        ("hedged", pa.bool_()),
        ("start_seconds", pa.float64()),
        ("stop_seconds", pa.float64()),
        ("subject", _TEXT),
        ("turn", pa.int32()),
    ]
)
SCHEMA = pa.schema(
    [
        ("id", _TEXT),
        ("kind", _TEXT),
        ("level", pa.int8()),
        ("media", _TEXT),
        ("turns", pa.list_(pa.struct([("role", _TEXT), ("text", _TEXT)]))),
        ("claims", pa.list_(_CLAIM)),
        ("provenance", pa.struct([(key, _TEXT) for key in PROVENANCE_KEYS])),
        ("quality", pa.float64()),
    ]
)
# What a table may lack: columns that older data sets do not have.
OPTIONAL_COLUMNS = frozenset(("quality",))


class Turn(NamedTuple):
    """What one side says.

    Attributes:
        role: Who speaks: ``user`` asks, ``assistant`` answers.
        text: What is said.
    """

    role: Role
    text: str


@dataclass(frozen=True, slots=True)
class Record:
    """One training example about one picture or clip.

    Attributes:
        kind: What is asked for: ``summary``, ``yes_no``, ``timed``, ...
        level: How much an answer takes; see `LEVELS`.
        media: Reference of the picture or clip, as `open_pixels` reads it.
        turns: Questions and answers by turns; the first one asks.
        claims: What the answers say, as rows of `claim_row`.
        provenance: Where it comes from: source, split, licence, writer, ...
        id: Hash of kind, media and turns; filled in when left empty.
        quality: 0 to 1, as `quality.py` scores it; None where nobody has.
    """

    kind: str
    level: int
    media: str
    turns: tuple[Turn, ...]
    claims: tuple[Mapping[str, Any], ...] = ()
    provenance: Mapping[str, str] = field(default_factory=dict)
    id: str = ""
    quality: float | None = None

    def __post_init__(self) -> None:
        if not self.id:
            object.__setattr__(self, "id", hash_content(self.kind, self.media, self.turns))

    def with_claims(self, claims: tuple[Mapping[str, Any], ...]) -> "Record":
        """Return the same record with its claims; the id does not depend on them."""
        return Record(
            self.kind,
            self.level,
            self.media,
            self.turns,
            claims,
            self.provenance,
            self.id,
            self.quality,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the row that `SCHEMA` describes."""
        provenance = self.provenance
        return {
            "id": self.id,
            "kind": self.kind,
            "level": self.level,
            "media": self.media,
            "turns": [{"role": turn.role, "text": turn.text} for turn in self.turns],
            "claims": list(self.claims),
            "provenance": {key: provenance.get(key, "") for key in PROVENANCE_KEYS},
            "quality": self.quality,
        }


def hash_content(kind: str, media: str, turns: Iterable[Turn]) -> str:
    """Return the id of a record: 128 bits of BLAKE2b over kind, media and every turn."""
    parts = [kind, media]
    for turn in turns:
        parts += (turn.role, turn.text)
    content = "\x1f".join(parts).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def is_denial(claim: Mapping[str, Any]) -> bool:
    """Say whether a row of the column ``claims`` says that something is not so or not there."""
    is_absent = claim["name"] == "object_count" and claim["value"] == "[0, 1]"
    return claim["negated"] or claim["value"] == "false" or is_absent


def claim_row(claim: Claim, turn_index: int) -> dict[str, Any]:
    """Return a claim as a row of the column ``claims``; values are JSON."""
    return dict(statement_row(statement_of(claim), turn_index))


@functools.lru_cache(maxsize=65536)
def statement_row(said: Statement, turn_index: int) -> Mapping[str, Any]:
    """Return a statement as a row of the column ``claims``; equal ones share the row."""
    start, stop = said.span_seconds or (None, None)
    return {
        "name": said.name,
        "value": json.dumps(said.value),
        "negated": said.negated,
        "hedged": said.hedged,
        "start_seconds": start,
        "stop_seconds": stop,
        "subject": said.subject,
        "turn": turn_index,
    }


def record_from_dict(row: Mapping[str, Any], *, where: str = "record") -> Record:
    """Read a row back; its id must fit its content.

    Raises:
        BadInput: A key is missing or of the wrong type, or the id is that of other content.
    """
    if not isinstance(row, Mapping):
        raise BadInput(f"{where}: expected an object, got {type(row).__name__}")
    for key, kind in (("kind", str), ("level", int), ("media", str), ("turns", list | tuple)):
        if not isinstance(row.get(key), kind):
            raise BadInput(f"{where}.{key}: missing or of the wrong type")
    if row["level"] not in LEVELS:
        raise BadInput(f"{where}.level: expected 1 to 4, got {row['level']!r}")
    _check_parts(row, where)
    quality = row.get("quality")
    record = Record(
        kind=row["kind"],
        level=row["level"],
        media=row["media"],
        turns=tuple(
            _turn_from_dict(turn, f"{where}.turns[{index}]")
            for index, turn in enumerate(row["turns"])
        ),
        claims=tuple(dict(claim) for claim in row.get("claims") or ()),
        provenance={k: v for k, v in (row.get("provenance") or {}).items() if v},
        quality=None if quality is None else float(quality),
    )
    if row.get("id", record.id) != record.id:
        raise BadInput(f"{where}.id: {row['id']!r} does not fit the content, which is {record.id}")
    return record


def _check_parts(row: Mapping[str, Any], where: str) -> None:
    claims, provenance = row.get("claims") or (), row.get("provenance") or {}
    if not isinstance(claims, list | tuple) or not all(isinstance(c, Mapping) for c in claims):
        raise BadInput(f"{where}.claims: expected a list of objects")
    if not isinstance(provenance, Mapping):
        raise BadInput(f"{where}.provenance: expected an object")
    quality = row.get("quality")
    is_number = isinstance(quality, int | float) and not isinstance(quality, bool)
    if quality is not None and not (is_number and 0 <= quality <= 1):
        raise BadInput(f"{where}.quality: expected 0 to 1, got {quality!r}")


def _turn_from_dict(row: Any, where: str) -> Turn:
    if not isinstance(row, Mapping) or not isinstance(row.get("text"), str):
        raise BadInput(f"{where}: expected an object with role and text")
    if row.get("role") not in ROLES:
        raise BadInput(f"{where}.role: expected one of {', '.join(ROLES)}, got {row.get('role')!r}")
    return Turn(row["role"], row["text"])


def table_from_records(
    records: Iterable[Record], qualities: Sequence[float | None] | None = None
) -> pa.Table:
    """Return records as a table, one row each, in their order.

    Column by column: several times as quick as `pa.Table.from_pylist`.

    Args:
        records: The rows.
        qualities: Stand in for those of the records.
    """
    listed = list(records)
    if qualities is None:
        qualities = [record.quality for record in listed]
    turns = [turn for record in listed for turn in record.turns]
    claims, claim_places = _find_distinct(row for record in listed for row in record.claims)
    origins, origin_places = _find_distinct(record.provenance for record in listed)
    columns = [
        pa.array([record.id for record in listed], _TEXT),
        pa.array([record.kind for record in listed], _TEXT),
        pa.array([record.level for record in listed], pa.int8()),
        pa.array([record.media for record in listed], _TEXT),
        pa.ListArray.from_arrays(
            _offsets(len(record.turns) for record in listed),
            pa.StructArray.from_arrays(
                [
                    pa.array([turn.role for turn in turns], _TEXT),
                    pa.array([turn.text for turn in turns], _TEXT),
                ],
                fields=list(SCHEMA.field("turns").type.value_type),
            ),
        ),
        pa.ListArray.from_arrays(
            _offsets(len(record.claims) for record in listed),
            pa.StructArray.from_arrays(
                [
                    pa.array(values, part.type)
                    for part, values in zip(_CLAIM, _claim_columns(claims), strict=True)
                ],
                fields=list(_CLAIM),
            ).take(pa.array(claim_places, pa.int64())),
        ),
        pa.StructArray.from_arrays(
            [
                pa.array([origin.get(key, "") for origin in origins], _TEXT)
                for key in PROVENANCE_KEYS
            ],
            fields=list(SCHEMA.field("provenance").type),
        ).take(pa.array(origin_places, pa.int64())),
        pa.array(qualities, pa.float64()),
    ]
    return pa.Table.from_arrays(columns, schema=SCHEMA)


def _find_distinct(objects: Iterable[Row]) -> tuple[list[Row], list[int]]:
    """Return the rows that differ as objects, and the place of every row among them."""
    listed = list(objects)
    distinct = {id(one): one for one in listed}
    places = {key: place for place, key in enumerate(distinct)}
    return list(distinct.values()), [places[id(one)] for one in listed]


def _claim_columns(claims: list[Mapping[str, Any]]) -> list[Any]:
    names = [part.name for part in _CLAIM]
    try:
        return list(zip(*map(operator.itemgetter(*names), claims), strict=True)) or [[]] * len(
            names
        )
    except KeyError:  # claims of another hand may lack keys
        return [[claim.get(name) for claim in claims] for name in names]


def _offsets(lengths: Iterable[int]) -> pa.Array:
    return pa.array(itertools.accumulate(lengths, initial=0), pa.int32())


def records_from_table(table: pa.Table) -> Iterable[Record]:
    """Yield the records of a table.

    Raises:
        BadInput: The table lacks a column, or a row is damaged.
    """
    needed = (name for name in SCHEMA.names if name not in OPTIONAL_COLUMNS)
    missing = [name for name in needed if name not in table.schema.names]
    if missing:
        raise BadInput(f"the table has no column {missing[0]!r}")
    for batch in table.to_batches():
        for index, row in enumerate(batch.to_pylist()):
            yield record_from_dict(row, where=f"row {index}")
