"""Label files of aerial data sets read a second way, for `scenes_check.py`.

Nothing of the project is imported. A picture is a dictionary: ``things`` with their corners as
parts of the picture's sides, ``facts`` of the whole, and ``listed``, the classes of which no thing
is missing. Class names are kept as the data set spells them, letters only.
"""

import functools
import json
import math
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
from PIL import Image

Picture = dict[str, Any]
Labels = Callable[[str], Picture | None]  # by the stem of the picture's file name

MIN_RATIO = 1.3  # of the longer side to the other: below it a thing runs in no direction
DIOR = (
    "airplane airport baseballfield basketballcourt bridge chimney dam Expressway-Service-area "
    "Expressway-toll-station golffield groundtrackfield harbor overpass ship stadium storagetank "
    "tenniscourt trainstation vehicle windmill"
)
DOTA = (
    "plane ship storage-tank baseball-diamond tennis-court basketball-court ground-track-field "
    "harbor bridge large-vehicle small-vehicle helicopter roundabout soccer-ball-field "
    "swimming-pool"
)


def letters(name: str) -> str:
    return re.sub(r"[^a-z]", "", name.lower())


def picture_of(
    things: list[dict[str, Any]], listed: Iterable[str], facts: dict[str, Any] | None = None
) -> Picture:
    return {"things": things, "facts": facts or {}, "listed": set(map(letters, listed))}


def thing(name: str, points: list[float], **more: Any) -> dict[str, Any]:
    """Return one thing; without points it has a class and no place."""
    if len(points) == 4:
        x0, y0, x1, y1 = points
        points = [x0, y0, x1, y0, x1, y1, x0, y1]
    xs, ys = points[0::2] or [math.nan], points[1::2] or [math.nan]
    area = abs(sum(xs[i - 1] * ys[i] - xs[i] * ys[i - 1] for i in range(len(xs)))) / 2
    box = (min(xs), min(ys), max(xs), max(ys))
    own = {"color": None, "lengths": [], "ways": [], "on": None, "id": None}
    return {**own, "name": letters(name), "xs": xs, "ys": ys, "box": box, "area": area,
            "x": (box[0] + box[2]) / 2, "y": (box[1] + box[3]) / 2, **more}  # fmt: skip


def turn(points_px: list[float], meters: float | None = None) -> dict[str, list[float]]:
    """Return lengths in meters and directions of the tightest turned rectangle.

    All directions are tried in steps of a tenth of a degree. Where two rectangles are equally
    tight within a hundredth, both are returned.
    """
    xs, ys = np.array(points_px[0::2]), np.array(points_px[1::2])
    degrees = np.arange(0, 90, 0.1)
    angles = np.radians(degrees)[:, None]
    along = np.ptp(xs * np.cos(angles) + ys * np.sin(angles), axis=1)
    across = np.ptp(ys * np.cos(angles) - xs * np.sin(angles), axis=1)
    areas = along * across
    found: dict[str, list[float]] = {"lengths": [], "ways": []}
    for number in np.flatnonzero(areas <= 1.01 * areas.min()):
        sides = float(along[number]), float(across[number])
        if meters is not None:
            found["lengths"].append(max(sides) * meters)
        if max(sides) >= MIN_RATIO * min(sides):
            found["ways"].append((float(degrees[number]) + 90 * (sides[1] > sides[0])) % 180)
    return found


def cut(points_px: list[float], sides: tuple[float, float]) -> list[float]:
    """Return corners as parts of the picture, cut at its border; none of what cannot be.

    Of an upright box at least half must lie inside; a polygon's sides must not cross.
    """
    unit = [x / sides[i % 2] for i, x in enumerate(points_px)]
    if not all(map(math.isfinite, unit)):
        return []
    inside = [min(max(x, 0.0), 1.0) for x in unit]
    if len(unit) == 4:
        width, height = unit[2] - unit[0], unit[3] - unit[1]
        left = (inside[2] - inside[0]) * (inside[3] - inside[1])
        return inside if min(width, height) > 0 and left >= 0.5 * width * height else []
    return inside if is_simple(unit) else []


def is_simple(points: list[float]) -> bool:
    """Say whether four corners go once around an area."""
    corners = list(zip(points[0::2], points[1::2], strict=True))
    bends = []
    for i, (x, y) in enumerate(corners):
        (ax, ay), (bx, by) = corners[i - 1], corners[i - 2]
        bends.append((ax - bx) * (y - ay) - (ay - by) * (x - ax))
    # Two bends each way round: two sides cross. One against three: a dent.
    crossed = len(corners) == 4 and sum(b > 0 for b in bends) == sum(b < 0 for b in bends) == 2
    return any(bends) and not crossed


