"""What a question wants: a description or something of its own, alone or after another."""

import pytest

from lineament.describe.asking import (
    are_related,
    choose_turns,
    find_mentioned,
    find_often,
    is_summary_wanted,
    is_when,
    understand,
)

TURNS = (("Is he wearing glasses?", "No, he is not."), ("Is he smiling?", "Yes, he smiles."))


@pytest.mark.parametrize(
    "question",
    [
        "What do you see?", "Please describe this person in detail.", "Caption this picture.",
        "Summarize the picture.", "What happens in the clip?", "Describe.", "Description?",
        "What is in the picture?", "What's in this photo?", "What does he look like?",
        "Can you describe him?", "Could you please describe the clip?", "Tell me about her.",
        "Tell me what you see.", "What can you tell me about him?", "Write a caption.",
        "Give a detailed description of the clip.", "What is going on?", "Describe the face.",
        "What does the face look like? Give all details.", "What does his face look like?",
        "List in a paragraph all that can be seen of the face.", "Describe the person.",
        "Describe what he does.", "What can be seen in this picture?",
    ],
)  # fmt: skip
def test_descriptions_are_known_in_other_words(question: str):
    assert is_summary_wanted(question)


@pytest.mark.parametrize(
    "question",
    [
        "What is the capital of France?", "What is behind him?", "What is he saying?",
        "How many times does he blink?", "Which is it: hat or glasses?", "Describe his hair.",
        "What shape is her face?", "Tell me about her clothes.", "Tell me a joke.",
        "What makes her look happy?", "What can be seen around her neck?", "Is he smiling?",
        "How old is he?", "What is he wearing?", "What is he doing?",
    ],
)  # fmt: skip
def test_other_questions_want_no_description(question: str):
    assert not is_summary_wanted(question)


@pytest.mark.parametrize(
    "question",
    [
        "How old is he?", "Is he smiling?", "What colour is the hair?", "Describe the person.",
        "How many people are there?", "And how old is she?", "Is this a man or a woman?",
        "Man or woman?", "What does this person have on?", "When does this person blink?",
        "She closes her eyes, right?", "What makes her look happy?", "Why does he look old?",
        "What is right? (A) He smiles, (B) He nods",
    ],
)  # fmt: skip
def test_questions_that_stand_alone_get_no_turns(question: str):
    assert choose_turns(question, TURNS) == ()


@pytest.mark.parametrize(
    "question",
    [
        "And a hat?",
        "What about a beard?",
        "And the hair?",
        "A hat, too?",
        "Why?",
        "When?",
        "When is that?",
        "What comes after that?",
        "And then?",
        "What does he do then?",
        "How do you know?",
        "Next, her skin?",
    ],
)
def test_questions_that_go_on_get_the_last_turn(question: str):
    assert choose_turns(question, TURNS) == TURNS[-1:]


@pytest.mark.parametrize("question", ["Are you sure?", "and now", "REALLY?"])
def test_who_doubts_asks_the_same_again(question: str):
    assert understand(question, TURNS) == ("Is he smiling?", ())
    assert understand("Are you sure?", [*TURNS, ("and a hat", "No."), (question, "No.")]) == (
        "And a hat?",
        TURNS[-1:],
    )
    assert understand(question, ())[1] == ()


def test_what_any_word_speaks_of_is_found():
    assert "blonde_hair" in find_mentioned("And the hair?")
    assert "happy" in find_mentioned("What makes her look happy?")
    assert "wearing_necktie" in find_mentioned("What is around his neck?")
    assert find_mentioned("Is there a dog in the picture?") == frozenset()
    assert find_mentioned("What is behind him?") == frozenset()


def test_names_bear_on_each_other():
    assert are_related({"brown_hair"}, {"black_hair"})
    assert are_related({"goatee"}, {"beard"})
    assert not are_related({"neutral"}, {"drink"})
    assert not are_related({"eyeglasses"}, {"wearing_hat"})


def test_times_and_counts_of_times():
    assert is_when("When does he smile?")
    assert is_when("For how many seconds does he smile?")
    assert not is_when("How long is her hair?")
    assert find_often("How many times does he blink?") == "When does he blink?"
    assert find_often("How many people are there?") is None
