"""Chat: answers with their evidence, refusals by rule, and work that is done once."""

import json
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from lineament.annotation import Annotation, Fact, Subject
from lineament.describe import chat as chat_module
from lineament.describe.answer import Answer, Glance
from lineament.describe.bearing import (
    find_validation,
    find_weakest,
    is_validated_real,
    read_own_claims,
)
from lineament.describe.chat import Chat
from lineament.describe.limits import NO_TIME, NOT_READ
from lineament.describe.refusals import find_refused_topic
from lineament.describe.rule_answers import answer_by_rule
from lineament.errors import BadInput, BadMedia, BadModel
from lineament.model.favchat import FaVChatForConditionalGeneration
from lineament.model.favchat_config import favchat_tiny_config
from lineament.model.hub import load
from lineament.model.processor import FaVChatProcessor
from lineament.video import write_clip
from test_model_toys import _one_thread, toy_tokenizer  # noqa: F401

NUM_FRAMES = 12
BOX = (100.0, 60.0, 220.0, 200.0)


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Save an untrained model of a few thousand weights."""
    folder = tmp_path_factory.mktemp("model")
    encoder = {
        "model_type": "lineament_conv_vision", "hidden_size": 16, "num_hidden_layers": 3,
        "depths": (1, 1, 1), "image_size": 32, "patch_size": 16,
    }  # fmt: skip
    text = {
        "model_type": "qwen3", "vocab_size": 320, "hidden_size": 32, "intermediate_size": 48,
        "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 1,
        "head_dim": 16, "max_position_embeddings": 1024, "tie_word_embeddings": True,
    }  # fmt: skip
    tokenizer = toy_tokenizer()
    config = favchat_tiny_config(
        320, frame_token_id=3, landmark_dim=16,
        vision_config=encoder, face_config=encoder, text_config=text,
    )  # fmt: skip
    torch.manual_seed(0)
    FaVChatForConditionalGeneration(config).save_pretrained(folder)
    FaVChatProcessor.for_model(config, tokenizer).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory, numbered_frames) -> Path:
    path = tmp_path_factory.mktemp("clip") / "clip.mkv"
    return write_clip(path, (pixels for _, pixels in numbered_frames(NUM_FRAMES)), fps=25)


class OneFace:
    """A finder that sees one face in every frame, and counts its looks."""

    name = "one face"
    num_made = 0

    def __init__(self, make_face, *, is_empty: bool = False) -> None:
        OneFace.num_made += 1
        self.make_face, self.is_empty = make_face, is_empty

    def find(self, pixels, known=()):
        return [] if self.is_empty or known else [self._face()]

    def find_again(self, pixels, last):
        return self._face()

    def close(self) -> None:
        pass

    def _face(self):
        from lineament.faces.finder import FoundFace

        return FoundFace(BOX, self.make_face((160.0, 110.0), 80.0), 0.9)


@pytest.fixture
def make_chat(model_folder: Path, make_face) -> Any:
    def make(*, is_empty: bool = False, **options: Any) -> Chat:
        return Chat(
            options.pop("model", model_folder),
            make_finder=lambda: OneFace(make_face, is_empty=is_empty),
            **options,
        )

    return make


def say(chat: Chat, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Put words into the model's mouth, in pieces."""

    def stream(*_: Any) -> Iterator[str]:
        yield from (text[start : start + 7] for start in range(0, len(text), 7))

    monkeypatch.setattr(chat, "_stream_text", stream)


def test_answer_is_a_string_with_what_it_rests_on(make_chat, clip: Path):
    chat = make_chat()
    heard: list[str] = []
    answer = chat.chat(clip, "Is the person talking?", on_text=heard.append)
    assert isinstance(answer, str)
    assert "".join(heard) == answer
    assert answer.question == "Is the person talking?"
    assert answer.source == "model"
    assert answer.seconds > 0
    assert sum(glance.share for glance in answer.attention) == pytest.approx(1.0, abs=1e-3)
    assert len(answer.attention) == 8
    assert set(answer.to_dict()) >= {"question", "answer", "facts", "validated", "seconds"}


def test_answers_are_the_same_with_and_without_drafts(make_chat, clip: Path):
    questions = ("Is the person smiling?", "What colour is the hair?")
    drafted, plain = make_chat(), make_chat(use_drafts=False)
    for question in questions:
        assert drafted.ask(clip, question) == plain.ask(clip, question)


