import json
import os

import numpy as np
import pytest
from PIL import Image

from lineament.annotation import Annotation, Fact, Subject
from lineament.errors import BadStore
from lineament.faces import store as store_module
from lineament.faces.finder import box_of_landmarks
from lineament.faces.store import ARRAYS, CROP_PX, TrackStore
from lineament.faces.track import FaceTrack
from lineament.video import open_clip, write_clip

KEY = "a" * 32


@pytest.fixture
def clip(tmp_path, make_pattern):
    return open_clip(write_clip(tmp_path / "in" / "clip.mp4", [make_pattern(n) for n in range(40)]))


@pytest.fixture
def tracks(make_face):
    def track(number, start, stop, has_mesh=True):
        count = stop - start
        faces = np.stack([make_face((60 + n, 40), 30) for n in range(count)])
        boxes = np.array([box_of_landmarks(face) for face in faces], np.float32)
        if not has_mesh:
            faces[:] = np.nan
        return FaceTrack(number, np.arange(start, stop), np.arange(start, stop) / 25, boxes, faces,
                         np.linspace(0.5, 1, count, dtype=np.float32))  # fmt: skip

    return (track(0, 0, 40), track(1, 5, 12, has_mesh=False))


ANNOTATION = Annotation(
    "clip.mp4", (Subject("face 0"), Subject("face 1")),
    (Fact("smile", True, span_seconds=(0.1, 0.9)), Fact("talk", True, subject="face 1")),
    frozenset({"smile"}), 1.6, 40, 25.0,
)  # fmt: skip


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_what_is_saved_is_read_back(tmp_path, clip, tracks):
    store = TrackStore(tmp_path / "store")
    assert KEY not in store
    store.save(KEY, ANNOTATION, clip, tracks)
    again = TrackStore(tmp_path / "store")
    assert KEY in again
    assert list(again.keys()) == [KEY]
    assert again.read_annotation(KEY).to_dict() == ANNOTATION.to_dict()
    for read, saved in zip(again.read_tracks(KEY), tracks, strict=True):
        assert read.id == saved.id
        for name in ARRAYS:
            assert np.array_equal(getattr(read, name), getattr(saved, name), equal_nan=True)
            assert getattr(read, name).dtype == getattr(saved, name).dtype


def test_crops_tell_their_face_and_time(tmp_path, clip, tracks):
    store = TrackStore(tmp_path / "store")
    store.save(KEY, ANNOTATION, clip, tracks)
    crops = store.crop_paths(KEY)
    assert len(crops) == 16 + 7
    assert crops[0].name == "0-00000000.jpg"
    assert crops[16].name == "1-00000200.jpg"
    with Image.open(crops[0]) as image:
        assert image.size == (CROP_PX, CROP_PX)


def test_a_picture_and_a_clip_without_faces_are_kept_too(tmp_path, gradient_picture):
    store = TrackStore(tmp_path / "store")
    store.save(KEY, Annotation("gradient.png"), open_clip(gradient_picture), ())
    assert store.read_tracks(KEY) == ()
    assert store.read_annotation(KEY).subjects == ()
    assert store.crop_paths(KEY) == []


def test_saving_again_replaces_the_whole(tmp_path, clip, tracks):
    store = TrackStore(tmp_path / "store")
    store.save(KEY, ANNOTATION, clip, tracks)
    store.save(KEY, Annotation("new.mp4"), clip, tracks[:1])
    assert len(store.crop_paths(KEY)) == 16
    assert store.read_annotation(KEY).media == "new.mp4"


def test_equal_files_have_one_key(tmp_path, clip):
    copy = tmp_path / "copy.bin"
    copy.write_bytes(clip.path.read_bytes())
    store = TrackStore(tmp_path / "store")
    assert store.key_of(copy) == store.key_of(clip.path)
    copy.write_bytes(b"else")
    assert store.key_of(copy) != store.key_of(clip.path)


@pytest.mark.parametrize("step", ["_write_crops", "_write_whole"])
def test_a_save_that_fails_leaves_nothing(tmp_path, clip, tracks, monkeypatch, step):
    store = TrackStore(tmp_path / "store")

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(store_module, step, fail)
    with pytest.raises(OSError, match="disk full"):
        store.save(KEY, ANNOTATION, clip, tracks)
    assert names_in(store.folder) == ["store.json"]


def test_a_save_that_was_killed_counts_for_nothing_and_is_swept(tmp_path, clip, tracks):
    store = TrackStore(tmp_path / "store")
    store.save(KEY, ANNOTATION, clip, tracks)
    dead, alive = store.folder / ".draft-abc_1", store.folder / ".draft-abc_2"
    for draft in (dead, alive):  # killed just before the last step
        draft.mkdir()
        (draft / "annotation.json").write_text("{}")
    lock = store_module._find_lock(alive)
    assert list(store.keys()) == [KEY]
    store.sweep_drafts()
    assert not dead.exists()
    assert alive.exists()  # somebody is still writing it
    os.close(lock)
    store.sweep_drafts()
    assert names_in(store.folder) == [KEY, "store.json"]


def test_another_version_is_refused(tmp_path):
    TrackStore(tmp_path)
    (tmp_path / "store.json").write_text(json.dumps({"version": 99}))
    with pytest.raises(BadStore, match="version 99"):
        TrackStore(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "{}", "\xff"])
def test_a_damaged_mark_is_refused(tmp_path, text):
    (tmp_path / "store.json").write_text(text, encoding="latin-1")
    with pytest.raises(BadStore, match=r"store\.json: damaged") as caught:
        TrackStore(tmp_path)
    assert caught.value.hint


def test_a_file_is_no_store(gradient_picture):
    with pytest.raises(BadStore, match="is a file"):
        TrackStore(gradient_picture)


@pytest.mark.parametrize("text", ["", "{", "\xff", "[]", '{"facts": [{"name": "zzz"}]}'])
def test_a_damaged_annotation_is_refused(tmp_path, clip, tracks, text):
    store = TrackStore(tmp_path / "store")
    store.save(KEY, ANNOTATION, clip, tracks)
    (store.folder / KEY / "annotation.json").write_text(text, encoding="latin-1")
    with pytest.raises(BadStore, match=r"annotation\.json"):
        store.read_annotation(KEY)


def test_damaged_tracks_are_refused(tmp_path, clip, tracks):
    store = TrackStore(tmp_path / "store")
    store.save(KEY, ANNOTATION, clip, tracks)
    path = store.folder / KEY / "tracks.npz"
    whole = path.read_bytes()
    middle = len(whole) // 2
    flipped = bytearray(whole)
    flipped[middle : middle + 64] = bytes(255 - byte for byte in whole[middle : middle + 64])
    for data in (b"", b"PK", whole[:middle], whole[:-30], flipped, b"\0" * 100):
        path.write_bytes(data)
        with pytest.raises(BadStore, match=r"tracks\.npz"):
            store.read_tracks(KEY)
    path.unlink()
    with pytest.raises(BadStore, match=r"tracks\.npz"):
        store.read_tracks(KEY)
