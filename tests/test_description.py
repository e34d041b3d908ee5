"""Descriptions: no sentence twice, none that the model denies when it is asked outright."""

from collections.abc import Iterator

from lineament.claims import read_claims
from lineament.describe.description import Description, OwnWord, read_sentences


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
