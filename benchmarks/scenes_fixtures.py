"""Labels without pixels in the layouts of RS-GPT4V's sources, at exact size, beside real ones.

    python benchmarks/scenes_fixtures.py DATA --real RS         # full size
    python benchmarks/scenes_fixtures.py DATA --scale 0.01      # fixtures alone, 1 %

`scenes_mixture.py` calls this, builds, and checks.

``DATA`` gets a folder for each source. Those at hand (``--real``) are copied; the others are drawn
from a seed and marked by a file ``fixture.json``: pictures, questions and boxes as many as
published, in the data sets' own files. Nobody wrote their captions, and no place is behind them.
Stopped, it goes on: a folder has its name when it is whole. A folder without that mark is real and
is left alone.
"""

import argparse
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from random import Random
from typing import Any

MARK, DRAWING = "fixture.json", 1  # the number changes with what is drawn
# Pictures and pairs by part. Pairs of a caption set are its distinct captions.
CAPTIONS: Mapping[str, Mapping[str, tuple[int, int]]] = {
    "rsicd": {"train": (8734, 17_813), "val": (1094, 2200), "test": (1093, 2200)},
    "rsitmd": {"train": (4291, 20_096), "test": (452, 2200)},
    "sydney-captions": {"train": (497, 2294), "test": (58, 270)},
    "ucm-captions": {"train": (1680, 7999), "test": (210, 1000)},
}
NWPU = {"train": (25_200, 125_894), "val": (3150, 15_750), "test": (3150, 15_750)}
RSVQA = {
    "rsvqa-lr": {"train": (572, 57_223), "val": (100, 10_005), "test": (100, 10_004)},
    "rsvqa-hr": {"train": (6251, 625_340), "test": (2226, 222_684)},
}
FLOODNET, RSIVQA = (1448, 4511), (5401, 19_218)
DIOR_TRAIN, DIOR_TEST = (9466, 19_643), (7936, 18_677)
LAST_TRAINVAL, LAST_TEST = 11_725, 23_463
REAL_FOLDERS = {  # our source, the folder at hand, the files of it
    "rsicd": ("captions_precomp/rsicd", "*.txt"),
    "rsitmd": ("captions_precomp/rsitmd", "*.txt"),
    "sydney-captions": ("captions_precomp/sydney", "*.txt"),
    "ucm-captions": ("captions_precomp/ucm", "*.txt"),
    "floodnet": ("floodnet_vqa", "*.json"),
    "rsivqa": ("rsivqa", "HRRSD/*.txt"),
}
SCENES = (
    "airplane", "airport", "baseball_diamond", "basketball_court", "beach", "bridge", "chaparral",
    "church", "circular_farmland", "cloud", "commercial_area", "dense_residential", "desert",
    "forest", "freeway", "golf_course", "ground_track_field", "harbor", "industrial_area",
    "intersection", "island", "lake", "meadow", "medium_residential", "mobile_home_park",
    "mountain", "overpass", "palace", "parking_lot", "railway", "railway_station",
    "rectangular_farmland", "river", "roundabout", "runway", "sea_ice", "ship", "snowberg",
    "sparse_residential", "stadium", "storage_tank", "tennis_court", "terrace",
    "thermal_power_station", "wetland",
)  # fmt: skip
# DIOR's classes with the side of a box in pixels of 800.
DIOR: Mapping[str, tuple[int, int]] = {
    "airplane": (30, 120), "airport": (300, 600), "baseballfield": (60, 160),
    "basketballcourt": (40, 110), "bridge": (60, 200), "chimney": (20, 60), "dam": (120, 300),
    "Expressway-Service-area": (100, 260), "Expressway-toll-station": (60, 200),
    "golffield": (200, 450), "groundtrackfield": (120, 260), "harbor": (60, 220),
    "overpass": (80, 220), "ship": (14, 90), "stadium": (120, 300), "storagetank": (16, 80),
    "tenniscourt": (30, 110), "trainstation": (150, 400), "vehicle": (8, 30),
    "windmill": (30, 110),
}  # fmt: skip
SIDE_PX = 800
THINGS = ("building", "road", "river", "tree", "car", "field", "house", "pond", "lawn", "path")
LOOKS = ("green", "gray", "white", "large", "small", "long", "narrow", "bright", "dark", "wide")
PLACES = ("near", "beside", "around", "behind", "next to", "in front of", "close to")
LR_KINDS = (("presence", 2955), ("comp", 4002), ("count", 2947), ("rural_urban", 100))
HR_KINDS = (("presence", 35), ("comp", 33), ("count", 18), ("area", 14))


