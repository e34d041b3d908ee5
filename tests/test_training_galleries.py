"""Galleries: what is stored of a clip, its windows, its mirror, its labels and its dialogues."""

from dataclasses import replace
from random import Random

import numpy as np
import pytest
import torch

from lineament.annotation import Annotation, Fact, Subject
from lineament.errors import BadInput
from lineament.faces.finder import FoundFace
from lineament.faces.landmarks import NUM_ROWS
from lineament.faces.padding import PaddedFinder
from lineament.model.processor import VisualInput
from lineament.render import sample_face
from lineament.training import gallery_writer
from lineament.training.augment import MILD, STRONG, change_pictures, gray_pictures
from lineament.training.dialogues import DialogueWriter, find_years, write_faceless, write_older
from lineament.training.faceless import FacelessExamples
from lineament.training.gallery import Gallery, Look, look_at
from lineament.training.gallery_examples import PLAIN, GalleryExamples, Reading, visual_from_look
from lineament.training.gallery_writer import count_kept, write_gallery
from lineament.training.label_objective import flag_losses, label_directions, span_losses
from lineament.training.labels import UNKNOWN, LabelSet, age_span, read_states
from lineament.training.preparation import draw_looks
from lineament.training.windows import (
    cut_annotation,
    freeze_annotation,
    mirror_annotation,
    with_flags,
)


class NobodyFinder:
    """Finds a face only in pictures that have room around them."""

    name = "nobody"

    def __init__(self, needs_width: int = 10**9) -> None:
        self.needs_width = needs_width
        self.num_looks = 0

    def find(self, pixels, known=()):
        self.num_looks += 1
        if pixels.shape[1] < self.needs_width:
            return []
        return [FoundFace((50.0, 40.0, 70.0, 60.0), np.full((478, 3), 55, np.float32), 0.9)]

    def find_again(self, pixels, last):
        return None

    def close(self):
        pass


def clip_annotation() -> Annotation:
    return Annotation(
        media="clip 1",
        subjects=(Subject("face 0", stop_seconds=4.0, num_frames=100),),
        facts=(
            Fact("male", True),
            Fact("head_pose", "left"),
            Fact("smile", True, span_seconds=(0.5, 1.5)),
            Fact("nod", True, span_seconds=(2.5, 3.8)),
        ),
        closed=frozenset({"smile", "nod", "blink", "eyeglasses", "neutral"}),
        duration_seconds=4.0,
        num_frames=100,
        fps=25.0,
    )


def some_look(num_frames: int = 16, seconds: float = 4.0) -> Look:
    rng = np.random.default_rng(0)
    times = (np.arange(num_frames) + 0.5) * seconds / num_frames
    row_times = np.arange(0, seconds, 0.05)
    rows = rng.normal(size=(len(row_times), NUM_ROWS, 3)).astype(np.float32)
    frames = rng.integers(0, 256, (num_frames, 128, 128, 3), dtype=np.uint8)
    return Look(frames, frames, np.ones(num_frames, bool), times, rows, row_times, 1)


def test_a_window_keeps_and_shifts_what_lies_in_it():
    cut = cut_annotation(clip_annotation(), 0.4, 2.4)
    assert [fact.span_seconds for fact in cut.facts_named("smile")] == [(0.1, 1.1)]
    assert not cut.facts_named("nod")
    assert cut.is_closed("nod")
    assert cut.duration_seconds == 2.0


def test_what_a_window_leaves_a_sliver_of_is_unknown():
    cut = cut_annotation(clip_annotation(), 0.0, 2.7)
    assert not cut.facts_named("nod")
    assert not cut.is_closed("nod")
    assert cut.is_closed("blink")


def test_a_frame_knows_expressions_but_no_movements():
    inside = freeze_annotation(clip_annotation(), 1.0)
    assert inside.facts_named("smile")[0].span_seconds is None
    assert not inside.is_closed("nod")
    assert inside.duration_seconds == 0
    outside = freeze_annotation(clip_annotation(), 3.0)
    assert not outside.facts_named("smile")
    assert outside.is_closed("smile")
    border = freeze_annotation(clip_annotation(), 1.55)
    assert not border.is_closed("smile")


def test_the_mirror_swaps_sides():
    assert mirror_annotation(clip_annotation()).facts_named("head_pose")[0].value == "right"


