"""Verification: what is wrong is dropped or cut, with the reason; what is right stays as it is."""

import dataclasses
import re

import pytest

from lineament.annotation import Annotation, Fact, Subject
from lineament.records.form import Limits, find_fault, split_description
from lineament.records.record import ONE_FACT, Record, Turn
from lineament.records.verify import Rejected, Tally, Verifier

ANNOTATION = Annotation(
    "a.png",
    (Subject("face 0"),),
    (Fact("male", False), Fact("smile", True), Fact("brown_hair", True), Fact("eyeglasses", True)),
    frozenset(("beard", "wearing_hat", "black_hair", "blonde_hair")),
)


def record_of(*texts, kind="yes_no"):
    roles = ("user", "assistant")
    turns = tuple(Turn(roles[index % 2], text) for index, text in enumerate(texts))
    return Record(kind, ONE_FACT, "a.png", turns, provenance={"polarity": "positive yes"})


def verify(*texts, kind="yes_no", **limits):
    return Verifier(Limits(**limits)).verify(record_of(*texts, kind=kind), ANNOTATION)


def test_a_true_answer_passes_with_its_claims():
    record = verify("Is she smiling?", "Yes, she is smiling.")
    assert record.id == record_of("Is she smiling?", "Yes, she is smiling.").id
    assert {claim["name"]: claim["value"] for claim in record.claims} == {
        "male": "false", "smile": "true",
    }  # fmt: skip
    assert {claim["turn"] for claim in record.claims} == {1}


def test_an_answer_that_needs_its_question_is_read_with_it():
    record = verify("What is her hair colour?", "Brown.")
    assert [claim["name"] for claim in record.claims] == ["brown_hair"]
    assert verify("Is she wearing glasses?", "Yes.").claims[0]["name"] == "eyeglasses"


@pytest.mark.parametrize(
    ("texts", "reason"),
    [
        (("Is she smiling?", "No, she is not smiling."), "contradicted claim"),
        (("Does she have a beard?", "Yes, she has a beard."), "contradicted claim"),
        (("What is her eye colour?", "Her eyes are blue."), "unsupported claim"),
        (("Hello?", "A fine day."), "nothing read back"),
        (("Is she smiling?",), "format"),
        (("Is she smiling?", "Yes, she\x07 is smiling."), "format"),
        (("Is she smiling?", "Yes, she  is smiling."), "format"),
        (("Is she smiling?", "Yes, {s} smiles."), "format"),
        (("Is she smiling?", "  "), "format"),
        (("Smile?", "Yes, she smiles.", "Smile?", "She is smiling."), "repeated text"),
        (("Is she smiling?", "Yes, she is smiling. " * 300), "length"),
    ],
)
def test_what_is_wrong_is_rejected_with_its_reason(texts, reason):
    rejected = verify(*texts)
    assert isinstance(rejected, Rejected)
    assert rejected.reason == reason


@pytest.mark.parametrize(
    "texts",
    [
        ("Is she smiling?\n(A) yes\n(B) no", "Yes, she is smiling."),
        ("Is she\xa0smiling?", "Yes, she is smiling."),
        ("Is she smiling?", "Yes, she is smiling.", "Does she smile?", "Yes, she is smiling."),
        ("Yes, she is smiling.", "Yes, she is smiling."),
    ],
)
def test_what_only_looks_odd_is_no_fault_of_form(texts):
    assert find_fault(record_of(*texts)) is None


def test_roles_that_do_not_take_turns_are_a_fault_of_form():
    turns = (Turn("assistant", "Is she smiling?"), Turn("user", "Yes, she is smiling."))
    record = dataclasses.replace(record_of("a", "b"), turns=turns, id="")
    assert find_fault(record) == ("format", "turn 0 is the assistant's")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "She smiles.",
        "She smiles. Her hair is brown!  Is it? No.",
        "She is 1.5 m tall. she smiles. \n She nods... Yes",
        " She smiles.She nods. ",
    ],
)
def test_a_description_is_cut_where_a_look_behind_would_cut_it(text):
    assert split_description(text) == re.split(r"(?<=[.!?])\s+(?=[A-Z])", text)


def test_a_false_sentence_is_cut_out_of_a_description():
    text = "The picture shows a woman. She is smiling. She has a beard. Her hair is brown."
    record = verify("Describe her.", text, kind="summary")
    assert record.turns[1].text == "The picture shows a woman. She is smiling. Her hair is brown."
    assert "contradicted claim" in record.provenance["detail"]
    assert record.id != record_of("Describe her.", text, kind="summary").id


def test_a_description_of_false_sentences_alone_is_dropped():
    rejected = verify("Describe her.", "She has a beard. She wears a hat.", kind="summary")
    assert isinstance(rejected, Rejected)


def test_a_description_that_says_one_sentence_twice_is_dropped():
    rejected = verify(
        "Describe her.", "She is smiling. Her hair is brown. She is smiling.", kind="summary"
    )
    assert rejected.reason == "repeated text"


def test_unknown_claims_may_be_let_through():
    record = verify("What is her eye colour?", "Her eyes are blue.", accept_unknown=True)
    assert not isinstance(record, Rejected)


def test_counts_of_workers_add_up():
    verifiers = [Verifier(), Verifier()]
    verifiers[0].verify(record_of("Is she smiling?", "Yes, she is smiling."), ANNOTATION)
    verifiers[1].verify(record_of("Is she smiling?", "No, she is not smiling."), ANNOTATION)
    total = Tally()
    for verifier in verifiers:
        total.add(verifier.tally)
    assert total.outcomes == {"kept": 1, "contradicted claim": 1}
    assert total.answers == {"positive yes": 1}
    assert total.names == {"smile true": 1}
    assert total.yes_share == 1.0
