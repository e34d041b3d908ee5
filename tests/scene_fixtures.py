"""Aerial sets in their own files, one maker a set; and a maker of data for every task."""

import importlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from lineament.evaluation.answerer import Asked, Failure
from lineament.evaluation.item import Item
from lineament.evaluation.tasks.label_table import words_of
from lineament.evaluation.tasks.told_answers import Reference, is_affirmed
from lineament.records.sources.source import share_of

NUM_PICTURES = 6
BRIGHT, DARK = 200, 40
NOUNS = (
    ("runway", "planes", "terminal"), ("forest", "pines", "clearing"),
    ("harbor", "boats", "pier"), ("river", "barges", "bank"),
    ("stadium", "seats", "track"), ("desert", "dunes", "gravel"),
)  # fmt: skip
TEMPLATES = (
    "a {0} with many {1} near one {2} .", "{1} fill this {0} by some {2} .",
    "here a {2} meets {1} of the {0} .", "{0} , {1} and {2} together .",
    "one {2} seen above {1} next to a {0} .",
)  # fmt: skip


class Knower:
    """Opens every picture and knows every answer: what fails is not the answerer's fault."""

    name = identity = "knower"
    is_looking = True
    num_media = 4

    def __init__(self, answers: Mapping[str, str]) -> None:
        self.answers = answers

    def answer(self, batch: Sequence[Asked]) -> list[str | Failure]:
        assert all(asked.visual is not None for asked in batch)
        return [self.answers[asked.id] for asked in batch]


def answer_rightly(item: Item) -> str:
    """Return an item's right answer in words, whatever its kind."""
    truth = item.truth
    if item.kind == "yes_no":
        return "Yes." if truth is not item.is_denied else "No."
    if isinstance(truth, Reference):
        flags = {True: "Yes.", False: "No."}
        return flags[is_affirmed(truth)] if truth.form == "flag" else str(truth)
    if item.kind == "spans":
        return "; ".join(f"from {a:.2f} to {b:.2f} s" for a, b in truth["spans"])
    if item.kind == "choice":
        return item.options[ord(truth) - ord("A")]
    if item.kind == "labels":
        if truth and not isinstance(truth[0], str):  # the right options, and all options
            return "; ".join(truth[0])
        return ", ".join(words_of(name)[0] for name in truth) or "none"
    if item.kind == "text":
        return truth[0]
    return str(list(truth)) if item.kind == "box" else str(truth)


def is_bright(number: int) -> bool:
    """Say which pictures are bright: two in three, so that there is a majority."""
    return number % 3 != 0


def paint(path: Path, number: int = 0, side_px: int = 32) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    level = BRIGHT if is_bright(number) else DARK
    Image.new("RGB", (side_px, side_px), (level + number, level, level)).save(path)


LR_KINDS = (
    ("presence", "Is there a road?", ("yes", "no")),
    ("comp", "Are there more roads than farmlands?", ("no", "yes")),
    ("count", "What is the number of roads?", ("7", "0")),
    ("rural_urban", "Is it a rural or an urban area", ("rural", "urban")),
)
HR_KINDS = (*LR_KINDS[:3], ("area", "What is the area covered by roads?", ("407m2", "0m2")))


def make_rsvqa(folder: Path, prefix: str = "LR", kinds=LR_KINDS, pictures="Images_LR") -> Path:
    """Write RSVQA's three files of the test part, a row of another part among each."""
    about = {"date_added": 1560000000.0, "people_id": 0, "active": True}
    images: list[dict[str, Any]] = [{"id": 99, "active": False}]
    questions: list[dict[str, Any]] = [{"id": 999, "active": False}]
    answers: list[dict[str, Any]] = [{"id": 999, "active": False}]
    for picture in range(NUM_PICTURES):
        first = len(questions) - 1
        images.append(
            about
            | {
                "id": picture, "original_name": f"{picture}.tif", "sensor": "drawn",
                "upperleft_map_x": 0.0, "upperleft_map_y": 0.0, "res_x": "10.0", "res_y": "10.0",
                "type": "RGB", "questions_ids": list(range(first, first + len(kinds))),
            }
        )  # fmt: skip
        paint(folder / pictures / f"{picture}.tif", picture)
        for kind, text, truths in kinds:
            id = len(questions) - 1
            truth = truths[0 if is_bright(picture) else 1]
            asks = {"id": id, "img_id": picture, "type": kind, "question": text}
            questions.append(about | asks | {"answers_ids": [id]})
            answers.append(about | {"id": id, "question_id": id, "answer": truth})
    for name, rows in (("images", images), ("questions", questions), ("answers", answers)):
        (folder / f"{prefix}_split_test_{name}.json").write_text(json.dumps({name: rows}))
    return folder


