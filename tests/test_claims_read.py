"""The reader: text to claims, sentence by sentence and across sentences."""

import pytest

from lineament.claims import (
    read_answer,
    read_claims,
    read_question,
    read_statements,
    statement_of,
)
from lineament.claims.read import _read_asking, merge_claims
from lineament.claims.tokens import split_sentences


def said(text):
    return {(c.name, c.value) for c in read_claims(text) if c.name != "male"}


def claim_of(text, name):
    return next(c for c in read_claims(text) if c.name == name)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Long, wavy black hair.", {"long_hair", "wavy_hair", "black_hair"}),
        ("Her hair, which is black and curly.", {"black_hair", "curly_hair"}),
        ("hair: brown", {"brown_hair"}),
        ("She has shoulder-length blond hair.", {"long_hair", "blonde_hair"}),
        ("Her eyes and hair are brown.", {"eye_color", "brown_hair"}),
        ("He is 18 months old.", set()),
        ("A 6-month-old with brown hair.", {"brown_hair"}),
        ("A glasses-wearing man smiles.", {"eyeglasses", "smile"}),
        ("With closed eyes he listens to music.", {"close_eyes", "listen_to_music"}),
        ("She closes her eyes.", {"close_eyes"}),
        ("The cheerful guy grins.", {"happy", "smile"}),
        ("He has narrow eyes.", {"narrow_eyes"}),
        ("He narrows his eyes.", {"squint"}),
        ("She ties her hair back.", {"tied_hair"}),
        ("Her hand covers her mouth.", {"mouth_occluded"}),
        ("Her face looks round.", {"round_face"}),
        ("She looks round.", {"look_around"}),
        ("The man's face is round.", {"round_face"}),
        ("In this picture her skin is dark.", {"dark_skin"}),
        ("The hair in this picture is dark brown.", {"brown_hair"}),
        ("This picture is dark.", {"light_level"}),
        ("In this picture the light is neutral.", {"light_temperature"}),
        ("She smiles while the light is neutral.", {"smile", "light_temperature"}),
        ("The light in the room is neutral.", {"place", "light_temperature"}),
        ("The light on her face is neutral.", {"light_temperature"}),
        ("The light is warm while his face is pale.", {"light_temperature", "pale_skin"}),
        ("It is clear enough to say that she nods.", {"blurry", "nod"}),
    ],
)
def test_qualities_find_their_part(text, expected):
    assert {c.name for c in read_claims(text)} - {"male"} == expected


@pytest.mark.parametrize(
    ("text", "denied"),
    [
        ("No hat, glasses or beard.", {"wearing_hat", "eyeglasses", "beard"}),
        ("He is neither smiling nor frowning.", {"smile", "frown"}),
        ("Clean-shaven.", {"beard"}),
        ("She no longer smiles.", {"smile"}),
        ("He stops smiling.", {"smile"}),
        ("There is no sign of a beard.", {"beard"}),
        ("Glasses are absent.", {"eyeglasses"}),
        ("A mask isn't worn.", {"wearing_mask"}),
        ("It isn't so that she smiles without a hat.", {"wearing_hat"}),
        ("Not a single freckle or mole is on the skin.", {"freckle", "mole"}),
        ("She hardly blinks.", {"blink"}),
        ("Nobody wears a hat.", {"wearing_hat"}),
        ("Glasses: none", {"eyeglasses"}),
    ],
)
def test_denials_are_read_as_false(text, denied):
    assert {c.name for c in read_claims(text) if c.value is False} - {"male"} >= denied


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("He has no beard but a moustache.", {("beard", False), ("mustache", True)}),
        ("He is not without a beard.", {("beard", True)}),
        ("It isn't true that he isn't smiling.", {("smile", True)}),
        ("Not glasses but sunglasses.", {("eyeglasses", False), ("sunglasses", True)}),
        ("She isn't smiling and has bangs.", {("smile", False), ("bangs", True)}),
        ("No beard, brown hair.", {("beard", False), ("brown_hair", True)}),
        ("No jewellery apart from earrings.", {("wearing_earrings", True)}),
        ("She's not only smiling but also laughing.", {("smile", True), ("laugh", True)}),
        ("He can't help laughing.", {("laugh", True)}),
        (
            "A person without glasses wearing sunglasses.",
            {("eyeglasses", False), ("sunglasses", True)},
        ),
        (
            "He does not wear a hat or lipstick and she does not have a moustache.",
            {("wearing_hat", False), ("wearing_lipstick", False), ("mustache", False)},
        ),
        (
            "His forehead is covered. In this picture, neither her eyes nor her mouth is covered.",
            {("forehead_occluded", True), ("eye_occluded", False), ("mouth_occluded", False)},
        ),
    ],
)
def test_scope_ends_where_the_contrast_begins(text, expected):
    assert said(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "Is she smiling?",
        "Can't tell whether he's smiling.",
        "It is unclear if there are glasses.",
        "He looks as though he were laughing.",
        "She would look better with a hat.",
        'He says "I have a beard and black hair".'.replace("says", "adds"),
        "Her blonde friend is not in the picture.",
        "A poster shows a smiling woman.",
        "They walk on the red carpet.",
        "He makes a bald statement.",
        "The bald eagle was shot down.",
        "Glasses lie on the table.",
        "I'm happy to help.",
        "I can't see it well enough to say.",
        "Not clear enough to tell.",
        "Would you say that",
        "Tell me the colour",
        "The house is seen from outside.",
        "",
        "   \n",
    ],
)
def test_what_nobody_asserts_is_no_claim(text):
    assert said(text) == set()


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("She is in her thirties.", "age_years", (30, 40)),
        ("He is 35 years old.", "age_years", (35, 36)),
        ("She is about 35.", "age_years", (30, 40)),
        ("He is older than 45.", "age_years", (45, None)),
        ("She looks under 30.", "age_years", (None, 30)),
        ("Three people are there.", "num_people", (3, 4)),
        ("At least two men.", "num_people", (2, None)),
        ("I count two people.", "num_people", (2, 3)),
        ("The yaw is between -30 and -20 degrees.", "head_yaw_degrees", (-30, -20)),
    ],
)
def test_numbers_are_half_open_ranges(text, name, value):
    assert claim_of(text, name).value == value


