import numpy as np
import pytest
from PIL import Image

from lineament.faces.finder import FaceFinder
from lineament.faces.track import (
    CutDetector,
    FaceTrack,
    FaceTracker,
    follow_faces,
    iterate_spans,
    join_tracks,
)

HERE = (100.0, 60.0, 160.0, 120.0)
THERE = (220.0, 60.0, 280.0, 120.0)


def follow(finder, frames):
    tracks, times = follow_faces(frames, finder)
    assert len(times) == len(frames)
    assert [track.id for track in tracks] == list(range(len(tracks)))
    for track in tracks:
        assert np.all(np.diff(track.frame_index) > 0)
        assert track.times_seconds == pytest.approx(track.frame_index / 25)
    return tracks


def shifted(box, across, down=0.0):
    return (box[0] + across, box[1] + down, box[2] + across, box[3] + down)


def frames_of(track):
    return [int(frame) for frame in track.frame_index]


def test_the_double_keeps_the_protocol(scripted_finder):
    assert isinstance(scripted_finder([]), FaceFinder)


def test_one_face_in_view_is_one_track(scripted_finder, numbered_frames):
    finder = scripted_finder([[HERE]] * 60)
    [track] = follow(finder, numbered_frames(60))
    assert frames_of(track) == list(range(60))
    assert finder.num_searches <= 4  # the dear search runs once a second
    assert (track.start_seconds, track.stop_seconds) == (0.0, pytest.approx(2.4))


def test_a_moving_face_keeps_its_track(scripted_finder, numbered_frames):
    script = [[shifted(HERE, 3.0 * n)] for n in range(50)]
    [track] = follow(scripted_finder(script), numbered_frames(50))
    assert len(track) == 50


def test_an_empty_scene_has_no_track(scripted_finder, numbered_frames):
    assert follow(scripted_finder([[]] * 20), numbered_frames(20)) == []


def test_a_short_occlusion_keeps_the_track(scripted_finder, numbered_frames):
    script = [[] if 20 <= n < 50 else [HERE] for n in range(80)]  # 1.2 s hidden
    [track] = follow(scripted_finder(script), numbered_frames(80))
    assert frames_of(track)[:20] == list(range(20))
    assert frames_of(track)[-25:] == list(range(55, 80))
    assert not set(range(20, 50)) & set(frames_of(track))


def test_a_face_that_comes_back_beside_its_old_place_keeps_its_track(
    scripted_finder, numbered_frames
):
    script = [[HERE]] * 20 + [[]] * 15 + [[shifted(HERE, 45.0)]] * 30
    [track] = follow(scripted_finder(script), numbered_frames(65))
    assert len(track) > 40


def test_a_long_absence_ends_the_track(scripted_finder, numbered_frames):
    script = [[] if 20 <= n < 80 else [HERE] for n in range(110)]  # 2.4 s hidden
    first, second = follow(scripted_finder(script), numbered_frames(110))
    assert frames_of(first) == list(range(20))
    assert frames_of(second)[0] >= 80


def test_a_face_elsewhere_is_somebody_else(scripted_finder, numbered_frames):
    script = [[HERE]] * 20 + [[]] * 5 + [[THERE]] * 30
    first, second = follow(scripted_finder(script), numbered_frames(55))
    assert frames_of(first) == list(range(20))
    assert tuple(second.boxes_xyxy_px[0]) == THERE


def test_a_cut_ends_every_track_even_at_the_same_place(scripted_finder, numbered_frames):
    tracker = FaceTracker(scripted_finder([[HERE, THERE]] * 60))
    for index, (time, pixels) in enumerate(numbered_frames(60, cuts=[30])):
        tracker.add_frame(index, time, pixels)
    tracks = tracker.finish()
    assert tracker.cut_seconds == [pytest.approx(1.2)]
    assert [frames_of(t)[0] for t in tracks] == [0, 0, 30, 30]
    assert [frames_of(t)[-1] for t in tracks] == [29, 29, 59, 59]


def test_crossing_faces_keep_their_tracks(scripted_finder, numbered_frames):
    script = [[shifted(HERE, 2.5 * n, -20), shifted(THERE, -2.5 * n, 25)] for n in range(60)]
    first, second = follow(scripted_finder(script), numbered_frames(60))
    assert (len(first), len(second)) == (60, 60)
    assert [tuple(t.boxes_xyxy_px[-1]) for t in (first, second)] == [
        shifted(HERE, 147.5, -20), shifted(THERE, -147.5, 25),
    ]  # fmt: skip


def test_a_late_newcomer_is_seen_within_a_second(scripted_finder, numbered_frames):
    script = [[HERE] if n < 30 else [HERE, THERE] for n in range(80)]
    first, second = follow(scripted_finder(script), numbered_frames(80))
    assert len(first) == 80
    assert 30 <= frames_of(second)[0] <= 55


@pytest.mark.parametrize("start", [0, 25])
def test_a_flicker_of_two_frames_is_nobody(scripted_finder, numbered_frames, start):
    script = [[HERE] if start <= n < start + 2 else [] for n in range(60)]
    assert follow(scripted_finder(script), numbered_frames(60)) == []


@pytest.mark.parametrize("count", [1, 2])
def test_a_clip_of_few_frames_keeps_its_faces(scripted_finder, numbered_frames, count):
    [track] = follow(scripted_finder([[HERE]] * count), numbered_frames(count))
    assert len(track) == count