def make_rsvqa_hr(folder: Path) -> Path:
    return make_rsvqa(folder, "USGS", HR_KINDS, "Images_HR")


def double_question(folder: Path) -> None:
    path = next(folder.glob("*_test_questions.json"))
    rows = json.loads(path.read_text())["questions"]
    path.write_text(json.dumps({"questions": [*rows, rows[1]]}))


def make_rsivqa(folder: Path) -> Path:
    """Write the questions on DOTA's validation pictures: ids without suffix, a blank after."""
    lines = []
    for number in range(NUM_PICTURES):
        name, yes = f"P{number + 3:04d}", "yes" if is_bright(number) else "no"
        count = 15 if is_bright(number) else 0
        lines.append(f"{name}: how many small vehicles are there in this picture?{count}")
        lines.append(f"{name}: does this picture contain small vehicle?{yes}")
        paint(folder / "RSIVQA" / "images" / f"{name}.png", number)
    path = folder / "RSIVQA" / "DOTA" / "dota_val_vqa2.txt"
    path.parent.mkdir(parents=True)
    path.write_text("\n".join(lines) + "\n")
    return folder


def describe(number: int) -> list[str]:
    return [template.format(*NOUNS[number]) for template in TEMPLATES]


def make_karpathy(folder: Path, file: str, name: str, pictures: str) -> Path:
    """Write one JSON of all parts with sentences and tokens; the last picture is of train."""
    images = []
    for number in range(NUM_PICTURES):
        sentences = [
            {"raw": text, "tokens": text.split()[:-1], "imgid": number, "sentid": 5 * number + n}
            for n, text in enumerate(describe(number))
        ]
        images.append(
            {"imgid": number, "filename": name.format(number), "split": "test",
             "sentids": [row["sentid"] for row in sentences], "sentences": sentences}
        )  # fmt: skip
        paint(folder / pictures / name.format(number), number)
    images.append(images[0] | {"imgid": 99, "filename": name.format(99), "split": "train"})
    folder.mkdir(parents=True, exist_ok=True)
    (folder / file).write_text(json.dumps({"dataset": folder.name, "images": images}))
    return folder


def make_rsicd(folder: Path) -> Path:
    return make_karpathy(folder, "dataset_rsicd.json", "airport_{}.jpg", "RSICD_images")


def make_ucm_captions(folder: Path) -> Path:
    return make_karpathy(folder, "dataset.json", "{}.tif", "imgs")


def make_sydney(folder: Path) -> Path:
    return make_karpathy(folder, "dataset.json", "{}.tif", "imgs")


def double_karpathy(folder: Path) -> None:
    path = next(folder.glob("dataset*.json"))
    table = json.loads(path.read_text())
    path.write_text(json.dumps(table | {"images": [*table["images"], table["images"][0]]}))


def make_rsitmd(folder: Path) -> Path:
    """Write a caption a line, and the picture's name five times."""
    folder.mkdir(parents=True)
    captions = [text for number in range(NUM_PICTURES) for text in describe(number)]
    names = [f"boat_{number // 5}.tif" for number in range(5 * NUM_PICTURES)]
    (folder / "test_caps.txt").write_text("\n".join(captions) + "\n")
    (folder / "test_filename.txt").write_text("\n".join(names) + "\n")
    for number in range(NUM_PICTURES):
        paint(folder / "images" / f"boat_{number}.tif", number)
    return folder


def double_lines(folder: Path) -> None:
    for name in ("test_caps.txt", "test_filename.txt"):
        path = folder / name
        lines = path.read_text().splitlines()
        path.write_text("\n".join([*lines, *lines[:5]]) + "\n")


def make_nwpu_captions(folder: Path) -> Path:
    """Write NWPU-Captions' own file, a list by class, and pictures in folders by class."""
    table: dict[str, list[dict[str, Any]]] = {}
    for number in range(NUM_PICTURES):
        scene = ("airplane", "forest")[number % 2]
        name = f"{scene}_{number:03d}.jpg"
        texts = {"raw" if n == 0 else f"raw_{n}": t for n, t in enumerate(describe(number))}
        row = {"filename": name, "imgid": number, "split": "test", **texts}
        table.setdefault(scene, []).append(row)
        paint(folder / "NWPU_images" / scene / name, number)
    train = table["forest"][0] | {"filename": "forest_700.jpg", "split": "train"}
    table["forest"].append(train)
    (folder / "dataset_nwpu.json").write_text(json.dumps(table))
    return folder


