"""Drawings scored: attributes read back, captions told apart, VQAScore, FID and KID."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lineament.errors import BadInput, BadModel
from lineament.evaluation.answerer import Asked, ChatAnswerer, Constant, Failure
from lineament.evaluation.drawing_features import (
    FeatureExtractor,
    PixelFeatures,
    open_extractor,
)
from lineament.evaluation.drawing_files import read_caption, read_drawings, read_settings
from lineament.evaluation.drawing_scores import distances_from_features, measure_distances
from lineament.evaluation.drawings import Drawings, find_contrary, spread_flags
from lineament.evaluation.item import Visual
from lineament.evaluation.run import run_task
from lineament.evaluation.tasks.task import Options, Task

# Brightness tells what a picture shows: bright ones are smiling bearded men with black hair.
BRIGHT = "a smiling man with a beard and black hair"
DARK = "A drawing of a woman with blonde hair."
COUNT = 8


def make_drawings(folder: Path, count: int = COUNT) -> Path:
    folder.mkdir(parents=True)
    rows = []
    for n in range(count):
        is_bright = n % 2 == 0
        level = 200 + n if is_bright else 40 + n
        Image.new("RGB", (32, 32), (level, level, level)).save(folder / f"{n}.png")
        row = {"id": str(n), "file": f"{n}.png", "caption": BRIGHT if is_bright else DARK}
        if not is_bright:
            row["attributes"] = {"male": False, "smile": False, "beard": False, "blonde_hair": True}
        rows.append(json.dumps(row))
    (folder / "captions.jsonl").write_text("\n".join(rows) + "\n")
    return folder


def see(visual: Visual, questions) -> list[str]:
    """Answer like somebody who knows what brightness means."""
    is_bright = visual.frames.mean() > 128
    answers = []
    for question in questions:
        is_of_bright = not any(word in question for word in ("woman", "blond"))
        answers.append("Yes." if is_of_bright == is_bright else "No.")
    return answers


def test_one_who_looks_reads_everything_back_and_a_constant_has_chance(tmp_path):
    folder = make_drawings(tmp_path / "drawn")
    task = Drawings()
    assert isinstance(task, Task)
    result, found, answered = run_task(task, ChatAnswerer(see, "eyes"), folder)
    figures = result.scores.figures
    assert not answered.failures
    assert figures["balanced_accuracy"].value == 1.0
    assert figures["vlm_score"].value == 100.0
    assert figures["caption_told_apart"].value == 1.0
    for word in ("Yes.", "No."):
        constant, _, _ = run_task(task, Constant(word), folder)
        assert constant.scores.figures["balanced_accuracy"].value == 0.5
        assert constant.scores.figures["caption_told_apart"].value == 0.0
        prior = constant.scores.figures["vlm_score"].prior
        assert constant.scores.figures["vlm_score"].value <= prior + 1e-9
    assert any("no drawings.toml" in note for note in found.notes)
    assert len({item.id for item in found.items}) == len(found.items)


def test_flags_come_from_the_file_or_the_caption_and_exclude_their_rivals(tmp_path):
    drawings = read_drawings(make_drawings(tmp_path / "drawn"))
    flags = spread_flags(drawings)
    assert flags["0"]["black_hair"] is True
    assert flags["0"]["blonde_hair"] is False  # black hair is not blond; no caption says so
    assert flags["1"]["beard"] is False
    assert drawings[0].is_read
    assert not drawings[1].is_read
    assert read_caption("A photo of a bald man who may be happy, without glasses.") == {
        "male": True, "bald": True, "eyeglasses": False,
    }  # fmt: skip
    other = find_contrary(drawings[0], drawings, flags)
    assert other is not None
    assert int(other.id) % 2 == 1
    assert find_contrary(drawings[0], drawings[::2], flags) is None


def test_nothing_is_told_apart_where_no_caption_contradicts_another(tmp_path):
    folder = make_drawings(tmp_path / "drawn")
    lines = (folder / "captions.jsonl").read_text().splitlines()
    (folder / "captions.jsonl").write_text("\n".join(lines[::2]))
    figures = run_task(Drawings(), ChatAnswerer(see, "eyes"), folder)[0].scores.figures
    assert "caption_told_apart" not in figures
    assert figures["caption_confirmed"].value == 100.0
    assert math.isnan(figures["balanced_accuracy"].value)  # nothing that was not to be shown


def test_parts_limits_and_absent_pictures(tmp_path):
    folder = make_drawings(tmp_path / "drawn")
    task = Drawings()
    only = task.read_items(folder, Options(split="attributes"))
    assert {item.group == "caption" for item in only.items} == {False}
    captions = task.read_items(folder, Options(split="captions", limit=3))
    assert len({item.media for item in captions.items}) == 3
    (folder / "0.png").unlink()
    (folder / "1.png").write_bytes(b"no picture")
    result, _, answered = run_task(task, ChatAnswerer(see, "eyes"), folder)
    assert {name.split("/")[1] for name in answered.failures} == {"0", "1"}
    assert result.scores.figures["caption_told_apart"].value == (COUNT - 2) / COUNT
    with pytest.raises(BadInput, match="has no split 'hands'"):
        task.read_items(folder, Options(split="hands"))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "line 2: not JSON"),
        ("[]", "line 2: expected an object"),
        ('{"id": "9", "file": "9.png"}', "line 2: field 'caption' is no text"),
        ('{"id": "0", "file": "9.png", "caption": "a man"}', "line 2: id '0' is there twice"),
        ('{"id": "9", "file": "9", "caption": "a", "attributes": {"smil": true}}', "'smil'"),
        ('{"id": "9", "file": "9", "caption": "a", "attributes": {"smile": 1}}', "neither true"),
        ('{"id": "9", "file": "9", "caption": "a", "attributes": []}', "is no object"),
    ],
)
def test_bad_lines_are_named(tmp_path, line, message):
    folder = make_drawings(tmp_path / "drawn", count=1)
    with (folder / "captions.jsonl").open("a") as file:
        file.write(line + "\n")
    with pytest.raises(BadInput, match=message):
        read_drawings(folder)


def test_missing_and_empty_captions_are_named(tmp_path):
    with pytest.raises(BadInput, match=r"captions\.jsonl: no such file"):
        read_drawings(tmp_path)
    (tmp_path / "captions.jsonl").write_text("\n")
    with pytest.raises(BadInput, match="holds no captions"):
        read_drawings(tmp_path)
    (tmp_path / "drawings.toml").write_text('reel = "x"')
    with pytest.raises(BadInput, match="'reel' is not known"):
        read_settings(tmp_path)
    (tmp_path / "drawings.toml").write_text('real = "nowhere"')
    with pytest.raises(BadInput, match="is no folder"):
        read_settings(tmp_path)


def test_vqascore_is_the_mean_probability_of_yes_and_tells_who_looks(tmp_path):
    pytest.importorskip("torch")
    from lineament.evaluation.foreign import YesNo, YesNoModel
    from lineament.evaluation.foreign_open import LikelihoodAnswerer

    class Double:
        name = identity = "double"

        def __init__(self, *, is_blind: bool) -> None:
            self.is_blind = is_blind

        def yes_no(self, batch):
            found = []
            for asked in batch:
                is_right = self.is_blind or see(asked.visual, [asked.question]) == ["Yes."]
                yes = 0.8 if is_right else 0.1
                found.append(YesNo(math.log(yes), math.log(0.9 - yes)))
            return found

    folder = make_drawings(tmp_path / "drawn")
    looks, blind = Double(is_blind=False), Double(is_blind=True)
    assert isinstance(looks, YesNoModel)
    options = Options(split="captions")
    figures = run_task(Drawings(), LikelihoodAnswerer(looks), folder, options=options)[0].scores
    assert figures.figures["vqa_score"].value == pytest.approx(0.8)
    assert figures.figures["vqa_score_other"].value == pytest.approx(0.1)
    assert figures.figures["vqa_told_apart"].value == 1.0
    unseeing = run_task(Drawings(), LikelihoodAnswerer(blind), folder, options=options)[0].scores
    assert unseeing.figures["vqa_score"].value == pytest.approx(0.8)
    assert unseeing.figures["vqa_told_apart"].value == 0.5


def test_distances_equal_scipys_root_and_the_kernel_written_out():
    linalg = pytest.importorskip("scipy.linalg")
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(40, 6)), rng.normal(0.5, 2.0, size=(50, 6))
    figures = distances_from_features(one, other, "made")
    spreads = [np.cov(features, rowvar=False) for features in (one, other)]
    root = linalg.sqrtm(spreads[0] @ spreads[1]).real
    fid = ((one.mean(0) - other.mean(0)) ** 2).sum() + np.trace(sum(spreads) - 2 * root)
    assert figures["fid"].value == pytest.approx(fid)

    def kernel(x, y):
        return (np.dot(x, y) / 6 + 1) ** 3

    inside = [
        np.mean([kernel(x, y) for i, x in enumerate(side) for j, y in enumerate(side) if i != j])
        for side in (one, other)
    ]
    across = np.mean([kernel(x, y) for x in one for y in other])
    assert figures["kid"].value == pytest.approx(sum(inside) - 2 * across)
    half = distances_from_features(other[0::2], other[1::2], "made")["fid"].value
    assert figures["fid"].extra["floor"] == pytest.approx(half)
    assert figures["fid"].extra["features"] == "made"


def make_pictures(count: int, level: int, seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.integers(level, level + 60, (24, 20, 3)).astype(np.uint8) for _ in range(count)]


def test_a_set_is_nearer_to_its_like_than_to_another():
    near = measure_distances(make_pictures(12, 90, 0), make_pictures(12, 90, 1), PixelFeatures())
    far = measure_distances(make_pictures(12, 10, 2), make_pictures(12, 90, 1), PixelFeatures())
    for name in ("fid", "kid"):
        assert near[name].value < far[name].value
    with pytest.raises(BadInput, match="3 drawn pictures are too few"):
        measure_distances(make_pictures(3, 9, 0), make_pictures(9, 9, 0), PixelFeatures())


def test_a_folder_with_real_pictures_gets_distances_in_its_named_space(tmp_path):
    folder = make_drawings(tmp_path / "drawn")
    (folder / "real").mkdir()
    for n, pixels in enumerate(make_pictures(6, 100, 0)):
        Image.fromarray(pixels).save(folder / "real" / f"{n}.png")
    (folder / "drawings.toml").write_text('real = "real"\nfeatures = "pixels"\n')
    (folder / "0.png").unlink()
    result, found, _ = run_task(Drawings(), Constant("Yes."), folder)
    row = json.loads(json.dumps(result.to_dict()))["metrics"]["fid"]
    assert row["features"] == "pixels 16x16"
    assert (row["num_drawn"], row["num_real"], row["num_unread"]) == (COUNT - 1, 6, 1)
    assert not any("not measured" in note for note in found.notes)
    (folder / "drawings.toml").write_text('real = "real"\nfeatures = "inception"\n')
    with pytest.raises(BadInput, match="unknown features 'inception'"):
        run_task(Drawings(), Constant("Yes."), folder)


def test_an_encoder_of_transformers_gives_its_pooled_features(tmp_path):
    torch = pytest.importorskip("torch")
    from transformers import CLIPImageProcessorPil, CLIPVisionConfig, CLIPVisionModel

    config = CLIPVisionConfig(
        hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2,
        image_size=16, patch_size=8,
    )  # fmt: skip
    model = CLIPVisionModel(config).eval()
    processor = CLIPImageProcessorPil(
        size={"shortest_edge": 16}, crop_size={"height": 16, "width": 16}
    )
    model.save_pretrained(tmp_path / "clip")
    processor.save_pretrained(tmp_path / "clip")
    extractor = open_extractor(f"hf:{tmp_path / 'clip'}")
    assert isinstance(extractor, FeatureExtractor)
    assert extractor.name.startswith("hf clip ")
    pictures = make_pictures(3, 50, 0)
    inputs = processor(images=[Image.fromarray(p) for p in pictures], return_tensors="pt")
    with torch.no_grad():
        expected = model(**inputs).pooler_output.numpy()
    np.testing.assert_allclose(extractor.extract(pictures), expected, atol=1e-5)
    with pytest.raises(BadModel, match="no picture encoder"):
        open_extractor(f"hf:{tmp_path / 'nowhere'}")


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
def test_a_torchscript_file_is_a_feature_space(tmp_path):
    torch = pytest.importorskip("torch")
    network = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(2), torch.nn.Flatten())

    class Scaled(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.network = network

        def forward(self, values):
            return self.network(values.float() / 255)

    pictures = make_pictures(2, 50, 0)
    example = torch.zeros(1, 3, 24, 20, dtype=torch.uint8)
    torch.jit.save(torch.jit.trace(Scaled(), example), str(tmp_path / "net.pt"))
    found = open_extractor(f"torchscript:{tmp_path / 'net.pt'}").extract(pictures)
    quarters = pictures[0].reshape(2, 12, 2, 10, 3).mean((1, 3)).transpose(2, 0, 1) / 255
    np.testing.assert_allclose(found[0], quarters.ravel(), atol=1e-6)
    with pytest.raises(BadInput, match="unknown features 'torchscript'"):
        open_extractor("torchscript")


class OneFace:
    """A finder that finds one face, its eyes where a test puts them."""

    name = "one face"

    def __init__(self, left, right):
        from lineament.faces.finder import NUM_MESH_POINTS, FoundFace

        points = np.zeros((NUM_MESH_POINTS, 3), np.float32)
        points[[33, 133], :2] = np.add(left, [[-2, 0], [2, 0]])
        points[[362, 263], :2] = np.add(right, [[-2, 0], [2, 0]])
        self.faces = [FoundFace((5.0, 5.0, 60.0, 60.0), points, 1.0)]

    def find(self, pixels, known=()):
        return [] if pixels.mean() < 5 else self.faces

    def find_again(self, pixels, last):
        return None

    def close(self):
        pass


def test_a_crop_lays_the_eyes_where_the_reader_expects_them():
    pytest.importorskip("torch")
    from lineament.evaluation.drawing_reader import crop_about_eyes
    from lineament.training.wide_crops import EYES_APART, EYES_AT, SIZE_PX

    pixels = np.zeros((200, 160, 3), np.uint8)
    left, right = np.array([50.0, 90.0]), np.array([100.0, 110.0])
    for centre, channel in ((left, 0), (right, 1)):
        x, y = centre.astype(int)
        pixels[y - 3 : y + 4, x - 3 : x + 4, channel] = 255
    crop = crop_about_eyes(pixels, left, right).astype(float)
    for side, channel in ((-1, 0), (1, 1)):
        weight = crop[..., channel]
        y, x = (np.indices(weight.shape) * weight).sum((1, 2)) / weight.sum()
        assert x == pytest.approx(SIZE_PX * (0.5 + side * EYES_APART / 2), abs=1.0)
        assert y == pytest.approx(SIZE_PX * EYES_AT, abs=1.0)


def test_the_attribute_reader_answers_what_it_reads_and_fails_where_no_face_is(tmp_path):
    torch = pytest.importorskip("torch")
    from lineament.evaluation.drawing_reader import ReaderAnswerer, find_asked_flag, load_reader
    from lineament.model.attributes import AttributeReader, AttributeReaderConfig

    names = ("male", "smile", "beard")
    config = AttributeReaderConfig(names=names, widths=(4, 4), blocks=(1, 1))
    reader = AttributeReader(config).eval()
    with torch.no_grad():  # always a man, never a smile
        reader.flag_head.weight.zero_()
        reader.flag_head.bias.copy_(torch.tensor([3.0, -3.0, 3.0]))
    reader.save_pretrained(tmp_path / "reader")
    loaded = load_reader(str(tmp_path / "reader"))
    assert loaded.names == names

    def make():
        return OneFace((20, 30), (44, 30))

    answerer = ReaderAnswerer(loaded.reader, name="toy", make_finder=make)
    face = Visual(np.full((1, 64, 64, 3), 90, np.uint8))
    empty = Visual(np.zeros((1, 64, 64, 3), np.uint8))
    questions = {
        "Is this a man?": "Yes.",
        "Is it true that this is not a man?": "No.",
        "Is the person smiling?": "No.",
        "Is it true that the person is not smiling?": "Yes.",
    }
    asked = [Asked(str(n), question, visual=face) for n, question in enumerate(questions)]
    assert answerer.answer(asked) == list(questions.values())
    odd = ["Does the person have black hair?", "Describe the person.", "Is this a bearded man?"]
    said = answerer.answer([Asked("x", question, visual=face) for question in odd])
    assert all(isinstance(answer, Failure) for answer in said)
    assert answerer.answer([Asked("y", "Is this a man?", visual=empty)]) == [
        Failure("no face was found")
    ]
    assert find_asked_flag("Is this a woman?") == ("male", False)
    with pytest.raises(BadModel, match="no attribute reader there"):
        load_reader(str(tmp_path))


def test_the_readers_features_are_a_space_too(tmp_path):
    torch = pytest.importorskip("torch")
    from lineament.evaluation.drawing_features import ReaderFeatures
    from lineament.evaluation.drawing_reader import crop_about_eyes
    from lineament.model.attributes import AttributeReader, AttributeReaderConfig

    torch.manual_seed(0)
    reader = AttributeReader(AttributeReaderConfig(widths=(4, 6), blocks=(1, 1))).eval()
    features = ReaderFeatures(reader, "toy", make_finder=lambda: OneFace((20, 30), (44, 30)))
    pixels = make_pictures(1, 60, 0)[0].repeat(3, 0).repeat(3, 1)
    found = features.extract([pixels, np.zeros_like(pixels)])
    assert found.shape == (2, 6)
    crop = crop_about_eyes(pixels, np.array([20.0, 30.0]), np.array([44.0, 30.0]))
    values = torch.tensor(crop / 127.5 - 1).permute(2, 0, 1)[None].float()
    with torch.no_grad():
        both = [reader(side).features.numpy() for side in (values, values.flip(-1))]
    np.testing.assert_allclose(found[0], (both[0] + both[1])[0] / 2, rtol=1e-4, atol=1e-6)