@pytest.mark.parametrize(
    ("text", "name", "span"),
    [
        ("She smiles from 1.2 to 2.8 s.", "smile", (1.2, 2.8)),
        ("Between seconds 1 and 3 she smiles.", "smile", (1, 3)),
        ("He blinks at 0:02.", "blink", (2, 2)),
        ("After 3 seconds he nods.", "nod", (3, None)),
        ("He nods until second 2.", "nod", (None, 2)),
        ("At 2 s she turns her head, and at 4 s she laughs.", "laugh", (4, 4)),
        ("At 2 s she turns her head, and at 4 s she laughs.", "turn", (2, 2)),
        ("1-2 s: nods. 3-5 s: sings.", "sing", (3, 5)),
        ("She sings for five seconds.", "sing", None),
        ("Roughly 1.4 seconds: he yawns between 3.0 and 4.4 s", "yawn", (3.0, 4.4)),
        ("1 s: she smiles, then from 2 to 3 s she nods.", "smile", (1, 1)),
    ],
)
def test_times_go_with_their_verb(text, name, span):
    assert claim_of(text, name).span_seconds == span


@pytest.mark.parametrize(
    ("text", "is_hedged"),
    [
        ("He may have a beard.", True),
        ("She is probably smiling.", True),
        ("Perhaps there is a smile.", True),
        ("She looks happy.", False),
        ("He appears to be bald.", False),
        ("The beard might be fake, but he smiles.", False),
    ],
)
def test_reserve_is_marked(text, is_hedged):
    claims = [c for c in read_claims(text) if c.name != "male"]
    assert claims[-1].hedged is is_hedged


def test_pronouns_tell_the_sex():
    assert claim_of("His hat is red.", "male").value is True
    assert claim_of("Her hat is red.", "male").value is False
    assert not [c for c in read_claims("Their hat is red.") if c.name == "male"]


def test_a_man_and_a_woman_are_told_apart():
    claims = read_claims("The man wears a hat, whereas the woman does not.")
    hats = {(c.subject, c.value) for c in claims if c.name == "wearing_hat"}
    assert hats == {("man", True), ("woman", False)}


def test_two_of_one_sex_are_told_apart_by_place():
    claims = read_claims("The man on the left smiles; the man on the right doesn't.")
    smiles = {(c.subject, c.value) for c in claims if c.name == "smile"}
    assert smiles == {("left", True), ("right", False)}


def test_choices_are_denied_by_a_mark():
    blue, green = (c for c in read_claims("The eyes are not blue but green."))
    assert (blue.value, blue.negated) == ("blue", True)
    assert (green.value, green.negated) == ("green", False)


def test_the_words_of_a_claim_are_found_at_its_offsets():
    text = "Well. She has long, wavy black hair, and smiles."
    for claim in read_claims(text):
        assert text[claim.start : claim.stop] == claim.text


def test_light_typos_are_forgiven_and_real_words_are_not_changed():
    assert ("sunglasses", True) in said("He wears sunglases.")
    assert ("smile", True) in said("She is simling.")
    assert said("He is taking a bear home.") == set()