def double_nwpu(folder: Path) -> None:
    path = folder / "dataset_nwpu.json"
    table = json.loads(path.read_text())
    table["forest"].append(table["forest"][0])
    path.write_text(json.dumps(table))


def write_voc_object(number: int) -> str:
    low, high = 130 * number, 130 * number + 120
    return (
        "<object><name>vehicle</name><pose>Unspecified</pose>"
        f"<bndbox><xmin>{low}</xmin><ymin>{low}</ymin><xmax>{high}</xmax><ymax>{high}</ymax>"
        f"</bndbox><description>A car, number {number + 1} from the top</description></object>"
    )


def make_dior_rsvg(folder: Path) -> Path:
    """Write a VOC file a picture; DIOR's test pictures begin after 11725. No two boxes overlap."""
    place = folder / "DIOR_RSVG"
    (place / "Annotations").mkdir(parents=True)
    for number in range(NUM_PICTURES):
        for stem in (f"{11_726 + number:05d}", *(("00001",) if number == 0 else ())):
            (place / "Annotations" / f"{stem}.xml").write_text(
                f"<annotation><filename>{stem}.jpg</filename><source><database>DIOR</database>"
                "</source><size><width>800</width><height>800</height><depth>3</depth></size>"
                f"<segmented>0</segmented>{write_voc_object(number)}</annotation>"
            )
            paint(place / "JPEGImages" / f"{stem}.jpg", number, 80)
    return folder


def double_voc(folder: Path) -> None:
    path = folder / "DIOR_RSVG" / "Annotations" / "11726.xml"
    text = path.read_text()
    path.write_text(text.replace("</annotation>", f"{write_voc_object(0)}</annotation>"))


def make_rsvg_hr(folder: Path) -> Path:
    """Write a phrase a line; one has a decimal comma, as one of the published lines has."""
    lines = []
    for number in range(NUM_PICTURES):
        low, high = 160.0 * number, 160.0 * number + 150.0
        lines.append(f"{number}.jpg,{low},{low},{high},{high},a court, number {number}")
        paint(folder / "rsvg_hr_images" / f"{number}.jpg", number, 64)
    lines.append("0.jpg,409.0,216,00,447.0,467.0,a broken line")
    (folder / "rsvg_hr_test.txt").write_text("\n".join(lines) + "\n")
    return folder


def double_phrase(folder: Path) -> None:
    path = folder / "rsvg_hr_test.txt"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines, lines[1]]) + "\n")


def make_classes(name: str, place: str, spell: str) -> Callable[[Path], Path]:
    """Return a maker of class folders: four pictures of a beach, one of a forest and a river."""

    def make(folder: Path) -> Path:
        painted = 0  # equal pictures would be answered once
        for scene, count in (("beach", 4), ("forest", 1), ("river", 1)):
            files = [spell.format(scene, number) for number in range(1, 400)]
            tested = [file for file in files if share_of(f"{name}/{file}") >= 0.9]
            trained = [file for file in files if share_of(f"{name}/{file}") < 0.8]
            for file in (*tested[:count], trained[0]):
                paint(folder / place.format(scene.capitalize(), scene) / file, painted)
                painted += 1
        return folder

    return make


def double_class(folder: Path) -> None:
    """Put a picture of one class under the same name into another's folder."""
    forest = next(path for path in folder.rglob("*") if path.name.lower() == "forest")
    for path in sorted(forest.parent.glob("[bB]each/*")):
        (forest / path.name).write_bytes(path.read_bytes())


def double_flood(folder: Path) -> None:
    path = folder / "Questions" / "Training Question.json"
    text = path.read_text()
    row = json.dumps(json.loads(text)["7"])
    path.write_text('{"7": ' + row + ", " + text[1:])


def double_vrsbench(folder: Path) -> None:
    for path in sorted(folder.glob("VRSBench_EVAL_*.json")):
        rows = json.loads(path.read_text())
        path.write_text(json.dumps([*rows, rows[0]]))


def maker(module: str, name: str) -> Callable[[Path], Path]:
    """Return a maker that stands in a test module."""

    def make(folder: Path) -> Path:
        return getattr(importlib.import_module(module), name)(folder)

    return make