def test_second_question_makes_nothing_again(make_chat, clip: Path, monkeypatch):
    chat = make_chat()
    before = OneFace.num_made
    chat.ask(clip, "Is the person smiling?")
    with monkeypatch.context() as broken:
        broken.setattr(chat._loaded.model, "encode_media", None)
        broken.setattr(chat_module, "visual_from_followed", None)
        again = chat.ask(clip, "Is the person wearing glasses?")
    assert OneFace.num_made == before + 1
    assert chat.decoder.num_reused > 80  # eight frames of ten tokens
    assert again == make_chat().ask(clip, "Is the person wearing glasses?")


def test_a_changed_file_is_looked_at_again(make_chat, clip: Path, tmp_path: Path):
    import os
    import shutil

    copy = Path(shutil.copy(clip, tmp_path / "copy.mkv"))
    chat = make_chat(answerer="rule")
    first = chat.open(copy)
    assert chat.open(copy) is first
    os.utime(copy, ns=(1, 1))
    assert chat.open(copy) is not first


def test_history_changes_the_prompt_and_old_turns_make_room(make_chat, clip: Path):
    chat = make_chat()
    opened = chat.open(clip)
    short, _ = chat._read_prompt(opened, "Is she smiling?", ())
    longer, _ = chat._read_prompt(opened, "Is she smiling?", [("Is it a man?", "No.")])
    assert len(longer) > len(short)
    endless = [("Is it a man? " * 150, "No.")] * 3
    cut, _ = chat._read_prompt(opened, "Is she smiling?", endless)
    assert cut == short


def test_facts_that_bear_on_the_answer_come_with_their_times(make_chat, clip, monkeypatch):
    chat = make_chat()
    opened = chat.open(clip)
    fact = Fact("smile", True, span_seconds=(0.1, 0.3), source="landmarks")
    other = Fact("blink", True, span_seconds=(0.2, 0.3), source="landmarks")
    annotation = Annotation("x", opened.annotation.subjects, (fact, other), duration_seconds=0.5)
    monkeypatch.setattr(type(opened), "annotation", property(lambda _: annotation))
    say(chat, monkeypatch, "Yes, she is smiling.")
    answer = chat.ask(clip, "Is she smiling?")
    assert answer.facts == (fact,)
    assert [(row.name, row.verdict) for row in answer.claims] == [("smile", "supported")]
    say(chat, monkeypatch, "No, she is not smiling.")
    assert chat.ask(clip, "Is she smiling?").claims[0].verdict == "contradicted"


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ({"eyeglasses": "real", "smile": "real"}, "real"),
        ({"eyeglasses": "rendered", "smile": "real"}, "rendered"),
        ({"smile": "real"}, "none"),
        (None, "none"),
    ],
)
def test_an_answer_is_as_validated_as_its_weakest_claim(
    make_chat, model_folder, clip, tmp_path, monkeypatch, table, expected
):
    import shutil

    folder = Path(shutil.copytree(model_folder, tmp_path / "model"))
    if table is not None:
        (folder / "validated.json").write_text(json.dumps(table))
    chat = make_chat(model=folder)
    say(chat, monkeypatch, "She smiles and wears eyeglasses.")
    assert chat.ask(clip, "Is she smiling?").validated == expected


def test_descriptions_leave_out_what_is_not_validated(make_chat, clip, monkeypatch):
    chat = make_chat()
    chat._validation = {"smile": "real", "male": "real"}
    text = "This is a woman. She smiles. She wears a hat."
    say(chat, monkeypatch, text)
    heard: list[str] = []
    answer = chat.ask(clip, "Describe the person.", on_text=heard.append)
    assert answer == "This is a woman. She smiles."
    assert "".join(heard) == answer
    assert answer.num_left_out == 1
    assert chat.ask(clip, "Describe the person.", all_facts=True) == text
    assert chat.ask(clip, "Is she wearing a hat?") == text  # a plain question gets its answer
    chat._validation = {}
    say(chat, monkeypatch, "She smiles. She wears a hat.")
    assert "nothing" in chat.ask(clip, "Describe the person.")