def test_a_question_in_the_text_is_answered_by_the_next_sentence():
    assert said("Is that a beard? No, he's just got stubble.") == {
        ("beard", False),
        ("5_o_clock_shadow", True),
    }


@pytest.mark.parametrize(
    ("question", "answer", "expected"),
    [
        ("Is she smiling?", "No.", {("smile", False)}),
        ("Is she smiling?", "She is.", {("smile", True)}),
        ("What colour is his hair?", "Black.", {("black_hair", True)}),
        ("How many people are there?", "Two.", {("num_people", (2, 3))}),
        ("Does he wear glasses or sunglasses?", "Glasses.", {("eyeglasses", True)}),
        ("How old is she?", "About 35.", {("age_years", (30, 40))}),
        ("Is her hair brown or black?", "Brown.", {("brown_hair", True)}),
        ("Where is she?", "In an office.", {("place", "office")}),
        ("Isn't she wearing glasses?", "No.", {("eyeglasses", False)}),
        ("Isn't she wearing glasses?", "Yes.", {("eyeglasses", True)}),
        ("She isn't wearing a hat, is she?", "No.", {("wearing_hat", False)}),
        ("She isn't wearing a hat, is she?", "Yes, she is.", {("wearing_hat", True)}),
        ("She is wearing a hat, isn't she?", "No.", {("wearing_hat", False)}),
        ("Can you tell whether she smiles?", "Yes.", {("smile", True)}),
        ("Of what colour is her hair?", "Black.", {("black_hair", True)}),
        ("Can you tell what colour his eyes are?", "Blue.", {("eye_color", "blue")}),
        ("Which tone does her skin have?", "Dark.", {("dark_skin", True)}),
        ("Which complexion does she have?", "Dark.", {("dark_skin", True)}),
        ("Could you tell me how old she is?", "About 35.", {("age_years", (30, 40))}),
    ],
)
def test_answers_are_read_with_their_question(question, answer, expected):
    claims = read_answer(question, answer)
    assert {(c.name, c.value) for c in claims if c.name != "male"} == expected


@pytest.mark.parametrize(
    ("question", "answer", "span"),
    [
        ("When does she blink?", "From 1.2 to 1.5 seconds.", (1.2, 1.5)),
        ("At which moment does he blink?", "From 1.2 to 2.0 s.", (1.2, 2.0)),
        ("Give the time at which she blinks.", "At 0.8 seconds.", (0.8, 0.8)),
    ],
)
def test_an_answer_to_when_is_the_span_of_the_question(question, answer, span):
    (claim,) = read_answer(question, answer)
    assert (claim.name, claim.value, claim.span_seconds) == ("blink", True, span)


@pytest.mark.parametrize(
    ("question", "answer", "expected"),
    [
        ("Does the woman have a beard?", "No.", {("beard", False)}),
        ("Does the woman have a beard?", "No, she doesn't.", {("beard", False), ("male", False)}),
        ("Is it a man?", "No.", {("male", False)}),
        ("Is the person male?", "Yes.", {("male", True)}),
    ],
)
def test_a_sex_is_read_from_an_answer_only_where_it_is_asked_or_said(question, answer, expected):
    assert {(c.name, c.value) for c in read_answer(question, answer)} == expected


@pytest.mark.parametrize(
    ("text", "is_hat"),
    [
        ("Isn't she wearing a hat? No.", False),
        ("Isn't she wearing a hat? Yes.", True),
        ("She isn't wearing a hat, is she? No.", False),
        ("She isn't wearing a hat, is she? Yes, she is.", True),
        ("She is wearing a hat, isn't she? No.", False),
        ("She is wearing a hat, isn't she? He nods.", True),
    ],
)
def test_questions_in_the_negative_are_answered_in_the_text(text, is_hat):
    assert {c.value for c in read_claims(text) if c.name == "wearing_hat"} == {is_hat}


def test_questions_say_what_they_ask():
    assert read_question("Is she smiling?").names == ("smile",)
    assert read_question("How old is he?").kind == "how old"
    assert "black_hair" in read_question("What colour is her hair?").names


def test_any_text_is_read_without_an_error():
    for text in ("?" * 50, "no no no not", "a" * 5000, "\x00\n:::", "12:99 s", "neither", "-"):
        read_claims(text)


@pytest.mark.parametrize(
    "question",
    [
        "Would you say that the person is not smiling?",
        "The person is not smiling. Is that right?",
        "Can one say that the person is not smiling?",
        "Is it fair to say that the person does not smile?",
        "Tell me, would you say the person is not smiling?",
    ],
)
@pytest.mark.parametrize(("answer", "smiles"), [("Yes.", False), ("No.", True)])
def test_yes_agrees_with_what_may_be_said(question, answer, smiles):
    assert [(c.name, c.value) for c in read_answer(question, answer)] == [("smile", smiles)]


