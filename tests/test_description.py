"""Descriptions: no sentence twice, none that the model denies when it is asked outright."""

from collections.abc import Iterator
from random import Random

import pytest

from lineament.claims import read_claims
from lineament.describe.description import (
    Description,
    OwnWord,
    covers,
    is_malformed,
    read_sentences,
    tell_answer,
    without_times,
)
from lineament.records.write.template import KINDS, main_subject
from lineament.records.write.view import View
from lineament.render import sample_face


class Model:
    """Answers from a table, and counts what it is asked."""

    def __init__(self, **holds: str) -> None:
        self.holds, self.asked = holds, []

    def __call__(self, question: str) -> str:
        self.asked.append(question)
        return next((said for word, said in self.holds.items() if word in question), "I")


def describe(model: Model, *sentences: str, validation: dict | None = None) -> Description:
    found = Description(OwnWord(model, "clip"), validation)
    for sentence in sentences:
        found.keeps(sentence)
    return found


def test_what_the_model_denies_when_asked_is_left_out():
    found = describe(
        Model(hat="No", man="Yes", glasses="Yes"),
        "This is a man.", "He wears a hat.", "He wears glasses.",
    )  # fmt: skip
    assert found.kept == ["This is a man.", "He wears glasses."]
    assert (found.num_denied, found.num_left_out) == (1, 0)


def test_a_denial_is_held_to_the_answer_too():
    found = describe(Model(hat="Yes", beard="No"), "No hat is worn.", "There is no beard.")
    assert found.kept == ["There is no beard."]


def test_what_the_model_cannot_tell_stays():
    assert describe(Model(), "This person smiles.").kept == ["This person smiles."]


def test_each_name_is_asked_about_once():
    model = Model(man="Yes", hat="No")
    own_word = OwnWord(model, "picture")
    for _ in range(3):
        assert own_word.denies(read_claims("He wears a hat."))
    assert len(model.asked) == len(set(model.asked))
    assert "Is the person wearing a hat?" in model.asked


def test_numbers_and_choices_are_not_asked_about():
    model = Model()
    assert not OwnWord(model, "picture").denies(read_claims("The eyes are blue."))
    assert not OwnWord(model, "picture").denies(read_claims("The person looks 30 years old."))
    assert model.asked == []


def test_the_picture_is_called_what_it_is():
    model = Model()
    OwnWord(model, "picture").denies(read_claims("The picture is black and white."))
    assert model.asked
    assert "picture" in model.asked[0]


def test_nothing_is_said_twice_in_other_words():
    found = describe(
        Model(),
        "She is wearing a hat.", "The woman wears a hat.", "She smiles.", "She smiles.",
        "She wears a hat and smiles.", "She wears glasses and smiles.",
    )  # fmt: skip
    assert found.kept == [
        "She is wearing a hat.", "She smiles.", "She wears glasses and smiles.",
    ]  # fmt: skip
    assert (found.num_denied, found.num_left_out) == (0, 0)


def test_what_was_left_out_may_be_said_by_a_later_sentence():
    table = {"smile": "real", "male": "real"}
    found = describe(
        Model(), "She smiles and wears a hat.", "She smiles.", validation=table
    )  # fmt: skip
    assert found.kept == ["She smiles."]
    assert found.num_left_out == 1


def test_sentences_that_are_not_validated_are_not_asked_about():
    model = Model()
    describe(model, "This person wears a hat.", validation={})
    assert model.asked == []


def test_a_loop_is_cut_and_not_waited_for():
    told: list[str] = []

    def pieces() -> Iterator[str]:
        while True:
            for piece in ("She smi", "les. ", "She wears a hat. "):
                told.append(piece)
                yield piece

    assert read_sentences(pieces()) == ["She smiles.", "She wears a hat."]
    assert len(told) < 10


def test_a_last_sentence_without_an_end_is_kept():
    assert read_sentences(iter(["She smiles. She w", "ears"])) == ["She smiles.", "She wears"]
    assert read_sentences(iter([])) == []


@pytest.mark.parametrize(
    "text",
    [
        "He has nor sunglasses.", "The person is not blink.", "She is smile.",
        "He does not smiling.", "She doesn't wearing a hat.", "He isn't talk.",
        "There is one person's eyes are covered.", "At.", "The woman wears a",
    ],
)  # fmt: skip
def test_broken_sentences_are_no_part_of_a_description(text: str):
    assert is_malformed(text)
    found = describe(Model(), text, "She smiles.")
    assert found.kept == ["She smiles."]
    assert (found.num_left_out, found.num_denied, found.num_malformed) == (0, 0, 1)


def test_what_models_are_taught_to_say_is_not_broken():
    rng = Random(5)
    for seed in range(8):
        known = sample_face(710_000 + seed, is_picture=seed % 2 == 0)
        view = View(known, str(main_subject(known)))
        for kind in ("summary", "caption", "yes_no", "list", "which", "timed", "count", "emotion"):
            for draft in KINDS[kind](view, rng, 6):
                for _, answer in draft.pairs:
                    assert not is_malformed(answer), answer


@pytest.mark.parametrize(
    "text",
    [
        "He wears neither a hat nor glasses.", "It is not red, nor is it brown.",
        "There is a man who is smiling.", "His eyes are open.", "He is well-read.",
    ],
)  # fmt: skip
def test_what_is_said_well_is_not_broken(text: str):
    assert not is_malformed(text)


def test_a_sentence_is_left_to_a_longer_one_that_says_it():
    sentences = ["The person smiles.", "This is a woman.", "She is smiling and wears glasses."]
    assert list(Description(OwnWord(Model(), "clip"), None).choose(sentences)) == sentences[1:]
    denied = Description(OwnWord(Model(glasses="No"), "clip"), None)
    assert list(denied.choose(sentences)) == sentences[:2]
    assert not covers("The woman smiles.", "This is a woman.")
    assert not covers("He smiles from 1.0 to 2.0 seconds and nods.", "He smiles.")


def told_of(pieces: list[str], names: set[str], *, is_open: bool, **validation: str) -> list[str]:
    heard: list[str] = []
    found = Description(OwnWord(Model(), "clip"), validation)  # type: ignore[arg-type]
    text = tell_answer(iter(pieces), found, names, heard.append, is_open=is_open)
    assert "".join(heard) == text
    return heard


def test_an_answer_is_told_as_it_comes_and_judged_from_its_second_sentence_on():
    said = ["Yes, she we", "ars a hat. She smi", "les. She wears glasses. She wears a hat too."]
    heard = told_of(said, {"wearing_hat"}, is_open=False, smile="real", male="real")
    assert heard == ["Yes, she we", "ars a hat.", " She smiles.", " She wears a hat too."]
    assert told_of(["Yes."], set(), is_open=False) == ["Yes."]
    assert told_of(["Yes", ". "], set(), is_open=False) == ["Yes", ".", " "]


def test_an_open_answer_of_several_sentences_is_a_description():
    said = ["She wears a hat. She smiles. ", "She wears glasses."]
    assert told_of(said, {"smile"}, is_open=True) == ["She smiles."]
    assert told_of(said, set(), is_open=True) == []
    assert told_of(["She wears a hat."], set(), is_open=True) == ["She wears a hat."]


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("The person smiles from 0.0 to 1.9 seconds.", "The person smiles."),
        ("From 0.0 s to 2.4 s, he blinks. At 0.4 seconds, she nods.", "He blinks. She nods."),
        ("She looks about 33 years old.", "She looks about 33 years old."),
        ("He looks younger than 55.", "He looks younger than 55."),
    ],
)
def test_a_picture_has_no_times(said: str, left: str):
    assert without_times(said) == left
