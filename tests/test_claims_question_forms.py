"""Questions in forms that are easily misread: in the negative, with a lead, about other times."""

import pytest

from lineament.claims import read_answer, read_question
from lineament.claims.question import plain_form
from lineament.evaluation.reading import read_flag, read_spans

NEGATIVE = (
    ("Doesn't the woman smile?", "smile"),
    ("Does the woman not smile?", "smile"),
    ("Isn't the woman on the left smiling?", "smile"),
    ("Isn't there a hat?", "wearing_hat"),
    ("Doesn't the man wear glasses?", "eyeglasses"),
    ("Doesn't the man have brown hair?", "brown_hair"),
    ("Haven't the eyes closed?", "close_eyes"),
    ("Don't you think she is smiling?", "smile"),
    ("Isn't it true that she is smiling?", "smile"),
    ("There isn't a hat, is there?", "wearing_hat"),
)


@pytest.mark.parametrize(("question", "name"), NEGATIVE)
@pytest.mark.parametrize(("answer", "holds"), [("Yes.", True), ("No.", False)])
def test_yes_to_a_question_in_the_negative_says_that_it_is_so(question, name, answer, holds):
    assert read_flag(question, answer, name) is holds
    claims = {(c.name, c.value) for c in read_answer(question, answer) if c.name != "male"}
    assert claims == {(name, holds)}


@pytest.mark.parametrize("question", ["Is it true that she is not smiling?", "Is she unsmiling?"])
def test_yes_to_what_is_denied_itself_still_denies(question):
    assert read_flag(question, "Yes.", "smile") is False
    assert read_flag(question, "No.", "smile") is True


@pytest.mark.parametrize(
    "question",
    [
        "Tell me, is she happy?",
        "State yes or no: is she happy?",
        "What about her expression: is she happy?",
        "Report if she is happy.",
        "When she turns her head, is she happy?",
    ],
)
@pytest.mark.parametrize(("answer", "holds"), [("No.", False), ("Yes.", True), ("Nope", False)])
def test_a_bare_no_after_a_lead_denies_what_is_asked(question, answer, holds):
    assert read_question(question).kind == "whether"
    assert [(c.name, c.value) for c in read_answer(question, answer)] == [("happy", holds)]


@pytest.mark.parametrize("answer", ["No.", "no", "Nope.", "Not at all.", "Never!"])
@pytest.mark.parametrize(
    "question",
    ["State yes or no: does she show emotion?", "Which emotion, if any, does she show?",
     "What is her expression?", "How is her mood?", "What colour is her hair?"],
)  # fmt: skip
def test_a_bare_no_is_neither_an_expression_nor_a_hair_colour(question, answer):
    assert read_answer(question, answer) == ()


def test_what_may_be_lacking_is_denied_by_a_bare_no_and_none_is_still_an_expression():
    assert [(c.name, c.value) for c in read_answer("What facial hair has he?", "No.")] == [
        ("beard", False)
    ]
    assert [c.name for c in read_answer("What is her expression?", "None.")] == ["neutral"]
    assert [c.name for c in read_answer("What is her expression?", "No emotion.")] == ["neutral"]


ELSEWHERE = (
    "She turns her head at 2 s.",
    "At 2 seconds she turns her head.",
    "She laughs from 1 to 2 seconds.",
    "She blinks all the time.",
    "Blinking at 1 s.",
    "At 2 s her mouth opens.",
    "She does not turn her head.",
    "The woman nods from 0.5 to 1.5 s; she turns at 3 s.",
)


@pytest.mark.parametrize("answer", ELSEWHERE)
def test_a_time_of_another_action_is_no_time_of_what_was_asked(answer):
    assert "smile" not in {claim.name for claim in read_answer("When does she smile?", answer)}
    assert read_spans("When does she smile?", answer, "smile", 4.0) is None


