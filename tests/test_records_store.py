"""Built data sets on disk: shards, manifest, random access, damage, LLaVA and ShareGPT."""

import gc
import hashlib
import json
import os
import tempfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lineament.annotation import Annotation, Fact, Subject
from lineament.claims import read_claims
from lineament.errors import BadInput, BadStore
from lineament.records import store as store_module
from lineament.records.exchange import read_exchange, write_exchange
from lineament.records.manifest import read_manifest
from lineament.records.record import ONE_FACT, Record, Turn, claim_row, table_from_records
from lineament.records.sources.source import Dropped
from lineament.records.store import RecordStore, open_records, write_records
from lineament.records.work_key import work_key


def make_record(number, media=None):
    answer = f"Yes, she smiles from {number}.0 to {number + 1}.0 seconds."
    turns = (Turn("user", f"Does she smile ({number})?"), Turn("assistant", answer))
    claims = tuple(claim_row(claim, 1) for claim in read_claims(answer))
    origin = {"source": "made up", "split_key": f"person {number}"}
    return Record(
        "yes_no", ONE_FACT, media or f"{number}.mp4", turns, claims, origin, quality=number / 100
    )


@pytest.fixture
def records():
    return [make_record(number) for number in range(25)]


@pytest.fixture
def folder(tmp_path, records, monkeypatch):
    monkeypatch.setattr(store_module, "SHARD_ROWS", 10)
    write_records(tmp_path / "built", records, {"source": "made up"})
    return tmp_path / "built"


def test_records_come_back_as_they_went_in(folder, records):
    assert list(open_records(folder)) == records
    assert len(list((folder / "shards").glob("*.parquet"))) == 3


def test_rows_come_in_any_order(folder, records):
    store = RecordStore(folder)
    assert len(store) == 25
    assert [row["id"] for row in store.read_rows([24, 0, 10, 9])] == [
        records[number].id for number in (24, 0, 10, 9)
    ]
    assert store.record(17) == records[17]
    with pytest.raises(IndexError):
        store.row(25)


def test_a_read_only_folder_gives_rows_too(folder, records, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    store = RecordStore(folder)
    assert store.record(3) == records[3]
    copies = list(place.iterdir())
    assert len(copies) == 1
    del store
    gc.collect()
    assert not copies[0].exists()


def test_a_column_is_read_alone(folder):
    assert RecordStore(folder).column("kind") == ["yes_no"] * 25
    with pytest.raises(BadInput, match="colour"):
        RecordStore(folder).column("colour")


def test_the_manifest_tells_what_is_there(folder):
    manifest = read_manifest(folder)
    assert manifest.counts == {"records": 25, "turns": 25, "annotations": 25}
    assert manifest.kinds == {"yes_no": 25}
    assert manifest.about == {"source": "made up"}
    assert [shard.rows for shard in manifest.shards] == [10, 10, 5]


def test_datasets_loads_the_shards(folder, records, tmp_path):
    datasets = pytest.importorskip("datasets")
    loaded = datasets.load_dataset(
        "parquet",
        data_files=str(folder / "shards" / "*.parquet"),
        cache_dir=str(tmp_path / "cache"),
        split="train",
    )
    assert loaded["id"][:] == [record.id for record in records]
    assert loaded[0]["turns"][1]["text"] == records[0].turns[1].text


def test_a_finished_data_set_is_not_overwritten(folder):
    with pytest.raises(BadStore, match="finished"):
        write_records(folder, [])


def first_shard(folder):
    return folder / "shards" / "part-00000.parquet"


def cut(path):
    path.write_bytes(path.read_bytes()[:-40])


def swap_rows(path):
    """Write a valid file of the same length in rows, with other content."""
    table = pq.read_table(path)
    pq.write_table(table.drop_columns(["claims"]), path)


def edit_manifest(**changes):
    def edit(folder):
        path = folder / "manifest.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))

    return edit


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: cut(first_shard(f)), "the manifest says"),
        (lambda f: first_shard(f).unlink(), "damaged"),
        (lambda f: swap_rows(first_shard(f)), "the manifest says"),
        (lambda f: (f / "manifest.json").write_text('{"format": "lin'), "damaged"),
        (lambda f: (f / "manifest.json").write_text("[]"), "damaged"),
        (lambda f: (f / "manifest.json").unlink(), "holds no manifest.json"),
        (edit_manifest(version=9), "version 9"),
        (edit_manifest(format="shopping list"), "no manifest of records"),
        (edit_manifest(shards=[{"file": "x"}]), "damaged"),
        (
            edit_manifest(
                shards=[{"file": "../x.parquet", "rows": 1, "size_bytes": 1, "digest": ""}]
            ),
            "outside",
        ),
    ],
)
def test_a_damaged_store_gives_one_clear_error(folder, damage, message):
    damage(folder)
    with pytest.raises(BadStore, match=message):
        RecordStore(folder)


def test_changed_bytes_of_equal_length_are_found_by_hash(folder):
    path = first_shard(folder)
    data = bytearray(path.read_bytes())
    data[100] ^= 1
    path.write_bytes(data)
    with pytest.raises(BadStore, match="changed"):
        RecordStore(folder).check_hashes()


