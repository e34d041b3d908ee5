"""DFEW, MAFW and FERV39K: official folds in their own layouts, UAR and WAR, absent clips."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lineament.errors import BadInput
from lineament.evaluation.answerer import ChatAnswerer, Constant
from lineament.evaluation.run import run_task
from lineament.evaluation.tasks.clips import find_named
from lineament.evaluation.tasks.expressions import EXPRESSION_TASKS, FOLDS
from lineament.evaluation.tasks.table import require_task
from lineament.evaluation.tasks.task import Options
from lineament.video import write_clip

DFEW_NUMBERS = {"happy": 1, "sad": 2, "neutral": 3, "angry": 4, "surprise": 5, "disgust": 6,
                "fear": 7}  # fmt: skip
MAFW_NAMES = {
    "angry": "anger", "disgust": "disgust", "fear": "fear", "happy": "happiness",
    "neutral": "neutral", "sad": "sadness", "surprise": "surprise", "contemptuous": "contempt",
    "anxious": "anxiety", "helpless": "helplessness", "disappointed": "disappointment",
}  # fmt: skip
NUM_HAPPY = 6  # clips of the majority class in each fold; every other class has one


def shade(place: int) -> np.ndarray:
    """Return a grey frame whose level tells its class."""
    return np.full((32, 32, 3), 20 * place + 10, np.uint8)


def labels_of(classes) -> list[str]:
    return ["happy"] * NUM_HAPPY + [name for name in classes if name != "happy"]


def write_frames(folder: Path, place: int, count: int = 3) -> None:
    folder.mkdir(parents=True)
    for number in range(1, count + 1):
        Image.fromarray(shade(place)).save(folder / f"{number}.jpg", quality=95)


def make_dfew(folder: Path) -> Path:
    """Write five folds of lists, and their clips as folders of frames."""
    lists = folder / "EmoLabel_DataSplit" / "test(single-labeled)"
    lists.mkdir(parents=True)
    clip = 0
    for fold in range(1, 6):
        rows = ["video_name,label"]
        for name in labels_of(DFEW_NUMBERS):
            clip += 1
            rows.append(f"{clip},{DFEW_NUMBERS[name]}")
            place = list(DFEW_NUMBERS).index(name)
            write_frames(folder / "Clip" / "clip_224x224" / f"{clip:05d}", place)
        (lists / f"set_{fold}.csv").write_text("\n".join(rows) + "\n")
    return folder


def make_mafw(folder: Path) -> Path:
    """Write the first fold's list and its clips as files; the other folds are empty lists."""
    for fold in range(1, 6):
        lists = folder / "Train & Test Set" / "single" / "no_caption" / f"set_{fold}"
        lists.mkdir(parents=True)
        (lists / "test.txt").write_text("")
    clips = folder / "data" / "clips"
    clips.mkdir(parents=True)
    rows = []
    for number, name in enumerate(labels_of(MAFW_NAMES), start=1):
        rows.append(f"{number:05d}.mp4 {MAFW_NAMES[name]}")
        place = list(MAFW_NAMES).index(name)
        write_clip(clips / f"{number:05d}.mp4", [shade(place)] * 4, fps=8)
    first = folder / "Train & Test Set" / "single" / "no_caption" / "set_1" / "test.txt"
    first.write_text("\n".join(rows) + "\n")
    return folder


def make_ferv39k(folder: Path) -> Path:
    """Write the list of all scenes and face crops in folders."""
    names = {"happy": "Happy", "sad": "Sad", "neutral": "Neutral", "angry": "Angry",
             "surprise": "Surprise", "disgust": "Disgust", "fear": "Fear"}  # fmt: skip
    rows = []
    for number, name in enumerate(labels_of(DFEW_NUMBERS), start=1):
        clip = f"Action/{names[name]}/{number:04d}"
        rows.append(f"{clip} {names[name]}")
        place = list(DFEW_NUMBERS).index(name)
        write_frames(folder / "2_ClipsforFaceCrop" / clip, place)
    lists = folder / "4_setups" / "All_scenes"
    lists.mkdir(parents=True)
    for part in ("train", "test"):
        (lists / f"{part}_All.csv").write_text("\n".join(rows if part == "test" else []) + "\n")
    return folder


MAKERS = {"dfew": make_dfew, "mafw": make_mafw, "ferv39k": make_ferv39k}
SHADES = {"dfew": list(DFEW_NUMBERS), "mafw": list(MAFW_NAMES), "ferv39k": list(DFEW_NUMBERS)}


def looker(name: str) -> ChatAnswerer:
    def see(visual, questions):
        place = round((float(visual.frames.mean()) - 10) / 20)
        return [f"The person looks {SHADES[name][place]}." for _ in questions]

    return ChatAnswerer(see, "double")


@pytest.mark.parametrize("name", MAKERS)
def test_who_looks_is_right_in_every_class(name, tmp_path):
    folder = MAKERS[name](tmp_path / name)
    split = "" if name == "ferv39k" else "fold-1"
    result, found, answered = run_task(
        require_task(name), looker(name), folder, options=Options(split=split)
    )
    figures = result.scores.figures
    assert not answered.failures
    assert figures["uar"].value == figures["war"].value == figures["macro_f1"].value == 100
    assert {item.truth for item in found.items} == set(SHADES[name])
    assert set(result.scores.tables["recall"].values()) == {1.0}
    assert "happy" in found.items[0].question


