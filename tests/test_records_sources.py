"""Sources: fixtures in the exact layouts of the data sets, and the real ones where they are."""

import io
import json
import subprocess
import sys
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from lineament.annotation import Annotation
from lineament.errors import BadInput, BadMedia
from lineament.records.sources.celebvhq import split_of
from lineament.records.sources.pixels import open_pixels
from lineament.records.sources.rendered import Rendered
from lineament.records.sources.source import Dropped
from lineament.records.sources.table import SOURCES, require_source
from lineament.vocabulary import read_label_sets, read_vocabulary

FACES = Path(__file__).resolve().parents[2] / "shared" / "data" / "face"
FFHQ_HEADER = [
    "image", "n_faces", "rect_left", "rect_top", "rect_width", "rect_height", "gender", "age",
    "smile", "glasses", "moustache", "beard", "sideburns", "emotion_anger", "emotion_contempt",
    "emotion_disgust", "emotion_fear", "emotion_happiness", "emotion_neutral", "emotion_sadness",
    "emotion_surprise", "pose_pitch", "pose_roll", "pose_yaw", "bald", "hair_invisible",
    "hair_black", "hair_brown", "hair_blond", "hair_red", "hair_gray", "hair_other", "eye_makeup",
    "lip_makeup", "foreheadOccluded", "eyeOccluded", "mouthOccluded", "accessories", "blur",
    "exposure", "noise",
]  # fmt: skip


def ffhq_row(**values):
    row = dict.fromkeys(FFHQ_HEADER, "0.0") | {
        "image": "00001", "n_faces": "1", "rect_left": "32", "rect_top": "32", "rect_width": "64",
        "rect_height": "64", "gender": "female", "age": "30.0", "glasses": "NoGlasses",
        "accessories": "", "hair_brown": "0.95",
    }  # fmt: skip
    return row | values


def write_csv(path, rows, header=FFHQ_HEADER):
    lines = [",".join(header), *(",".join(row[name] for name in header) for row in rows)]
    path.write_text("\n".join(lines) + "\n")


def nested_face(row):
    """Return a row of the CSV as the JSON of the repository has it."""
    number = {
        k: float(v) for k, v in row.items() if v and k not in ("gender", "glasses", "accessories")
    }
    return {
        "faceRectangle": {k: number[f"rect_{k}"] for k in ("left", "top", "width", "height")},
        "faceAttributes": {
            "smile": number["smile"], "gender": row["gender"], "age": number["age"],
            "headPose": {k: number[f"pose_{k}"] for k in ("pitch", "roll", "yaw")},
            "facialHair": {k: number[k] for k in ("moustache", "beard", "sideburns")},
            "glasses": row["glasses"],
            "emotion": {k[8:]: v for k, v in number.items() if k.startswith("emotion_")},
            "blur": {"blurLevel": "low", "value": number["blur"]},
            "makeup": {f"{k}Makeup": bool(number[f"{k}_makeup"]) for k in ("eye", "lip")},
            "accessories": [],
            "occlusion": {
                f"{k}Occluded": bool(number[f"{k}Occluded"]) for k in ("forehead", "eye", "mouth")
            },
            "hair": {
                "bald": number["bald"], "invisible": False,
                "hairColor": [
                    {"color": k, "confidence": number[f"hair_{k}"]}
                    for k in ("black", "brown", "blond", "red", "gray", "other")
                ],
            },
        },
    }  # fmt: skip


def read(name, folder, split=None):
    source = require_source(name)
    return list(source.read(folder, split or source.splits[0]))


def values_of(annotation, subject="face 0"):
    return {f.name: f.value for f in annotation.facts if f.subject in (subject, "clip")}


def jpeg(color):
    out = io.BytesIO()
    Image.new("RGB", (24, 24), color).save(out, "JPEG")
    return out.getvalue()


# --- FFHQ


def test_ffhq_scores_become_facts_by_threshold_and_what_lies_between_is_left_out(tmp_path):
    row = ffhq_row(smile="0.9", beard="0.2", moustache="0.05", emotion_happiness="0.9", blur="0.5")
    write_csv(tmp_path / "ffhq_features.csv", [row])
    (annotation,) = read("ffhq-features", tmp_path)
    values = values_of(annotation)
    assert values["smile"] is True
    assert values["happy"] is True
    assert values["brown_hair"] is True
    assert values["male"] is False
    assert values["young"] is True
    assert annotation.is_closed("mustache")
    assert not annotation.is_closed("beard")
    assert not annotation.is_closed("blurry")
    assert not annotation.is_closed("eye_color")
    assert annotation.media == "00001.png"