def test_guesses_never_overrule_labels():
    guessed = with_flags(
        clip_annotation(), {"male": False, "beard": True, "blink": True}, source="x"
    )
    assert [fact.value for fact in guessed.facts_named("male")] == [True]
    assert [fact.source for fact in guessed.facts_named("beard")] == ["x"]
    assert not guessed.facts_named("blink")


def test_labels_say_in_which_frames_an_act_is_seen():
    labels = LabelSet(("male", "smile", "nod", "blink", "beard", "head_pose=left", "head_pose=up"))
    shown = visual_from_look(some_look(), (0.0, 4.0))
    read = labels.read(clip_annotation(), shown)
    assert read.states.shape == (8, 7)
    assert read.states[:, 0].tolist() == [1] * 8
    assert read.states[:, 1].tolist() == [0, 1, 1, 0, 0, 0, 0, 0]
    assert read.states[:, 2].tolist() == [0, 0, 0, 0, 0, 1, 1, 1]
    assert set(read.states[:, 3]) == {0}
    assert set(read.states[:, 4]) == {UNKNOWN}
    assert set(read.states[:, 5]) == {1}
    assert set(read.states[:, 6]) == {0}
    assert read.age_span == (UNKNOWN, UNKNOWN)


def test_age_labels_are_spans_of_classes():
    years = replace(clip_annotation(), facts=(Fact("age_years", 47.0),))
    assert age_span(years) == (4, 5)
    group = replace(years, extra={"age_low": 40, "age_high": 49})
    assert age_span(group) == (4, 5)
    assert find_years(group) == (40.0, 50.0)


def test_states_hold_what_follows_from_others():
    states = read_states(replace(clip_annotation(), facts=(Fact("goatee", True),)))
    assert states["eyeglasses"] is False
    assert states["goatee"] is True


@pytest.mark.parametrize("change", [MILD, STRONG])
def test_changes_keep_shape_and_differ_by_seed(change):
    frames = some_look().frames[:2]
    first = change_pictures(frames, change, np.random.default_rng(1))
    assert first.shape == frames.shape
    assert np.array_equal(first, change_pictures(frames, change, np.random.default_rng(1)))
    assert not np.array_equal(first, change_pictures(frames, change, np.random.default_rng(2)))


def test_gray_pictures_have_equal_channels():
    gray = gray_pictures(some_look().frames[:1])
    assert (gray[..., 0] == gray[..., 2]).all()


def test_a_gallery_gives_back_what_was_written(tmp_path):
    looks = [(clip_annotation(), some_look()), (clip_annotation(), some_look(1, 0.1))]
    assert write_gallery(tmp_path / "g", looks, origin="test") == 2
    gallery = Gallery(tmp_path / "g")
    assert gallery.annotation(0) == clip_annotation()
    np.testing.assert_array_equal(gallery.look(1).frames, some_look(1, 0.1).frames)
    np.testing.assert_allclose(gallery.look(0).rows, some_look().rows)


def test_half_a_gallery_is_none(tmp_path):
    def broken():
        yield clip_annotation(), some_look()
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError):
        write_gallery(tmp_path / "g", broken(), origin="test")
    with pytest.raises(BadInput, match="whole gallery"):
        Gallery(tmp_path / "g")


