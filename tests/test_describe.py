import json
import multiprocessing
import re

import numpy as np
import pytest

from lineament.annotation import CLIP, annotation_from_dict
from lineament.describe.annotate import annotate_clip
from lineament.describe.folder import annotate_folder
from lineament.describe.page import summarise, timeline_rows, words, write_report
from lineament.errors import BadInput, BadMedia, MissingExtra
from lineament.faces.follow import FollowedClip, leave_with_parent
from lineament.video import open_clip, write_clip

LEFT, RIGHT = (40.0, 60.0, 100.0, 120.0), (200.0, 60.0, 260.0, 120.0)


@pytest.fixture
def clip_path(tmp_path):
    """Return a clip whose frames carry their numbers where a lossy codec keeps them."""
    frames = []
    for number in range(50):
        pixels = np.full((240, 320, 3), 90, np.uint8)
        pixels[:16, :16] = number * 5
        frames.append(pixels)
    return write_clip(tmp_path / "two [people].mp4", frames)


@pytest.fixture
def make_finder(scripted_finder):
    """Return what makes a finder of one face on the left, and after a second one on the right."""

    class Scripted(scripted_finder):
        def _boxes(self, pixels):
            number = round(float(pixels[2:14, 2:14].mean()) / 5)
            return [LEFT] if number < 25 else [LEFT, RIGHT]

    made = []

    def make():
        made.append(Scripted([]))
        return made[-1]

    make.made = made
    return make


@pytest.fixture
def annotated(clip_path, make_finder):
    return annotate_clip(clip_path, make_finder=make_finder)


def test_a_clip_becomes_subjects_with_timed_facts(annotated, clip_path):
    annotation = annotated.annotation
    assert annotation.media == str(clip_path)
    assert (annotation.num_frames, annotation.fps) == (50, 25.0)
    assert annotation.duration_seconds == pytest.approx(2.0)
    first, second = annotation.subjects
    assert (first.id, first.kind, first.num_frames) == ("face 0", "face", 50)
    assert (first.start_seconds, first.stop_seconds) == (0.0, 2.0)
    assert 1.0 <= second.start_seconds < 2.0
    assert {fact.name for fact in annotation.facts_of("face 1")} >= {"head_yaw_degrees"}


def test_people_are_counted_as_many_as_are_seen_at_once(annotated):
    [count] = annotated.annotation.facts_named("num_people")
    assert (count.value, count.subject) == (2, CLIP)


def test_what_was_looked_for_is_closed(annotated):
    assert annotated.annotation.is_closed("talk")
    assert annotated.annotation.is_closed("blink")
    assert not annotated.annotation.is_closed("wearing_hat")


def test_the_annotation_survives_json(annotated):
    row = json.loads(json.dumps(annotated.annotation.to_dict()))
    assert annotation_from_dict(row).to_dict() == annotated.annotation.to_dict()


def test_the_finder_is_closed_even_when_reading_fails(clip_path, make_finder):
    annotate_clip(clip_path, make_finder=make_finder)
    clip_path.write_bytes(b"no clip at all, but some text")
    with pytest.raises(BadMedia):
        annotate_clip(clip_path, make_finder=make_finder)
    assert all(finder.is_closed for finder in make_finder.made)


def test_progress_goes_through_the_clip(clip_path, make_finder):
    heard = []
    annotate_clip(clip_path, make_finder=make_finder, on_frame=heard.append)
    assert heard == pytest.approx(np.arange(50) / 25)


def test_nobody_in_view_is_said_so(gradient_picture, scripted_finder):
    class Nobody(scripted_finder):
        def _boxes(self, pixels):
            return []

    annotated = annotate_clip(gradient_picture, make_finder=lambda: Nobody([]))
    assert annotated.annotation.subjects == ()
    assert annotated.annotation.facts == ()
    assert summarise(annotated.annotation) == "A picture; no face was found."


@pytest.mark.parametrize("count", range(1, 9))
def test_clips_of_a_few_frames_are_annotated(tmp_path, scripted_finder, count):
    class Somebody(scripted_finder):
        def _boxes(self, pixels):
            return [LEFT]

    path = write_clip(tmp_path / "short.mp4", [np.full((240, 320, 3), 90, np.uint8)] * count)
    annotation = annotate_clip(path, make_finder=lambda: Somebody([])).annotation
    assert annotation.num_frames == count
    assert len(annotation.subjects) == 1


def test_the_page_shows_everything_and_stands_alone(annotated, tmp_path):
    page = write_report(annotated, tmp_path / "report")
    text = page.read_text(encoding="utf-8")
    assert page.name == "index.html"
    assert "two [people].mp4" in text
    assert text.count("<img ") == 6
    assert "face 1 in view" in text
    assert not re.search(r'(?:src|href)\s*=\s*["\'](?!data:)', text)
    assert (tmp_path / "report" / "timeline.svg").read_text().startswith("<svg")


def test_a_page_of_nobody_has_no_timeline(gradient_picture, scripted_finder, tmp_path):
    class Nobody(scripted_finder):
        def _boxes(self, pixels):
            return []

    annotated = annotate_clip(gradient_picture, make_finder=lambda: Nobody([]))
    text = write_report(annotated, tmp_path / "report").read_text()
    assert "no face was found" in text
    assert "<svg" not in text


def test_the_timeline_has_a_row_for_each_face_and_name(annotated):
    labels = [row.label for row in timeline_rows(annotated.annotation)]
    assert labels[0] == "face 0 in view"
    assert "face 1 in view" in labels
    assert words("wearing_hat") == "hat"
    assert words("close_eyes") == "close eyes"


def test_a_folder_without_media_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("nothing")
    with pytest.raises(BadInput, match="no clip or picture"):
        annotate_folder(tmp_path, tmp_path / "store", num_workers=1)


def test_what_a_missing_extra_says_survives_another_process():
    import pickle

    error = pickle.loads(pickle.dumps(MissingExtra("mediapipe", "face")))
    assert error.message == "mediapipe is not installed"
    assert error.hint == "pip install 'lineament[face]'"
    assert pickle.loads(pickle.dumps(BadMedia("a", hint="b"))).hint == "b"


def test_only_a_worker_leaves_with_its_parent():
    assert multiprocessing.parent_process() is None
    leave_with_parent()  # in the first process there is nobody to wait for


def test_a_followed_clip_keeps_the_time_of_every_frame(annotated, clip_path):
    followed = annotated.followed
    assert isinstance(followed, FollowedClip)
    assert followed.times_seconds == pytest.approx([t for t, _ in open_clip(clip_path).frames()])
