"""Scores of one FFHQ face to what they decide: names stated, names denied, no others."""

import functools
import math
from collections.abc import Mapping
from typing import Any

from lineament.vocabulary import Threshold, Value, read_label_sets

Face = Mapping[str, Any]
# A hair colour is named only where it leads by this much; two strong ones are left out.
LEAD = 0.1
SURE_ACCESSORY = 0.6
FRONTAL_DEGREES = 12.0
HAIR_COLORS = ("black_hair", "brown_hair", "blonde_hair", "red_hair", "gray_hair")
# Age to bands, with room left out between them: "roughly" is not a border.
AGE_BANDS = (("young", 0.0, 37.0), ("middle_aged", 43.0, 57.0), ("elderly", 63.0, math.inf))
AGE_MARGIN = 3.0
FACE_COLUMNS = (
    "gender", "age", "smile", "glasses", "moustache", "beard", "sideburns", "bald", "accessories",
    "pose_pitch", "pose_yaw", "rect_left", "rect_top", "rect_width", "rect_height",
)  # fmt: skip
_GLASSES: Mapping[str, tuple[bool | None, bool | None]] = {
    "NoGlasses": (False, False),
    "ReadingGlasses": (True, False),
    "Sunglasses": (False, True),
    "SwimmingGoggles": (None, None),  # neither; and they hide which
}


def list_values(face: Face) -> dict[str, Value]:
    """Return what one face's scores decide: names stated and names denied; no others.

    Scores between a name's two borders decide nothing, so the name is missing.
    """
    known: dict[str, Value] = {}
    gender = face["gender"]
    if gender in ("male", "female"):
        known["male"] = gender == "male"
    age = float(face["age"])
    known["age_years"] = age
    known.update(age_bands(age))
    for name, threshold in _thresholds().items():
        text = face.get(threshold.column, "")
        if text == "" or text is None or name in HAIR_COLORS:
            continue
        flag = threshold.flag(float(text))
        if flag is not None:
            known[name] = flag
    known.update(_hair_colors(face))
    known.update(_accessories(face))
    if max(abs(float(face["pose_yaw"])), abs(float(face["pose_pitch"]))) <= FRONTAL_DEGREES:
        known["head_pose"] = "frontal"
    if sum(known.get(name) is True for name in _EMOTIONS) > 1:
        known = {name: value for name, value in known.items() if name not in _EMOTIONS}
    return known


_EMOTIONS = frozenset(
    ("neutral", "anger", "contempt", "disgust", "happy", "fear", "sadness", "surprise")
)


def age_bands(age: float) -> dict[str, bool]:
    """Return the age bands that an age surely lies in or out of; near a border it is neither."""
    bands: dict[str, bool] = {}
    for name, low, high in AGE_BANDS:
        if low <= age < high:
            bands[name] = True
        elif age < low - 2 * AGE_MARGIN or age >= high + 2 * AGE_MARGIN:
            bands[name] = False
    return bands


def _hair_colors(face: Face) -> dict[str, bool]:
    if str(face.get("hair_invisible", "0")) not in ("0", "0.0", "False"):
        return {}
    thresholds = _thresholds()
    texts = {name: face.get(thresholds[name].column, "") for name in HAIR_COLORS}
    scores = {name: float(text) for name, text in texts.items() if text not in ("", None)}
    if len(scores) < len(HAIR_COLORS):
        return {}
    colors = {name: False for name, score in scores.items() if score < thresholds[name].false_below}
    (first, top), (_, second) = sorted(scores.items(), key=lambda item: -item[1])[:2]
    is_sole = sum(score >= thresholds[name].true_from for name, score in scores.items()) == 1
    other = float(face.get("hair_other") or 0)
    if is_sole and top >= thresholds[first].true_from and top - max(second, other) >= LEAD:
        colors[first] = True
    return colors


def _accessories(face: Face) -> dict[str, bool]:
    listed: dict[str, float] = {}
    for part in str(face["accessories"]).split("|"):
        kind, _, confidence = part.partition(":")
        if kind:
            listed[kind] = float(confidence)
    known: dict[str, bool] = {}
    for kind, name in (("headwear", "wearing_hat"), ("mask", "wearing_mask")):
        if kind not in listed:
            known[name] = False
        elif listed[kind] >= SURE_ACCESSORY:
            known[name] = True
    clear, dark = _GLASSES[face["glasses"]]
    if clear is False and dark is False and "glasses" in listed:
        clear = dark = None  # the two labels disagree
    if clear is not None:
        known["eyeglasses"] = clear
    if dark is not None:
        known["sunglasses"] = dark
    return known


@functools.cache
def _thresholds() -> Mapping[str, Threshold]:
    return read_label_sets().thresholds["ffhq_features"]


def flatten_face(face: Mapping[str, Any]) -> dict[str, Any]:
    """Return one face of the nested JSON under the names of the CSV's columns."""
    rectangle, given = face["faceRectangle"], face["faceAttributes"]
    hair, pose = given["hair"], given["headPose"]
    flat: dict[str, Any] = {
        "rect_left": rectangle["left"],
        "rect_top": rectangle["top"],
        "rect_width": rectangle["width"],
        "rect_height": rectangle["height"],
        "pose_pitch": pose["pitch"],
        "pose_yaw": pose["yaw"],
        "bald": hair["bald"],
        "hair_invisible": int(hair["invisible"]),
        "eye_makeup": int(given["makeup"]["eyeMakeup"]),
        "lip_makeup": int(given["makeup"]["lipMakeup"]),
        "blur": given["blur"]["value"],
        "accessories": "|".join(f"{a['type']}:{a['confidence']}" for a in given["accessories"]),
        **{key: given[key] for key in ("gender", "age", "smile", "glasses")},
        **given["facialHair"],
        **{key: int(value) for key, value in given["occlusion"].items()},
        **{f"emotion_{key}": value for key, value in given["emotion"].items()},
        **{f"hair_{entry['color']}": entry["confidence"] for entry in hair["hairColor"]},
    }
    return flat
