"""Wording: what differs in the writing of a question alone does not reach the model."""

from random import Random

import pytest

from lineament.describe.wording import correct_spelling, write_plainly
from lineament.records.write.template import KINDS, main_subject
from lineament.records.write.view import View
from lineament.render import sample_face


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("IS HE SMILING?", "Is he smiling?"),
        ("HOW OLD IS HE", "How old is he?"),
        ("describe", "Describe."),
        ("describe the person", "Describe the person."),
        ("please describe him", "Please describe him."),
        ("is he\n smiling", "Is he smiling?"),
        ("Is he smiling ??", "Is he smiling?"),
        ("Is he happy!", "Is he happy?"),
        ("Is teh persn waering glases?", "Is the person wearing glasses?"),
        ("Waht color is the hiar?", "What color is the hair?"),
    ],
)
def test_writing_is_put_right(typed: str, read: str):
    assert write_plainly(typed) == read


@pytest.mark.parametrize(
    "question",
    [
        "Is the person smiling?", "Is the person not wearing glasses?", "What color is the hair?",
        "When does the person smile?", "Describe the person.", "How old does the person look?",
        "Is he smiling at 2.4 seconds?", "She looks sad. What shows it?", "What follows?", "?", "",
        "Which is right?\nA. He smiles\nB. He nods\nAnswer with the letter of the right option.",
        "What colour is it? (A) red, (B) blue",
    ],
)  # fmt: skip
def test_well_written_questions_stay_as_they_are(question: str):
    assert write_plainly(question) == question


def test_no_question_that_models_are_taught_on_is_touched():
    rng = Random(3)
    for seed in range(6):
        known = sample_face(700_000 + seed, is_picture=seed % 2 == 0)
        view = View(known, str(main_subject(known)))
        for kind, write in KINDS.items():
            if kind == "comparison":
                continue
            for draft in write(view, rng, 8):
                for question, _ in draft.pairs:
                    assert write_plainly(question) == question


@pytest.mark.parametrize("word", ["brow", "sweater", "seconds", "dog", "Dorothy's", "naïve", "hat"])
def test_real_words_are_no_slips(word: str):
    assert correct_spelling(word) == word
