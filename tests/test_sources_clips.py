"""Sources of clips and of CelebA: small files in the exact layouts, and files that mean harm."""

import json
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lineament.annotation import Annotation, Fact, Subject
from lineament.errors import BadInput
from lineament.faces.store import TrackStore
from lineament.records.sources.celebahq import CAPTIONS
from lineament.records.sources.pickled import read_plain_pickle
from lineament.records.sources.source import DUPLICATE, NO_LABEL, UNREADABLE, Dropped
from lineament.records.sources.stored import FACE_PX, StoredFacts, join_facts
from lineament.records.sources.table import require_source
from lineament.vocabulary import read_label_sets


def read(name, folder, split="all"):
    return list(require_source(name).read(folder, split))


def good(rows):
    return [row for row in rows if isinstance(row, Annotation)]


def reasons(rows):
    return [row.reason for row in rows if isinstance(row, Dropped)]


def values_of(annotation):
    return {fact.name: fact.value for fact in annotation.facts}


def stored_row(media, *facts, frames=50, of=50, face_px=200.0):
    return {
        "media": media, "duration_seconds": of / 25, "num_frames": of, "fps": 25.0,
        "face_px": face_px, "closed": ["smile", "eyeglasses"],
        "subjects": [{"id": "face 0", "num_frames": frames, "facts": list(facts)}],
    }  # fmt: skip