@dataclass(frozen=True)
class SceneFixture:
    """One aerial set.

    Attributes:
        make: Writes it into a folder.
        picture: A pattern for its pictures.
        double: Doubles one of its rows.
        dropped: How many rows a doubled one drops; 0 where it is refused.
        is_cut: A picture is cut short rather than removed: its file alone tells that it is there.
    """

    make: Callable[[Path], Path]
    picture: str
    double: Callable[[Path], None]
    dropped: int = 0
    is_cut: bool = False

    def lose(self, path: Path) -> None:
        """Take a picture away."""
        path.write_bytes(b"") if self.is_cut else path.unlink()


_FLOODNET = maker("test_eval_scene_sets", "make_floodnet")
_VRSBENCH = maker("test_eval_scene_sets", "make_vrsbench")
_CLASSES = {
    "aid": make_classes("aid", "AID/{0}", "{0}_{1}.jpg"),
    "uc-merced": make_classes("uc-merced", "UCMerced_LandUse/Images/{1}", "{0}{1:02d}.tif"),
    "nwpu-resisc45": make_classes("nwpu-resisc45", "NWPU-RESISC45/{1}", "{0}_{1:03d}.jpg"),
}
FIXTURES: Mapping[str, SceneFixture] = {
    "rsvqa-lr": SceneFixture(make_rsvqa, "*.tif", double_question),
    "rsvqa-hr": SceneFixture(make_rsvqa_hr, "*.tif", double_question),
    "rsivqa": SceneFixture(
        make_rsivqa, "*.png",
        lambda folder: _repeat_line(folder / "RSIVQA" / "DOTA" / "dota_val_vqa2.txt"), 1,
    ),
    "rsicd": SceneFixture(make_rsicd, "*.jpg", double_karpathy),
    "rsitmd": SceneFixture(make_rsitmd, "*.tif", double_lines, 5),
    "ucm-captions": SceneFixture(make_ucm_captions, "*.tif", double_karpathy),
    "sydney-captions": SceneFixture(make_sydney, "*.tif", double_karpathy),
    "nwpu-captions": SceneFixture(make_nwpu_captions, "*.jpg", double_nwpu),
    "dior-rsvg": SceneFixture(make_dior_rsvg, "1172*.jpg", double_voc, 1),
    "rsvg-hr": SceneFixture(make_rsvg_hr, "*.jpg", double_phrase, 1),
    **{
        name: SceneFixture(make, "*each*.*", double_class, is_cut=True)
        for name, make in _CLASSES.items()
    },
    "floodnet": SceneFixture(_FLOODNET, "*.JPG", double_flood),
    **{
        name: SceneFixture(_VRSBENCH, "*.png", double_vrsbench)
        for name in ("vrsbench", "vrsbench-caption", "vrsbench-vqa", "vrsbench-referring")
    },
}  # fmt: skip


def _repeat_line(path: Path) -> None:
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines, lines[1]]) + "\n")


# Every task with what makes its data; None where it makes its own.
MAKERS: Mapping[str, Callable[[Path], Path] | None] = {
    "first-light": maker("test_evaluation", "make_faces"),
    "rendered": None,
    "counterfactual": None,
    "drawings": maker("test_eval_drawings", "make_drawings"),
    "dfew": maker("test_eval_faces_expressions", "make_dfew"),
    "mafw": maker("test_eval_faces_expressions", "make_mafw"),
    "ferv39k": maker("test_eval_faces_expressions", "make_ferv39k"),
    "dfec": maker("test_eval_dfec", "make_dfec"),
    "celeba": maker("test_eval_faces_attributes", "make_celeba"),
    "celeba-yes-no": maker("test_eval_faces_attributes", "make_celeba"),
    "celebvhq": maker("test_eval_faces_attributes", "make_celebvhq"),
    "celebvhq-yes-no": maker("test_eval_faces_attributes", "make_celebvhq"),
    "facexbench": maker("test_eval_faces_choices", "make_facexbench"),
    "face-human-bench": maker("test_eval_faces_choices", "make_fhb"),
    "facebench": maker("test_eval_faces_choices", "make_facebench"),
    "favchat-test": maker("test_eval_told", "make_store"),
    "unif2ace-description": maker("test_eval_told", "make_store"),
    "unif2ace-conversation": maker("test_eval_told", "make_store"),
    **{name: fixture.make for name, fixture in FIXTURES.items()},
}