def spread(total: int, places: int) -> Iterator[int]:
    """Yield how many of a total fall on each place, evenly."""
    for number in range(places):
        yield (number + 1) * total // places - number * total // places


def scaled(counts: tuple[int, int], scale: float) -> tuple[int, int]:
    pictures, pairs = counts
    fewer = max(1, round(pictures * scale))
    return fewer, max(fewer, round(pairs * fewer / pictures))


def draw_captions(rng: Random, scene: str, distinct: int, count: int = 5) -> list[str]:
    """Draw so many captions of a picture, of which only some differ."""
    found: dict[str, None] = {}
    while len(found) < distinct:
        one, other = rng.sample(THINGS, 2)
        text = f"a {rng.choice(LOOKS)} {one} is {rng.choice(PLACES)} a {rng.choice(LOOKS)} {other}"
        found[f"{text} in the {scene.replace('_', ' ')} ."] = None
    texts = list(found)
    return texts + [rng.choice(texts) for _ in range(count - distinct)]


def write_precomputed(folder: Path, parts: Mapping[str, Any], rng: Random, scale: float) -> None:
    """Write ``<part>_caps.txt`` and ``<part>_filename.txt``; validation follows train in its file.

    Train files have one name for five captions, test files repeat the name.
    """
    lines: dict[str, tuple[list[str], list[str]]] = {}
    number = 0
    for part, counts in parts.items():
        if part == "val" and scale != 1:
            continue  # readers find where it begins by the published number of train pictures
        pictures, pairs = scaled(counts, scale)
        captions, names = lines.setdefault("train" if part == "val" else part, ([], []))
        for distinct in spread(pairs, pictures):
            number += 1
            scene = SCENES[number % len(SCENES)]
            captions += draw_captions(rng, scene, distinct)
            names += [f"{scene}_{number}.jpg"] * (5 if part == "test" else 1)
    folder.mkdir(parents=True)
    for part, (captions, names) in lines.items():
        (folder / f"{part}_caps.txt").write_text("".join(f"{text}\n" for text in captions))
        (folder / f"{part}_filename.txt").write_text("".join(f"{name}\n" for name in names))


def write_nwpu(folder: Path, rng: Random, scale: float) -> None:
    """Write NWPU-Captions' own file: a list by class, five captions a row."""
    table: dict[str, list[dict[str, Any]]] = {scene: [] for scene in SCENES}
    number = 0
    for part, counts in NWPU.items():
        pictures, pairs = scaled(counts, scale)
        for distinct in spread(pairs, pictures):
            scene = SCENES[number % len(SCENES)]
            number += 1
            texts = draw_captions(rng, scene, distinct)
            name = f"{scene}_{len(table[scene]) + 1:03d}.jpg"
            row: dict[str, Any] = {"filename": name, "imgid": number, "split": part}
            row |= {"raw" if i == 0 else f"raw_{i}": text for i, text in enumerate(texts)}
            table[scene].append(row)
    folder.mkdir(parents=True)
    (folder / "dataset_nwpu.json").write_text(json.dumps(table))


