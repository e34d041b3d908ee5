import numpy as np
import pytest

from lineament.errors import EmptyTrack
from lineament.faces.crop import EYES_APART, EYES_AT, crop_aligned, crop_box, crop_faces
from lineament.faces.finder import FoundFace, box_of_landmarks
from lineament.faces.track import FaceTrack
from test_faces_signals import turned


def spot(pixels, x, y, radius):
    rows, columns = np.mgrid[: pixels.shape[0], : pixels.shape[1]]
    pixels[(rows - y) ** 2 + (columns - x) ** 2 <= radius**2] = 255


def brightest_half(crop, half):
    """Return where the light is, as a share of the crop's side, in its left or right half."""
    light = crop[..., 0].astype(float)
    middle = crop.shape[1] // 2
    light[:, middle:] = 0 if half == "left" else light[:, middle:]
    light[:, :middle] = 0 if half == "right" else light[:, :middle]
    rows, columns = np.mgrid[: crop.shape[0], : crop.shape[1]] + 0.5
    return np.array([(light * columns).sum(), (light * rows).sum()]) / light.sum() / crop.shape[0]


@pytest.mark.parametrize("eye_px", [40.0, 90.0, 400.0])
@pytest.mark.parametrize("roll", [0.0, 30.0, -75.0])
def test_an_aligned_crop_puts_the_eyes_at_their_places(make_face, roll, eye_px):
    face = turned(make_face((700, 700), eye_px), roll=roll)
    pixels = np.zeros((1400, 1400, 3), np.uint8)
    for points in ((33, 133), (263, 362)):
        spot(pixels, *face[list(points), :2].mean(axis=0), eye_px * 0.05)
    crop = crop_aligned(pixels, FoundFace(box_of_landmarks(face), face, 1.0), size_px=128)
    assert crop.shape == (128, 128, 3)
    left, right = brightest_half(crop, "left"), brightest_half(crop, "right")
    assert left == pytest.approx([0.5 - EYES_APART / 2, EYES_AT], abs=0.015)
    assert right == pytest.approx([0.5 + EYES_APART / 2, EYES_AT], abs=0.015)


def test_a_turned_head_is_not_enlarged(make_face):
    pixels = np.full((600, 600, 3), 50, np.uint8)
    straight = make_face((300, 300), 90)
    sideways = turned(straight, yaw=50)
    heights = []
    for face in (straight, sideways):
        drawn = pixels.copy()
        spot(drawn, *face[10, :2], 8)  # the forehead: turning does not change its height
        crop = crop_aligned(drawn, FoundFace(box_of_landmarks(face), face, 1.0))
        heights.append(np.flatnonzero((crop[..., 0] > 127).any(axis=1)).mean())
    assert heights[1] == pytest.approx(heights[0], abs=3)


def test_outside_the_frame_is_black(make_face):
    pixels = np.full((100, 100, 3), 200, np.uint8)
    crop = crop_box(pixels, (-40.0, -40.0, 40.0, 40.0), size_px=80, margin=0.0)
    assert not crop[:38].any()
    assert not crop[:, :38].any()
    assert np.all(crop[42:, 42:] == 200)
    face = make_face((5, 5), 60)
    aligned = crop_aligned(pixels, FoundFace(box_of_landmarks(face), face, 1.0))
    assert not aligned[:20].any()


def test_a_box_fills_its_crop_but_for_the_margin():
    pixels = np.zeros((200, 200, 3), np.uint8)
    pixels[60:140, 80:120] = 255
    crop = crop_box(pixels, (80.0, 60.0, 120.0, 140.0), size_px=120, margin=0.25)
    rows, columns = np.flatnonzero(crop[:, 60, 0] > 127), np.flatnonzero(crop[60, :, 0] > 127)
    assert (rows[0], rows[-1] + 1) == (20, 100)
    assert (columns[0], columns[-1] + 1) == (40, 80)


def test_a_face_without_landmarks_is_cut_by_its_box(make_pattern):
    pixels, box = make_pattern(0, 200, 200), (50.0, 50.0, 100.0, 100.0)
    aligned = crop_aligned(pixels, FoundFace(box, None, 0.8), size_px=64)
    assert np.array_equal(aligned, crop_box(pixels, box, size_px=64))


def track(boxes, frame_index):
    count = len(frame_index)
    return FaceTrack(0, np.array(frame_index, np.int64), np.array(frame_index) / 25,
                     np.array(boxes, np.float32).reshape(count, 4),
                     np.zeros((count, 478, 3), np.float32), np.ones(count, np.float32))  # fmt: skip


def test_crops_follow_the_tracked_frames():
    clip = np.stack([np.full((80, 80, 3), 10 * n, np.uint8) for n in range(10)])
    crops = crop_faces(clip, track([[20, 20, 60, 60]] * 3, [2, 5, 9]), size_px=32)
    assert crops.shape == (3, 32, 32, 3)
    assert crops[:, 16, 16, 0].tolist() == [20, 50, 90]


def test_an_empty_track_has_no_crops():
    with pytest.raises(EmptyTrack):
        crop_faces(np.zeros((2, 8, 8, 3), np.uint8), track(np.zeros((0, 4)), []))