@pytest.mark.parametrize("name", MAKERS)
def test_the_majority_answer_has_its_prior_in_the_headline(name, tmp_path):
    folder = MAKERS[name](tmp_path / name)
    task = require_task(name)
    split = "" if name == "ferv39k" else "fold-1"
    result, _, _ = run_task(task, Constant("happy"), folder, options=Options(split=split))
    figures, num = result.scores.figures, len(task.classes)
    assert task.headline == "uar"
    assert figures["uar"].value == pytest.approx(100 / num) == pytest.approx(figures["uar"].prior)
    majority = 100 * NUM_HAPPY / (NUM_HAPPY + num - 1)
    assert figures["war"].value == pytest.approx(majority) == pytest.approx(figures["war"].prior)
    assert figures["macro_f1"].value == pytest.approx(figures["macro_f1"].prior)


def test_all_folds_ask_each_clip_once_and_average_over_folds(tmp_path):
    folder = make_dfew(tmp_path / "dfew")
    task = require_task("dfew")
    found = task.read_items(folder, Options())
    assert {item.group for item in found.items} == set(FOLDS)
    assert len({item.media for item in found.items}) == len(found.items) == 60
    # Right in the first fold alone: the mean over five folds is a fifth.
    answers = {item.id: item.truth for item in found.items if item.group == "fold-1"}
    figures = task.score(found.items, answers).figures
    assert figures["uar_mean_over_folds"].value == pytest.approx(20)
    assert figures["war_mean_over_folds"].value == pytest.approx(20)
    assert len(task.read_items(folder, Options(split="fold-2")).items) == 12


def test_uar_and_war_are_those_of_numbers_worked_by_hand(tmp_path):
    task = require_task("ferv39k")
    found = task.read_items(make_ferv39k(tmp_path / "f"), Options())
    happy = [item.id for item in found.items if item.truth == "happy"]
    answers = dict.fromkeys(happy[:3], "Happiness.") | dict.fromkeys(happy[3:], "anger")
    answers |= {item.id: item.truth for item in found.items if item.truth in ("sad", "fear")}
    figures = task.score(found.items, answers).figures
    assert figures["uar"].value == pytest.approx(100 * (0.5 + 1 + 1) / 7)
    assert figures["war"].value == pytest.approx(100 * 5 / 12)


def test_absent_clips_are_wrong_and_listed(tmp_path):
    folder = make_mafw(tmp_path / "mafw")
    (folder / "data" / "clips" / "00001.mp4").unlink()
    (folder / "data" / "clips" / "00010.mp4").write_bytes(b"")
    task = require_task("mafw")
    result, _, answered = run_task(task, looker("mafw"), folder, options=Options(split="fold-1"))
    assert set(answered.failures) == {"mafw/00001", "mafw/00010"}
    assert "no such file" in answered.failures["mafw/00001"]
    assert result.scores.figures["war"].value == pytest.approx(100 * 14 / 16)


def test_a_clip_in_two_folds_or_twice_in_one_is_refused(tmp_path):
    folder = make_dfew(tmp_path / "dfew")
    lists = folder / "EmoLabel_DataSplit" / "test(single-labeled)"
    with (lists / "set_2.csv").open("a") as file:
        file.write("1,1\n")
    with pytest.raises(BadInput, match="twice"):
        require_task("dfew").read_items(folder, Options())
    with (lists / "set_1.csv").open("a") as file:
        file.write("1,1\n")
    with pytest.raises(BadInput, match="twice"):
        require_task("dfew").read_items(folder, Options(split="fold-1"))


def test_a_doubled_ferv39k_clip_is_dropped_and_counted(tmp_path):
    folder = make_ferv39k(tmp_path / "f")
    path = folder / "4_setups" / "All_scenes" / "test_All.csv"
    path.write_text(path.read_text() + path.read_text().splitlines()[0] + "\n")
    found = require_task("ferv39k").read_items(folder, Options())
    assert len(found.items) == 12
    assert found.dropped == {"duplicate row": 1}


def test_unknown_labels_are_dropped_and_counted(tmp_path):
    folder = make_dfew(tmp_path / "dfew")
    path = folder / "EmoLabel_DataSplit" / "test(single-labeled)" / "set_3.csv"
    path.write_text(path.read_text() + "901,8\nx,1\n902\n")
    found = require_task("dfew").read_items(folder, Options(split="fold-3"))
    assert found.dropped == {"unreadable row": 3}
    assert len(found.items) == 12


@pytest.mark.parametrize("task", EXPRESSION_TASKS, ids=lambda task: task.name)
def test_train_parts_are_refused_and_so_are_empty_folders(task, tmp_path):
    with pytest.raises(BadInput, match="no split 'train'"):
        task.read_items(tmp_path, Options(split="train"))
    with pytest.raises(BadInput):
        task.read_items(tmp_path, Options())


def test_phrasings_are_asked_and_their_scores_stand_beside(tmp_path):
    folder = make_ferv39k(tmp_path / "f")
    task = require_task("ferv39k")
    found = task.read_items(folder, Options(with_phrasings=True))
    assert len(found.items) == 36
    answers = {item.id: item.truth for item in found.items if item.phrasing != 2}
    scores = task.score(found.items, answers)
    assert scores.tables["phrasings"] == {"uar": [100, 100, 0], "range": 100}
    assert scores.figures["uar"].value == 100


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("Happy", "happy"),
        ("The person seems to be sad.", "sad"),
        ("She looks surprised!", "surprise"),
        ("He is not angry but afraid", "fear"),
        ("unhappy", "sad"),
        ("happy or sad", None),
        ("not happy", None),
        ("I cannot tell", None),
        ("", None),
    ],
)
def test_a_class_is_read_from_the_words_of_an_answer(answer, said):
    assert require_task("dfew").read(answer) == said


def test_longer_words_of_another_label_hide_shorter_ones():
    words = {"beard": ["beard"], "no_beard": ["no beard"]}
    assert find_named("no beard", words) == ["no_beard"]
    assert find_named("a beard", words) == ["beard"]
