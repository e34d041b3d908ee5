"""GeoTIFFs through every source: depth, choice of bands, and metres per pixel in the annotation."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lineament.annotation import Annotation
from lineament.cli.app import run
from lineament.describe.look import look_at_media
from lineament.errors import BadInput, BadMedia
from lineament.records.sources.pixels import has_media, open_pixels
from lineament.records.sources.scenes.geotiff import (
    measure_picture,
    read_scale,
    scale_from_tags,
    split_bands,
    write_bands,
)
from lineament.records.sources.table import SOURCES
from lineament.records.store import RecordStore

tifffile = pytest.importorskip("tifffile")

SCALE = 0.25
# Keys of a GeoTIFF in metres of a UTM zone: model, projection, linear unit.
GEO_KEYS = (1, 1, 0, 3, 1024, 0, 1, 1, 3072, 0, 1, 32632, 3076, 0, 1, 9001)


def write_tiff(path: Path, values: np.ndarray, scale: float = SCALE) -> Path:
    """Write a GeoTIFF with its scale in the tags that geographic software writes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    tags = [
        (33550, "d", 3, (scale, scale, 0.0), True),
        (33922, "d", 6, (0.0, 0.0, 0.0, 5e5, 5e6, 0.0), True),
        (34735, "H", len(GEO_KEYS), GEO_KEYS, True),
    ]
    kind = "rgb" if values.ndim == 3 and values.shape[2] == 3 else "minisblack"
    tifffile.imwrite(path, values, photometric=kind, planarconfig="contig", extratags=tags)
    return path


def many_bands(side: int = 40) -> np.ndarray:
    """Return 13 bands of 16 bits, each a slope of its own direction and level."""
    y, x = np.mgrid[:side, :side]
    slopes = [(n + 1) * 100 + (x if n % 2 else y) * (n + 3) for n in range(13)]
    return np.stack(slopes, -1).astype(np.uint16)


def stretch(band: np.ndarray) -> np.ndarray:
    """Return a band between its 2nd and 98th percentile in eight bits, as documented."""
    low, high = np.percentile(band, 2), np.percentile(band, 98)
    return np.clip((band - low) / (high - low), 0, 1) * 255


def read_one(name: str, folder: Path, split: str) -> Annotation:
    (only,) = (r for r in SOURCES[name].read(folder, split) if isinstance(r, Annotation))
    return only


# --- pixels


def test_builds_training_and_scores_see_a_deep_picture_bright(tmp_path):
    levels = np.linspace(0, 2047, 40 * 40).reshape(40, 40).astype(np.uint16)
    write_tiff(tmp_path / "deep.tif", np.stack([levels] * 3, -1))
    pixels = open_pixels("deep.tif", tmp_path)
    assert np.abs(pixels[..., 0] - stretch(levels)).max() <= 1
    plain = np.random.default_rng(0).integers(0, 256, (32, 48, 3)).astype(np.uint8)
    write_tiff(tmp_path / "flat.tif", plain)
    assert np.array_equal(open_pixels("flat.tif", tmp_path), plain)


def test_a_reference_chooses_the_bands_of_its_file(tmp_path):
    values = many_bands()
    write_tiff(tmp_path / "s2.tif", values)
    for reference, bands in (("s2.tif/3,2,1", (3, 2, 1)), ("s2.tif", (0, 1, 2)),
                             ("s2.tif/12,0,7", (12, 0, 7))):  # fmt: skip
        pixels = open_pixels(reference, tmp_path)
        wanted = np.stack([stretch(values[..., band]) for band in bands], -1)
        assert np.abs(pixels - wanted).max() <= 1
        assert has_media(reference, tmp_path)
    with pytest.raises(BadMedia, match="no band 13"):
        open_pixels("s2.tif/13,0,0", tmp_path)
    assert not has_media("other.tif/3,2,1", tmp_path)
    with pytest.raises(BadMedia):
        open_pixels("other.tif/3,2,1", tmp_path)


def test_only_tiffs_have_bands_to_choose():
    assert split_bands("a/b.TIF/3,2,1") == ("a/b.TIF", (3, 2, 1))
    for plain in ("a.png/3,2,1", "a.tif", "a.tif/3,2", "faces.npz/17", "3,2,1"):
        assert split_bands(plain) == (plain, None)
    assert write_bands("a.png", (3, 2, 1)) == "a.png"
    assert write_bands("a.tif", None) == "a.tif"


# --- where a source is opened


def test_eurosat_of_thirteen_bands_is_built_with_its_true_colours(tmp_path, capsys):
    data = tmp_path / "data"
    values = many_bands()
    write_tiff(data / "EuroSAT_MS" / "Forest" / "Forest_1.tif", values, 10.0)
    only = read_one("eurosat", data, "all")
    assert only.media == "EuroSAT_MS/Forest/Forest_1.tif/3,2,1"
    facts = {fact.name: fact.value for fact in only.facts}
    assert (facts["width_px"], facts["height_px"], facts["meters_per_pixel"]) == (40, 40, 10)
    command = ["build", "eurosat", "--data", str(data), "--out", str(tmp_path / "out"), "--json"]
    assert run([*command, "--kinds", "adapted", "--require-media"]) == 0
    row = json.loads(capsys.readouterr().out)
    assert (row["annotations"], row["media"]["found"]) == (1, 1)
    (media,) = RecordStore(tmp_path / "out").column("media")
    wanted = np.stack([stretch(values[..., band]) for band in (3, 2, 1)], -1)
    assert np.abs(open_pixels(media, data) - wanted).max() <= 1