def write_rsvqa(folder: Path, name: str, rng: Random, scale: float) -> None:
    """Write three files a split; rows of another split stand among them, not active."""
    prefix = "LR" if name == "rsvqa-lr" else "USGS"
    folder.mkdir(parents=True)
    image_id = question_id = 0
    for part, counts in RSVQA[name].items():
        pictures, pairs = scaled(counts, scale)
        images: list[dict[str, Any]] = [{"id": image_id, "active": False}]
        questions: list[dict[str, Any]] = [{"id": question_id, "active": False}]
        answers: list[dict[str, Any]] = [{"id": question_id, "active": False}]
        image_id, question_id = image_id + 1, question_id + 1
        for asked in spread(pairs, pictures):
            own = range(question_id, question_id + asked)
            images.append({
                "id": image_id, "date_added": 1560000000.0, "original_name": f"{image_id}.tif",
                "sensor": "drawn", "upperleft_map_x": 0.0, "upperleft_map_y": 0.0,
                "res_x": "10.0" if prefix == "LR" else "0.1524",
                "res_y": "10.0" if prefix == "LR" else "0.1524", "people_id": 0,
                "type": "RGB", "questions_ids": list(own), "active": True,
            })  # fmt: skip
            for question in own:
                kind, text, answer = draw_question(rng, LR_KINDS if prefix == "LR" else HR_KINDS)
                about = {"date_added": 1560000000.0, "people_id": 0, "active": True}
                asks = {"question": text, "answers_ids": [question]}
                questions.append(
                    {"id": question, "img_id": image_id, "type": kind, **asks, **about}
                )
                answers.append({"id": question, "question_id": question, "answer": answer, **about})
            image_id, question_id = image_id + 1, question_id + asked
        for title, rows in (("images", images), ("questions", questions), ("answers", answers)):
            path = folder / f"{prefix}_split_{part}_{title}.json"
            path.write_text(json.dumps({title: rows}))


def draw_question(rng: Random, kinds: tuple[tuple[str, int], ...]) -> tuple[str, str, str]:
    kind = rng.choices([k for k, _ in kinds], [n for _, n in kinds])[0]
    sizes, shapes = ("small ", "large ", ""), ("square ", "circular ", "rectangular ", "")
    things = ("residential building", "commercial building", "road", "water area", "grass area")
    one, other = (f"{rng.choice(sizes)}{rng.choice(shapes)}{rng.choice(things)}" for _ in range(2))
    yes = rng.choice(("yes", "no"))
    if kind == "rural_urban":
        return kind, "Is it a rural or an urban area", rng.choice(("rural", "urban"))
    if kind == "count":
        return kind, f"What is the number of {one}s?", str(rng.randint(0, 300))
    if kind == "area":
        return kind, f"What is the area covered by {one}s?", f"{rng.randint(0, 3000)}m2"
    if kind == "comp":
        return kind, f"Are there more {one}s than {other}s?", yes
    return kind, f"Is a {one} present in the image?", yes


def write_floodnet(folder: Path, rng: Random, scale: float) -> None:
    """Write the challenge's train file: one object of numbered questions."""
    pictures, pairs = scaled(FLOODNET, scale)
    table: dict[str, Any] = {}
    for number, asked in enumerate(spread(pairs, pictures)):
        kinds = (
            ("Condition_Recognition", "What is the overall condition of the given image?",
             rng.choice(("flooded", "non flooded"))),
            ("Complex_Counting", "How many non flooded buildings are in this image?",
             rng.randint(0, 9)),
            ("Yes_No", "Is the entire road flooded?", rng.choice(("Yes", "No"))),
            ("Simple_Counting", "How many buildings are in this image?", rng.randint(0, 20)),
        )  # fmt: skip
        for kind, question, answer in kinds[:asked]:
            row = {"Image_ID": f"{10_000 + number}.JPG", "Question": question}
            table[str(len(table))] = row | {"Ground_Truth": answer, "Question_Type": kind}
    folder.mkdir(parents=True)
    (folder / "training_question.json").write_text(json.dumps(table))


def write_rsivqa(folder: Path, rng: Random, scale: float) -> None:
    """Write HRRSD's questions, its own train pictures among others, and the list of those."""
    pictures, pairs = scaled(RSIVQA, scale)
    lines, names = [], []
    for number, asked in enumerate(spread(pairs, pictures)):
        name = f"{number + 1:05d}"
        names.append(f"{name}\n")
        for _ in range(asked):
            noun = rng.choice(("bridge", "airplane", "vehicle", "ship", "tennis court"))
            if rng.random() < 0.5:
                lines.append(f"{name}: how many {noun}s in this picture?{rng.randint(0, 12)}\n")
            else:
                yes = rng.choice(("yes", "no"))
                lines.append(f"{name}: does this picture contain {noun}?{yes}\n")
        lines.append(f"9{name}: does this picture contain ship?no\n")  # of no train picture
    place = folder / "HRRSD"
    place.mkdir(parents=True)
    (place / "opt_val_vqa.txt").write_text("".join(lines))
    (place / "hrrsd_train_ids.txt").write_text("".join(names))