def read_rows(path: Path) -> Labels:
    """Read the annotation rows of rendered scenes."""
    found: dict[str, Picture] = {}
    for line in path.read_text().splitlines():
        row = json.loads(line)
        own = [f for f in row.get("facts", ()) if f.get("subject", "clip") == "clip"]
        facts: dict[str, Any] = dict.fromkeys(row.get("closed", ()), False)
        facts |= {f["name"]: f["value"] for f in own if f["name"] != "listed_class"}
        things = []
        for subject in row["subjects"]:
            own_facts = {f["name"]: f for f in subject["facts"]}
            if "object_class" in own_facts and own_facts["object_class"].get("region"):
                value = {k: f["value"] for k, f in own_facts.items()}
                length, way = value.get("length_meters"), value.get("orientation_degrees")
                things.append(
                    thing(value["object_class"], own_facts["object_class"]["region"],
                          id=subject["id"], color=value.get("object_color"), on=value.get("on"),
                          lengths=[] if length is None else [length],
                          ways=[] if way is None else [way])
                )  # fmt: skip
        listed = [f["value"] for f in own if f["name"] == "listed_class"]
        found[Path(row["media"]).stem] = picture_of(things, listed, facts)
    return found.get


def read_voc(folder: Path, classes: str = DIOR) -> Labels:
    """Read VOC files when they are asked for, upright boxes and turned ones.

    Args:
        folder: Of the XML files.
        classes: Every class that the data set marks.
    """

    @functools.lru_cache(maxsize=256)
    def find(stem: str) -> Picture | None:
        path = folder / f"{stem}.xml"
        return read_voc_file(path, classes.split()) if path.is_file() else None

    return find


def read_voc_file(path: Path, classes: list[str]) -> Picture:
    root = ElementTree.parse(path).getroot()
    sides = (float(root.findtext("size/width", "nan")), float(root.findtext("size/height", "nan")))
    upright = [f"bndbox/{key}" for key in ("xmin", "ymin", "xmax", "ymax")]
    corners = ("left_top", "right_top", "right_bottom", "left_bottom")
    turned = [f"robndbox/{axis}_{corner}" for corner in corners for axis in "xy"]
    things, lost = [], set()
    for element in root.findall("object"):
        keys = upright if element.find("robndbox") is None else turned
        points = [float(element.findtext(key, "nan")) for key in keys]
        name = element.findtext("name", "")
        if inside := cut(points, sides):
            own = turn(points) if keys is turned else {}
            things.append(thing(name, inside, **own))
        else:
            lost.add(name.lower())
    return picture_of(things, [name for name in classes if name.lower() not in lost])


def read_coco(path: Path) -> Labels:
    """Read a COCO file; a mask tells the direction, the box all else."""
    table = json.loads(path.read_text())
    names = {row["id"]: row["name"] for row in table["categories"]}
    images = {row["id"]: row for row in table["images"]}
    things: dict[Any, list[dict[str, Any]]] = {key: [] for key in images}
    lost: dict[Any, set[str]] = {key: set() for key in images}
    for row in table["annotations"]:
        image, name = images[row["image_id"]], names[row["category_id"]]
        x, y, width, height = row["bbox"]
        masks = [part for part in row.get("segmentation") or () if isinstance(part, list)]
        mask = max(masks, key=len, default=[])
        own = turn(mask) if len(mask) >= 6 else {}
        inside = cut([x, y, x + width, y + height], (image["width"], image["height"]))
        if inside:
            things[image["id"]].append(thing(name, inside, **own))
        else:
            lost[image["id"]].add(name)
    return {
        Path(row["file_name"]).stem: picture_of(things[key], set(names.values()) - lost[key])
        for key, row in images.items()
    }.get


def read_dota(folder: Path) -> Labels:
    """Read DOTA's text files when they are asked for, below ``labelTxt`` beside ``images``."""

    @functools.lru_cache(maxsize=256)
    def find(stem: str) -> Picture | None:
        paths = sorted(folder.rglob(f"labelTxt*/{stem}.txt"))
        return read_dota_file(paths[0]) if paths else None

    return find


def read_size(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.size


def read_dota_file(path: Path) -> Picture:
    """Read four corners a line; without the picture its size is unknown, and so is every place."""
    homes = (path.parent.parent / "images", path.parent.parent)
    shown = [p for home in homes for p in home.glob(f"{path.stem}.*") if p.suffix != ".txt"]
    sides = read_size(shown[0]) if shown else None
    meters, things, lost = None, [], set()
    for line in path.read_text().splitlines():
        if line.startswith("gsd:"):
            meters = float(line[4:]) if re.fullmatch(r"[\d.]+", line[4:].strip()) else None
            continue
        fields = line.split()
        if len(fields) not in (9, 10):
            continue
        points = [float(field) for field in fields[:8]]
        if not is_simple(points):
            lost.add(fields[8])
            continue
        inside = cut(points, sides) if sides else []
        things.append(thing(fields[8], inside, **turn(points, meters)))
    return picture_of(things, [name for name in DOTA.split() if name not in lost])
