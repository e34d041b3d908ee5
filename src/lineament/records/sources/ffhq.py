"""FFHQ features: machine-made attribute scores of aligned faces, adults only."""

import functools
import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import final

from lineament.annotation import CLIP, Annotation, Fact, Subject
from lineament.records.sources.ffhq_scores import FACE_COLUMNS, Face, flatten_face, list_values
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
from lineament.vocabulary import Value, read_vocabulary

ADULT_YEARS = 18
LICENCE = "CC BY-NC-SA 4.0"
SPLITS = ("all", "train", "dev")
SOURCE = "labels"
THUMBNAIL_PX = 128.0  # boxes are in pixels of FFHQ's thumbnails


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
    """Adult FFHQ faces with their pictures: ``labels.csv`` and ``images/NNNNN.jpg``.

    Args:
        keeps_absent: Yield rows whose pictures are not there, too: to a test they are wrong.
    """

    name = "ffhq-adult"
    licence = LICENCE
    splits = SPLITS
    needs_folder = True

    def __init__(self, *, keeps_absent: bool = False) -> None:
        self.keeps_absent = keeps_absent

    def read(self, folder: Path, split: str = "all") -> Iterator[Annotation | Dropped]:
        """Yield every row whose picture is there."""
        require_split(self, split)
        rows = _rows_from_csv(require_file(folder, "labels.csv"))
        for item in _annotate_rows(rows, split, "images/{image}.jpg"):
            if self.keeps_absent or isinstance(item, Dropped) or has_media(item.media, folder):
                yield item
            else:
                yield Dropped(item.media, MEDIA_MISSING)


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
        own = _facts_from_values(known, f"face {index}", with_denied=len(adults) > 1)
        facts.append(replace(own[0], region=_box_unit(face)))
        facts += own[1:]
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


def _box_unit(face: Face) -> tuple[float, float, float, float]:
    left, top = float(face["rect_left"]), float(face["rect_top"])
    right, bottom = left + float(face["rect_width"]), top + float(face["rect_height"])
    return tuple(round(side / THUMBNAIL_PX, 4) for side in (left, top, right, bottom))  # type: ignore[return-value]


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