@pytest.mark.parametrize(
    "text",
    [
        "The woman is wearing a hat. She does not smile. Her hair is brown, and it is wavy.",
        "A man and a woman. The man has a beard; the woman does not. She may be smiling.",
        "Is she smiling? Yes. Does he have a beard? No, he doesn't.",
        "She has a beard, hasn't she? No.",
        "The person on the left wears glasses. The other one does not. The second man is bald.",
        '"She smiles," he says. He nods at 2.0 seconds. Approx. 40 years old. 1) He\'s bald.',
        "- hair: brown\n- glasses: none\nShe may be young. She is young!  Really... young?",
        "Perhaps he smiles. He smiles. " + "His eyes are blue. " * 20,
        "",
    ],
)
def test_statements_are_the_claims_without_their_words(text):
    assert read_statements(text) == tuple(statement_of(claim) for claim in read_claims(text))


def test_a_text_without_questions_reads_the_same_on_the_way_for_questions():
    texts = (
        "The woman is wearing a hat. Her hair is brown, and it is wavy. She isn't. So does he.",
        "The man has a beard. The one on the left does not. The other smiles. It is gray.",
        "He may be bald. He is bald. Neither is the woman. They are blue. The second man nods.",
        "She wears a hat. Neither her eyes nor her forehead is covered. Nor does the man.",
        "His hair is black. His hair is neither red nor gray. The woman's is not.",
        "The man smiles. So, he has a beard. So does the woman. He has glasses, too.",
    )
    for text in texts:
        assert merge_claims(_read_asking(text)) == read_claims(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("He is approx. 40 years old. He smiles.", 2),
        ("He is approximate. He smiles.", 2),
        ("He is inapprox. He smiles.", 2),
        ("He wears a nest. He smiles.", 2),
        ("He wears glasses, hats etc. and smiles. He nods.", 2),
    ],
)
def test_a_full_stop_of_an_abbreviation_ends_no_sentence(text, expected):
    assert len(split_sentences(text)) == expected


def test_places_of_claims_are_those_of_the_whole_text():
    text = "- He is bald. The man's eyes are blue!  He may have a beard... Is he tall? He smiles."
    for claim in read_claims(text):
        assert text[claim.start : claim.stop] == claim.text


@pytest.mark.parametrize("lead", ["", "No. ", "No, ", "Yes. "])
def test_neither_denies_of_both_after_an_answer_too(lead):
    claims = read_claims(f"{lead}Neither woman is wearing glasses." if not lead.endswith(", ")
                         else f"{lead}neither woman is wearing glasses.")  # fmt: skip
    told = {c.name: (c.value, c.quantity) for c in claims}
    assert told["eyeglasses"] == (False, "none")
    assert told["male"][0] is False


@pytest.mark.parametrize(
    "text",
    [
        "This is a picture of an elderly woman with a beard.",
        "This is clearly an old close-up photo of an elderly woman with a beard.",
        "It's a photo of an elderly woman with a beard.",
        "It shows the picture of an elderly woman with a beard.",
        "Here is a photo of an elderly woman with a beard, holding a picture of a smiling man.",
        "A photo of an elderly woman with a beard",
        "Picture of an elderly woman with a beard.",
        "He said no. That is a photo of an elderly woman with a beard.",
        "A photo of an elderly woman with a beard, leaning on the wall.",
    ],
)
def test_a_picture_that_a_text_presents_is_the_one_shown(text):
    assert said(text) == {("elderly", True), ("beard", True)}
    assert claim_of(text, "male").value is (text.startswith("He said"))


@pytest.mark.parametrize(
    "text",
    [
        "He holds a picture of a smiling woman.",
        "A man with a photo of a smiling woman.",
        "Behind him is a picture of a smiling woman.",
        "On the wall is a photo of a smiling woman.",
        "There is a photo of a smiling woman on the wall.",
        "A picture of a smiling woman hangs on the wall.",
        "A photo of a smiling woman is on the desk.",
        "A photo of a smiling woman on the shelf.",
        "This is not a picture of a smiling woman.",
        "The clip shows a poster, a photo of a smiling woman.",
    ],
)
def test_a_picture_within_the_picture_says_nothing_of_who_is_shown(text):
    assert said(text) == set()


def test_what_is_wrong_with_a_presented_picture_is_said_of_it():
    assert said("This is a blurry photo of a smiling man.") == {("blurry", True), ("smile", True)}
    assert claim_of("This may be a picture of a smiling man.", "smile").hedged
    assert [c.name for c in read_question("Is this a photo of a smiling person?").claims] == [
        "smile"
    ]
