"""Published records: shapes as released, rows of no use counted, claims checked where one can."""

import json

import pytest

from lineament.annotation import Annotation, Fact, Subject
from lineament.errors import BadInput
from lineament.records.record import REASONING, Record
from lineament.records.sources.published import check_published, read_published
from lineament.records.sources.source import Dropped

LLAVA = {
    "id": "1", "image": "a/1.jpg",
    "conversations": [
        {"from": "gpt", "value": "Hello."},
        {"from": "human", "value": "<image>\nIs he smiling?"}, {"from": "gpt", "value": "Yes."},
        {"from": "human", "value": "What else?"}, {"from": "bot", "value": "He has a beard."},
    ],
}  # fmt: skip
FAVCHAT = {
    "problem_id": 3, "problem": "Which emotion is shown?", "problem_type": "multiple choice",
    "options": ["A. happy", "B. sad"], "data_type": "video", "path": "./x/1.mp4",
    "solution": "<answer>A. happy</answer>", "process": "<think>He smiles.</think>",
}  # fmt: skip


def write(folder, name, rows):
    path = folder / name
    lines = "".join(row if isinstance(row, str) else json.dumps(row) + "\n" for row in rows)
    path.write_text(json.dumps(rows) if name.endswith(".json") else lines)
    return path


def test_llava_turns_become_pairs_and_marks_go(tmp_path):
    (record,) = read_published("rs-gpt4v", write(tmp_path, "a.jsonl", [LLAVA]))
    assert [turn.text for turn in record.turns] == [
        "Is he smiling?", "Yes.", "What else?", "He has a beard.",
    ]  # fmt: skip
    assert record.media == "a/1.jpg"
    assert record.kind == "conversation"


def test_favchats_shape_is_read_with_options_and_answer(tmp_path):
    (record,) = read_published("favchat-170k", write(tmp_path, "a.json", [FAVCHAT]))
    assert record.turns[0].text == "Which emotion is shown? A. happy B. sad"
    assert record.turns[1].text == "A. happy"
    assert record.level == REASONING


def test_captions_are_descriptions(tmp_path):
    row = {"image": "1.png", "caption": "A woman with brown hair. " * 20}
    (record,) = read_published("unif2ace-130k", write(tmp_path, "a.json", [row]))
    assert record.kind == "caption"


def test_rows_of_no_use_are_counted(tmp_path):
    rows = [
        LLAVA, LLAVA, LLAVA | {"image": "../../x.jpg"}, LLAVA | {"conversations": 3},
        LLAVA | {"conversations": [{"from": "system", "value": "x"}]}, {"image": "x"},
        "{nonsense\n", "[1]\n", LLAVA | {"image": None},
    ]  # fmt: skip
    found = list(read_published("rs-gpt4v", write(tmp_path, "a.jsonl", rows)))
    assert sum(isinstance(row, Record) for row in found) == 1
    assert sum(isinstance(row, Dropped) for row in found) == 8


@pytest.mark.parametrize("text", ["", "{", '{"a": 1}', "\x00"])
def test_files_that_are_no_list_end_in_one_error(tmp_path, text):
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(BadInput, match=r"a\.json"):
        list(read_published("unif2ace-130k", path))
    with pytest.raises(BadInput, match="unknown published set"):
        list(read_published("unif2ace", path))


def test_the_checkers_error_rate_counts_decided_claims_only(tmp_path):
    facts = (Fact("male", True), Fact("smile", True), Fact("beard", False))
    annotation = Annotation("a/1.jpg", (Subject("face 0"),), facts)
    rows = [LLAVA, LLAVA | {"image": "b/2.jpg"}]
    records = read_published("rs-gpt4v", write(tmp_path, "a.jsonl", rows))
    found = check_published(records, lambda media: annotation if media == "a/1.jpg" else None)
    assert (found.num_records, found.num_checked) == (2, 1)
    assert found.verdicts["contradicted"] == 1
    assert found.error_rate is not None
    assert 0 < found.error_rate <= 1
    assert check_published(iter(()), lambda _: None).error_rate is None