def test_a_stopped_gallery_goes_on_behind_what_is_kept(tmp_path, monkeypatch):
    looks = [(sample_face(seed), some_look(seed, 0.1 * seed)) for seed in range(5)]
    write_gallery(tmp_path / "whole", looks, origin="test")
    monkeypatch.setattr(gallery_writer, "KEEP_SECONDS", 0.0)

    def broken():
        yield from looks[:2]
        monkeypatch.setattr(gallery_writer, "KEEP_SECONDS", 1e9)
        yield looks[2]  # written, and not kept any more
        raise KeyboardInterrupt

    assert count_kept(tmp_path / "g") == 0
    with pytest.raises(KeyboardInterrupt):
        write_gallery(tmp_path / "g", broken(), origin="test")
    assert count_kept(tmp_path / "g") == 2
    assert write_gallery(tmp_path / "g", looks[2:], origin="test", first=2) == 5
    files = sorted(path.name for path in (tmp_path / "whole").iterdir())
    assert sorted(path.name for path in (tmp_path / "g").iterdir()) == files
    for name in files:
        assert (tmp_path / "g" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_what_is_drawn_after_a_stop_is_what_was_left_out():
    finder = NobodyFinder(needs_width=10_000)
    whole = list(draw_looks(700, 3, finder, is_picture=True))
    rest = list(draw_looks(700, 3, finder, is_picture=True, first=2))
    assert [annotation for annotation, _ in rest] == [whole[2][0]]
    np.testing.assert_array_equal(rest[0][1].frames, whole[2][1].frames)


def test_examples_depend_on_number_and_epoch_alone(tmp_path):
    write_gallery(tmp_path / "g", [(sample_face(3), some_look())] * 2, origin="rendered")
    labels = LabelSet(("male", "smile"))
    examples = GalleryExamples([tmp_path / "g"], Reading(), DialogueWriter(), labels)
    first, again, other = examples.read(1, 0), examples.read(1, 0), examples.read(1, 1)
    assert first.dialogues == again.dialogues
    assert first.dialogues != other.dialogues
    assert first.visual is not None
    assert again.visual is not None
    np.testing.assert_array_equal(first.visual.frames, again.visual.frames)


def test_a_whole_clip_is_shown_at_eight_times(tmp_path):
    write_gallery(tmp_path / "g", [(sample_face(3), some_look())], origin="rendered")
    shown = GalleryExamples([tmp_path / "g"], PLAIN).read(0, 0).visual
    assert shown is not None
    assert shown.frames.shape == (8, 128, 128, 3)
    assert shown.landmarks is not None
    assert shown.landmarks.shape == (8, 8, NUM_ROWS, 3)


def test_yes_and_no_come_equally_often_for_rare_and_common_flags():
    rates = {"eyeglasses": (0.9, 0.1), "male": (0.5, 0.5)}
    writer = DialogueWriter(rates=rates, num_yes_no=1, kind_rates={}, older_share=0.0)
    rng, counts = Random(0), {"Yes": 0, "No": 0}
    for index in range(4000):
        has = index % 10 == 0
        facts = (Fact("eyeglasses", has), Fact("male", index % 2 == 0))
        annotation = Annotation(f"{index}", (Subject("face 0"),), facts)
        for dialogue in writer.write(annotation, rng):
            answer = dialogue.messages[1]["content"]
            if "glasses" in answer:
                counts["Yes" if ("not" in answer) == answer.startswith("No") else "No"] += 1
                assert answer.startswith(("Yes, ", "No, "))
    asked_true = sum(counts.values())
    assert asked_true > 100


def test_rare_things_do_not_make_no_the_usual_answer():
    """Items without anything rare are not asked more about what they lack."""
    items = []
    for index in range(3000):
        facts = [Fact("eyeglasses", index % 50 == 0), Fact("beard", index % 40 == 0)]
        facts += [Fact("sunglasses", index % 60 == 0), Fact("smile", index % 2 == 0)]
        items.append(Annotation(f"{index}", (Subject("face 0"),), tuple(facts)))
    rates = {"eyeglasses": (0.98, 0.02), "beard": (0.975, 0.025), "smile": (0.5, 0.5)}
    rates["sunglasses"] = (1 - 1 / 60, 1 / 60)
    writer = DialogueWriter(rates=rates, num_yes_no=3, kind_rates={}, older_share=0, is_plain=True)
    mean = sum(map(writer.sum_weights, items)) / len(items)
    writer = replace(writer, mean_weight=mean)
    counts: dict[str, list[int]] = {"glasses": [0, 0], "beard": [0, 0], "smil": [0, 0]}
    for index, item in enumerate(items):
        for dialogue in writer.write(item, Random(index)):
            question, answer = (message["content"] for message in dialogue.messages)
            assert answer in ("Yes.", "No.")
            for word, count in counts.items():
                if word in question and "sun" not in question:
                    count[answer == "Yes."] += 1
    for no, yes in counts.values():
        assert yes + no > 300
        assert 0.42 < yes / (yes + no) < 0.58, counts


def test_every_twentieth_item_is_left_out_to_check(tmp_path):
    write_gallery(tmp_path / "g", [(sample_face(3), some_look())] * 41, origin="rendered")
    parts = {
        part: {place[1] for place in GalleryExamples([tmp_path / "g"], Reading(part=part)).places}
        for part in ("all", "train", "check")
    }
    assert parts["check"] == {19, 39}
    assert parts["train"] | parts["check"] == parts["all"] == set(range(41))
    assert not parts["train"] & parts["check"]
    with pytest.raises(BadInput, match="part"):
        Reading(part="some")


def test_pictures_are_shrunk_before_they_are_changed(tmp_path):
    write_gallery(tmp_path / "g", [(sample_face(3), some_look())], origin="rendered")
    shown = GalleryExamples([tmp_path / "g"], Reading(frame_px=96, face_px=64)).read(0, 0).visual
    assert shown is not None
    assert shown.faces is not None
    assert shown.frames.shape[1:] == (96, 96, 3)
    assert shown.faces.shape[1:] == (64, 64, 3)


def test_flags_are_answered_as_the_facts_are():
    annotation = replace(
        clip_annotation(),
        facts=(Fact("eyeglasses", True), Fact("beard", False)),
        closed=frozenset(),
    )
    writer = DialogueWriter(num_yes_no=2, kind_rates={}, older_share=0.0)
    for seed in range(40):
        for dialogue in writer.write(annotation, Random(seed)):
            answer = dialogue.messages[1]["content"]
            assert ("not" in answer.split()) == ("glasses" not in answer), answer


def test_older_questions_follow_the_label():
    annotation = replace(clip_annotation(), facts=(Fact("age_years", 60.0),))
    for seed in range(60):
        draft = write_older(annotation, Random(seed))
        assert draft is not None
        question, answer = draft.pairs[0]
        years = int("".join(sign for sign in answer if sign.isdecimal()))
        assert ("older" in answer) == (years < 60), (question, answer)


def test_faceless_pictures_get_no_answer_about_a_face(tmp_path):
    example = FacelessExamples(4, []).read(2, 0)
    assert example.visual is not None
    assert example.visual.face_mask is not None
    assert not example.visual.face_mask.any()
    assert example.dialogues
    for dialogue in example.dialogues:
        said = dialogue.messages[1]["content"].lower()
        assert "no face" in said or "nobody" in said


def test_faceless_dialogues_speak_of_pictures_or_clips():
    said = [d.messages[1]["content"] for d in write_faceless(sample_face(1), Random(0))]
    assert not any("picture" in text for text in said)


def test_label_directions_are_orthonormal():
    directions = label_directions(20, 32)
    torch.testing.assert_close(directions @ directions.T, torch.eye(20), atol=1e-5, rtol=0)
    with pytest.raises(BadInput, match="do not fit"):
        label_directions(40, 32)


def test_unknown_labels_cost_nothing_and_rare_ones_count_alike():
    logits = torch.zeros(10, 2, requires_grad=True)
    states = torch.full((10, 2), UNKNOWN)
    states[:5, 0] = torch.tensor([1, 0, 0, 0, 0])
    losses, groups = flag_losses(logits, states)
    assert groups.tolist() == [0]
    losses.sum().backward()
    assert logits.grad is not None
    assert not logits.grad[:, 1].any()
    assert float(logits.grad[:5, 0].sum()) == pytest.approx(0.0, abs=1e-6)


def test_a_span_of_ages_costs_nothing_inside():
    logits = torch.tensor([[0.0, 30.0, 0.0]])
    assert float(span_losses(logits, torch.tensor([[1, 2]]))[0]) < 1e-6
    assert float(span_losses(logits, torch.tensor([[2, 2]]))[0]) > 10
    assert not len(span_losses(logits, torch.tensor([[UNKNOWN, UNKNOWN]])))


def test_pictures_are_looked_at_again_with_room():
    finder = NobodyFinder(needs_width=110)
    found = PaddedFinder(finder).find(np.zeros((100, 100, 3), np.uint8))
    assert finder.num_looks == 2
    assert found[0].box_xyxy_px == (20.0, 10.0, 40.0, 30.0)


def test_a_picture_without_a_face_is_kept_without_one():
    look = look_at(np.zeros((1, 64, 64, 3), np.uint8), np.zeros(1), NobodyFinder())
    assert look.num_people == 0
    assert not look.face_mask.any()
    assert look.rows.shape == (0, NUM_ROWS, 3)
    shown = visual_from_look(look, (0.0, 1e-6))
    assert isinstance(shown, VisualInput)
    assert shown.landmark_mask is not None
    assert not shown.landmark_mask.any()
