"""What chat-tiny is asked beside labels: numbers of people, and in other words; steady answers."""

from collections import Counter
from random import Random

import numpy as np
import pytest
import torch

from lineament.annotation import Annotation, Fact, Subject
from lineament.model.favchat import FaVChatForConditionalGeneration
from lineament.model.favchat_config import favchat_tiny_config
from lineament.recipes.chat_tiny import chat_tiny
from lineament.records.write.view import View
from lineament.render import sample_face
from lineament.training.augment import STRONG
from lineament.training.chat_tiny_labels import LABEL_WEIGHTS, LABELS, MOVES
from lineament.training.crowds import ROWS_OF, CrowdExamples, join_pictures
from lineament.training.dialogues import (
    KIND_RATES,
    DialogueWriter,
    _other_words,  # pyright: ignore[reportPrivateUsage]
    _table,  # pyright: ignore[reportPrivateUsage]
    ask_flag,
    known_names,
    write_alone,
    write_moves,
    write_older,
)
from lineament.training.gallery import SIZE_PX, Look
from lineament.training.gallery_examples import Reading, change_visual, visual_from_look
from lineament.training.gallery_writer import write_gallery
from lineament.training.label_objective import NUM_AGES, LabelLearner, find_table
from lineament.training.labels import UNKNOWN


def plain_look(level: int, *, num_people: int = 1) -> Look:
    frames = np.full((1, SIZE_PX, SIZE_PX, 3), level, np.uint8)
    return Look(
        frames, frames, np.ones(1, bool), np.zeros(1), np.zeros((0, 72, 3), np.float32),
        np.zeros(0), num_people,
    )  # fmt: skip


def one_face(**values: bool) -> Annotation:
    facts = tuple(Fact(name, value) for name, value in values.items())
    return Annotation("a picture", (Subject("face 0"),), facts)


@pytest.mark.parametrize("count", list(ROWS_OF))
def test_people_stand_side_by_side_and_all_are_seen(count):
    levels = [40, 90, 140, 190][:count]
    pictures = [np.full((SIZE_PX, SIZE_PX, 3), level, np.uint8) for level in levels]
    joined = join_pictures(pictures, ROWS_OF[count])
    assert joined.shape == (SIZE_PX, SIZE_PX, 3)
    for level in levels:
        share = float((joined == level).all(axis=-1).mean())
        assert share == pytest.approx(1 / count, abs=0.03)


def test_crowds_are_asked_about_their_number_and_only_hold_people_who_are_alone(tmp_path):
    looks = [(one_face(male=True), plain_look(50))] * 5
    looks += [(one_face(male=True), plain_look(250, num_people=2))] * 5
    write_gallery(tmp_path / "g", looks, origin="rendered")
    crowds = CrowdExamples(200, [tmp_path / "g"], Reading(mirror_share=0, has_changes=False))
    words = {"one": 0, "two": 0, "three": 0, "four": 0}
    for index in range(120):
        example = crowds.read(index, 0)
        assert example.visual is not None
        assert int(example.visual.frames.max()) == 50
        said = [dialogue.messages[1]["content"] for dialogue in example.dialogues]
        number = next(word for word in words if f" {word} " in said[0])
        words[number] += 1
        assert all(f" {number} " in answer for answer in said), said
    assert min(words.values()) >= 5
    assert words["one"] > words["four"]
    assert crowds.read(3, 0).dialogues == crowds.read(3, 0).dialogues


def test_whether_somebody_is_alone_is_answered_by_the_number():
    for seed in range(60):
        for count in (1, 2, 4):
            question, answer = write_alone(count, Random(seed)).pairs[0]
            asks_several = any(
                w in question for w in ("more than one", "several", "anybody", "two")
            )
            assert answer.startswith("Yes") == (asks_several == (count > 1)), (question, answer)


