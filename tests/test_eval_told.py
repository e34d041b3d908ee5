"""Questions of built data sets: people held back, a choice by hash, answers compared by rule."""

import json
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lineament.annotation import Annotation, Fact, Subject
from lineament.cli.app import run
from lineament.errors import BadInput
from lineament.evaluation.answerer import Blindfold, ChatAnswerer, Constant
from lineament.evaluation.item import Item, Visual
from lineament.evaluation.judges import RuleJudge
from lineament.evaluation.run import run_task
from lineament.evaluation.tasks.table import require_task
from lineament.evaluation.tasks.task import Options
from lineament.evaluation.tasks.told_answers import (
    Reference,
    find_form,
    has_declined,
    is_sound,
    read_count,
    read_order,
    score_answer,
)
from lineament.evaluation.tasks.told_records import is_drawn_picture
from lineament.records.exchange import write_exchange
from lineament.records.record import Record
from lineament.records.sources.rendered import FIRST_SEED, Rendered
from lineament.records.store import write_records
from lineament.records.write.template import TemplateWriter
from lineament.records.write.unanswerable import read_topics

COUNT = 16


def annotate(number: int) -> Annotation:
    """Return what is true of a picture: the bright ones show smiling men with hats."""
    is_bright = number % 2 == 0
    facts = {
        "male": is_bright, "smile": is_bright, "wearing_hat": is_bright, "happy": is_bright,
        "black_hair": is_bright, "blonde_hair": not is_bright, "wearing_earrings": not is_bright,
        "eyeglasses": number % 3 == 0, "bangs": not is_bright, "young": number % 3 > 0,
        "middle_aged": number % 3 == 0,
    }  # fmt: skip
    listed = [Fact(name, value) for name, value in facts.items()]
    closed = frozenset(("accessory", "hair", "smile", "happy"))
    return Annotation(
        f"faces/{number:03d}.png", (Subject("face 0"),), tuple(listed), closed,
        split_key=f"person-{number}",
    )  # fmt: skip


def make_records(split: str = "test", first: int = 0, count: int = COUNT) -> list[Record]:
    """Write records about some pictures, as ``lineament build`` does."""
    writer = TemplateWriter()
    made = []
    for number in range(first, first + count):
        made += writer.write(annotate(number), {"source": "made-up", "split": split})
    return list({record.id: record for record in made}.values())


def make_store(folder: Path) -> Path:
    """Write a built data set with a train and a test part, and its pictures beside it."""
    store = folder / "store"
    write_records(store, [*make_records(), *make_records("train", COUNT, 6)])
    for number in range(COUNT):
        path = store / "media" / "faces" / f"{number:03d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        level = 220 if number % 2 == 0 else 40
        Image.fromarray(np.full((32, 32, 3), level, np.uint8)).save(path)
    return store


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return make_store(tmp_path_factory.mktemp("told"))


@pytest.fixture(scope="module")
def found(store):
    return require_task("favchat-test").read_items(store, Options())


def answer_rightly(found):
    return {item.id: str(item.truth) for item in found.items}


def see_face(visual, questions):
    """Describe a man in a hat where it is bright, a woman with earrings where it is dark."""
    is_bright = visual.frames.mean() > 128
    text = (
        "A smiling man with black hair, wearing a hat. He looks happy."
        if is_bright
        else "A woman with blonde hair and bangs, wearing earrings. She is not smiling."
    )
    return [text] * len(questions)


def test_the_test_part_is_asked_and_nobody_who_was_trained_on(found):
    assert found.dropped["of another part"] > 0
    people = {item.subject for item in found.items}
    assert people == {f"person-{n}" for n in range(COUNT)}
    assert {item.source for item in found.items} == {"made-up"}
    assert {item.level for item in found.items} >= {1, 2, 4}
    assert len({item.id for item in found.items}) == len(found.items)


def test_people_who_stand_in_two_parts_are_not_asked_about(tmp_path):
    both = [*make_records(count=2), *make_records("train", 1, 1)]
    write_records(tmp_path / "s", both)
    found = require_task("favchat-test").read_items(tmp_path / "s", Options())
    assert {item.subject for item in found.items} == {"person-0"}
    assert found.dropped["person also in another part"] > 0


