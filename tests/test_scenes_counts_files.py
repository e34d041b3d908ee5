"""Every real label file is read once: what is kept, and what is left out by name and number."""

from collections import Counter
from pathlib import Path

import pytest

from lineament.annotation import Annotation
from lineament.errors import BadInput
from lineament.records.sources.scenes.coco import CocoPicture, read_coco
from lineament.records.sources.scenes.label import labels_of
from lineament.records.sources.source import Dropped
from lineament.records.sources.table import SOURCES

pytestmark = pytest.mark.long  # every line of every real file
REAL = Path(__file__).resolve().parents[2] / "shared" / "data" / "rs"
REPEATED, BAD, NONE = "duplicate row", "bad box", "no answer"
CUT, TWICE = "box cut at the border", "repeated question"  # both are kept
PRE, LR, HR = "captions_precomp", "rsvqa_splits/RSVQA-LR", "rsvqa_splits/RSVQA-HR"
# Source, folder, split: pictures, labels, what is dropped, what is marked. Repeated captions are
# dropped by the published rule; nothing else is missing from what the files' makers counted.
FILES = {
    ("rsicd", f"{PRE}/rsicd", "train"): (8734, 17_813, {REPEATED: 25_857}, {}),
    ("rsicd", f"{PRE}/rsicd", "val"): (1094, 2901, {REPEATED: 2569}, {}),
    ("rsicd", f"{PRE}/rsicd", "test"): (1093, 3619, {REPEATED: 1846}, {}),
    ("rsitmd", f"{PRE}/rsitmd", "train"): (4291, 20_096, {REPEATED: 1359}, {"blank caption": 4}),
    ("rsitmd", f"{PRE}/rsitmd", "test"): (452, 2122, {REPEATED: 138}, {}),
    ("ucm-captions", f"{PRE}/ucm", "train"): (1680, 7999, {REPEATED: 401}, {}),
    ("ucm-captions", f"{PRE}/ucm", "test"): (210, 982, {REPEATED: 68}, {}),
    ("sydney-captions", f"{PRE}/sydney", "train"): (497, 2294, {REPEATED: 191}, {}),
    ("sydney-captions", f"{PRE}/sydney", "test"): (58, 274, {REPEATED: 16}, {}),
    ("rsicd", "rsicd_coco", "coco-train"): (6, 6, {}, {}),
    ("rsicd", "rsicd_coco", "coco-val"): (1092, 2190, {REPEATED: 3270}, {}),
    ("rsicd", "rsicd_coco", "coco-test"): (1093, 4511, {REPEATED: 954}, {}),
    ("sydney-captions", "caption_images/sydney", "train"): (497, 2294, {REPEATED: 191}, {}),
    ("sydney-captions", "caption_images/sydney", "val"): (58, 274, {REPEATED: 16}, {}),
    ("sydney-captions", "caption_images/sydney", "test"): (58, 269, {REPEATED: 21}, {}),
    ("rsicd", "caption_images/rsicd", "train"): (8734, 8734, {}, {}),
    ("floodnet", "floodnet_vqa", "train"): (1448, 4511, {}, {}),
    ("floodnet", "floodnet_vqa", "val"): (0, 0, {NONE: 1415}, {}),
    ("floodnet", "floodnet_vqa", "test"): (0, 0, {NONE: 1429}, {}),
    ("rsivqa", "rsivqa", "hrrsd"): (21_761, 78_834, {}, {TWICE: 9}),
    ("rsivqa", "rsivqa", "dota-train"): (1410, 12_389, {}, {}),
    ("rsivqa", "rsivqa", "dota-val"): (458, 4041, {}, {}),
    ("rsivqa", "rsivqa", "aid"): (10_921, 10_921, {}, {}),
    ("rsivqa", "rsivqa", "sydney"): (613, 613, {}, {}),
    ("rsivqa", "rsivqa", "ucm"): (2100, 2100, {}, {}),
    ("rsivqa", "rsivqa", "ucm-human"): (559, 2795, {}, {"question without its noun": 294}),
    ("rsvqa-lr", "rsvqa_website/lr", "all"): (50, 5005, {}, {}),
    ("rsvqa-hr", "rsvqa_website/hr", "all"): (50, 5001, {}, {}),
    ("rsvqa-lr", LR, "train"): (3, 300, {}, {}),
    ("rsvqa-lr", LR, "val"): (5, 500, {}, {}),
    ("rsvqa-lr", LR, "test"): (4, 400, {}, {}),
    ("rsvqa-hr", HR, "train"): (4, 400, {}, {}),
    ("rsvqa-hr", HR, "val"): (3, 300, {}, {}),
    ("rsvqa-hr", HR, "test"): (3, 300, {}, {}),
    ("rsvqa-hr", HR, "test-phili"): (2, 201, {}, {}),
    ("rsvg-hr", "rsvg_hr", "train"): (1380, 2149, {BAD: 2, CUT: 4}, {}),
    ("rsvg-hr", "rsvg_hr", "test"): (371, 499, {CUT: 1}, {}),
    ("dior-rsvg", "dior_rsvg_sample", "train"): (1, 1, {}, {}),
    ("dior-rsvg", "dior_rsvg_sample", "official-test"): (1, 1, {}, {}),
    ("nwpu-vhr10", "nwpu_vhr10", "all"): (650, 2661, {}, {}),
    ("hrrsd", "hrrsd", "val"): (4352, 15_849, {CUT: 6}, {}),
    ("hrrsd", "hrrsd", "all"): (4483, 16_311, {REPEATED: 9, CUT: 6}, {}),
    ("dota", "dota_sample", "all"): (8, 71, {BAD: 1}, {}),
}
# The files that hold the boxes: pictures and boxes, as their makers count them.
BOXES = {"hrrsd": (4352, 11_535, "val"), "nwpu_vhr10": (650, 3921, "all")}