def test_a_hair_colour_that_does_not_lead_is_left_out(tmp_path):
    write_csv(tmp_path / "ffhq_features.csv", [ffhq_row(hair_black="0.93")])
    (annotation,) = read("ffhq-features", tmp_path)
    assert not {"brown_hair", "black_hair"} & set(values_of(annotation))
    assert not annotation.is_closed("black_hair")
    assert annotation.is_closed("red_hair")


def test_hidden_hair_has_no_colour_and_disagreeing_glasses_are_left_out(tmp_path):
    row = ffhq_row(hair_invisible="1", accessories="glasses:0.9|headwear:0.95")
    write_csv(tmp_path / "ffhq_features.csv", [row])
    (annotation,) = read("ffhq-features", tmp_path)
    assert values_of(annotation)["wearing_hat"] is True
    assert not annotation.is_closed("eyeglasses")
    assert not any(annotation.is_closed(f"{c}_hair") for c in ("brown", "black", "red"))


def test_children_and_empty_rows_are_counted_drops(tmp_path):
    empty = dict.fromkeys(FFHQ_HEADER, "") | {"image": "00002", "n_faces": "0"}
    rows = [ffhq_row(age="9.0"), empty, ffhq_row(image="3", age="old"), ffhq_row(image="x")]
    write_csv(tmp_path / "ffhq_features.csv", rows)
    with (tmp_path / "ffhq_features.csv").open("a") as file:
        file.write("1,2,3\n")
    found = read("ffhq-features", tmp_path)
    assert Counter(drop.reason for drop in found) == {
        "not an adult": 1, "no face": 1, "unreadable row": 3,
    }  # fmt: skip
    assert all(drop.row for drop in found)


@pytest.mark.parametrize("suffix", ["", ".zst"])
def test_the_nested_lines_give_the_same_as_the_flat_rows(tmp_path, suffix):
    rows = [ffhq_row(), ffhq_row(image="00012", gender="male", beard="0.8", glasses="Sunglasses")]
    (tmp_path / "flat").mkdir()
    (tmp_path / "nested").mkdir()
    write_csv(tmp_path / "flat" / "ffhq_features.csv", rows)
    text = "".join(
        json.dumps({"image": row["image"], "faces": [nested_face(row)]}) + "\n" for row in rows
    )
    path = tmp_path / "nested" / f"ffhq_features_full.jsonl{suffix}"
    with pa.output_stream(str(path), compression="zstd" if suffix else None) as out:
        out.write(text.encode())
    flat, nested = (read("ffhq-features", tmp_path / part) for part in ("flat", "nested"))
    assert flat == nested


def test_the_repositorys_own_folder_is_read_and_the_larger_face_comes_first(tmp_path):
    (tmp_path / "json").mkdir()
    small = ffhq_row(rect_left="70", rect_width="30", rect_height="30", gender="male", beard="0.9")
    faces = [nested_face(small), nested_face(ffhq_row())]
    (tmp_path / "json" / "00007.json").write_text(json.dumps(faces))
    (tmp_path / "json" / "00008.json").write_text("[]")
    (tmp_path / "json" / "00009.json").write_text('[{"faceId":')
    annotation, none, broken = read("ffhq-features", tmp_path)
    assert [s.id for s in annotation.subjects] == ["face 0", "face 1"]
    assert values_of(annotation, "face 0")["male"] is False
    assert values_of(annotation, "face 1")["beard"] is True
    assert values_of(annotation, "face 0")["beard"] is False
    assert values_of(annotation)["num_people"] == 2
    assert (none.reason, broken.reason) == ("no face", "unreadable row")


def test_parts_of_ffhq_go_by_the_last_digit_and_pictures_must_be_there(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "00001.jpg").write_bytes(jpeg("red"))
    write_csv(tmp_path / "labels.csv", [ffhq_row(), ffhq_row(image="00005")])
    assert [a.media for a in read("ffhq-adult", tmp_path, "dev")] == ["images/00001.jpg"]
    (missing,) = read("ffhq-adult", tmp_path, "train")
    assert missing.reason == "media missing"
    assert open_pixels("images/00001.jpg", tmp_path).shape == (24, 24, 3)


# --- FairFace, LFW, London