def test_other_words_name_known_flags_and_are_asked_plainly():
    assert set(_other_words()) <= known_names()
    view = View(one_face(talk=True, male=True), "face 0", is_steady=True)
    asked = {
        ask_flag(view, Random(seed), "talk", holds=True, is_neutral=True).pairs[0]
        for seed in range(200)
    }
    assert ("Is the person saying something?", "Yes, the person talks.") in asked
    no = View(one_face(talk=False), "face 0", is_steady=True)
    asked = {
        ask_flag(no, Random(seed), "talk", holds=False, is_neutral=True).pairs[0]
        for seed in range(200)
    }
    assert ("Is the person saying something?", "No, the person does not talk.") in asked


def test_steady_answers_keep_to_one_form_and_others_do_not():
    def answers(is_steady: bool) -> dict[str, set[str]]:
        writer = DialogueWriter(
            num_yes_no=0, kind_rates={"color": 3, "sex": 1}, older_share=0, is_steady=is_steady
        )
        found: dict[str, set[str]] = {"color": set(), "sex": set()}
        for seed in range(80):
            for dialogue in writer.write(sample_face(5), Random(seed)):
                found[dialogue.kind].add(str(dialogue.messages[1]["content"]))
        return found

    steady, varied = answers(True), answers(False)
    assert len(steady["sex"]) == 1
    assert 1 <= len(steady["color"]) <= 5  # one for each thing that has a colour
    assert len(varied["sex"]) > 3
    assert len(varied["color"]) > 15


def test_steady_answers_say_yes_or_no_as_the_fact_and_the_question_go():
    writer = DialogueWriter(num_yes_no=10, kind_rates={"conversation": 2}, older_share=0)
    assert writer.is_steady
    assert set(KIND_RATES) >= {"conversation"}
    for seed in range(40):
        for dialogue in writer.write(sample_face(seed), Random(seed)):
            for message in dialogue.messages:
                said = str(message["content"])
                assert not said.startswith(("Indeed", "Certainly", "Not really", "Exactly")), said


def test_what_is_changed_keeps_its_size_and_loses_its_colour():
    shown = visual_from_look(plain_look(120), (0.0, 1e-6))
    reading = Reading(frame_px=96, face_px=64)
    changed = change_visual(shown, reading, STRONG, np.random.default_rng(0), is_gray=True)
    assert changed.frames.shape[1:] == (96, 96, 3)
    assert (np.ptp(changed.frames, axis=-1) == 0).all()


def test_encoders_are_asked_alone_and_only_about_what_they_saw():
    """The face encoder is not asked about frames without a face; the labels can be learned."""
    torch.manual_seed(0)
    model = FaVChatForConditionalGeneration(favchat_tiny_config(64)).train()
    weights = torch.tensor([LABEL_WEIGHTS.get(name, 1.0) for name in LABELS.names])
    learner = LabelLearner(model, weights, {})
    states = torch.full((2, 1, len(LABELS.names)), UNKNOWN)
    states[:, 0, LABELS.names.index("male")] = torch.tensor([1, 0])
    batch = {
        "pixel_values": torch.randn(2, 1, 3, 96, 96),
        "face_pixel_values": torch.randn(2, 1, 3, 64, 64),
        "frame_mask": torch.ones(2, 1, dtype=torch.bool),
        "face_mask": torch.tensor([[True], [False]]),
        "states": states,
        "age_spans": torch.tensor([[0, 1], [UNKNOWN, UNKNOWN]]),
    }
    _, heard = learner._encode(batch)  # pyright: ignore[reportPrivateUsage]
    assert heard["general_encoder"][1].tolist() == [0, 1]
    assert heard["face_encoder"][1].tolist() == [0]
    assert learner.general_encoder_directions.shape == (len(LABELS.names) + NUM_AGES, 256)
    learner(**batch)["loss_sum"].backward()
    assert model.media.general_encoder.tower.stem[0].weight.grad.abs().sum() > 0
    assert not any(module._forward_hooks for module in model.modules())


