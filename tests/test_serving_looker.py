"""Looking in processes: the same as here, and what hangs or eats memory is killed."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lineament.errors import BadMedia
from lineament.faces.mesh import MeshFinder
from lineament.serving.looker_process import ProcessLooker
from lineament.serving.looking import Sight, look_once, without_mesh
from lineament.serving.settings import MediaLimits
from lineament.serving.ticket import ServerStopped
from serving_toys import MoodyFace, OneFace, fixture_clip  # noqa: F401
from test_model_toys import _one_thread  # noqa: F401

SIGHT = Sight(8, 32, (32, 32))


@pytest.fixture(scope="module")
def looker() -> Iterator[ProcessLooker]:
    limits = MediaLimits(max_frames=40, decode_seconds=20.0, decode_bytes=1_200_000_000)
    made = ProcessLooker(limits, make_finder=MoodyFace)
    made.wait_until_ready()
    yield made
    made.close()


def test_a_process_sees_what_this_one_sees(looker: ProcessLooker, clip: Path):
    theirs = looker.look(clip, SIGHT)
    ours = look_once(clip, SIGHT, MediaLimits(), OneFace)
    assert theirs.annotated.annotation == ours.annotated.annotation
    assert theirs.annotated.annotation.media == ""
    assert theirs.annotated.followed.clip.path == Path()
    assert theirs.visual is not None
    assert ours.visual is not None
    for name in ("frames", "faces", "face_mask", "landmarks", "landmark_mask"):
        np.testing.assert_array_equal(getattr(theirs.visual, name), getattr(ours.visual, name))
    assert theirs.visual.frames.shape == (8, 32, 32, 3)
    [track] = without_mesh(theirs.annotated).followed.tracks
    assert track.landmarks_px.strides == (0, 0, 0)
    assert looker.look(clip, None).visual is None


def test_bad_media_are_told_without_their_place(
    looker: ProcessLooker, tmp_path: Path, make_pattern
):
    from lineament.video import write_clip

    long = write_clip(tmp_path / "long.mkv", (make_pattern(n) for n in range(60)))
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(write_clip(tmp_path / "whole.mp4", [make_pattern(0)] * 9).read_bytes()[:900])
    for path, message in (
        (long, "more than 40 frames"),
        (cut, "media: "),
        (tmp_path / "none.mp4", "media: no such file"),
    ):
        with pytest.raises(BadMedia, match=message) as caught:
            looker.look(path, SIGHT)
        assert str(tmp_path) not in f"{caught.value} {caught.value.hint}"
        assert path.name not in f"{caught.value} {caught.value.hint}"
    assert looker.num_killed == 0


@pytest.mark.slow
def test_what_hangs_eats_memory_or_dies_is_killed_and_replaced(
    looker, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    process = looker._all[0]
    process._process.kill()
    process._process.join()
    with pytest.raises(BadMedia, match="decoder broke down"):
        looker.look(clip, None)
    for colour, limits, message in (
        ("red", looker._limits.replace(decode_seconds=0.5), "more than 0.5 s to decode"),
        ("blue", looker._limits, "too much memory"),
    ):
        picture = tmp_path / f"{colour}.png"
        Image.new("RGB", (64, 64), colour).save(picture)
        first = process._process
        monkeypatch.setattr(process, "_limits", limits)
        with pytest.raises(BadMedia, match=message) as caught:
            looker.look(picture, None)
        assert "shorter or smaller" in caught.value.hint
        assert first.exitcode == -9
    assert looker.num_killed == 3
    assert looker.look(clip, None).annotated.annotation.num_frames == 12


def test_a_closed_looker_starts_nothing():
    looker = ProcessLooker(MediaLimits(), make_finder=OneFace)
    looker.close()
    with pytest.raises(ServerStopped):
        looker.wait_until_ready()
    assert not looker._all[0]._process.is_alive()


@pytest.mark.slow
def test_real_faces_are_found_in_a_process(face_clip: Path):
    looker = ProcessLooker(MediaLimits(), make_finder=MeshFinder)
    try:
        annotation = looker.look(face_clip, None).annotated.annotation
    finally:
        looker.close()
    assert [subject.id for subject in annotation.subjects] == ["face 0"]