def test_a_description_says_nothing_that_the_model_denies(make_chat, clip, monkeypatch):
    chat = make_chat()
    say(chat, monkeypatch, "She smiles. She wears a hat. She wears a hat. She has a beard.")
    monkeypatch.setattr(chat, "_ask_whether", lambda _, asked: "Yes" if "smile" in asked else "No")
    answer = chat.ask(clip, "Describe the person.", all_facts=True)
    assert answer == "She smiles."  # the loop ended it
    assert (answer.num_denied, answer.num_left_out) == (1, 0)
    assert answer.to_dict()["sentences_denied"] == 1
    say(chat, monkeypatch, "She wears a hat.")
    nothing = chat.ask(clip, "Describe the person.", all_facts=True)
    assert nothing == "I cannot describe this clip: asked outright, I deny all that I would say."


def hear_prompts(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, list]]:
    """Note each question that the model reads, with the turns before it."""
    heard: list[tuple[str, list]] = []
    read = chat._read_prompt

    def note(opened: Any, question: str, history: Any) -> Any:
        heard.append((question, list(history)))
        return read(opened, question, history)

    monkeypatch.setattr(chat, "_read_prompt", note)
    return heard


def test_a_question_that_stands_alone_is_asked_alone(make_chat, clip, monkeypatch):
    chat = make_chat()
    say(chat, monkeypatch, "The person smiles.")
    heard = hear_prompts(chat, monkeypatch)
    turns = [("Is he wearing glasses?", "No."), ("And a hat?", "No, he wears no hat.")]
    for question in ("How old is he?", "And a beard?", "Are you sure?"):
        chat.ask(clip, question, turns)
    assert heard == [
        ("How old is he?", []), ("And a beard?", turns[1:]), ("And a hat?", turns[:1]),
    ]  # fmt: skip


def test_writing_is_put_right_for_the_model_alone(make_chat, clip, monkeypatch):
    chat = make_chat()
    say(chat, monkeypatch, "Yes.")
    heard = hear_prompts(chat, monkeypatch)
    answer = chat.ask(clip, "IS TEH\nPERSN SMILING")
    assert heard == [("Is the person smiling?", [])]
    assert answer.question == "IS TEH\nPERSN SMILING"
    assert [row.name for row in answer.claims] == ["smile"]
    chat.ask(clip, "Is the person not wearing glasses?")
    assert heard[-1] == ("Is the person not wearing glasses?", [])


def test_what_is_denied_without_not_is_asked_plainly_and_turned_around(
    make_chat, clip, monkeypatch
):
    chat = make_chat()
    say(chat, monkeypatch, "No, the person is not wearing glasses.")
    heard = hear_prompts(chat, monkeypatch)
    answer = chat.ask(clip, "Is the person without glasses?")
    assert heard == [("Is the person wearing glasses?", [])]
    assert str(answer) == "Yes, the person is not wearing glasses."
    assert [(row.claim.name, row.claim.value) for row in answer.claims] == [("eyeglasses", False)]
    say(chat, monkeypatch, "I cannot tell.")
    assert str(chat.ask(clip, "Is the person without glasses?")) == "I cannot tell."


@pytest.mark.parametrize("question", ["What do you see?", "Caption this picture.", "Summarize it."])
def test_descriptions_in_other_words_are_judged(make_chat, clip, monkeypatch, question: str):
    chat = make_chat()
    chat._validation = {"smile": "real"}
    say(chat, monkeypatch, "She wears a hat. The person smiles.")
    answer = chat.ask(clip, question)
    assert (str(answer), answer.num_left_out) == ("The person smiles.", 1)


def test_questions_that_are_not_read_get_a_fixed_answer(make_chat, clip, monkeypatch):
    chat = make_chat()
    say(chat, monkeypatch, "No, the person does not look neutral.")
    heard: list[str] = []
    answer = chat.ask(clip, "Is there a dog in the picture?", on_text=heard.append)
    assert (str(answer), answer.source, answer.validated) == (NOT_READ, "rule", "none")
    assert heard == [NOT_READ]
    heard.clear()
    assert chat.ask(clip, "Does the person drink?", on_text=heard.append) == NOT_READ
    assert heard == [NOT_READ]
    assert chat.ask(clip, "Does the person look neutral?").source == "model"