def test_a_row_that_was_tampered_with_is_named(tmp_path, records):
    write_records(tmp_path / "built", records)
    path = first_shard(tmp_path / "built")
    table = pq.read_table(path)
    changed = table.set_column(3, "media", pa.array(["other.mp4"] * len(table)))
    pq.write_table(changed, path)
    edit_manifest(
        shards=[{"file": "shards/part-00000.parquet", "rows": 25, "digest": "",
                 "size_bytes": path.stat().st_size}]
    )(tmp_path / "built")  # fmt: skip
    with pytest.raises(BadInput, match=r"row 0\.id"):
        list(open_records(tmp_path / "built"))


@pytest.mark.parametrize("layout", ["llava", "sharegpt"])
def test_exports_come_back_exactly(tmp_path, records, layout):
    mixed = [*records, make_record(30, "a.png")]
    path = tmp_path / "out.json"
    assert write_exchange(path, mixed, layout) == 26
    assert list(read_exchange(path)) == mixed


def test_an_export_reads_as_llava(tmp_path):
    write_exchange(tmp_path / "out.json", [make_record(1, "a.png")], "llava")
    (row,) = json.loads((tmp_path / "out.json").read_text())
    assert row["image"] == "a.png"
    assert row["conversations"][0] == {"from": "human", "value": "<image>\nDoes she smile (1)?"}
    assert row["conversations"][1]["from"] == "gpt"


def test_conversations_of_another_hand_are_read(tmp_path):
    row = {
        "image": "b.jpg",
        "conversations": [
            {"from": "bot", "value": "Hello."},
            {"from": "human", "value": "<image>\\nWho is there?"},
            {"from": "bot", "value": "A woman."},
        ],
    }
    (tmp_path / "x.jsonl").write_text(json.dumps(row) + "\n")
    (record,) = read_exchange(tmp_path / "x.jsonl")
    assert isinstance(record, Record)
    assert [turn.text for turn in record.turns] == ["Who is there?", "A woman."]


@pytest.mark.parametrize(
    "row",
    [
        7,
        {"conversations": []},
        {"image": "a.png", "conversations": "hello"},
        {"image": "a.png", "conversations": [{"from": "human", "value": 3}]},
        {"image": ["a.png", "b.png"], "conversations": [{"from": "human", "value": "x"}]},
        {"image": "a.png", "conversations": [{"from": "gpt", "value": "x"}]},
        {"image": "a.png", "lineament": 3,
         "conversations": [{"from": "human", "value": "x"}, {"from": "gpt", "value": "y"}]},
    ],
)  # fmt: skip
def test_bad_rows_of_an_import_are_named_drops(tmp_path, row):
    good = {"image": "a.png", "conversations": [
        {"from": "human", "value": "x"}, {"from": "gpt", "value": "y"}]}  # fmt: skip
    (tmp_path / "x.json").write_text(json.dumps([row, good, good]))
    dropped, record, repeated = read_exchange(tmp_path / "x.json")
    assert isinstance(dropped, Dropped)
    assert dropped.row == "x.json[0]"
    assert isinstance(record, Record)
    assert isinstance(repeated, Dropped)
    assert repeated.reason == "repeated record"


def test_truncated_json_is_one_error(tmp_path):
    (tmp_path / "x.json").write_text('[{"image": "a.png", ')
    with pytest.raises(BadInput, match="not JSON"):
        list(read_exchange(tmp_path / "x.json"))


def test_a_line_without_end_is_dropped_not_kept(tmp_path):
    with (tmp_path / "x.jsonl").open("w") as file:
        for _ in range(3):
            file.write("x" * 1_000_000)
        file.write('\n{"image": "a.png"}\n')
    first, second = read_exchange(tmp_path / "x.jsonl")
    assert isinstance(first, Dropped)
    assert "over 1000000 characters" in first.detail
    assert isinstance(second, Dropped)


@pytest.mark.parametrize("num_facts", [0, 1, 3])
def test_the_key_of_a_work_is_the_hash_of_the_reprs(num_facts):
    facts = (
        Fact("age_years", 41.5, region=(0.1, 0.2, 0.3, 0.4), source='it\'s "me"'),
        Fact("smile", True, span_seconds=(1.0, 2.5), confidence=0.25, validated="real"),
        Fact("hair", "brown", subject="clip"),
    )
    row = Annotation(
        "ä'.png", (Subject("face 0"),), facts[:num_facts], frozenset(("bald", "beard")),
        licence="CC0", split_key="p",
    )  # fmt: skip
    parts = (
        row.media, row.subjects, row.facts, ("bald", "beard"), 0.0, "CC0", "p", "p1", "w", "T=0",
    )  # fmt: skip
    expected = hashlib.blake2b(repr(parts).encode(), digest_size=16).hexdigest()
    assert work_key(row, "p1", "w", "T=0") == expected


def test_a_table_holds_every_claim_whether_rows_are_shared_or_not(records):
    shared = claim_row(read_claims("She smiles.")[-1], 1)
    rows = [
        Record("x", 1, f"{n}.png", record.turns, (shared, dict(shared), *record.claims, shared))
        for n, record in enumerate(records[:3])
    ]
    table = table_from_records(rows, [0.5, None, 0.25])
    assert table["claims"].to_pylist() == [list(row.claims) for row in rows]
    assert table["quality"].to_pylist() == [0.5, None, 0.25]
