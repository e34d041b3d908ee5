"""Records: ids by content, Parquet and back, refusals."""

import dataclasses

import pyarrow.parquet as pq
import pytest

from lineament.claims import read_claims
from lineament.errors import BadInput
from lineament.records.record import (
    ONE_FACT,
    SCHEMA,
    Record,
    Turn,
    claim_row,
    record_from_dict,
    records_from_table,
    table_from_records,
)


def make_record(answer="Yes, she is wearing a hat."):
    turns = (Turn("user", "Is she wearing a hat?"), Turn("assistant", answer))
    claims = tuple(claim_row(claim, 1) for claim in read_claims(answer))
    return Record("yes_no", ONE_FACT, "1.png", turns, claims, {"source": "made up"})


def test_the_id_is_a_hash_of_kind_media_and_turns():
    record = make_record()
    assert record.id == make_record().id
    assert len(record.id) == 32
    assert record.id != make_record("No.").id
    assert dataclasses.replace(record, media="2.png", id="").id != record.id
    assert record.with_claims(()).id == record.id


def test_a_record_goes_through_a_dict_unchanged():
    record = make_record()
    assert record_from_dict(record.to_dict()) == record


def test_records_go_through_parquet_unchanged(tmp_path):
    records = [
        make_record(),
        make_record("No."),
        make_record("She smiles from 1.0 to 2.0 seconds."),
    ]
    pq.write_table(table_from_records(records), tmp_path / "records.parquet")
    table = pq.read_table(tmp_path / "records.parquet")
    assert table.schema.equals(SCHEMA)
    assert list(records_from_table(table)) == records


def test_the_columns_of_a_built_data_set_are_there():
    wanted = {"id", "kind", "level", "media", "turns", "claims", "provenance"}
    assert wanted <= set(SCHEMA.names)


def test_claims_keep_values_and_times():
    (smile,) = (
        claim for claim in make_record("She smiles from 1.0 to 2.0 seconds.").claims
        if claim["name"] == "smile"
    )  # fmt: skip
    assert (smile["value"], smile["start_seconds"], smile["stop_seconds"]) == ("true", 1.0, 2.0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"level": 9}, "level"),
        ({"turns": "hello"}, "turns"),
        ({"turns": [{"role": "judge", "text": "x"}]}, "role"),
        ({"turns": [{"role": "user", "text": None}]}, "role and text"),
        ({"id": "0" * 32}, "does not fit"),
        ({"media": None}, "media"),
    ],
)
def test_a_damaged_row_is_refused_by_name(change, message):
    with pytest.raises(BadInput, match=message):
        record_from_dict(make_record().to_dict() | change)


def test_a_table_without_a_column_is_refused():
    with pytest.raises(BadInput, match="media"):
        list(records_from_table(table_from_records([make_record()]).drop_columns(["media"])))