def asks_for_the_opposite(question: str) -> bool:
    said = f" {question.lower().replace(',', ' ').replace('?', ' ')} "
    return any(
        word in said for word in (" not ", "n't ", " no ", " without ", " never ", " free of ")
    )


@pytest.mark.parametrize("name", ["black_hair", "smile", "beard", "talk", "wearing_hat", "male"])
def test_a_share_of_the_questions_is_denied_and_answered_by_the_flag(name):
    holds = {True: 0, False: 0}
    for seed in range(60):
        view = View(one_face(**{name: seed % 2 == 0}), "face 0", is_steady=True)
        draft = ask_flag(
            view, Random(seed), name, holds=seed % 2 == 0, is_neutral=False, must_deny=True
        )
        question, answer = draft.pairs[0]
        if name != "male":  # "a man" is denied by "a woman", too
            assert asks_for_the_opposite(question), question
        assert answer.startswith("Yes") == (seed % 2 == 1), (question, answer)
        holds[answer.startswith("Yes")] += 1
    assert min(holds.values()) >= 20


def test_the_writer_denies_as_many_as_it_is_told():
    def share(denied: float) -> float:
        writer = DialogueWriter(kind_rates={}, older_share=0, denied_share=denied)
        faces = [sample_face(seed) for seed in range(12)]
        asked = [
            str(dialogue.messages[0]["content"])
            for seed in range(5)
            for face in faces
            for dialogue in writer.write(face, Random(seed))
        ]
        return sum(map(asks_for_the_opposite, asked)) / len(asked)

    assert share(0.0) < share(0.4) - 0.2 < share(1.0) - 0.4
    assert share(1.0) > 0.9


def test_older_is_denied_as_often_as_it_is_told():
    annotation = Annotation("a picture", (Subject("face 0"),), (Fact("age_years", 60.0),))

    def questions(denied: float) -> list[str]:
        drafts = [write_older(annotation, Random(n), denied_share=denied) for n in range(80)]
        return [draft.pairs[0][0] for draft in drafts if draft]

    assert not any(map(asks_for_the_opposite, questions(0.0)))
    assert all(map(asks_for_the_opposite, questions(1.0)))


def said_decades(years: float, blur: float) -> Counter[str]:
    facts = (Fact("age_years", years), Fact("young", True))
    annotation = Annotation("a picture", (Subject("face 0"),), facts)
    writer = DialogueWriter(kind_rates={"age": 1.0}, older_share=0.0, num_yes_no=0, age_blur=blur)
    dialogues = [talk for n in range(400) for talk in writer.write(annotation, Random(n))]
    return Counter(talk.messages[1]["content"].rstrip(".").split()[-1] for talk in dialogues)


def test_ages_are_said_a_decade_off_as_often_as_asked_for():
    assert set(said_decades(35.0, 0.0)) == {"thirties"}
    said = said_decades(35.0, 0.4)
    assert set(said) == {"twenties", "thirties", "forties"}
    assert said["thirties"] / said.total() == pytest.approx(0.6, abs=0.08)
    assert said["twenties"] / said.total() == pytest.approx(0.2, abs=0.06)


@pytest.mark.parametrize(("years", "decades"), [
    (25.0, {"twenties", "thirties"}), (75.0, {"sixties", "seventies"}),
])  # fmt: skip
def test_no_age_is_blurred_to_minors_or_beyond_what_is_labelled(years, decades):
    assert set(said_decades(years, 1.0)) == decades


def test_only_settle_blurs_ages_and_only_where_labels_are_decades():
    blurred = {
        (stage.name, mix.options["folders"][0])
        for stage in chat_tiny().stages
        for mix in stage.data
        if mix.options.get("age_blur")
    }
    assert blurred == {("settle", "fairface-train")}