@pytest.mark.parametrize(
    ("answer", "spans"),
    [
        ("From 1.2 to 2.8 seconds.", [(1.2, 2.8)]),
        ("From 1.2 to 2.8 seconds, while she turns her head.", [(1.2, 2.8)]),
        ("While she turns her head, from 1 to 2 s.", [(1, 2)]),
        ("Between 1 and 2 seconds, as she blinks.", [(1, 2)]),
        ("The woman does so from 1 to 2 s.", [(1, 2)]),
        ("From 1 to 2 s. She also blinks at 3 s.", [(1, 2)]),
        ("It happens from 1.5 to 2.5 s, and she blinks at 3 s.", [(1.5, 2.5)]),
        ("She smiles from 1 to 2 s and blinks at 3 s.", [(1, 2)]),
        ("Throughout.", [(0.0, 4.0)]),
        ("Never; she blinks at 2 s.", []),
        ("She does not. She blinks at 2 s.", []),
    ],
)
def test_a_time_of_what_was_asked_is_read_whatever_happens_beside(answer, spans):
    assert read_spans("When does she smile?", answer, "smile", 4.0) == spans


PLAIN = (
    ("Is the person without glasses?", "Is the person wearing glasses?"),
    ("is he without a hat", "Is he wearing a hat?"),
    ("Is the woman on the left without any glasses?", "Is the woman on the left wearing glasses?"),
    ("Is he without glasses at 2 seconds?", "Is he wearing glasses at 2 seconds?"),
    ("Tell me, is he without glasses?", "Is he wearing glasses?"),
    ("Would you say that the person is without glasses?", "Is the person wearing glasses?"),
    ("Does he go without a hat?", "Is he wearing a hat?"),
    ("Does the person lack a beard?", "Does the person have a beard?"),
    ("Is the man lacking a beard?", "Does the man have a beard?"),
    ("Is her hair free of curls?", "Does her hair have curls?"),
    ("Is it false that the man is smiling?", "Is the man smiling?"),
    ("Is it untrue that she has a hat?", "Does she have a hat?"),
    ("Is it wrong that he smiles?", "Does he smile?"),
    ("Is it false that there is a hat?", "Is there a hat?"),
)


@pytest.mark.parametrize(("question", "plain"), PLAIN)
def test_a_question_that_denies_has_a_plain_form_of_which_no_says_yes(question, plain):
    assert plain_form(question) == plain
    said = {(c.name, c.value) for c in read_answer(question, "Yes.")}
    assert said == {(c.name, c.value) for c in read_answer(plain, "No.")}


@pytest.mark.parametrize(
    "question",
    ["Is he smiling?", "Is he wearing glasses?", "Is the man without a beard smiling?",
     "Does he smile without showing teeth?", "Isn't he without glasses?", "What does he lack?",
     "Is it false that the person is without glasses?", "Is it false that he is not smiling?",
     "Is the woman without a hat and without glasses?", "", "?"],
)  # fmt: skip
def test_other_questions_have_no_plain_form(question):
    assert plain_form(question) is None


@pytest.mark.parametrize(
    ("question", "answer", "expected"),
    [
        ("Is he never smiling?", "No, the person does not smile.", {("smile", False, False)}),
        ("Is she without glasses?", "No, no glasses.", {("eyeglasses", False, False)}),
        ("Is the shirt never red?", "No, the shirt is not red.",
         {("clothes_color", "red", True), ("clothes_type", "shirt", False)}),
        ("Is the person younger than 50?", "No, the person is older than 50.",
         {("age_years", (None, 50), True), ("age_years", (50, None), False)}),
        ("Is he never smiling?", "No.", {("smile", True, False)}),
        ("Is she smiling or frowning?", "No, she is smiling.",
         {("frown", False, False), ("smile", True, False)}),
    ],
)  # fmt: skip
def test_an_answer_is_not_read_as_the_opposite_of_its_own_words(question, answer, expected):
    claims = read_answer(question, answer)
    assert {(c.name, c.value, c.negated) for c in claims if c.name != "male"} == expected


def test_yes_or_no_stands_beside_words_about_another_person_or_time():
    claims = read_answer("Is the man smiling?", "No, the man is not, but the woman is smiling.")
    assert {(c.subject, c.value) for c in claims if c.name == "smile"} == {
        ("man", False), ("woman", True),
    }  # fmt: skip
    claims = read_answer("Does she smile at 2 s?", "No, she smiles at 4 s.")
    assert {c.value for c in claims if c.name == "smile"} == {False, True}