def test_times_are_counted_with_the_facts_as_evidence(make_chat, clip, monkeypatch):
    chat = make_chat()
    opened = chat.open(clip)
    facts = tuple(Fact("blink", True, span_seconds=(t, t + 0.1)) for t in (0.1, 0.3))
    annotation = Annotation("x", opened.annotation.subjects, facts, duration_seconds=0.5)
    monkeypatch.setattr(type(opened), "annotation", property(lambda _: annotation))
    monkeypatch.setattr(chat, "_stream_text", None)
    answer = chat.ask(clip, "How many times does she blink?")
    assert (str(answer), answer.source) == ("The person blinks twice.", "rule")
    assert answer.facts == facts
    assert [(row.name, row.verdict) for row in answer.claims] == [("blink", "supported")]


@pytest.fixture(scope="session")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("picture") / "picture.png"
    Image.fromarray(np.full((256, 320, 3), 127, np.uint8)).save(path)
    return path


def test_a_picture_gets_no_times(make_chat, picture, monkeypatch):
    chat = make_chat()
    say(chat, monkeypatch, "The person smiles from 0.0 to 1.4 seconds.")
    answer = chat.ask(picture, "When does he smile?")
    assert (str(answer), answer.source) == (NO_TIME, "rule")
    assert chat.ask(picture, "What is he doing?") == "The person smiles."


def test_with_two_faces_the_evidence_says_which_is_meant(make_chat, picture, monkeypatch):
    chat = make_chat()
    opened = chat.open(picture)
    assert not any(f.name == "object_position" for f in chat.ask(picture, "Is he smiling?").facts)
    people = Fact("num_people", 2, subject="clip", source="landmarks")
    annotation = Annotation("x", opened.annotation.subjects, (people,))
    monkeypatch.setattr(type(opened), "annotation", property(lambda _: annotation))
    say(chat, monkeypatch, "Yes, the person smiles.")
    count, place = chat.ask(picture, "Is the man smiling?").facts
    assert count == people
    assert (place.subject, place.name) == ("face 0", "object_position")
    answer = chat.ask(picture, "How many people are there?")
    assert (str(answer), answer.source) == ("There are two people.", "rule")


REFUSED = [
    ("Who is this?", "who"), ("What is her name?", "who"), ("Is this Jane Doe?", "who"),
    ("Do you recognise him?", "who"), ("Tell me who this is.", "who"),
    ("What is his ethnicity?", "ancestry"), ("Where is she from?", "ancestry"),
    ("Is he Asian?", "ancestry"), ("Is this a black man?", "ancestry"),
]  # fmt: skip
ALLOWED = [
    "Is she smiling?", "Is his hair black?", "Where is the light coming from?",
    "Name the colour of his hair.", "Who is smiling?", "Is the background white?",
    "Does the man have black hair?", "Is he wearing a white shirt?",
]  # fmt: skip


@pytest.mark.parametrize(("question", "topic"), REFUSED)
def test_identity_and_ancestry_are_refused_whatever_the_model(
    make_chat, clip, monkeypatch, question, topic
):
    assert find_refused_topic(question) == topic
    chat = make_chat(answerer="rule")
    monkeypatch.setattr(chat_module, "answer_by_rule", None)
    answer = chat.ask(clip, question)
    assert answer.source == "rule"
    assert "cannot tell" in answer
    assert answer.claims == ()


@pytest.mark.parametrize("question", ALLOWED)
def test_questions_about_looks_are_not_refused(question: str):
    assert find_refused_topic(question) is None


def test_media_without_a_face_get_nothing_but_a_refusal(make_chat, clip, monkeypatch):
    chat = make_chat(is_empty=True)
    monkeypatch.setattr(chat, "_ask_model", None)
    answer = chat.ask(clip, "Is she smiling?")
    assert answer == "I cannot tell: no face can be seen in this clip."
    assert answer.source == "rule"


