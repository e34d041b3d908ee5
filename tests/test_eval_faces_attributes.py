"""CelebA and CelebV-HQ: labels in their own layouts, every figure beside its prior."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lineament.errors import BadInput
from lineament.evaluation.answerer import ChatAnswerer, Constant
from lineament.evaluation.prompts import read_prompts
from lineament.evaluation.reading import read_flag
from lineament.evaluation.run import run_task
from lineament.evaluation.tasks.attributes import ATTRIBUTE_TASKS, celeba_labels
from lineament.evaluation.tasks.label_table import read_list, words_of
from lineament.evaluation.tasks.table import require_task
from lineament.evaluation.tasks.task import Options
from lineament.metrics.classes import multilabel_f1
from lineament.records.sources.celebvhq import split_of
from lineament.video import write_clip
from lineament.vocabulary import read_label_sets

CELEBA_NAMES = [
    "5_o_Clock_Shadow", "Arched_Eyebrows", "Attractive", "Bags_Under_Eyes", "Bald", "Bangs",
    "Big_Lips", "Big_Nose", "Black_Hair", "Blond_Hair", "Blurry", "Brown_Hair",
    "Bushy_Eyebrows", "Chubby", "Double_Chin", "Eyeglasses", "Goatee", "Gray_Hair",
    "Heavy_Makeup", "High_Cheekbones", "Male", "Mouth_Slightly_Open", "Mustache", "Narrow_Eyes",
    "No_Beard", "Oval_Face", "Pale_Skin", "Pointy_Nose", "Receding_Hairline", "Rosy_Cheeks",
    "Sideburns", "Smiling", "Straight_Hair", "Wavy_Hair", "Wearing_Earrings", "Wearing_Hat",
    "Wearing_Lipstick", "Wearing_Necklace", "Wearing_Necktie", "Young",
]  # fmt: skip
# Of ten test pictures all are without beard, eight young, five smile, two wear hats.
HELD = {"No_Beard": 10, "Young": 8, "Smiling": 5, "Wearing_Hat": 2, "Attractive": 3}
NUM_TEST = 10


def make_celeba(folder: Path) -> Path:
    """Write attribute and partition lists, and pictures; the first two are of other parts."""
    (folder / "Anno").mkdir(parents=True)
    (folder / "Eval").mkdir()
    pictures = folder / "Img" / "img_align_celeba"
    pictures.mkdir(parents=True)
    rows, parts = [], []
    for number in range(NUM_TEST + 2):
        name = f"{number + 1:06d}.jpg"
        place = number - 2
        values = ["1" if place < HELD.get(label, 0) else "-1" for label in CELEBA_NAMES]
        rows.append(f"{name} " + " ".join(value.rjust(2) for value in values))
        parts.append(f"{name} {min(number, 2)}")
        Image.new("RGB", (89, 109), (20 * number, 0, 0)).save(pictures / name)
    head = [str(len(rows)), " ".join(CELEBA_NAMES) + " "]
    (folder / "Anno" / "list_attr_celeba.txt").write_text("\n".join([*head, *rows]) + "\n")
    (folder / "Eval" / "list_eval_partition.txt").write_text("\n".join(parts) + "\n")
    return folder


def ids_of_split(split: str, count: int) -> list[str]:
    names = (f"aBc-_{number:06d}" for number in range(1000))
    return [name for name in names if split_of(name) == split][:count]


def make_celebvhq(folder: Path, *, with_media: bool = True) -> Path:
    """Write `celebvhq_info.json` and clips beside it: four of the test part, one of train."""
    folder.mkdir(parents=True)
    sets = read_label_sets().lists
    clips = {}
    for number, ytb_id in enumerate([*ids_of_split("test", 4), *ids_of_split("train", 1)]):
        flags = {
            part: [int(name in held) for name in sets[f"celebvhq_{part}"]]
            for part, held in (
                ("appearance", {"no_beard", *(["male"] if number % 2 else ["young"])}),
                ("action", {"talk", *(["smile"] if number == 0 else [])}),
            )
        }
        emotion = {"sep_flag": False, "labels": "neutral"}
        if number == 1:
            spans = [("neutral", 0.0, 1.0), ("happy", 1.0, 2.0)]
            listed = [{"emotion": e, "start_sec": a, "end_sec": b} for e, a, b in spans]
            emotion = {"sep_flag": True, "labels": listed}
        clips[f"{ytb_id}_0"] = {
            "ytb_id": ytb_id,
            "duration": {"start_sec": 3.0, "end_sec": 5.0},
            "bbox": {"top": 0.1, "bottom": 0.9, "left": 0.1, "right": 0.9},
            "attributes": flags | {"emotion": emotion},
            "version": "v0.1",
        }
        if with_media:
            frame = np.full((32, 32, 3), 40 * number, np.uint8)
            write_clip(folder / f"{ytb_id}_0.mp4", [frame] * 3, fps=8)
    meta = {f"{part}_mapping": list(sets[f"celebvhq_{part}"]) for part in ("appearance", "action")}
    (folder / "celebvhq_info.json").write_text(json.dumps({"meta_info": meta, "clips": clips}))
    return folder


MAKERS = {"celeba": make_celeba, "celebvhq": make_celebvhq}


def answer_rightly(found) -> dict[str, str]:
    """Return the true answer of each item, in words."""
    answers = {}
    for item in found.items:
        if item.kind == "yes_no":
            answers[item.id] = "Yes." if item.truth else "No."
        else:
            answers[item.id] = ", ".join(words_of(name)[0] for name in item.truth) or "none"
    return answers


@pytest.mark.parametrize("task", ATTRIBUTE_TASKS, ids=lambda task: task.name)
def test_true_answers_score_one_and_train_parts_are_not_asked(task, tmp_path):
    folder = MAKERS[task.layout](tmp_path / "set")
    found = task.read_items(folder, Options())
    assert len({item.media for item in found.items}) == (10 if task.layout == "celeba" else 4)
    scores = task.score(found.items, answer_rightly(found))
    for metric in ("macro_f1", "micro_f1", "sample_f1", "balanced_accuracy"):
        assert scores.figures[metric].value == 1
    assert not scores.wrong_ids
    assert not scores.unread_ids


def test_celebvhq_asks_forty_thirty_five_and_eight(tmp_path):
    folder = make_celebvhq(tmp_path / "set", with_media=False)
    found = require_task("celebvhq-yes-no").read_items(folder, Options())
    one = [item for item in found.items if item.media == found.items[0].media]
    parts = [item.group.split("/")[0] for item in one]
    assert [parts.count(part) for part in ("appearance", "action", "emotion")] == [40, 35, 8]
    lists = require_task("celebvhq").read_items(folder, Options()).items
    assert lists[5].truth == ("neutral", "happy")
    assert "5 o'clock shadow" in lists[0].question
    assert "listen to music" in lists[1].question


def test_celeba_leaves_out_the_opinion_and_counts_it(tmp_path):
    folder = make_celeba(tmp_path / "set")
    found = require_task("celeba-yes-no").read_items(folder, Options())
    assert len(found.items) == NUM_TEST * 39
    assert found.excluded == {"an opinion: attractive": NUM_TEST}
    ours = set(celeba_labels())
    assert {item.group.split("/")[1] for item in found.items} == ours
    assert len(require_task("celeba").read_items(folder, Options(split="val")).items) == 1


def test_the_majority_list_is_far_below_one_and_its_prior_stands_beside(tmp_path):
    folder = make_celeba(tmp_path / "set")
    task = require_task("celeba")
    # Over half of the pictures: no beard and young. Smiling and hats are never named.
    result, _, _ = run_task(task, Constant("no beard, young"), folder)
    figures = result.scores.figures
    assert task.headline == "balanced_accuracy"
    assert figures["macro_f1"].value == pytest.approx((1 + 2 * 0.8 / 1.8 + 0 + 0) / 4)
    assert figures["balanced_accuracy"].value == pytest.approx(0.5)
    # The best constant list for macro F1 names all four; nobody who never looks gets more.
    best = (1 + 2 * 0.8 / 1.8 + 2 * 0.5 / 1.5 + 2 * 0.2 / 1.2) / 4
    assert figures["macro_f1"].prior == pytest.approx(best)
    everything = Constant("no beard, young, smiling, wearing hat")
    figures = run_task(task, everything, folder)[0].scores.figures
    assert figures["macro_f1"].value == pytest.approx(best)
    assert figures["balanced_accuracy"].value == pytest.approx(0.5)
    # Plain accuracy over 39 labels, as papers count: 35 are true of nobody, and it looks good.
    accuracies = [1, 0.8, 0.5, 0.2] + 35 * [1]
    assert figures["mean_accuracy"].value == pytest.approx(np.mean(accuracies))
    accuracies[3] = 0.8
    assert figures["mean_accuracy"].prior == pytest.approx(np.mean(accuracies))
    assert figures["micro_f1"].prior >= figures["micro_f1"].value
    assert figures["sample_f1"].prior >= figures["sample_f1"].value


def test_always_yes_and_always_no_are_worth_half_in_balanced_accuracy(tmp_path):
    folder = make_celeba(tmp_path / "set")
    task = require_task("celeba-yes-no")
    for text in ("Yes.", "No."):
        figures = run_task(task, Constant(text), folder)[0].scores.figures
        assert figures["balanced_accuracy"].value == pytest.approx(0.5)
        assert figures["macro_f1"].value <= figures["macro_f1"].prior


def test_figures_equal_the_metrics_rooms_on_the_same_labels(tmp_path):
    folder = make_celebvhq(tmp_path / "set", with_media=False)
    task = require_task("celebvhq")
    items = [i for i in task.read_items(folder, Options()).items if i.group == "action"]
    said = ["talk, smile", "talk and nod", "nothing", "laugh"]
    labels = read_label_sets().lists["celebvhq_action"]
    truth = np.array([[label in item.truth for label in labels] for item in items])
    names = [read_list(text, labels) for text in said]
    table = np.array([[label in (own or ()) for label in labels] for own in names])
    expected = multilabel_f1(truth, table)
    answers = {item.id: text for item, text in zip(items, said, strict=True)}
    figures = task.score(items, answers).figures
    for metric, value in expected.items():
        assert figures[metric].value == pytest.approx(value)
    # By hand: talk is true of four and named in two, smile true and named once.
    assert figures["micro_f1"].value == pytest.approx(2 * 3 / (5 + 5))


def test_unread_and_absent_answers_are_wrong_in_every_label(tmp_path):
    folder = make_celebvhq(tmp_path / "set", with_media=False)
    task = require_task("celebvhq")
    items = task.read_items(folder, Options()).items
    scores = task.score(items, {items[0].id: "I cannot tell."})
    assert len(scores.unread_ids) == len(items)
    for metric in ("macro_f1", "micro_f1", "sample_f1", "balanced_accuracy"):
        assert scores.figures[metric].value == 0
    yes_no = require_task("celebvhq-yes-no")
    items = yes_no.read_items(folder, Options()).items
    assert yes_no.score(items, {}).figures["balanced_accuracy"].value == 0


def test_absent_media_are_failures_and_count_as_wrong(tmp_path):
    folder = make_celebvhq(tmp_path / "set")
    task = require_task("celebvhq")
    truth: dict[str, dict[str, str]] = {}
    for item in task.read_items(folder, Options()).items:
        names = ", ".join(words_of(name)[0] for name in item.truth)
        truth.setdefault(item.media, {})[item.question] = names
    gone = folder / next(iter(truth))
    gone.unlink()

    def see(visual, questions):
        return [truth[visual.path.name][question] for question in questions]

    result, _, answered = run_task(task, ChatAnswerer(see, "double"), folder)
    assert {id.split("/")[1] for id in answered.failures} == {gone.stem}
    assert len(answered.failures) == 3
    assert result.scores.figures["sample_f1"].value == pytest.approx(9 / 12)


def test_doubled_ids_and_wrong_lists_are_refused(tmp_path):
    celeba = make_celeba(tmp_path / "celeba")
    path = celeba / "Anno" / "list_attr_celeba.txt"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines, lines[-1]]) + "\n")
    with pytest.raises(BadInput, match="twice"):
        require_task("celeba").read_items(celeba, Options())
    path.write_text("\n".join([lines[0], lines[1].replace("Bald", "Bold"), *lines[2:]]) + "\n")
    with pytest.raises(BadInput, match="bold"):
        require_task("celeba").read_items(celeba, Options())
    celebvhq = make_celebvhq(tmp_path / "celebvhq", with_media=False)
    path = celebvhq / "celebvhq_info.json"
    text = path.read_text()
    first = next(iter(json.loads(text)["clips"]))
    path.write_text(text.replace('"clips": {', f'"clips": {{"{first}": {{}}, '))
    with pytest.raises(BadInput, match="twice"):
        require_task("celebvhq").read_items(celebvhq, Options())
    path.write_text(text.replace('"blurry", ', ""))
    with pytest.raises(BadInput, match="appearance_mapping"):
        require_task("celebvhq").read_items(celebvhq, Options())


def test_damaged_rows_are_dropped_and_counted(tmp_path):
    folder = make_celeba(tmp_path / "set")
    path = folder / "Anno" / "list_attr_celeba.txt"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:-1], lines[-1].replace("-1", "0")]) + "\n")
    found = require_task("celeba").read_items(folder, Options())
    assert found.dropped == {"unreadable row": 1}
    assert len(found.items) == NUM_TEST - 1


@pytest.mark.parametrize("task", ATTRIBUTE_TASKS, ids=lambda task: task.name)
def test_train_parts_are_refused_and_so_are_empty_folders(task, tmp_path):
    with pytest.raises(BadInput, match="no split 'train'"):
        task.read_items(tmp_path, Options(split="train"))
    with pytest.raises(BadInput):
        task.read_items(tmp_path, Options())


@pytest.mark.parametrize(("name", "question"), read_prompts("attributes")["is"].items())
def test_each_question_is_understood_in_its_polarity(name, question):
    assert read_flag(question, "Yes.", name) is True
    assert read_flag(question, "No.", name) is False


def test_lists_are_read_by_whole_names():
    labels = read_label_sets().lists["celebvhq_appearance"]
    assert read_list("No beard, wavy hair.", labels) == {"no_beard", "wavy_hair"}
    assert read_list("sunglasses", labels) == {"sunglasses"}
    assert read_list("young, not bald", labels) == {"young"}
    assert read_list("not bald, young", labels) == {"young"}
    assert read_list("no wavy hair but young", labels) == {"young"}
    assert read_list("None of them.", labels) == frozenset()
    assert read_list("a nice person", labels) is None
    for label in labels:
        assert read_list(words_of(label)[0], labels) == {label}


def test_phrasings_of_lists_stand_beside(tmp_path):
    folder = make_celeba(tmp_path / "set")
    task = require_task("celeba")
    found = task.read_items(folder, Options(with_phrasings=True))
    assert len(found.items) == 3 * NUM_TEST
    right = answer_rightly(found)
    answers = {i.id: right[i.id] for i in found.items if i.phrasing != 1}
    scores = task.score(found.items, answers)
    assert scores.tables["phrasings"] == {"balanced_accuracy": [1, 0, 1], "range": 1}
    head = scores.figures["balanced_accuracy"]
    assert head.extra == {"by_phrasing": [1, 0, 1], "phrasing_range": 1}
    assert head.num_items == NUM_TEST