def test_tracks_that_slide_onto_one_face_become_one(scripted_finder, numbered_frames):
    def script(n):
        near = shifted(HERE, max(100.0 - 4 * n, 0.0))
        return [HERE, near] if n < 18 else [HERE]

    first, second = follow(scripted_finder([script(n) for n in range(50)]), numbered_frames(50))
    assert len(first) == 50
    assert len(second) < 25
    shared = set(frames_of(first)) & set(frames_of(second))
    last = max(shared)
    a, b = first.boxes_xyxy_px[last], second.boxes_xyxy_px[list(second.frame_index).index(last)]
    assert abs(a[0] - b[0]) > 15  # they never hold the same face


def test_a_face_without_a_mesh_is_followed_by_its_box(make_face):
    from lineament.faces.finder import FoundFace

    class BoxFinder:
        name = "boxes"

        def find(self, pixels, known=()):
            return [] if known else [FoundFace(HERE, None, 0.8)]

        def find_again(self, pixels, last):
            return FoundFace(HERE, None, 0.8)

        def close(self):
            pass

    blank = np.zeros((240, 320, 3), np.uint8)
    tracks, _ = follow_faces([(n / 25, blank) for n in range(10)], BoxFinder())
    assert not tracks[0].has_landmarks.any()
    assert np.isnan(tracks[0].landmarks_px).all()


def test_progress_hears_of_every_frame(scripted_finder, numbered_frames):
    heard = []
    follow_faces(numbered_frames(5), scripted_finder([[HERE]] * 5), on_frame=heard.append)
    assert heard == pytest.approx([0.0, 0.04, 0.08, 0.12, 0.16])


# --- cuts -----------------------------------------------------------------------------------


def cuts_in(frames):
    detector = CutDetector()
    return [n for n, pixels in enumerate(frames) if detector.is_cut(pixels)]


def test_only_a_new_picture_is_a_cut(numbered_frames):
    frames = [pixels for _, pixels in numbered_frames(40, cuts=[13, 30])]
    assert cuts_in(frames) == [13, 30]


def test_noise_a_flash_and_a_slow_pan_are_no_cuts(make_pattern):
    rng = np.random.default_rng(0)
    scene = make_pattern(0, 240, 320)
    noise = [np.clip(scene + rng.normal(0, 12, scene.shape), 0, 255).astype(np.uint8)
             for _ in range(20)]  # fmt: skip
    dim = (scene // 2 + 20).astype(np.uint8)
    flash = [dim, dim, (dim + 90).astype(np.uint8), dim, dim]
    coarse = Image.fromarray(rng.integers(0, 255, (8, 20, 3), np.uint8))
    wide = np.asarray(coarse.resize((600, 240), Image.Resampling.BICUBIC))
    pan = [wide[:, 3 * n : 3 * n + 320] for n in range(60)]
    assert cuts_in(noise) == cuts_in(flash) == cuts_in(pan) == []


def test_a_change_of_size_is_survived(make_pattern):
    assert cuts_in([make_pattern(0, 96, 160), make_pattern(0, 240, 320)]) == []
    assert cuts_in([np.zeros((16, 16, 3), np.uint8)] * 2) == []


# --- parts ----------------------------------------------------------------------------------


def part(*spans, box=HERE):
    """Return tracks of one part: each a (first frame, last frame + 1) or with its own box."""
    tracks = []
    for number, span in enumerate(spans):
        start, stop, place = (*span, box) if len(span) == 2 else span
        count = stop - start
        tracks.append(
            FaceTrack(
                number,
                np.arange(start, stop),
                np.arange(start, stop) / 25,
                np.tile(np.array(place, np.float32), (count, 1)),
                np.zeros((count, 478, 3), np.float32),
                np.ones(count, np.float32),
            )
        )
    return tracks


def test_a_face_goes_on_into_the_next_part():
    [track] = join_tracks([(part((0, 50)), 50), (part((0, 50)), 50), (part((0, 30)), 50)])
    assert frames_of(track) == list(range(130))
    assert track.id == 0


def test_faces_at_different_places_are_joined_each_to_its_own():
    one = part((0, 50, HERE), (10, 50, THERE))
    two = part((0, 50, THERE), (0, 50, HERE))
    first, second = join_tracks([(one, 50), (two, 50)])
    assert (len(first), len(second)) == (100, 90)
    assert len(np.unique(first.boxes_xyxy_px, axis=0)) == 1


def test_a_face_that_left_before_the_seam_is_not_joined():
    tracks = join_tracks([(part((0, 30)), 100), (part((0, 50)), 50)])
    assert [frames_of(t)[0] for t in tracks] == [0, 100]


def test_a_face_that_was_hidden_across_the_seam_is_joined():
    tracks = join_tracks([(part((0, 40)), 50), (part((10, 50)), 50)])
    assert len(tracks) == 1


def test_no_face_is_joined_across_a_cut_on_the_seam():
    tracks = join_tracks([(part((0, 50)), 50), (part((0, 50)), 50)], cuts={1})
    assert len(tracks) == 2
    assert [t.id for t in tracks] == [0, 1]


def test_a_part_without_faces_counts_its_frames():
    [track] = join_tracks([([], 50), (part((5, 20)), 50), ([], 7)])
    assert frames_of(track) == list(range(55, 70))
    assert join_tracks([([], 3)]) == []


@pytest.mark.parametrize("count", [1, 2, 7])
def test_spans_cover_a_clip_without_gap_or_end(count):
    spans = list(iterate_spans(33.3, count))
    assert len(spans) == count
    assert spans[0][0] == 0.0
    assert spans[-1][1] == float("inf")
    assert all(a[1] == b[0] for a, b in zip(spans, spans[1:], strict=False))
