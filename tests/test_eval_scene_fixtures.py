"""Every aerial task on its set's own files: right, absent, other parts, doubled, published."""

import json
from pathlib import Path

import pytest

from lineament.errors import BadInput
from lineament.evaluation.given import Given
from lineament.evaluation.run import run_task
from lineament.evaluation.scorers import score_captions, score_classes
from lineament.evaluation.tasks.floodnet import FloodNet
from lineament.evaluation.tasks.scene_published import PUBLISHED, WITHOUT
from lineament.evaluation.tasks.scenes import SCENE_TASKS
from lineament.evaluation.tasks.table import require_task
from lineament.evaluation.tasks.task import Options
from lineament.evaluation.tasks.vrsbench import VRSBENCH_TASKS
from scene_fixtures import FIXTURES, Knower, answer_rightly

SHARED = Path(__file__).resolve().parents[2] / "shared"
EARTHDIAL = SHARED / "data" / "rs" / "earthdial_eval"
NOTES = SHARED / "papers" / "rs-gpt4v.md"
OWN_TASKS = (*SCENE_TASKS, FloodNet(), *VRSBENCH_TASKS)
# What right answers get. CIDEr has no such value below 10, since references differ.
PERFECT = {"skill": ("skill", 1), "uar": ("uar", 100), "accuracy_50": ("accuracy_50", 100),
           "cider": ("bleu4", 100)}  # fmt: skip


def read_right(name: str, folder: Path):
    """Return a task, its items, and the right answers."""
    task = require_task(name)
    found = task.read_items(folder, Options())
    return task, found, {item.id: answer_rightly(item) for item in found.items}


def test_every_aerial_task_has_a_fixture():
    assert {task.name for task in OWN_TASKS} == set(FIXTURES)


@pytest.mark.parametrize("name", FIXTURES)
def test_right_answers_to_the_test_part_score_perfectly(name, tmp_path):
    task, found, right = read_right(name, FIXTURES[name].make(tmp_path / "set"))
    assert len(found.items) >= 6
    scores = task.score(found.items, right)
    part, _, headline = task.headline.rpartition("/")
    metric, value = PERFECT[headline]
    metric = f"{part}/{metric}" if part else metric
    assert scores.figures[metric].value == pytest.approx(value)
    assert task.headline in scores.figures
    assert scores.wrong_ids == scores.unread_ids == ()
    nothing = task.score(found.items, {})
    assert set(nothing.wrong_ids) == set(right)
    assert nothing.figures[task.headline].value <= 0
    assert {row.metric for row in task.published} <= scores.figures.keys()


@pytest.mark.parametrize("name", FIXTURES)
def test_questions_on_an_absent_picture_are_wrong_and_listed(name, tmp_path):
    fixture = FIXTURES[name]
    folder = fixture.make(tmp_path / "set")
    task, found, right = read_right(name, folder)
    whole, _, answered = run_task(task, Knower(right), folder)
    assert answered.failures == {}
    lost = Path(found.items[0].media).name
    path = next(path for path in sorted(folder.rglob(fixture.picture)) if path.name == lost)
    fixture.lose(path)
    result, _, answered = run_task(task, Knower(right), folder)
    asked = {item.id for item in found.items if Path(item.media).name == lost}
    assert set(answered.failures) == asked
    assert result.num_items == whole.num_items
    assert asked <= set(result.scores.wrong_ids)
    figures = result.scores.figures
    assert figures[task.headline].value < whole.scores.figures[task.headline].value


@pytest.mark.parametrize("name", FIXTURES)
def test_other_parts_are_refused_by_name(name, tmp_path):
    folder = FIXTURES[name].make(tmp_path / "set")
    task = require_task(name)
    for split in ("train", "tets"):
        with pytest.raises(BadInput, match=f"no split '{split}'") as caught:
            task.read_items(folder, Options(split=split))
        assert task.splits[0] in caught.value.hint
    for split in task.splits[1:]:
        if split == "all" and not name.startswith("rsvqa"):  # whose files are by parts
            assert len(task.read_items(folder, Options(split=split)).items) > 6
            continue
        with pytest.raises(BadInput) as caught:  # the fixture has no such part
            task.read_items(folder, Options(split=split))
        assert str(folder) in caught.value.message