def test_a_file_of_the_folder_chooses_the_bands(tmp_path):
    write_tiff(tmp_path / "Forest" / "Forest_1.tif", many_bands())
    Image.new("RGB", (9, 8)).save(tmp_path / "Forest" / "Forest_2.png")
    (tmp_path / "bands.txt").write_text("7, 3 2\n")
    media = [r.media for r in SOURCES["eurosat"].read(tmp_path, "all") if isinstance(r, Annotation)]
    assert media == ["Forest/Forest_1.tif/7,3,2", "Forest/Forest_2.png"]
    for wrong in ("3,2", "red green blue", "3,2,1,0", ""):
        (tmp_path / "bands.txt").write_text(wrong)
        with pytest.raises(BadInput, match=r"bands\.txt"):
            list(SOURCES["eurosat"].read(tmp_path, "all"))


def test_training_opens_the_chosen_bands(tmp_path):
    pytest.importorskip("torch")
    from lineament.records.build import BuildSettings, build
    from lineament.training.built import open_built
    from lineament.training.recipe import Mix

    write_tiff(tmp_path / "Forest" / "Forest_1.tif", many_bands())
    settings = BuildSettings(kinds=("adapted",))
    build(SOURCES["eurosat"], tmp_path, tmp_path / "out", settings)
    mix = Mix(source=str(tmp_path / "out"), options={"media": str(tmp_path)})
    visual = open_built(mix).read(0, 0).visual
    assert visual is not None
    assert np.array_equal(visual.frames[0], open_pixels("Forest/Forest_1.tif/3,2,1", tmp_path))


# --- metres per pixel


def coco(folder: Path) -> None:
    table = {
        "images": [{"id": 1, "file_name": "1.tif"}],
        "categories": [{"id": 1, "name": "ship"}],
        "annotations": [
            {"image_id": 1, "category_id": 1, "bbox": [4, 4, 30, 4],
             "segmentation": [[4, 4, 34, 4, 34, 8, 4, 8]]}
        ],
    }  # fmt: skip
    (folder / "annotations.json").write_text(json.dumps(table))


def voc(phrase: str) -> str:
    corners = "".join(
        f"<{key}>{value}</{key}>"
        for key, value in zip(("xmin", "ymin", "xmax", "ymax"), (4, 4, 34, 8), strict=True)
    )
    return (
        "<annotation><filename>1.tif</filename><size><width>40</width><height>40</height></size>"
        f"<object><name>ship</name><bndbox>{corners}</bndbox>"
        f"<description>{phrase}</description></object></annotation>"
    )


def write_labels(name: str, folder: Path) -> str:
    """Write the smallest label files of a source about ``1.tif``; return the split."""
    if name == "nwpu-vhr10":
        coco(folder)
        return "all"
    if name in ("dior", "dior-rsvg"):
        (folder / "Annotations").mkdir()
        (folder / "Annotations" / "00001.xml").write_text(voc("a ship"))
        return "all" if name == "dior" else "train"
    if name == "rsvg-hr":
        (folder / "rsvg_hr_train.txt").write_text("1.tif,1.0,1.0,9.0,9.0,a ship\n")
    elif name == "ucm-captions":
        (folder / "train_filename.txt").write_text("1.tif\n")
        (folder / "train_caps.txt").write_text("a\nb\nc\nd\ne\n")
    elif name == "floodnet":
        row = {"Image_ID": "1.tif", "Question": "How many?", "Ground_Truth": 1}
        (folder / "training_question.json").write_text(json.dumps({"0": row}))
    elif name == "rsivqa":
        (folder / "UCM").mkdir()
        (folder / "UCM" / "ucm_vqa.txt").write_text("1.tif:what is the theme?forest\n")
        return "ucm"
    else:
        question = {"id": 0, "img_id": 1, "type": "x", "question": "Is it?", "answers_ids": [0]}
        rows = {"images": {"id": 1}, "questions": question, "answers": {"id": 0, "answer": "yes"}}
        for part, row in rows.items():
            (folder / f"{part}.json").write_text(json.dumps({part: [{**row, "active": True}]}))
        return "all"
    return "train"