def write_stored(folder, *rows):
    (folder / "annotations.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


SMILE = {"name": "smile", "value": True, "start_seconds": 0.2, "stop_seconds": 1.0}


# --- FERV39K


def ferv39k(folder, train="Action/Happy/0001 Happy\n", test="War/Sad/0002 Sad\n"):
    lists = folder / "4_setups" / "All_scenes"
    lists.mkdir(parents=True)
    (lists / "train_All.csv").write_text(train)
    (lists / "test_All.csv").write_text(test)
    return folder


def test_ferv39k_gives_one_emotion_a_clip_and_closes_the_others(tmp_path):
    rows = good(read("ferv39k", ferv39k(tmp_path)))
    assert [values_of(row) for row in rows] == [{"happy": True}, {"sadness": True}]
    assert rows[0].media == "2_ClipsforFaceCrop/Action/Happy/0001"
    assert rows[0].is_closed("anger")
    assert not rows[0].is_closed("smile")
    assert len(good(read("ferv39k", tmp_path, "test"))) == 1


def test_ferv39k_rows_of_no_use_are_counted(tmp_path):
    train = "A/Happy/1 Happy\nA/Happy/1 Happy\nA/x/2 Bored\n../../etc/passwd Sad\n\n"
    rows = read("ferv39k", ferv39k(tmp_path, train), "train")
    assert len(good(rows)) == 1
    assert reasons(rows) == [DUPLICATE, UNREADABLE, UNREADABLE]


def test_what_is_stored_of_a_clip_joins_its_label(tmp_path):
    media = "2_ClipsforFaceCrop/Action/Happy/0001"
    sad = {"name": "sadness", "value": True}
    write_stored(ferv39k(tmp_path), stored_row(media, SMILE, sad))
    first, second = good(read("ferv39k", tmp_path))
    assert values_of(first) == {"happy": True, "smile": True}  # the label wins over "sadness"
    assert first.duration_seconds == 2.0
    assert first.extra[FACE_PX] == 200.0
    assert first.is_closed("eyeglasses")
    assert not second.is_closed("eyeglasses")


def test_stored_facts_of_several_people_are_not_given_to_the_labelled_one():
    labels = Annotation("a.mp4", (Subject("face 0"),), (Fact("happy", True),))
    one, two = Subject("face 0", num_frames=5), Subject("face 1", num_frames=5)
    facts = (Fact("smile", True), Fact("num_people", 2.0, subject="clip"))
    joined = join_facts(labels, Annotation("a.mp4", (one, two), facts))
    assert values_of(joined) == {"happy": True, "num_people": 2.0}
    assert join_facts(labels, None) is labels


def test_damaged_lines_of_stored_facts_are_passed_over(tmp_path):
    good_row = stored_row("b.mp4", SMILE)
    bad = stored_row("c.mp4", {"name": "no such name", "value": True})
    text = '{"media": "a.mp4", "subj\n[]\n' + json.dumps(bad) + "\n" + json.dumps(good_row) + "\n"
    (tmp_path / "annotations.jsonl").write_text(text)
    stored = StoredFacts(tmp_path)
    assert stored.find("a.mp4") is None
    assert stored.find("c.mp4") is None
    found = stored.find("b.mp4")
    assert found is not None
    assert values_of(found) == {"smile": True}


def test_a_track_store_beside_the_labels_is_used_like_the_file(tmp_path):
    media = "2_ClipsforFaceCrop/Action/Happy/0001"
    ferv39k(tmp_path)
    store = TrackStore(tmp_path / "tracks")
    for key, where in (("k1", tmp_path / media), ("k2", tmp_path / "other")):
        (store.folder / key).mkdir()
        row = stored_row(str(where), SMILE)
        (store.folder / key / "annotation.json").write_text(json.dumps(row))
    boxes = np.array([[0, 0, 90, 100], [0, 0, 140, 120]], np.float32)
    rows = {"frame_index": np.arange(2), "times_seconds": np.arange(2) / 25.0,
            "boxes_xyxy_px": boxes, "scores": np.ones(2, np.float32),
            "landmarks_px": np.zeros((2, 478, 3), np.float32)}  # fmt: skip
    arrays = {f"0/{name}": rows[name] for name in rows}
    np.savez(store.folder / "k1" / "tracks.npz", **arrays)
    first, second = good(read("ferv39k", tmp_path))
    assert values_of(first) == {"happy": True, "smile": True}
    assert first.extra[FACE_PX] == 120.0
    assert values_of(second) == {"sadness": True}


# --- HMDB51


def hmdb51(folder, *names):
    for action, name in names:
        path = folder / "hmdb51_org" / action / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return folder


def test_hmdb51_tells_the_action_where_one_person_is_seen(tmp_path):
    hmdb51(
        tmp_path, ("smile", "Film_smile_h_cm_np1_fr_goo_0.avi"),
        ("smile", "Film_smile_u_cm_np2_fr_goo_1.avi"),
        ("smile", "Film_smile_u_nm_np1_ba_med_2.avi"),
        ("smile", "holiday.avi"), ("golf", "Film_golf_f_cm_np1_ri_med_3.avi"),
    )  # fmt: skip
    rows = read("hmdb51", tmp_path)
    (row,) = good(rows)
    assert values_of(row) == {"smile": True, "num_people": 1.0}
    assert not row.is_closed("talk")
    assert row.media == "hmdb51_org/smile/Film_smile_h_cm_np1_fr_goo_0.avi"
    assert row.split_key == "hmdb51-Film"
    assert sorted(reasons(rows)) == [NO_LABEL, NO_LABEL, NO_LABEL, UNREADABLE]


def test_hmdb51_uses_the_official_lists_for_splits(tmp_path):
    names = [f"F_talk_h_cm_np1_fr_goo_{n}.avi" for n in range(3)]
    hmdb51(tmp_path, *(("talk", name) for name in names))
    with pytest.raises(BadInput, match=r"talk_test_split1\.txt"):
        read("hmdb51", tmp_path, "train")
    lists = tmp_path / "testTrainMulti_7030_splits"
    lists.mkdir()
    (lists / "talk_test_split1.txt").write_text(f"{names[0]} 1\n{names[1]} 2\n{names[2]} 0\n")
    (row,) = good(read("hmdb51", tmp_path, "test"))
    assert row.media.endswith(names[1])


# --- YouTube Faces


def test_youtube_faces_needs_stored_facts_and_hashes_names(tmp_path):
    folder = tmp_path / "frame_images_DB"
    folder.mkdir()
    lines = [f"Some_One\\0\\0.{n}.jpg,0,100,90,120,110,0,0\n" for n in range(30)]
    lines += ["Some_One\\1\\1.1.jpg,0,100,90,120,110,0,0\n", "broken\n"]
    (folder / "Some_One.labeled_faces.txt").write_text("".join(lines))
    write_stored(tmp_path, stored_row("frame_images_DB/Some_One/0", SMILE, of=30, frames=30))
    rows = read("youtube-faces", tmp_path)
    (row,) = good(rows)
    assert sorted(reasons(rows)) == [NO_LABEL, UNREADABLE]
    assert row.num_frames == 30
    assert row.extra[FACE_PX] == 120.0
    assert "Some" not in row.split_key


# --- CelebV-Text


def celebvtext(folder, clips=None, act=None, app=None, protocol=4):
    clips = clips or {"abc_1": clip("abc")}
    act = {"abc_1_0": [["smile", ["0:01:41", "0:01:43", 2.0, 0]]]} if act is None else act
    app = app or {"abc_1_0": {"scar": [], "mole": [[1]], "lighting": [["left45", [0, 1, 1]]]}}
    (folder / "celebvtext_info.json").write_text(json.dumps({"clips_set1": clips}))
    (folder / "annotations.pkl").write_bytes(pickle.dumps({"act": act, "app": app}, protocol))
    return folder


def clip(ytb_id, start=100.0, stop=106.0):
    box = {"top": 1, "bottom": 2, "left": 1, "right": 2}
    duration = {"start_sec": start, "end_sec": stop}
    return {"ytb_id": ytb_id, "duration": duration, "bbox": box, "version": "v0.1"}


def test_celebvtext_times_become_the_clips_own(tmp_path):
    act = {"abc_1_0": [
        ["smile", ["0:01:41", "0:01:43", 2.0, 0]], ["Close eye", ["0:01:39", "0:01:41", 2, 1]],
        ["nod", ["0:05:00", "0:05:01", 1.0, 2]],
    ]}  # fmt: skip
    (row,) = good(read("celebvtext", celebvtext(tmp_path, act=act)))
    spans = {fact.name: fact.span_seconds for fact in row.facts}
    assert spans["smile"] == (1.0, 3.0)
    assert spans["close_eyes"] == (0.0, 1.0)
    assert "nod" not in spans  # outside the clip
    assert {"mole", "light_direction"} <= set(spans)
    assert row.is_closed("scar")
    assert row.is_closed("talk")
    assert not row.is_closed("happy")


def test_celebvtext_takes_cuts_in_frames_and_drops_what_is_wrong(tmp_path):
    clips = {
        "abc_1": {"ytb_id": "abc", "duration": {"start_frame": 2500, "end_sec": 106.0}},
        "bad_1": clip("bad", 9.0, 3.0), "new_1": clip("new"), "../abc_1": clip("abc"),
        "odd_1": clip("odd"),
    }  # fmt: skip
    act = {"abc_1_0": [], "bad_1_0": [], "../abc_1_0": [], "odd_1_0": [["fly", ["0:00:01"] * 2]]}
    rows = read("celebvtext", celebvtext(tmp_path, clips, act))
    (row,) = good(rows)
    assert row.duration_seconds == 6.0
    assert sorted(reasons(rows)) == [NO_LABEL, UNREADABLE, UNREADABLE, UNREADABLE]


def test_half_a_character_in_a_label_file_does_not_end_a_build(tmp_path):
    half = "\ud83d"
    act = {"abc_1_0": [["smile", ["0:01:41", "0:01:43", 2.0, 0]]], f"{half}_1_0": []}
    folder = celebvtext(tmp_path, {"abc_1": clip(f"abc{half}"), f"{half}_1": clip("abc")}, act)
    rows = read("celebvtext", folder)
    for row in rows:
        text = json.dumps(row.to_dict() if isinstance(row, Annotation) else str(row))
        assert "ud83d" not in text
    assert [values_of(row)["smile"] for row in good(rows)] == [True]


class Hostile:
    def __reduce__(self):
        return (eval, ("open('/dev/null').close() or 1/0",))


@pytest.mark.parametrize(
    "data",
    [
        pickle.dumps(Hostile()), pickle.dumps({"act": Path("x")}),
        pickle.dumps(Fact("smile", True)),
        b"cos\nsystem\n(S'true'\ntR.", b"", b"\x80\x04garbage", pickle.dumps({"a": 1})[:-3],
        b"\x80\x02}r\xff\xff\xff\x7f.",  # a memo number that would fill memory
        b"(" * 100_000 + b".",
    ],
)  # fmt: skip
def test_hostile_and_damaged_pickles_end_in_one_error(tmp_path, data):
    path = tmp_path / "annotations.pkl"
    path.write_bytes(data)
    with pytest.raises(BadInput, match="no plain pickle"):
        read_plain_pickle(path)


@pytest.mark.parametrize("protocol", range(6))
def test_plain_pickles_of_every_protocol_are_read(tmp_path, protocol):
    value = {"a": [("b", 1.5, None, True)], 3: {"c": -(2**70)}}
    path = tmp_path / "x.pkl"
    path.write_bytes(pickle.dumps(value, protocol))
    assert read_plain_pickle(path) == value


# --- MM-CelebA-HQ


NAMES = "Smiling Male No_Beard Goatee Blond_Hair Attractive Young"


def celebahq(folder, *rows, names=NAMES):
    lines = [str(len(rows)), names, *rows]
    (folder / "CelebAMask-HQ-attribute-anno.txt").write_text("\n".join(lines) + "\n")
    return folder


def test_celeba_labels_are_closed_and_opinions_left_out(tmp_path):
    celebahq(tmp_path, "0.jpg  1 1 -1 1 -1 1 1", "1.jpg  -1 -1 1 -1 1 -1 -1")
    texts = tmp_path / "text" / "celeba-caption"
    texts.mkdir(parents=True)
    (texts / "0.txt").write_text("He smiles.\nThis man has a goatee.\n")
    man, woman = good(read("mm-celeba-hq", tmp_path))
    assert values_of(man) == {
        "smile": True, "male": True, "beard": True, "goatee": True, "young": True,
    }  # fmt: skip
    assert values_of(woman) == {"male": False, "blonde_hair": True}
    assert woman.is_closed("beard")
    assert man.extra[CAPTIONS] == ("He smiles.", "This man has a goatee.")
    assert man.media == "images/0.jpg"


def test_celeba_rows_of_no_use_are_counted(tmp_path):
    row = "0.jpg  1 1 -1 1 -1 1 1"
    rows = read("mm-celeba-hq", celebahq(tmp_path, row, row, "1.jpg 1 1", "../2.jpg" + row[5:]))
    assert len(good(rows)) == 1
    assert reasons(rows) == [DUPLICATE, UNREADABLE, UNREADABLE]
    with pytest.raises(BadInput, match="unknown attribute 'Rich'"):
        read("mm-celeba-hq", celebahq(tmp_path, names=NAMES + " Rich"))


# --- CelebV-HQ, and all of them


def celebvhq_text(*clips):
    sets = read_label_sets().lists
    meta = {
        f"{part}_mapping": sets[f"celebvhq_{part}"] for part in ("appearance", "action")
    }  # fmt: skip
    labels = {
        "appearance": [0] * 40, "action": [0] * 35,
        "emotion": {"sep_flag": False, "labels": "happy"},
    }  # fmt: skip
    body = json.dumps(clip("abc") | {"attributes": labels})
    rows = ", ".join(f"{json.dumps(name)}: {body}" for name in clips)
    return f'{{"meta_info": {json.dumps(meta)}, "clips": {{{rows}}}}}'


def test_ids_that_come_twice_and_paths_that_leave_are_counted(tmp_path):
    names = ("a_0", "b_0", "a_0", "../../x_0", "/etc/x_0", "\x00_0", "a" * 300)
    (tmp_path / "celebvhq_info.json").write_text(celebvhq_text(*names))
    rows = read("celebvhq", tmp_path)
    assert [row.media for row in good(rows)] == ["a_0.mp4", "b_0.mp4"]
    assert sorted(reasons(rows)) == [DUPLICATE] + [UNREADABLE] * 4


@pytest.mark.parametrize("name", ["celebvhq", "celebvtext"])
@pytest.mark.parametrize("text", ["", "{", "[]", '{"clips": []}', '{"clips_set1": 3}', "\x00"])
def test_truncated_and_wrong_json_ends_in_one_error(tmp_path, name, text):
    celebvtext(tmp_path)
    for file in ("celebvhq_info.json", "celebvtext_info.json"):
        (tmp_path / file).write_text(text)
    with pytest.raises(BadInput, match=r"info\.json"):
        read(name, tmp_path)


@pytest.mark.parametrize(
    "name", ["celebvhq", "celebvtext", "ferv39k", "hmdb51", "youtube-faces", "mm-celeba-hq"]
)
def test_a_folder_without_the_files_ends_in_one_error(tmp_path, name):
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(BadInput, match=str(folder)):
            read(name, folder)
    with pytest.raises(BadInput, match="no split"):
        read(name, tmp_path, "nosplit")


def test_labels_stay_as_they_are_where_nothing_is_stored():
    labels = Annotation("a.mp4", (Subject("face 0"),), (Fact("happy", True),))
    assert replace(labels) == join_facts(labels, Annotation("a.mp4"))