def test_a_description_is_asked_for_in_few_words_half_the_time():
    facts = (Fact("male", True), Fact("smile", True), Fact("eyeglasses", False))
    annotation = Annotation("a picture", (Subject("face 0"),), facts)
    writer = DialogueWriter(kind_rates={"summary": 1.0}, older_share=0.0, num_yes_no=0)
    talks = [talk for n in range(200) for talk in writer.write(annotation, Random(n))]
    asked = Counter(talk.messages[0]["content"] for talk in talks)
    short = sum(asked[question] for question in _table("describe_asked"))
    assert short / asked.total() == pytest.approx(0.5, abs=0.1)
    assert all(talk.messages[1]["content"] not in asked for talk in talks)


def test_denied_questions_are_asked_of_galleries_alone_and_drawn_ones_are_asked_more():
    stages = {stage.name: stage for stage in chat_tiny().stages}
    for name in ("read", "questions", "settle"):
        for mix in stages[name].data:
            assert ("denied" in mix.options) == (mix.source == "galleries")
        asked = {
            mix.options["folders"][0]: mix.options["yes_no"]
            for mix in stages[name].data
            if mix.source == "galleries"
        }
        assert asked["clips*"] == asked["stills*"] > asked["lfw-train"] == asked["ffhq-train"]
    assert stages["read"].trainable != stages["questions"].trainable
    assert stages["read"].data == stages["questions"].data  # all words that will be needed


def test_what_is_told_by_faint_marks_is_learned_first_from_pictures_hardly_changed():
    faint, labels = chat_tiny().stages[:2]
    assert (faint.name, labels.name) == ("faint", "labels")
    assert all(mix.options["is_gentle"] for mix in faint.data)
    assert not any("clips*" in mix.options["folders"] for mix in faint.data)
    fairface = [mix for mix in labels.data if "fairface-train" in mix.options["folders"]]
    assert {mix.options.get("is_gentle", False) for mix in fairface} == {True, False}
    for stage in (faint, labels):
        assert all(mix.options["part"] == "check" for mix in stage.validation)


def test_movements_are_taught_to_the_landmark_stream_alone_from_whole_clips():
    stage = next(stage for stage in chat_tiny().stages if stage.name == "moves")
    assert stage.trainable == ("media.landmark*",)
    assert [mix.options["picture_share"] for mix in stage.data] == [0.0]
    assert {"nod", "shake_head", "talk", "blink"} <= set(MOVES)
    assert not {"male", "mole", "head_pose=left"} & set(MOVES)
    weights = dict(zip(LABELS.names, find_table(stage).name_weights, strict=True))
    assert min(weights[name] for name in MOVES) > max(
        weights[name] for name in LABELS.names if name not in MOVES
    )


def moving(duration: float = 2.0, **values: bool) -> View:
    names = ("turn", "nod", "shake_head", "head_wagging", "look_around")
    known = dict.fromkeys(names, False) | values
    facts = tuple(
        Fact(name, value, span_seconds=(0.5, 1.5) if value else None)
        for name, value in known.items()
    )
    face = Annotation("a clip", (Subject("face 0"),), facts, duration_seconds=duration)
    return View(face, "face 0", is_steady=True)


@pytest.mark.parametrize("move", ["turn", "nod", "shake_head", "head_wagging", "look_around", ""])
def test_any_movement_of_the_head_is_one(move):
    view = moving(**({move: True} if move else {}))
    for seed in range(40):
        draft = write_moves(view, Random(seed))
        assert draft is not None
        question, answer = draft.pairs[0]
        is_denied = " not " in question or "still" in question
        assert answer.startswith("Yes") == (bool(move) != is_denied), (question, answer)
        assert ("does not move" in answer) == (not move)


def test_one_picture_does_not_tell_whether_the_head_moves():
    draft = write_moves(moving(duration=0.0, turn=True), Random(0))
    assert draft is not None
    assert draft.kind == "unanswerable"
    assert "picture" in draft.pairs[0][1]


def test_whether_the_head_moves_is_not_asked_where_half_is_known():
    view = View(
        Annotation("a clip", (Subject("face 0"),), (Fact("nod", False),), duration_seconds=2.0),
        "face 0",
    )
    assert write_moves(view, Random(0)) is None