def write_fairface(folder):
    header = "image,shard,fairface_split,age_group,age_low,age_high,gender,race,service_test"
    rows = [
        "train_00004,3,train,20-29,20,29,female,Indian,1",
        "train_00005,8,train,70+,70,,male,White,1",
        "train_00006,3,train,10-19,10,19,male,White,1",
        "train_00007,5,train,30-39,30,39,male,Black,1",
        "train_00008,3,train,30-39,thirty,39,male,Black,1",
    ]
    (folder / "labels.csv").write_text("\n".join([header, *rows]) + "\n")
    for shard, color in ((3, "green"), (8, "blue")):
        with zipfile.ZipFile(folder / f"images-{shard}.zip", "w") as shards:
            shards.writestr("train_00004.jpg", jpeg(color))


def test_fairface_gives_sex_and_age_and_nothing_of_ancestry(tmp_path):
    write_fairface(tmp_path)
    found = read("fairface", tmp_path)
    annotations = [a for a in found if isinstance(a, Annotation)]
    assert [a.media for a in annotations] == [
        "images-3.zip/train_00004.jpg",
        "images-8.zip/train_00005.jpg",
    ]
    assert values_of(annotations[0]) == {"male": False, "age_years": 25, "young": True}
    assert values_of(annotations[1])["elderly"] is True
    assert "Indian" not in str(annotations[0].to_dict())
    reasons = Counter(d.reason for d in found if isinstance(d, Dropped))
    assert reasons == {"not an adult": 1, "media missing": 1, "unreadable row": 1}


def test_fairfaces_shard_8_is_the_dev_part(tmp_path):
    write_fairface(tmp_path)
    assert [a.split_key for a in read("fairface", tmp_path, "dev")] == ["fairface-train_00005"]
    train = [a for a in read("fairface", tmp_path, "train") if isinstance(a, Annotation)]
    assert [a.split_key for a in train] == ["fairface-train_00004"]


def test_pixels_come_out_of_zip_shards_and_npz_files(tmp_path):
    write_fairface(tmp_path)
    write_lfw(tmp_path)
    assert open_pixels("images-3.zip/train_00004.jpg", tmp_path)[12, 12, 1] > 90
    assert open_pixels("lfw_expressions_112.npz/1", tmp_path)[12, 12, 2] > 200
    for reference in ("images-3.zip/none.jpg", "images-4.zip/x.jpg", "lfw_expressions_112.npz/9"):
        with pytest.raises(BadMedia):
            open_pixels(reference, tmp_path)


@pytest.mark.parametrize("reference", ["../secret.jpg", "/etc/passwd", "a/../../b.jpg", ""])
def test_a_reference_that_leaves_the_folder_is_refused(tmp_path, reference):
    with pytest.raises(BadMedia, match="not a path below"):
        open_pixels(reference, tmp_path)


def write_lfw(folder):
    pictures = [jpeg(color) for color in ("red", "blue", "gray")]
    np.savez(
        folder / "lfw_expressions_112.npz",
        blob=np.frombuffer(b"".join(pictures), np.uint8),
        offsets=np.cumsum([0, *map(len, pictures)]),
        emotion=np.array([1, 0, 7], np.int8),
        emotion_names=np.array(["neutral", "happiness"]),
        person=np.array([5, 6, 7], np.int32),
        split=np.array([0, 1, 1], np.int8),
        split_names=np.array(["train", "val", "test"]),
    )


def test_lfw_gives_the_emotion_alone(tmp_path):
    write_lfw(tmp_path)
    first, second, broken = read("lfw-expressions", tmp_path)
    assert values_of(first) == {"happy": True, "black_and_white": True}
    assert first.is_closed("anger")
    assert not first.is_closed("smile")
    assert second.split_key == "lfw-6"
    assert broken.reason == "no label"
    assert len(read("lfw-expressions", tmp_path, "train")) == 1


def test_london_gives_self_reported_age_and_smiles(tmp_path):
    header = "image,set,person,expression,age,gender,ethnicity,licence"
    rows = [
        "images/a.jpg,s,p1,smiling,24,female,white,CC BY 4.0",
        "images/b.jpg,s,p2,neutral,50,male,black,CC BY 4.0",
        "images/c.jpg,s,p3,,,,,CC0",
        "images/d.jpg,s,p4,neutral,17,male,,CC0",
        "images/gone.jpg,s,p5,neutral,30,male,,CC0",
    ]
    (tmp_path / "labels.csv").write_text("\n".join([header, *rows]) + "\n")
    (tmp_path / "images").mkdir()
    for name in "abcd":
        (tmp_path / "images" / f"{name}.jpg").write_bytes(jpeg("red"))
    smiling, neutral, *dropped = read("london", tmp_path)
    assert values_of(smiling) == {"male": False, "age_years": 24, "young": True, "smile": True}
    assert neutral.is_closed("smile")
    assert values_of(neutral)["neutral"] is True
    assert [d.reason for d in dropped] == ["no label", "not an adult", "media missing"]


