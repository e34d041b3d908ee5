"""Limits: what rules answer in a model's place, and answers that speak of something else."""

import tomllib
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from lineament.annotation import Annotation, Fact, Subject
from lineament.describe.limits import (
    NO_TIME,
    NO_TIMES,
    NOT_READ,
    Ruled,
    find_rule,
    is_at_risk,
    locate_subject,
    speaks_of_else,
)
from lineament.faces.follow import FollowedClip
from lineament.faces.track import FaceTrack
from lineament.records.write.grammar import sentence
from lineament.video import Clip

BLINKS = tuple(Fact("blink", True, span_seconds=(t, t + 0.2)) for t in (1.0, 2.0, 3.0))
PEOPLE = Fact("num_people", 2, subject="clip", source="landmarks")
CLIP = Annotation(
    "x.mp4", (Subject("face 0"),), (*BLINKS, PEOPLE, Fact("smile", True, span_seconds=(0, 1))),
    frozenset({"blink", "smile", "yawn"}), 4.0, 100, 25.0,
)  # fmt: skip
PICTURE = Annotation("x.jpg", (Subject("face 0"), Subject("face 1")), (PEOPLE,))


@pytest.mark.parametrize(
    "question",
    [
        "Is there a dog in the picture?", "Is his hair green?", "Is he driving a car?", "5?",
        "Yes?", "Ist der Mann froh?", "What is the capital of France?", "What is behind him?",
        "Is she married?", "What is his job?", "Tell me a joke.", "Are you sure?", "And then?",
    ],
)  # fmt: skip
def test_what_is_not_read_is_not_answered(question: str):
    assert find_rule(question, CLIP, "face 0") == Ruled(NOT_READ)


@pytest.mark.parametrize(
    "question",
    [
        "Is he smiling?", "Is the person not wearing glasses?", "What color is the hair?",
        "When does the person smile?", "Describe the person.", "How old does the person look?",
        "Is this a man or a woman?", "What do you see?", "List her accessories.",
        "Can you estimate her age?", "Does she wear make-up, and which?", "Is it bright or dim?",
        "What is around his neck?", "How long is her hair?", "How many people are there?",
        "Choose the right answer. Where does she look? (A) up, (B) down",
    ],
)  # fmt: skip
def test_what_models_are_taught_goes_to_the_model(question: str):
    assert find_rule(question, CLIP, "face 0") is None


def test_no_question_that_models_are_taught_is_held_back():
    text = (resources.files("lineament.training") / "dialogues.toml").read_text(encoding="utf-8")
    table = tomllib.loads(text)
    forms = [form for forms in table["other_words"].values() for form in forms]
    for kind in ("describe", "noun", "several", "alone", "older", "moves"):
        forms += [*table[f"{kind}_asked"], *table.get(f"{kind}_denied", ())]
    words = {"m": "clip", "be": "is", "x": "a hat", "older": "older than", "over": "over", "n": 45}
    for form in forms:
        for voice, whose in (("he", "his"), ("the person", "their")):
            question = sentence(form.format(s=voice, p=whose, **words)).rstrip("?.") + "?"
            assert find_rule(question, CLIP, "face 0") is None, question
            assert not is_at_risk(question, ()), question


def test_a_question_after_another_goes_to_the_model():
    assert find_rule("And then?", CLIP, "face 0", (("Does he nod?", "Yes."),)) is None


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("How many times does he blink?", "The person blinks three times."),
        ("How often does the man smile?", "The person smiles once."),
        ("Please count: how often does he yawn?", "The person does not yawn."),
        ("How often does he cough?", "I cannot tell from this clip."),
    ],
)
def test_times_are_counted_from_the_facts(question: str, said: str):
    ruled = find_rule(question, CLIP, "face 0")
    assert ruled is not None
    assert ruled.text == said
    if "three" in said:
        assert ruled.facts == BLINKS


def test_a_picture_shows_no_times():
    assert find_rule("When does he smile?", PICTURE, "face 0") == Ruled(NO_TIME)
    assert find_rule("How often does he blink?", PICTURE, "face 0") == Ruled(NO_TIMES)
    assert find_rule("How long is her hair?", PICTURE, "face 0") is None
    assert find_rule("When does he smile?", CLIP, "face 0") is None


def test_people_are_counted_in_pictures_by_the_faces_found():
    ruled = find_rule("How many people are there?", PICTURE, "face 0")
    assert ruled == Ruled("There are two people.", is_known=True, facts=(PEOPLE,))
    assert find_rule("How many people are there?", PICTURE, "face 0", use_facts=False) is None
    assert find_rule("How many women are there?", PICTURE, "face 0") is None
    unlooked = Annotation("x.jpg", (Subject("face 0"),))
    assert find_rule("How many people are there?", unlooked, "face 0") is None


@pytest.mark.parametrize(
    ("question", "answer", "expected"),
    [
        ("Does the person drink?", "Yes, the person looks afraid.", True),
        ("Does the person drink?", "No, the person looks younger than 1 than 20.", True),
        ("Does the person drink?", "No, the person does not drink.", False),
        ("Does the person drink?", "No.", False),
        ("Does the person drink?", "I cannot tell.", False),
        ("What is he saying?", "The person looks happy.", True),
        (
            "What is he saying?",
            "I do not judge where somebody's family comes from; I cannot.",
            True,
        ),
        ("Which is it: hat or glasses?", "No, the person is not wearing glasses.", True),
        ("List her accessories.", "The person is wearing a hat.", False),
        ("What makes her look happy?", "The person smiles.", False),
        ("How long is her hair?", "The person's hair is short.", False),
    ],
)
def test_answers_to_another_question_are_known(question: str, answer: str, expected: bool):
    assert is_at_risk(question, ())
    assert speaks_of_else(question, answer) is expected


def test_an_answer_is_not_taken_back():
    turns = (("Is he wearing glasses?", "No, the person is not wearing glasses."),)
    assert is_at_risk("Why?", turns)
    assert speaks_of_else("Why?", "Yes, the person is wearing glasses.", turns)
    assert not speaks_of_else("Why?", "The person is not wearing glasses.", turns)
    assert speaks_of_else("And the hair?", "Yes, the person looks sad.", turns)
    assert not speaks_of_else("And the hair?", "The person's hair is brown.", turns)


def test_plain_questions_are_told_as_they_are_answered():
    for question in ("Is the person smiling?", "What color is the hair?", "How old is he?"):
        assert not is_at_risk(question, ())


def face_at(number: int, box: tuple[float, float, float, float]) -> FaceTrack:
    return FaceTrack(
        number, np.zeros(1, np.int64), np.zeros(1), np.array([box], np.float32),
        np.full((1, 478, 3), np.nan, np.float32), np.ones(1, np.float32),
    )  # fmt: skip


def test_with_several_faces_it_is_said_which_one_is_meant():
    faces = face_at(0, (0, 0, 60, 60)), face_at(1, (200, 90, 300, 210))
    followed = FollowedClip(Clip(Path("x.jpg"), 300, 300, 0, 1, 0, True), faces, np.zeros(1))
    count, place = locate_subject(PICTURE, followed)
    assert count == PEOPLE
    assert (place.subject, place.name, place.value) == ("face 1", "object_position", "right")
    assert place.region == (0.6667, 0.3, 1.0, 0.7)
    one = Annotation("x.jpg", (Subject("face 0"),), (Fact("num_people", 1, subject="clip"),))
    assert locate_subject(one, followed) == ()