Thing = tuple[str, int, int, int, int]


def draw_things(rng: Random, count: int) -> list[Thing]:
    """Draw boxes of at least two classes that do not overlap."""
    kinds = rng.sample([name for name, (_, most) in DIOR.items() if most <= 220], 3)
    found: list[Thing] = []
    while len(found) < count:
        name = kinds[len(found) % len(kinds)]
        low, high = DIOR[name]
        width, height = rng.randint(low, high), rng.randint(low, high)
        x, y = rng.randint(0, SIDE_PX - width), rng.randint(0, SIDE_PX - height)
        box = (x, y, x + width, y + height)
        if all(box[0] >= o[3] or box[2] <= o[1] or box[1] >= o[4] or box[3] <= o[2] for o in found):
            found.append((name, *box))
        elif rng.random() < 0.05:
            kinds[len(found) % len(kinds)] = "vehicle"  # small enough for what room is left
    return found


def write_voc(path: Path, things: list[Thing], phrases: list[str]) -> None:
    rows = []
    for number, (name, x0, y0, x1, y1) in enumerate(things):
        said = f"<description>{phrases[number]}</description>" if phrases else ""
        rows.append(
            f"<object><name>{name}</name><pose>Unspecified</pose><bndbox><xmin>{x0}</xmin>"
            f"<ymin>{y0}</ymin><xmax>{x1}</xmax><ymax>{y1}</ymax></bndbox>{said}</object>"
        )
    path.write_text(
        f"<annotation><filename>{path.stem}.jpg</filename><source><database>DIOR</database>"
        f"</source><size><width>{SIDE_PX}</width><height>{SIDE_PX}</height><depth>3</depth></size>"
        f"<segmented>0</segmented>{''.join(rows)}</annotation>"
    )


def write_dior(phrases: Path, boxes: Path, rng: Random, scale: float) -> None:
    """Write DIOR-RSVG, and DIOR's own boxes of the same pictures, in a file a picture each."""
    for folder in (phrases, boxes):
        (folder / "Annotations").mkdir(parents=True)
    (boxes / "ImageSets" / "Main").mkdir(parents=True)
    spans = (("trainval", DIOR_TRAIN, 1, LAST_TRAINVAL),
             ("test", DIOR_TEST, LAST_TRAINVAL + 1, LAST_TEST))  # fmt: skip
    for part, counts, first, last in spans:
        pictures, pairs = scaled(counts, scale)
        stems = [f"{first + i * (last - first + 1) // pictures:05d}" for i in range(pictures)]
        (boxes / "ImageSets" / "Main" / f"{part}.txt").write_text("\n".join(stems) + "\n")
        for stem, count in zip(stems, spread(pairs, pictures), strict=True):
            things = draw_things(rng, count + rng.randint(3, 8))
            said = [
                f"A {rng.choice(LOOKS)} {thing[0].lower()} on the "
                f"{'left' if thing[1] + thing[3] < SIDE_PX else 'right'}, number {number + 1}"
                for number, thing in enumerate(things[:count])
            ]
            write_voc(phrases / "Annotations" / f"{stem}.xml", things[:count], said)
            write_voc(boxes / "Annotations" / f"{stem}.xml", things, [])