def test_the_choice_depends_on_the_records_alone_not_on_their_order(tmp_path):
    records = make_records()
    write_records(tmp_path / "a", records)
    write_records(tmp_path / "b", records[::-1])
    task = replace(require_task("favchat-test"), num_questions=50)
    one, other = (task.read_items(tmp_path / name, Options()).items for name in "ab")
    assert len(one) == 50
    assert [item.id for item in one] == [item.id for item in other]
    fewer = replace(task, num_questions=20).read_items(tmp_path / "a", Options()).items
    assert [item.id for item in fewer] == [item.id for item in one[:20]]


def test_whoever_is_always_right_has_a_skill_of_one_in_every_kind_and_level(found):
    figures = require_task("favchat-test").score(found.items, answer_rightly(found)).figures
    assert figures["skill"].value == 1
    for name, figure in figures.items():
        assert figure.value == (0 if name == "contradicted_rate" else 1), name
        assert figure.prior is not None, name
        assert figure.num_items > 0, name
    assert {"level/single", "level/several", "level/reasoning"} <= figures.keys()
    assert {"kind/yes_no", "kind/choose", "kind/summary", "declines"} <= figures.keys()


@pytest.mark.parametrize("text", ["Yes.", "No.", "I cannot tell.", "", "A smiling man."])
def test_constants_have_no_skill(text, found):
    task = require_task("favchat-test")
    figures = task.score(found.items, dict.fromkeys(answer_rightly(found), text)).figures
    assert figures["skill"].value <= 0
    assert figures["declines"].value <= 0.5
    for name, figure in figures.items():
        if name.startswith("kind/"):
            assert figure.value <= figure.prior + 1e-9, name


def test_one_answer_to_all_of_a_kind_has_a_skill_of_nothing(found):
    task = require_task("favchat-test")
    constants = task.score(found.items, {}).tables["constants"]
    said = {item.id: constants.get(item.group, "") for item in found.items}
    figures = task.score(found.items, said).figures
    assert figures["skill"].value == pytest.approx(0, abs=1e-9)
    for name in ("score", "level/single", "level/several", "kind/yes_no", "kind/summary"):
        assert figures[name].value == pytest.approx(figures[name].prior)


def test_a_describer_that_looks_beats_its_blind_copy(store):
    answerer = ChatAnswerer(see_face, "double")
    task = require_task("unif2ace-description")
    result, found, _ = run_task(task, answerer, store, blind=Blindfold(answerer))
    figures = result.scores.figures
    assert {str(item.group) for item in found.items} == {"summary", "caption"}
    assert figures["skill"].value > 0
    gain = result.about["blind"]["difference"]["attribute_f1"]
    assert gain["low"] > 0
    # A long constant has recall; it has no precision.
    for name in ("attribute_f1", "attribute_precision"):
        assert figures[name].value > figures[name].prior
    family = result.scores.tables["by_family"]["accessory"]
    assert 0 < family["recall"] < 1
    assert family["num_claims"] > 0


def test_attributes_are_counted_by_hand():
    reference = Reference("Describe the face.", "A man with a beard, wearing a hat.", "description")
    task = require_task("unif2ace-description")
    items = [
        Item(str(n), str(n), reference.question, "text", reference, "summary", level=2)
        for n in range(6)
    ]
    said = {item.id: "A man with a hat and glasses." for item in items}
    figures = task.score(items, said).figures
    # Right: man, beard, hat. Said: man, hat, glasses.
    assert figures["attribute_recall"].value == pytest.approx(2 / 3)
    assert figures["attribute_precision"].value == pytest.approx(2 / 3)
    assert figures["contradicted_rate"].value == 0
    clean = task.score(items, dict.fromkeys(said, "A clean-shaven man.")).figures
    assert clean["contradicted_rate"].value > 0


def test_conversations_are_asked_turn_by_turn_with_what_was_said_before(store):
    found = require_task("unif2ace-conversation").read_items(store, Options())
    assert not any(item.truth.form == "description" for item in found.items)
    later = [item for item in found.items if item.question.startswith("Earlier in this")]
    assert later
    for item in later:
        assert item.question.endswith(f"Now: {item.truth.question}")
        assert item.truth.answer not in item.question.rpartition("Now:")[2]


