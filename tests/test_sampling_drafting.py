"""Drafts: what the text so far and frequent answers make likely."""

from pathlib import Path

import pytest

from lineament.errors import BadModel
from lineament.model.drafting import TABLE_FILE, DraftTable, NgramDrafter

ANSWERS = [[1, 10, 11, 12, 13], [1, 10, 11, 12, 13], [1, 20, 11, 15, 16], [1, 20, 11, 15, 16]]


def test_table_continues_by_the_longest_context_it_knows():
    drafter = NgramDrafter(DraftTable.learn(ANSWERS))
    drafter.start([99, 1, 10])
    assert drafter.draft(3) == [11, 12, 13]
    drafter.start([99, 1, 20])
    assert drafter.draft(2) == [11, 15]
    drafter.add([11])
    assert drafter.draft(5) == [15, 16]


def test_rare_answers_are_not_learned():
    table = DraftTable.learn([*ANSWERS, [7, 8, 9]])
    assert (7,) not in table.next_ids
    assert len(DraftTable.learn(ANSWERS, max_entries=2)) == 2


def test_longer_contexts_are_kept_only_where_they_say_something_else():
    table = DraftTable.learn([[1, 2, 3]] * 4)
    assert table.next_ids == {(1,): 2, (2,): 3}


def test_runs_of_the_prompt_are_continued_and_placeholders_never_guessed():
    drafter = NgramDrafter(ignored_ids=[3])
    drafter.start([5, 6, 7, 8, 3, 3, 3, 9, 5, 6])
    assert drafter.draft(4) == [7, 8, 9, 5]
    drafter.start([42])
    assert drafter.draft(4) == []


def test_a_saved_table_is_read_back_the_same(tmp_path: Path):
    table = DraftTable.learn(ANSWERS)
    assert len(table) > 3
    table.save(tmp_path)
    assert DraftTable.find(tmp_path).next_ids == table.next_ids
    assert DraftTable.find(tmp_path / "nowhere").next_ids == {}


def test_a_damaged_table_is_refused_by_name(tmp_path: Path):
    (tmp_path / TABLE_FILE).write_bytes(b"not safetensors")
    with pytest.raises(BadModel, match=TABLE_FILE):
        DraftTable.find(tmp_path)