def copy_real(real: Path, out: Path) -> set[str]:
    """Copy the label files at hand; return the names of their sources.

    A folder that was drawn gives way as a whole; one that holds real files already stays.
    """
    found = set()
    for name, (folder, pattern) in REAL_FOLDERS.items():
        paths = sorted((real / folder).glob(pattern))
        if not paths:
            continue
        found.add(name)
        if (out / name).exists() and read_mark(out / name) is None:
            continue
        draft = start_draft(out / name)
        for path in paths:
            target = draft / path.relative_to(real / folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
        finish_draft(draft, out / name)
    return found


def read_mark(folder: Path) -> Mapping[str, Any] | None:
    """Return what a drawn folder says of itself; None where real files lie or nothing does."""
    path = folder / MARK
    if not path.is_file():
        return None
    try:
        mark = json.loads(path.read_text())
    except ValueError:
        return {}
    return mark if isinstance(mark, dict) else {}


def start_draft(folder: Path) -> Path:
    """Return the name under which a folder is made, with nothing there."""
    draft = folder.with_name(f"{folder.name}.draft")
    shutil.rmtree(draft, ignore_errors=True)
    return draft


def finish_draft(draft: Path, folder: Path) -> None:
    """Put a folder that is whole in its place; what was drawn there before goes."""
    if folder.is_symlink():
        folder.unlink()
    elif folder.exists():
        shutil.rmtree(folder)
    draft.rename(folder)


def write_fixtures(
    out: Path, *, real: Path | None = None, scale: float = 1.0, seed: int = 0
) -> dict[str, str]:
    """Copy what is real, draw what lacks; return what each source is: real or fixture.

    May be stopped at any moment and called again: a folder appears under its name when it is
    whole, its mark inside. One that was drawn at another scale or from another seed is drawn anew.
    """
    out.mkdir(parents=True, exist_ok=True)
    made = dict.fromkeys(copy_real(real, out) if real else (), "real")
    mark = {"what": "labels without pixels", "seed": seed, "scale": scale, "drawing": DRAWING}
    writers: dict[str, Callable[[Mapping[str, Path], Random], None]] = {
        name: lambda at, rng, name=name, parts=parts: write_precomputed(at[name], parts, rng, scale)
        for name, parts in CAPTIONS.items()
    }
    writers |= {
        name: lambda at, rng, name=name: write_rsvqa(at[name], name, rng, scale) for name in RSVQA
    }
    writers |= {
        "nwpu-captions": lambda at, rng: write_nwpu(at["nwpu-captions"], rng, scale),
        "floodnet": lambda at, rng: write_floodnet(at["floodnet"], rng, scale),
        "rsivqa": lambda at, rng: write_rsivqa(at["rsivqa"], rng, scale),
        "dior-rsvg": lambda at, rng: write_dior(at["dior-rsvg"], at["dior"], rng, scale),
    }
    for number, (name, write) in enumerate(writers.items()):
        folders = (name, "dior") if name == "dior-rsvg" else (name,)
        kinds = {one: describe_folder(out / one, mark) for one in folders}
        real_ones = [one for one in folders if kinds[one] == "real"]
        made |= dict.fromkeys(real_ones, "real")
        drawn = [one for one in folders if kinds[one] != "real"]
        if not real_ones and any(kinds[one] != "fixture" for one in drawn):
            drafts = {one: start_draft(out / one) for one in drawn}
            write(drafts, Random(1000 * seed + number))
            for one, draft in drafts.items():
                (draft / MARK).write_text(json.dumps(mark) + "\n")
                finish_draft(draft, out / one)
        elif real_ones and drawn:
            raise SystemExit(
                f"error: {out / real_ones[0]} holds real files, {out / drawn[0]} does not\n"
                "hint: phrases and boxes are of the same pictures: bring both, or neither"
            )
        made |= dict.fromkeys(drawn, "fixture")
    return made


def describe_folder(folder: Path, mark: Mapping[str, Any]) -> str:
    """Say what a folder is: ``real``, the ``fixture`` that is wanted, ``other`` one, or none."""
    if not folder.exists():
        return "none"
    found = read_mark(folder)
    if found is None:
        return "real"
    return "fixture" if found == mark else "other"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--real", type=Path, help="Folder with the real files.")
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    made = write_fixtures(
        arguments.out, real=arguments.real, scale=arguments.scale, seed=arguments.seed
    )
    for name, what in sorted(made.items()):
        print(f"{name:18} {what}")


if __name__ == "__main__":
    main()