def test_llava_files_are_asked_where_there_is_no_built_data_set(tmp_path):
    records = [r for r in make_records(count=6) if r.kind == "summary"]
    folder = tmp_path / "faces"
    folder.mkdir()
    write_exchange(folder / "description.json", records, "llava")
    rows = json.loads((folder / "description.json").read_text())
    bare = [{key: row[key] for key in ("id", "image", "conversations")} for row in rows]
    bare.append({"id": "x", "image": "a.png", "conversations": "none"})
    (folder / "description.json").write_text(json.dumps(bare))
    found = require_task("unif2ace-description").read_items(folder, Options())
    assert len(found.items) == 6
    assert found.dropped == {"unreadable row": 1}
    with pytest.raises(BadInput, match=r"holds no manifest.json and no conversation.json"):
        require_task("unif2ace-conversation").read_items(folder, Options())


def test_absent_media_wrong_parts_and_doubled_records(tmp_path):
    store = make_store(tmp_path)
    (store / "media" / "faces" / "000.png").unlink()
    task = require_task("favchat-test")
    result, found, answered = run_task(task, ChatAnswerer(see_face, "double"), store)
    lost = [item.id for item in found.items if item.subject == "person-0"]
    assert sorted(answered.failures) == sorted(lost)
    assert result.to_dict()["num_failures"] == len(lost) > 0
    with pytest.raises(BadInput, match="no split 'train'"):
        task.read_items(store, Options(split="train"))
    with pytest.raises(BadInput, match="holds no record of that part"):
        task.read_items(store, Options(split="val"))
    with pytest.raises(BadInput, match=r"holds no manifest.json"):
        task.read_items(tmp_path, Options())
    records = make_records(count=1)
    write_records(tmp_path / "twice", [*records, records[0]])
    with pytest.raises(BadInput, match="twice"):
        task.read_items(tmp_path / "twice", Options())


class ByLength:
    """Grades by how long an answer is, and cannot say anything of some."""

    name = "length"

    def __init__(self):
        self.num_asked = 0

    def judge(self, question, reference, answer):
        self.num_asked += 1
        return None if "happy" in answer else min(len(answer) / 100, 1.0)


def test_any_judge_grades_beside_the_rules_and_its_prior_is_somebody_elses_answer(store):
    judge = ByLength()
    task = require_task("unif2ace-description")
    result, _, _ = run_task(task, ChatAnswerer(see_face, "double"), store, judge=judge)
    figure = result.scores.figures["judge"]
    assert figure.extra["judge"] == "length"
    assert figure.extra["num_unjudged"] > 0
    assert figure.num_items + figure.extra["num_unjudged"] == result.num_items
    dark = see_face(Visual(np.zeros((1, 4, 4, 3), np.uint8)), [""])[0]
    assert figure.value == pytest.approx(len(dark) / 100)  # the bright ones look happy
    assert figure.prior is not None
    asked = judge.num_asked
    answerer = ChatAnswerer(see_face, "double")
    both, _, _ = run_task(task, answerer, store, judge=judge, blind=Blindfold(answerer))
    assert "judge" in both.about["blind"]["metrics"]
    # By level and beside the blind, each answer is graded once.
    assert judge.num_asked - asked <= asked + result.num_items
    silent, _, _ = run_task(task, Constant(""), store, judge=judge)
    assert silent.scores.figures["judge"].value == 0
    with pytest.raises(BadInput, match="scored by rules alone"):
        run_task(require_task("floodnet"), Constant(""), store, judge=judge)


def test_the_judge_by_rules_grades_all_at_once(store, found):
    task = require_task("favchat-test").with_judge(RuleJudge())
    right = task.score(found.items, answer_rightly(found)).figures["judge"]
    assert set(right.extra["malformed"].values()) == {"no claim in the reference"}
    assert 0 < len(right.extra["malformed"]) == right.extra["num_malformed"]
    wrong = task.score(found.items, dict.fromkeys(answer_rightly(found), "Yes.")).figures["judge"]
    assert right.value == 1 > wrong.value
    assert right.prior < 1
    assert right.extra["judge"] == "claims"


