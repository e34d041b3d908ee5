import csv
import re
from pathlib import Path

import pyarrow
import pytest

from lineament.errors import BadVocabulary
from lineament.vocabulary import nearest_hint, read_label_sets, read_vocabulary
from lineament.vocabulary.words import Threshold

# CelebV-HQ's names by number, typed from its info file and not from our table.
APPEARANCE = """
0 blurry, 1 male, 2 young, 3 chubby, 4 pale_skin, 5 rosy_cheeks, 6 oval_face,
7 receding_hairline, 8 bald, 9 bangs, 10 black_hair, 11 blonde_hair, 12 gray_hair, 13 brown_hair,
14 straight_hair, 15 wavy_hair, 16 long_hair, 17 arched_eyebrows, 18 bushy_eyebrows,
19 bags_under_eyes, 20 eyeglasses, 21 sunglasses, 22 narrow_eyes, 23 big_nose, 24 pointy_nose,
25 high_cheekbones, 26 big_lips, 27 double_chin, 28 no_beard, 29 5_o_clock_shadow, 30 goatee,
31 mustache, 32 sideburns, 33 heavy_makeup, 34 wearing_earrings, 35 wearing_hat,
36 wearing_lipstick, 37 wearing_necklace, 38 wearing_necktie, 39 wearing_mask"""
ACTION = """
0 blow, 1 chew, 2 close_eyes, 3 cough, 4 cry, 5 drink, 6 eat, 7 frown, 8 gaze, 9 glare,
10 head_wagging, 11 kiss, 12 laugh, 13 listen_to_music, 14 look_around, 15 make_a_face, 16 nod,
17 play_instrument, 18 read, 19 shake_head, 20 shout, 21 sigh, 22 sing, 23 sleep, 24 smile,
25 smoke, 26 sneer, 27 sneeze, 28 sniff, 29 talk, 30 turn, 31 weep, 32 whisper, 33 wink, 34 yawn"""
EMOTION = "0 neutral, 1 anger, 2 contempt, 3 disgust, 4 happy, 5 fear, 6 sadness, 7 surprise"
FFHQ_FEATURES = Path(__file__).resolve().parents[2] / "shared/data/face/ffhq-features-70k"

VOCABULARY = read_vocabulary()
LABELS = read_label_sets()


def numbered(text):
    pairs = [entry.split() for entry in re.sub(r"\s+", " ", text).strip().split(", ")]
    assert [int(number) for number, _ in pairs] == list(range(len(pairs)))
    return tuple(name for _, name in pairs)


@pytest.mark.parametrize(("key", "text", "count"), [
    ("celebvhq_appearance", APPEARANCE, 40), ("celebvhq_action", ACTION, 35),
    ("celebvhq_emotion", EMOTION, 8),
])  # fmt: skip
def test_celebvhq_names_stand_in_their_order(key, text, count):
    assert LABELS.lists[key] == numbered(text)
    assert len(LABELS.lists[key]) == count


def test_all_names_of_the_label_lists_can_be_said():
    for key, names in LABELS.lists.items():
        assert len(set(names)) == len(names)
        for name in names:
            assert LABELS.spelling.get(name, name) in VOCABULARY, f"{key}: {name}"


def test_celebv_text_adds_five_looks_and_two_actions():
    extra = LABELS.lists["celebvtext_appearance_extra"]
    assert set(extra) == {"scar", "mole", "freckle", "dimple", "one_eyed"}
    assert set(LABELS.lists["celebvtext_action_extra"]) == {"blink", "squint"}


def test_other_spellings_lead_to_names_and_are_none_themselves():
    for spelling, name in LABELS.spelling.items():
        assert name in VOCABULARY, spelling
        assert spelling not in VOCABULARY.names, spelling


@pytest.mark.parametrize(("key", "count"), [
    ("dfew_7", 7), ("ferv39k_7", 7), ("celebvhq_8", 8), ("mafw_11", 11),
])  # fmt: skip
def test_emotion_classes_lead_to_our_emotions(key, count):
    classes = LABELS.emotions[key]
    assert len(classes) == count
    emotions = {entry.id for entry in VOCABULARY.of_family("emotion")}
    ours = [name for name in classes.values() if name]
    assert set(ours) <= emotions
    assert len(set(ours)) == len(ours)
    assert len(ours) == min(count, 8)


def test_thresholds_leave_out_the_middle_and_name_known_flags():
    for rows in LABELS.thresholds.values():
        for name, threshold in rows.items():
            assert VOCABULARY.require(name).kind == "flag"
            assert threshold.false_below <= threshold.true_from