def read(name, folder, split):
    if not (REAL / folder).is_dir():
        pytest.skip(f"{REAL / folder} is not there")
    rows = list(SOURCES[name].read(REAL / folder, split))
    kept = [row for row in rows if isinstance(row, Annotation)]
    return kept, Counter(row.reason for row in rows if isinstance(row, Dropped))


@pytest.mark.shared
@pytest.mark.slow
def test_every_real_file_is_read_and_what_is_left_out_is_named():
    if not REAL.is_dir():
        pytest.skip(f"{REAL} is not there")
    found = {}
    for place in FILES:
        kept, dropped = read(*place)
        labels = [label for annotation in kept for label in labels_of(annotation)]
        flaws = Counter(label.flaw for label in labels if label.flaw)
        found[place] = (len(kept), len(labels), dict(dropped), dict(flaws))
    assert found == FILES


@pytest.mark.shared
@pytest.mark.parametrize("folder", sorted(BOXES))
def test_every_box_of_the_real_coco_files_is_kept(folder):
    pictures, boxes, split = BOXES[folder]
    kept, dropped = read({"nwpu_vhr10": "nwpu-vhr10"}.get(folder, folder), folder, split)
    assert len(kept) == pictures
    assert sum(len(annotation.subjects) for annotation in kept) == boxes
    assert dropped == ({CUT: 6} if folder == "hrrsd" else {})


@pytest.mark.shared
def test_the_small_real_coco_file_has_no_faulty_row():
    path = REAL / "hrrsd" / "hrrsd_tiny_100_3084.json"
    if not path.is_file():
        pytest.skip(f"{path} is not there")
    rows = list(read_coco(path))
    assert all(isinstance(row, CocoPicture) for row in rows)
    assert sum(len(row.objects) for row in rows if isinstance(row, CocoPicture)) == 249


@pytest.mark.shared
@pytest.mark.parametrize("split", ["val", "test"])
def test_the_real_file_with_exchanged_parts_is_refused(split):
    folder = REAL / "caption_images" / "rsicd"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there")
    with pytest.raises(BadInput, match="val and test are exchanged: 1093 and 1094"):
        next(iter(SOURCES["rsicd"].read(folder, split)))
