"""The ledger: append-only, keyed by content, one build at a time."""

import dataclasses
import sqlite3

import pytest

from lineament.annotation import Annotation, Fact, Subject
from lineament.errors import BadStore
from lineament.records.ledger import Entry, Ledger
from lineament.records.record import ONE_FACT, Record, Turn
from lineament.records.work_key import work_key

ANNOTATION = Annotation(
    "a.png", (Subject("face 0"),), (Fact("smile", True),), frozenset(("beard",))
)
KEY = work_key(ANNOTATION, "caption-1", "model-x", "T=0.2")
RECORD = Record("caption", ONE_FACT, "a.png", (Turn("user", "?"), Turn("assistant", "Ж smiles.")))


@pytest.fixture
def ledger(tmp_path):
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        yield ledger


def test_a_key_depends_on_everything_that_decides_the_answer():
    keys = {
        KEY,
        work_key(ANNOTATION, "caption-2", "model-x", "T=0.2"),
        work_key(ANNOTATION, "caption-1", "model-y", "T=0.2"),
        work_key(ANNOTATION, "caption-1", "model-x", "T=0.3"),
        work_key(dataclasses.replace(ANNOTATION, facts=()), "caption-1", "model-x", "T=0.2"),
        work_key(
            dataclasses.replace(ANNOTATION, closed=frozenset()), "caption-1", "model-x", "T=0.2"
        ),
    }
    assert len(keys) == 6
    assert work_key(dataclasses.replace(ANNOTATION), "caption-1", "model-x", "T=0.2") == KEY


def test_the_last_entry_of_a_key_says_how_it_stands(ledger):
    ledger.append([Entry(KEY, "failed", cost=0.1, detail="429")])
    ledger.append([Entry(KEY, "paid", cost=0.3, tokens_in=7, tokens_out=5, records=(RECORD,))])
    assert ledger.find(KEY) == Entry(KEY, "paid", 0.3, 7, 5, "", (RECORD,))
    ledger.append([Entry(KEY, "done")])
    assert ledger.find(KEY).state == "done"
    assert ledger.find_paid(KEY) == (RECORD,)
    assert ledger.count() == {"done": 1}
    spent = ledger.spent()
    assert (round(spent.cost, 6), spent.tokens_in, spent.tokens_out) == (0.4, 7, 5)


def test_entries_cannot_be_changed_or_removed(ledger):
    ledger.append([Entry(KEY, "paid", cost=1.0)])
    for query in ("UPDATE entries SET cost = 0", "DELETE FROM entries"):
        with pytest.raises(sqlite3.IntegrityError, match="only grows"):
            ledger.connection.execute(query)
    assert ledger.spent().cost == 1.0


def test_a_batch_of_entries_is_entered_whole_or_not_at_all(ledger):
    def entries():
        yield Entry(KEY, "paid", cost=1.0)
        raise RuntimeError("cut off")

    with pytest.raises(RuntimeError):
        ledger.append(entries())
    assert ledger.find(KEY) is None


def test_what_was_entered_is_there_when_opened_again(tmp_path):
    with Ledger(tmp_path / "l.sqlite") as ledger:
        ledger.append([Entry(KEY, "paid", records=(RECORD,))])
        ledger.commit_shard(0, {"rows": 3}, done=[KEY], seen=[5, 2**62])
    with Ledger(tmp_path / "l.sqlite") as ledger:
        assert ledger.find_paid(KEY) == (RECORD,)
        assert ledger.shards() == [{"rows": 3}]
        assert ledger.select("SELECT key FROM seen ORDER BY key", ()) == [(5,), (2**62,)]


def test_one_build_at_a_time(tmp_path):
    with (
        Ledger(tmp_path / "l.sqlite", exclusive=True),
        pytest.raises(BadStore, match="another build"),
    ):
        Ledger(tmp_path / "l.sqlite", exclusive=True)
    Ledger(tmp_path / "l.sqlite", exclusive=True).close()


def test_a_file_that_is_no_ledger_is_refused(tmp_path):
    (tmp_path / "l.sqlite").write_bytes(b"no database " * 200)
    with pytest.raises(BadStore, match="damaged"):
        Ledger(tmp_path / "l.sqlite")