# --- CelebV-HQ


def write_celebvhq(folder, change=lambda table: None):
    lists = read_label_sets().lists
    appearance, action = lists["celebvhq_appearance"], lists["celebvhq_action"]
    clips = {}
    for number, emotion in enumerate(
        (
            {"sep_flag": False, "labels": "Happy"},
            {"sep_flag": True, "labels": [
                {"emotion": "neutral", "start_sec": 0.0, "end_sec": 1.2},
                {"emotion": "surprise", "start_sec": 2.0, "end_sec": 3.5},
            ]},
        )
    ):  # fmt: skip
        true = (
            {"male", "no_beard", "brown_hair", "young", "talk", "smile"}
            if number
            else {"goatee", "blurry"}
        )
        clips[f"vid{number}_{number}"] = {
            "ytb_id": f"vid{number}",
            "duration": {"start_sec": 10.0, "end_sec": 14.0},
            "bbox": {"top": 0.1, "bottom": 0.9, "left": 0.2, "right": 0.8},
            "attributes": {
                "appearance": [int(name in true) for name in appearance],
                "action": [int(name in true) for name in action],
                "emotion": emotion,
            },
            "version": "v0.1",
        }
    meta = {
        "appearance_mapping": [name.capitalize() for name in appearance],
        "action_mapping": list(action),
    }
    table = {"meta_info": meta, "clips": clips}
    change(table)
    (folder / "celebvhq_info.json").write_text(json.dumps(table))


def test_celebvhq_names_fold_case_and_every_label_is_closed(tmp_path):
    write_celebvhq(tmp_path)
    first, second = read("celebvhq", tmp_path)
    assert values_of(first) == {
        "male": False, "goatee": True, "beard": True, "blurry": True, "happy": True,
    }  # fmt: skip
    assert values_of(second)["talk"] is True
    vocabulary = read_vocabulary()
    for name in read_label_sets().lists["celebvhq_action"]:
        assert second.is_closed(vocabulary.canonical(name, True)[0])
    assert second.media == "vid1_1.mp4"
    assert second.duration_seconds == 4.0


def test_celebvhq_emotions_have_times_and_actions_have_none(tmp_path):
    write_celebvhq(tmp_path)
    _, second = read("celebvhq", tmp_path)
    assert second.facts_named("surprise")[0].span_seconds == (2.0, 3.5)
    assert second.facts_named("neutral")[0].span_seconds == (0.0, 1.2)
    assert second.facts_named("smile")[0].span_seconds is None


def test_celebvhq_labels_that_exclude_each_other_are_left_open(tmp_path):
    def clash(table):
        labels = table["clips"]["vid0_0"]["attributes"]["appearance"]
        labels[10] = labels[11] = 1  # black and blonde

    write_celebvhq(tmp_path, clash)
    first, _ = read("celebvhq", tmp_path)
    assert not {"black_hair", "blonde_hair"} & set(values_of(first))
    assert not first.is_closed("black_hair")
    assert first.is_closed("gray_hair")


@pytest.mark.parametrize(
    "change",
    [
        lambda table: table["meta_info"]["action_mapping"].pop(),
        lambda table: table["meta_info"]["appearance_mapping"].__setitem__(0, "handsome"),
        lambda table: table.pop("meta_info"),
        lambda table: table.__setitem__("clips", []),
    ],
)
def test_celebvhq_with_other_name_lists_is_refused(tmp_path, change):
    write_celebvhq(tmp_path, change)
    with pytest.raises(BadInput, match=r"celebvhq_info\.json"):
        read("celebvhq", tmp_path)


def test_a_broken_celebvhq_clip_is_a_named_drop(tmp_path):
    def damage(table):
        table["clips"]["vid0_0"]["attributes"]["action"].pop()
        table["clips"]["vid1_1"]["attributes"]["emotion"]["labels"][0]["emotion"] = "glee"

    write_celebvhq(tmp_path, damage)
    assert [drop.row for drop in read("celebvhq", tmp_path)] == ["vid0_0", "vid1_1"]


def test_celebvhq_splits_by_youtube_id():
    shares = Counter(split_of(f"video{n}") for n in range(4000))
    assert shares["train"] / 4000 == pytest.approx(0.70, abs=0.03)
    assert shares["val"] / 4000 == pytest.approx(0.15, abs=0.03)


# --- made and stored


