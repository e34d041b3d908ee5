"""FFHQ features: machine-made attribute scores of aligned faces, adults only."""

import functools
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, final

from lineament.annotation import CLIP, Annotation, Fact, Subject
from lineament.records.sources.pixels import has_media
from lineament.records.sources.rows import (
    parse_object,
    read_csv_rows,
    read_json_lines,
    require_file,
)
from lineament.records.sources.source import (
    MEDIA_MISSING,
    NO_FACE,
    NOT_ADULT,
    UNREADABLE,
    Dropped,
    require_split,
)
from lineament.vocabulary import Threshold, Value, read_label_sets, read_vocabulary

ADULT_YEARS = 18
LICENCE = "CC BY-NC-SA 4.0"
SPLITS = ("all", "train", "dev")
SOURCE = "labels"
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
    "pose_pitch", "pose_yaw", "rect_width", "rect_height",
)  # fmt: skip
_GLASSES: Mapping[str, tuple[bool | None, bool | None]] = {
    "NoGlasses": (False, False),
    "ReadingGlasses": (True, False),
    "Sunglasses": (False, True),
    "SwimmingGoggles": (None, None),  # neither; and they hide which
}


@final
class FfhqFeatures:
    """The attribute rows of all 70,000 faces (DCGM/ffhq-features-dataset), without pictures.

    Reads ``ffhq_features_full.jsonl`` (every face), ``ffhq_features.csv`` (the largest face), each
    plain or .zst, or the repository's own folder ``json``.
    """

    name = "ffhq-features"
    licence = LICENCE
    splits = SPLITS
    needs_folder = True

    def read(self, folder: Path, split: str = "all") -> Iterator[Annotation | Dropped]:
        """Yield every row in which an adult face was found."""
        require_split(self, split)
        if (folder / "json").is_dir():
            rows = _rows_from_json_folder(folder / "json")
        else:
            path = require_file(folder, "ffhq_features_full.jsonl", "ffhq_features.csv")
            is_lines = ".jsonl" in path.name
            rows = _rows_from_json_lines(path) if is_lines else _rows_from_csv(path)
        yield from _annotate_rows(rows, split, "{image}.png")


@final
class FfhqAdult:
    """Adult FFHQ faces with their pictures: ``labels.csv`` and ``images/NNNNN.jpg``."""

    name = "ffhq-adult"
    licence = LICENCE
    splits = SPLITS
    needs_folder = True

    def read(self, folder: Path, split: str = "all") -> Iterator[Annotation | Dropped]:
        """Yield every row whose picture is there."""
        require_split(self, split)
        rows = _rows_from_csv(require_file(folder, "labels.csv"))
        for item in _annotate_rows(rows, split, "images/{image}.jpg"):
            if isinstance(item, Annotation) and not has_media(item.media, folder):
                yield Dropped(item.media, MEDIA_MISSING)
            else:
                yield item


Face = Mapping[str, Any]
Row = tuple[str, list[Face]]


def _annotate_rows(
    rows: Iterator[Row | Dropped], split: str, media: str
) -> Iterator[Annotation | Dropped]:
    for row in rows:
        if isinstance(row, Dropped):
            yield row
            continue
        image, faces = row
        if not image.isdecimal():
            yield Dropped(image, UNREADABLE, "the image is no number")
        elif split == "all" or (int(image) % 10 < 3) == (split == "dev"):
            image = f"{int(image):05d}"
            try:
                yield _annotate_image(image, faces, media.format(image=image))
            except (KeyError, TypeError, ValueError) as error:
                yield Dropped(image, UNREADABLE, f"{type(error).__name__}: {error}")


def _annotate_image(image: str, faces: list[Face], media: str) -> Annotation | Dropped:
    if not faces:
        return Dropped(image, NO_FACE)
    ordered = sorted(faces, key=_area_px, reverse=True)
    ages = [float(face["age"]) for face in ordered]
    if ages[0] < ADULT_YEARS or not all(map(math.isfinite, ages)):
        return Dropped(image, NOT_ADULT, f"apparent age {ages[0]:g}")
    adults = [face for face, age in zip(ordered, ages, strict=True) if age >= ADULT_YEARS]
    facts: list[Fact] = []
    closed: frozenset[str] | None = None
    for index, face in enumerate(adults):
        known = list_values(face)
        facts += _facts_from_values(known, f"face {index}", with_denied=len(adults) > 1)
        decided = frozenset(name for name, value in known.items() if isinstance(value, bool))
        closed = decided if closed is None else closed & decided
    if len(adults) > 1:
        # Beside the faces found there may be others, so the number is stated only here.
        facts.append(Fact("num_people", len(faces), subject=CLIP, source=SOURCE, validated="none"))
    return Annotation(
        media=media,
        subjects=tuple(Subject(f"face {index}") for index in range(len(adults))),
        facts=tuple(facts),
        closed=closed or frozenset(),
        licence=LICENCE,
        split_key=f"ffhq-{image}",
    )


def _area_px(face: Face) -> float:
    return float(face["rect_width"]) * float(face["rect_height"])


def _facts_from_values(
    known: Mapping[str, Value], subject: str, *, with_denied: bool
) -> list[Fact]:
    """Return what is stated; what is denied too, where closing a name would speak for others."""
    family = _families()
    on_clip = _clip_names()
    return [
        Fact(name, value, family[name], CLIP if name in on_clip else subject, source=SOURCE)
        for name, value in known.items()
        if value is not False or with_denied or name == "male"
    ]


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


@functools.cache
def _families() -> Mapping[str, str]:
    return {name: entry.family for name, entry in read_vocabulary().names.items()}


@functools.cache
def _clip_names() -> frozenset[str]:
    return frozenset(n for n, entry in read_vocabulary().names.items() if entry.subject == "clip")


def _rows_from_csv(path: Path) -> Iterator[Row | Dropped]:
    for row in read_csv_rows(path, ("image", *FACE_COLUMNS)):
        if isinstance(row, Dropped):
            yield row
        else:
            yield row["image"], [row] if row["age"] else []


def _rows_from_json_lines(path: Path) -> Iterator[Row | Dropped]:
    for number, row in enumerate(read_json_lines(path), start=1):
        if isinstance(row, Dropped):
            yield row
            continue
        try:
            yield str(row["image"]), [flatten_face(face) for face in row["faces"]]
        except (KeyError, TypeError, AttributeError) as error:
            yield Dropped(f"{path.name}, line {number}", UNREADABLE, f"missing or wrong: {error}")


def _rows_from_json_folder(folder: Path) -> Iterator[Row | Dropped]:
    for path in sorted(folder.glob("*.json")):
        text = path.read_text(encoding="utf-8", errors="replace")
        row = parse_object(f'{{"faces": {text}}}', path.name)
        if isinstance(row, Dropped):
            yield row
            continue
        try:
            yield path.stem, [flatten_face(face) for face in row["faces"]]
        except (KeyError, TypeError, AttributeError) as error:
            yield Dropped(path.name, UNREADABLE, f"missing or wrong: {error}")


def flatten_face(face: Mapping[str, Any]) -> dict[str, Any]:
    """Return one face of the nested JSON under the names of the CSV's columns."""
    rectangle, given = face["faceRectangle"], face["faceAttributes"]
    hair, pose = given["hair"], given["headPose"]
    flat: dict[str, Any] = {
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


__all__ = ["FfhqAdult", "FfhqFeatures", "age_bands", "flatten_face", "list_values"]