NAMES = (
    "nwpu-vhr10", "dior", "dior-rsvg", "rsvg-hr", "ucm-captions", "floodnet", "rsivqa", "rsvqa-lr",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_the_scale_of_a_geotiff_stands_in_the_annotation(name, tmp_path):
    split = write_labels(name, tmp_path)
    assert read_one(name, tmp_path, split).facts_named("meters_per_pixel") == ()
    write_tiff(tmp_path / "images" / "1.tif", many_bands())
    only = read_one(name, tmp_path, split)
    assert only.media == "images/1.tif"
    (fact,) = only.facts_named("meters_per_pixel", "clip")
    assert fact.value == SCALE
    if name == "nwpu-vhr10":  # no size in its file: the picture's header has it
        assert only.facts_named("width_px")[0].value == 40
        assert only.facts_named("object_class")[0].region == (0.1, 0.1, 0.85, 0.2)
        assert only.facts_named("length_meters")[0].value == 30 * SCALE
    (tmp_path / "bands.txt").write_text("3,2,1")
    chosen = read_one(name, tmp_path, split)
    assert chosen.media == "images/1.tif/3,2,1"
    assert chosen.facts == only.facts


def test_what_the_labels_say_of_the_scale_wins_over_the_tags(tmp_path):
    write_tiff(tmp_path / "images" / "P1.tif", many_bands())
    (tmp_path / "labelTxt").mkdir()
    row = "4 4 34 4 34 8 4 8 ship 0\n"
    (tmp_path / "labelTxt" / "P1.txt").write_text(f"gsd:0.5\n{row}")
    only = read_one("dota", tmp_path, "all")
    assert only.media == "images/P1.tif"
    assert only.facts_named("meters_per_pixel")[0].value == 0.5
    (tmp_path / "labelTxt" / "P1.txt").write_text(f"gsd:null\n{row}")
    only = read_one("dota", tmp_path, "all")
    assert only.facts_named("meters_per_pixel")[0].value == SCALE
    assert only.facts_named("length_meters")[0].value == 30 * SCALE


def test_a_header_is_read_without_the_decoder_and_damage_is_no_scale(tmp_path, monkeypatch):
    path = write_tiff(tmp_path / "1.tif", many_bands())
    monkeypatch.setitem(sys.modules, "tifffile", None)  # importing it now fails
    seen = measure_picture(tmp_path, "1.tif/3,2,1")
    assert (seen.size_px, seen.meters_per_pixel, seen.num_bands) == ((40, 40), SCALE, 13)
    whole = path.read_bytes()
    for data in (b"", b"II*\0", whole[:60], b"II*\0\xff\xff\xff\xff", b"no picture"):
        path.write_bytes(data)
        assert measure_picture(tmp_path, "1.tif").meters_per_pixel is None
        assert read_scale(path) is None
    Image.new("RGB", (30, 20)).save(path, format="PNG")  # a name that is wrong
    assert measure_picture(tmp_path, "1.tif").size_px == (30, 20)
    assert measure_picture(tmp_path, "gone.tif").size_px is None


@pytest.mark.parametrize("scale", [float("nan"), float("inf"), 0.0])
def test_a_scale_that_is_no_length_is_left_out(scale):
    assert scale_from_tags({33550: (scale, scale, 0.0), 34735: GEO_KEYS}) is None
    assert scale_from_tags({33550: 3.0, 34735: GEO_KEYS}) is None
    tie = (0.0, 0.0, 0.0, 0.0, 1e300, 0.0)
    mercator = (1, 1, 0, 2, 1024, 0, 1, 1, 3072, 0, 1, 3857)
    assert scale_from_tags({33550: (9.0, 9.0, 0.0), 33922: tie, 34735: mercator}) is None


# --- the command line


@pytest.mark.parametrize("values", [many_bands(), many_bands()[..., :3].astype(np.float32)])
def test_a_raster_is_used_as_any_picture(values, tmp_path, capsys):
    tile = write_tiff(tmp_path / "tile.tif", values)
    ship = {"name": "object_class", "value": "ship", "subject": "object 0",
            "region": [0.1, 0.1, 0.4, 0.3]}  # fmt: skip
    known = {"media": "tile.tif", "subjects": [{"id": "object 0", "kind": "object"}],
             "facts": [ship]}  # fmt: skip
    (tmp_path / "tile.json").write_text(json.dumps(known))
    assert run(["annotate", str(tile), "--report", str(tmp_path / "page")]) == 0
    assert "data:image/" in (tmp_path / "page" / "index.html").read_text()
    assert run(["check", "There is a ship.", "--against", str(tile)]) == 0
    assert run(["chat", str(tile), "Is there a ship?"]) == 0
    told = capsys.readouterr()
    assert "supported" in told.out
    assert "Yes" in told.out


@pytest.mark.parametrize("values", [many_bands(), many_bands()[..., :3].astype(np.float32)])
def test_a_bare_raster_is_refused_in_a_line(values, tmp_path, capsys):
    tile = write_tiff(tmp_path / "tile.tif", values)
    for command in (["annotate"], ["check", "There is a ship.", "--against"]):
        assert run([*command, str(tile)]) == 2
        assert "many bands or bits, and no annotation beside it" in capsys.readouterr().err
    with pytest.raises(BadMedia, match="many bands"):
        look_at_media(tile)  # what `lineament chat` begins with