def test_the_borders_that_the_data_notes_give_are_kept():
    ffhq = LABELS.thresholds["ffhq_features"]
    assert (ffhq["beard"].true_from, ffhq["beard"].false_below) == (0.4, 0.1)
    assert ffhq["blonde_hair"].true_from == 0.6
    assert ffhq["smile"].true_from == 0.5


def test_a_score_near_the_border_says_nothing():
    threshold = Threshold("beard", 0.4, 0.1)
    assert [threshold.flag(score) for score in (0.0, 0.09, 0.1, 0.39, 0.4, 1.0)] == [
        False, False, None, None, True, True,
    ]  # fmt: skip


@pytest.mark.shared
def test_threshold_columns_stand_in_the_ffhq_file():
    path = FFHQ_FEATURES / "ffhq_features.csv.zst"
    if not path.is_file():
        pytest.skip("the FFHQ features are not here")
    with pyarrow.input_stream(str(path), compression="zstd") as file:
        heading = file.read(20_000).decode().splitlines()[0]
    columns = set(next(csv.reader([heading])))
    wanted = {t.column for t in LABELS.thresholds["ffhq_features"].values()}
    assert wanted <= columns


def test_nothing_excludes_or_implies_itself_or_the_unknown():
    for name in VOCABULARY.names:
        others = VOCABULARY.excluded_by(name)
        assert name not in others
        assert others <= set(VOCABULARY.names)
        assert all(name in VOCABULARY.excluded_by(other) for other in others), name
        assert name not in VOCABULARY.implied_by.get(name, ())


def test_what_a_name_implies_it_does_not_exclude():
    for name, causes in VOCABULARY.implied_by.items():
        for cause in causes:
            assert name not in VOCABULARY.excluded_by(cause)


@pytest.mark.parametrize(("first", "second"), [
    ("black_hair", "blonde_hair"), ("straight_hair", "wavy_hair"), ("young", "elderly"),
    ("eyeglasses", "sunglasses"), ("happy", "sadness"), ("long_hair", "short_hair"),
])  # fmt: skip
def test_what_cannot_be_together_excludes_each_other(first, second):
    assert second in VOCABULARY.excluded_by(first)
    assert first in VOCABULARY.excluded_by(second)


@pytest.mark.parametrize(("negative", "positive"), [("female", "male"), ("no_beard", "beard")])
def test_opposites_are_turned_both_ways(negative, positive):
    assert VOCABULARY.canonical(negative, True) == (positive, False)
    assert VOCABULARY.canonical(negative, False) == (positive, True)
    assert VOCABULARY.canonical(positive, True) == (positive, True)
    assert VOCABULARY.names[positive].negative == negative
    assert negative in VOCABULARY
    assert negative not in VOCABULARY.names


def test_no_opposite_is_shared_and_all_are_of_flags():
    negatives = [entry.negative for entry in VOCABULARY.names.values() if entry.negative]
    assert len(set(negatives)) == len(negatives) == len(VOCABULARY.negatives)
    assert all(VOCABULARY.names[name].kind == "flag" for name in VOCABULARY.negatives.values())


def test_every_name_is_reached_by_itself_and_by_its_family():
    reached = [entry.id for family in VOCABULARY.families for entry in VOCABULARY.of_family(family)]
    assert sorted(reached) == sorted(VOCABULARY.names)
    for name, entry in VOCABULARY.names.items():
        assert VOCABULARY.require(name) is entry
        assert entry.id == name
        assert re.fullmatch(r"[a-z0-9_]+", name)
        assert entry.kind in ("flag", "choice", "number", "relation")
        assert entry.subject in ("face", "clip", "object")
        assert (entry.kind == "number") == bool(entry.unit), name
        assert entry.means.endswith("."), name
        assert len(set(entry.choices)) == len(entry.choices)


def test_no_family_is_called_like_a_name():
    assert not set(VOCABULARY.families) & set(VOCABULARY.names)


def test_an_unknown_name_is_refused_with_the_nearest():
    with pytest.raises(BadVocabulary, match="'smyle'") as caught:
        VOCABULARY.require("smyle")
    assert caught.value.hint == "did you mean 'smile'?"
    assert "docs" in nearest_hint("qqqqqq", VOCABULARY.names)


def test_scenes_have_objects_and_relations():
    scenes = read_vocabulary(("scenes",))
    assert {entry.subject for entry in scenes.names.values()} >= {"object"}
    assert "relation" in {entry.kind for entry in scenes.names.values()}
    assert set(scenes.names) <= set(VOCABULARY.names)