@pytest.mark.parametrize(
    ("question", "reference", "form", "right", "wrong"),
    [
        ("Is she smiling?", "Yes, she is smiling.", "flag", "She smiles.", "No."),
        ("Is she smiling?", "No, she is not.", "flag", "No.", "Yes."),
        (
            "Which is it? (A) a beard, (B) a hat.", "B. He wears a hat.", "choice",
            "(B)", "A: a beard",
        ),
        ("Which is it? (A) red, (B) black", "That is B.", "choice", "black", "red"),
        ("How many of these fit: a, b?", "Two: a and b.", "count", "2", "three"),
        ("How often does he nod?", "He does not nod.", "count", "Never.", "Once."),
        ("How many times does she blink?", "She blinks twice.", "count", "2 times", "At 2.0 s."),
        (
            "Order these by time: nodding and blinking.", "He nods, then he blinks.", "order",
            "He blinks after he nods.", "He blinks, then he nods.",
        ),
        ("What hair does he have?", "He has black hair.", "fact", "It is black.", "Brown hair."),
        (
            "When does she smile?", "She smiles from 1.0 to 2.0 s.", "fact",
            "From 1.1 to 2.1 s.", "From 4 to 5 s.",
        ),
        ("What is his name?", "I cannot tell; I do not identify people.", "decline",
         "That cannot be told.", "He has a beard."),
    ],
)  # fmt: skip
def test_answers_are_compared_by_what_is_asked(question, reference, form, right, wrong):
    assert find_form(question, reference, is_description=False, is_list=False) == form
    made = Reference(question, reference, form)
    assert is_sound(made)
    assert score_answer(made, right) == 1
    assert score_answer(made, wrong) == 0
    assert score_answer(made, "") == 0
    if form != "decline":
        assert score_answer(made, "I cannot tell.") == 0


def test_lists_are_scored_by_f1_and_none_is_an_answer():
    made = Reference("What does she wear?", "She wears glasses and a hat.", "set")
    assert score_answer(made, "She wears a hat and glasses.") == 1
    assert score_answer(made, "Glasses.") == pytest.approx(2 / 3)
    assert score_answer(made, "Glasses, a hat and earrings.") == pytest.approx(0.8)
    nothing = Reference("What does she wear?", "She wears no glasses and no hat.", "set")
    assert score_answer(nothing, "None.") == 1
    assert score_answer(nothing, "Glasses.") == 0


def test_a_time_of_something_else_is_no_time_of_what_was_asked():
    made = Reference("When does he nod?", "He nods from 1.0 to 2.0 s.", "fact")
    assert score_answer(made, "From 1.0 to 2.0 s.") == 1
    assert score_answer(made, "From 1.0 to 2.0 s he is blinking.") == 0


def test_every_way_of_declining_that_we_write_is_read_as_such():
    for texts in read_topics()["answer"].values():
        for text in texts:
            assert has_declined(text.replace("{m}", "clip")), text
    for text in ("He does not show his teeth.", "No.", "She is not clear-skinned.", "Unsmiling."):
        assert not has_declined(text), text


def test_counts_and_orders_are_read_from_words():
    said = ["Two: a hat.", "none of them", "3", "She blinks once, at 1.2 s.", "at 2.5 seconds"]
    assert [read_count(text) for text in said] == [2, 0, 3, 1, None]
    forth = ("nod", "blink")
    assert read_order("He nods before he blinks.") == forth
    assert read_order("He blinks after nodding.") == forth
    assert read_order("Before he blinks, he nods.") == forth
    assert read_order("He nods. After that he blinks.") == forth
    assert read_order("He nods.") == ()


def test_drawn_faces_are_pictures_or_clips_as_their_source_has_them():
    pytest.importorskip("skia")
    for split, first in FIRST_SEED.items():
        drawn = islice(Rendered(num_faces=30).read(Path(), split), 30)
        for number, annotation in enumerate(drawn):
            assert (annotation.num_frames == 1) is is_drawn_picture(first + number)


def test_the_command_scores_predictions_and_grades_them(store, tmp_path, capsys):
    found = require_task("unif2ace-description").read_items(store, Options())
    path = tmp_path / "mine.jsonl"
    rows = [{"id": item.id, "prediction": str(item.truth)} for item in found.items]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    arguments = ["eval", "unif2ace-description", "--data", str(store), "--predictions", str(path)]
    assert run([*arguments, "--judge", "claims", "--json"]) == 0
    row = json.loads(capsys.readouterr().out)
    assert row["metrics"]["skill"]["value"] == 1
    assert row["metrics"]["judge"]["value"] == 1
    assert run([*arguments, "--judge", "nobody"]) == 2
    assert "is no judge" in capsys.readouterr().err