@pytest.mark.parametrize("name", FIXTURES)
def test_a_doubled_row_is_refused_or_dropped_and_counted(name, tmp_path):
    fixture = FIXTURES[name]
    folder = fixture.make(tmp_path / "set")
    task, before, _ = read_right(name, folder)
    fixture.double(folder)
    if not fixture.dropped:
        with pytest.raises(BadInput, match="twice"):
            task.read_items(folder, Options())
        return
    after = task.read_items(folder, Options())
    assert after.items == before.items
    assert sum(after.dropped.values()) == sum(before.dropped.values()) + fixture.dropped
    assert after.dropped["duplicate row"] == fixture.dropped


def test_the_same_question_with_another_answer_is_no_doubled_row(tmp_path):
    folder = FIXTURES["rsivqa"].make(tmp_path / "set")
    path = folder / "RSIVQA" / "DOTA" / "dota_val_vqa2.txt"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines, lines[0] + "7"]) + "\n")
    found = require_task("rsivqa").read_items(folder, Options())
    assert len(found.items) == len(lines) + 1
    assert not found.dropped


@pytest.mark.parametrize("task", OWN_TASKS, ids=lambda task: task.name)
def test_a_task_has_published_figures_or_says_why_not(task, tmp_path):
    assert bool(task.published) != (task.name in WITHOUT)
    notes = task.read_items(FIXTURES[task.name].make(tmp_path / "set"), Options()).notes
    told = [note for note in notes if note.startswith("No published figure")]
    assert len(told) == (task.name in WITHOUT)
    assert all(WITHOUT[task.name] in note for note in told)
    assert all(row.source and row.caution for row in task.published)


@pytest.mark.skipif(not NOTES.is_file(), reason="needs the notes on the papers")
def test_published_figures_stand_in_the_notes():
    text = NOTES.read_text(encoding="utf-8") + (EARTHDIAL / "SOURCE.md").read_text()
    for name, rows in PUBLISHED.items():
        for row in rows:
            value = 100 * row.value if row.metric == "cider" else row.value
            spellings = {f"{value:.2f}", f"{value:.1f}"}
            assert any(spelling in text for spelling in spellings), (name, row)


@pytest.mark.skipif(not EARTHDIAL.is_dir(), reason="needs EarthDial's released predictions")
@pytest.mark.parametrize(
    ("name", "metric", "file"),
    [
        ("sydney-captions", "bleu4", "rs_image_caption/sydney_Captions.jsonl"),
        ("rsicd", "bleu4", "rs_image_caption/RSICD_Captions.jsonl"),
        ("uc-merced", "accuracy", "rs_classification/UCM.jsonl"),
    ],
)
def test_published_figures_come_out_of_the_published_predictions(name, metric, file):
    lines = (EARTHDIAL / file).read_text(encoding="utf-8").splitlines()
    rows = [{"id": str(n), **json.loads(line)} for n, line in enumerate(lines)]
    if metric == "accuracy":
        rows = [r | {"prediction": r["answer"], "label": r["annotation"]} for r in rows]
        found = score_classes(Given(rows, file))[0]
    else:
        keys = [f"caption{n}" for n in range(5)]
        rows = [r | {"prediction": r["answer"], "references": [r[k] for k in keys]} for r in rows]
        found = score_captions(Given(rows, file))[0]
    (published,) = [
        row.value for row in PUBLISHED[name] if row.system == "EarthDial" and row.metric == metric
    ]
    assert 100 * found[metric].value == pytest.approx(published, abs=0.005)