def test_blind_model_sees_nothing(make_chat, clip: Path):
    blind, seeing = make_chat(answerer="blind"), make_chat()
    tokens = []
    for chat in (blind, seeing):
        opened = chat.open(clip)
        prompt, media = chat._read_prompt(opened, "Is she smiling?", ())
        tokens.append((prompt, media.visual_tokens))
    assert tokens[0][0] == tokens[1][0]
    assert not torch.allclose(tokens[0][1], tokens[1][1])
    other = blind.open(clip)
    other.media, other.inputs = None, {}
    other.visual = type(other.visual)(
        np.zeros_like(other.visual.frames), other.visual.times_seconds,
        other.visual.faces, other.visual.face_mask,
        other.visual.landmarks, other.visual.landmark_mask,
    )  # fmt: skip
    assert torch.equal(blind._read_prompt(other, "Is she smiling?", ())[1].visual_tokens,
                       tokens[0][1])  # fmt: skip
    assert blind.ask(clip, "Is she smiling?").source == "blind"


KNOWN = Annotation(
    "x",
    (Subject("face 0", stop_seconds=4.0),),
    (
        Fact("smile", True, span_seconds=(1.0, 2.0)),
        Fact("num_people", 1, subject="clip"),
        Fact("male", True),
    ),
    frozenset({"smile", "blink"}),
    4.0,
    100,
    25.0,
)


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("Is he smiling?", "Yes."),
        ("Does he blink?", "No."),
        ("Is he wearing a hat?", "I cannot tell from this clip."),
        ("When does he smile?", "The person smiles from 1.0 to 2.0 seconds."),
        ("When does he blink?", "Never."),
        ("How many people are there?", "There is one person."),
        ("Is this a man or a woman?", "This is a man."),
        ("How old is he?", "I cannot tell from this clip."),
    ],
)
def test_rules_tell_what_the_annotation_knows(question: str, answer: str):
    assert answer_by_rule(question, KNOWN, "face 0") == answer


@pytest.mark.parametrize("question", ["", "  \n "])
def test_empty_questions_are_refused(make_chat, clip: Path, question: str):
    with pytest.raises(BadInput, match="empty"):
        make_chat(answerer="rule").ask(clip, question)


@pytest.mark.parametrize("word", ["smiling ", "smiling and "])
def test_ten_thousand_words_get_one_clear_error(make_chat, clip: Path, word: str):
    with pytest.raises(BadInput, match=r"characters|tokens") as caught:
        make_chat().ask(clip, "Is she " + word * 10_000)
    assert "shorter" in caught.value.hint
    with pytest.raises(BadInput, match="tokens"):
        make_chat().ask(clip, "Is she " + "so " * 6_000)


def test_wrong_inputs_are_named(make_chat, clip, model_folder, tmp_path):
    with pytest.raises(BadModel, match="no-such-model"):
        make_chat(model="no-such-model")
    with pytest.raises(BadInput, match="answerer"):
        make_chat(answerer="oracle")
    with pytest.raises(BadMedia, match="no such file"):
        make_chat(answerer="rule").ask(tmp_path / "no.mp4", "Is she smiling?")
    (tmp_path / "validated.json").write_text('{"smile": "surely"}')
    with pytest.raises(BadModel, match="smile"):
        find_validation(tmp_path)


def test_sentences_are_judged_by_all_their_claims():
    table = {"smile": "real", "eyeglasses": "rendered", "male": "real"}
    assert is_validated_real("She smiles.", table)  # type: ignore[arg-type]
    assert not is_validated_real("She smiles and wears eyeglasses.", table)  # type: ignore[arg-type]
    assert is_validated_real("This is a clip.", {})
    assert find_weakest([], table) == "none"  # type: ignore[arg-type]


def test_a_pronoun_says_a_sex_unless_the_question_did():
    said = [claim.name for claim in read_own_claims("Is she smiling?", "Yes, she is smiling.")]
    assert said == ["smile"]
    said = [claim.name for claim in read_own_claims("Any smile?", "Yes, she is smiling.")]
    assert sorted(said) == ["male", "smile"]
    said = [claim.name for claim in read_own_claims("Is she smiling?", "Yes, he is smiling.")]
    assert sorted(said) == ["male", "smile"]


def test_answer_survives_pickling():
    answer = Answer("Yes.", question="Is she?", attention=[Glance(0.5, 1.0)], seconds=0.25)
    copy = pickle.loads(pickle.dumps(answer))
    assert copy == "Yes."
    assert copy.to_dict() == answer.to_dict()


def test_loaded_models_are_taken_as_they_are(make_chat, model_folder: Path):
    loaded = load(model_folder)
    assert make_chat(model=loaded).name == str(model_folder)