def test_rendered_splits_share_no_seed():
    source = Rendered(num_faces=3)
    seeds = [a.extra["seed"] for split in source.splits for a in source.read(Path(), split)]
    assert len(set(seeds)) == 9


def test_a_folder_of_annotation_files_is_read(tmp_path):
    fact = {"name": "smile", "value": True}
    good = {"media": "a.mp4", "subjects": [{"id": "face 0", "facts": [fact]}]}
    (tmp_path / "a.json").write_text(json.dumps(good))
    (tmp_path / "b.json").write_text('{"media": "b.mp4"}')
    (tmp_path / "c.json").write_text("{")
    first, empty, broken = read("folder", tmp_path)
    assert values_of(first) == {"smile": True}
    assert (empty.reason, broken.reason) == ("no face", "unreadable row")


def test_a_track_store_is_read(tmp_path):
    (tmp_path / "store.json").write_text('{"kind": "lineament tracks", "version": 1}')
    for key, text in (("aa", '{"media": "a.mp4", "subjects": [{"id": "face 0"}]}'), ("bb", "{")):
        (tmp_path / key).mkdir()
        (tmp_path / key / "annotation.json").write_text(text)
    first, broken = read("folder", tmp_path)
    assert first.media == "a.mp4"
    assert broken.row == "bb"


# --- bad input


@pytest.mark.parametrize("name", [n for n, source in SOURCES.items() if source.needs_folder])
def test_a_missing_folder_or_split_is_one_clear_error(tmp_path, name):
    with pytest.raises(BadInput, match="none"):
        read(name, tmp_path / "none")
    with pytest.raises(BadInput, match="no split 'tomorrow'"):
        read(name, tmp_path, "tomorrow")


def test_an_unknown_source_has_a_hint():
    with pytest.raises(BadInput) as caught:
        require_source("farface")
    assert "fairface" in caught.value.hint


def test_truncated_and_endless_files_end_in_an_error_or_a_drop(tmp_path):
    text = json.dumps({"image": "00001", "faces": [nested_face(ffhq_row())]}) + "\n"
    data = pa.Codec("zstd").compress((text * 50).encode(), asbytes=True)
    (tmp_path / "ffhq_features_full.jsonl.zst").write_bytes(data[: len(data) // 2])
    with pytest.raises(BadInput, match="damaged"):
        read("ffhq-features", tmp_path)
    (tmp_path / "ffhq_features_full.jsonl.zst").unlink()
    endless = '{"image": "' + "1" * 1_500_000 + '"}\n'
    (tmp_path / "ffhq_features_full.jsonl").write_text(endless + text + '{"image": 4}\n[1]\n')
    found = read("ffhq-features", tmp_path)
    assert [type(item) for item in found] == [Dropped, Annotation, Dropped, Dropped]


def test_a_header_without_a_column_is_refused(tmp_path):
    (tmp_path / "ffhq_features.csv").write_text("image,age\n1,2\n")
    with pytest.raises(BadInput, match="gender"):
        read("ffhq-features", tmp_path)


# --- the real ones


@pytest.mark.shared
def test_the_real_ffhq_rows_give_56890_adults():
    folder = FACES / "ffhq-features-70k"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there")
    # In a process of its own: the type checks of the test run would take four times as long.
    code = (
        "import sys; from collections import Counter; from pathlib import Path;"
        "from lineament.records.sources.table import SOURCES;"
        "rows = SOURCES['ffhq-features'].read(Path(sys.argv[1]), 'all');"
        "print(sorted(Counter(getattr(row, 'reason', 'kept') for row in rows).items()))"
    )
    command = [sys.executable, "-c", code, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    expected = [("kept", 56_890), ("no face", 529), ("not an adult", 12_581)]
    assert done.stdout.strip() == str(expected)


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "folder", "split", "count"),
    [
        ("ffhq-adult", "ffhq-adult-882", "dev", 194),
        ("ffhq-adult", "ffhq-adult-882", "train", 473),
        ("fairface", "fairface-adult", "dev", 1500),
        ("fairface", "fairface-adult", "train", 12_000),
        ("lfw-expressions", "lfw-expressions", "val", 1028),
        ("london", "london-webmorph", "dev", 187),
    ],
)
def test_the_real_sets_give_all_their_rows_and_their_pictures_open(name, folder, split, count):
    if not (FACES / folder).is_dir():
        pytest.skip(f"{FACES / folder} is not there")
    found = [a for a in read(name, FACES / folder, split) if isinstance(a, Annotation)]
    assert len(found) == count
    assert len({a.media for a in found}) == count
    assert open_pixels(found[-1].media, FACES / folder).shape[2] == 3
