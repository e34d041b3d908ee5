"""What people ask of a model that draws and should not get, or get wrong: one clear word each."""

import json
import logging
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers.utils import logging as loading_log

from lineament.cli.app import run
from lineament.describe import drawing_chat, mark
from lineament.describe.draw import (
    MAX_SEED,
    check_seed,
    draw_faces,
    edit_face,
    number_files,
    read_picture,
)
from lineament.describe.drawing_chat import (
    MAX_QUESTION_CHARACTERS,
    DrawingChat,
    check_eyes,
)
from lineament.describe.face_prompt import read_face_prompt
from lineament.describe.mark import SOURCE_TYPES, check_place, read_source_type, write_marked
from lineament.describe.question import check_question
from lineament.errors import BadInput, BadMedia, BadModel
from lineament.model.drawing import DrawingModel, load_drawing_model
from lineament.model.unmasking import Unmasking, draw_codes
from test_chat import OneFace
from test_draw import make_drawing_model
from test_model_toys import _one_thread  # noqa: F401
from test_training_unified import toy_eyes
from test_unif2ace import toy_unif2ace

QUICK = Unmasking(1)
# Names as the two standards publish them, not as our module spells them.
DESCRIPTION = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}Description"
SOURCE_TYPE = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}DigitalSourceType"


@pytest.fixture(scope="module")
def toy() -> DrawingModel:
    return make_drawing_model()


@pytest.fixture
def folder(toy: DrawingModel, tmp_path: Path) -> Path:
    toy.save(tmp_path / "model")
    return tmp_path / "model"


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    noise = np.random.default_rng(0).integers(0, 256, (40, 52, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def read_failure(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Run a command that fails; returns its one error, having seen its one hint."""
    code = run(arguments)
    captured = capsys.readouterr()
    lines = captured.err.strip().splitlines()
    assert code == 2
    assert captured.out == ""
    assert [line.split(":")[0] for line in lines] == ["error", "hint"]
    return lines[0]


@pytest.mark.parametrize(
    "text",
    [
        "a boy", "a 7-year-old girl", "Girls with hats", "a child's face", "a baby", "a toddler",
        "a todler", "an infant", "a newborn", "a teenager", "a teenage woman", "a preteen",
        "a woman in her teens", "an adolescent", "a minor", "an underage woman", "a schoolgirl",
        "a 5th grader", "a kindergartner", "a woman as a child", "make him look like a boy",
        "a 17 year old man", "a man aged twelve", "a woman, 16", "she is 5", "a 3-month-old",
        "a 12yo", "a woman under 18", "a man over 16", "between 15 and 25 years old",
        "a smiling woman. She is 17.",
    ],
)  # fmt: skip
def test_children_are_refused(text: str):
    with pytest.raises(BadInput, match=r"asks for a child .* only adults are drawn") as caught:
        read_face_prompt(text)
    assert caught.value.hint


@pytest.mark.parametrize(
    "text",
    [
        "a young man", "an 18 year old woman", "a woman under 30", "a man in his twenties",
        "a cowboy hat", "his boyfriend", "a woman in a baby blue dress", "a baby-faced man",
        "a man with a minor scar", "teeth", "a man of 45", "a woman with 16 earrings",
        "a man who is 5 feet tall", "a mother", "a tall woman with a hairband",
    ],
)  # fmt: skip
def test_adults_are_drawn(text: str):
    prompt, ancestry = read_face_prompt(text)
    assert prompt.text == text
    assert ancestry == ()


@pytest.mark.parametrize(
    ("text", "told", "words"),
    [
        ("an Asian woman", "a woman", "Asian"),
        ("a black man with a beard", "a man with a beard", "black"),
        ("a Black old woman", "an old woman", "Black"),
        ("An african american man", "A man", "african american"),
        ("white male, beard", "male, beard", "white"),
        ("a Latina with glasses", "a person with glasses", "Latina"),
        ("a frenchman with a beard", "a man with a beard", "frenchman"),
        ("a man of African descent", "a man", "of African descent"),
        ("woman, asian, glasses", "woman, glasses", "asian"),
        ("a mixed-race man", "a man", "mixed-race"),
        ("a Muslim woman with a headscarf", "a woman with a headscarf", "Muslim"),
        ("Asian", "a person", "Asian"),
    ],
)
def test_ancestry_is_left_out_and_listed(text: str, told: str, words: str):
    prompt, ancestry = read_face_prompt(text)
    assert (prompt.told, ancestry, prompt.names) == (told, (words,), ())


@pytest.mark.parametrize(
    "text",
    [
        "a woman with black hair", "a man with white hair and brown eyes", "a black haired man",
        "a white-bearded man", "a dark-skinned man", "a pale woman", "a man in a black hat",
        "a black and white photo of a man", "a man in white",
    ],
)  # fmt: skip
def test_colours_of_hair_skin_and_clothes_are_no_ancestry(text: str):
    assert read_face_prompt(text)[1] == ()


def test_ancestry_and_several_people_are_said_in_the_notes(toy: DrawingModel, tmp_path: Path):
    text = "a Nordic man and a woman with a zorgly hat"
    drawn = draw_faces(text, tmp_path / "f.png", model=toy, settings=QUICK)
    notes = " | ".join(drawn.notes())
    assert "no ancestry or religion is drawn: Nordic ignored" in notes
    assert "several people: one face is drawn" in notes
    row = drawn.to_dict()
    assert row["prompt"] == text
    assert row["ignored"] == ["Nordic", "zorgly"]


@pytest.mark.parametrize(
    ("order", "told"),
    [
        ("remove the glasses", "without glasses"),
        ("Take off his hat", "without hat"),
        ("shave off his beard", "without beard"),
        ("give him a beard", "a man with a beard"),
        ("add glasses and remove the hat", "with glasses and without hat"),
        ("replace the glasses with sunglasses", "without glasses, with sunglasses"),
    ],
)
def test_orders_become_what_is_to_be_seen(order: str, told: str):
    assert read_face_prompt(order)[0].told == told


def test_removing_denies_what_would_else_be_drawn():
    claims = read_face_prompt("remove the glasses")[0].claims
    assert [(c.name, c.value) for c in claims] == [("eyeglasses", False)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a " + "x" * 200_000 + " man", "a word of 200,000 letters"),
        ("1 2 " * 1000, "2,000 numbers"),
        ("a \udcff man", "no text in UTF-8"),
        (" \n", "the prompt is empty"),
    ],
)
def test_what_nobody_can_read_is_refused_before_it_is_read(text: str, message: str):
    with pytest.raises(BadInput, match=message):
        read_face_prompt(text)


def test_a_long_sentence_is_told_as_far_as_it_fits(toy: DrawingModel, tmp_path: Path):
    text = "a woman with a hat and " + "very " * 100 + "red hair and glasses"
    drawn = draw_faces(text, tmp_path / "f.png", model=toy, settings=QUICK)
    assert drawn.is_cut
    assert len(toy.read_text(drawn.told)) <= toy.count_room()
    assert text.startswith(drawn.told)
    names = {claim["name"] for claim in drawn.to_dict()["drawn"]}
    assert "wearing_hat" in names
    assert "eyeglasses" not in names


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a boy", "--out", "f.png"], "asks for a child ('boy')"),
        (["a man", "--out", "f.png", "--seed", str(2**63)], "seed: expected 0 to"),
        (["a man", "--out", "f.png", "--seed", "9" * 30], "seed: expected 0 to"),
        (["a man", "--out", "f.png", "--steps", "1025"], "steps: expected 1 to 1024"),
        (["a man", "--out", "f.png", "--guidance", "1e30"], "guidance: expected 0 to 100"),
        (["a man", "--out", ".png", "--count", "3"], "pictures are written as"),
        (["a man", "--out", "f.tiff"], "f.tiff: pictures are written as"),
        (["a man", "--out", "LOST/face.png"], "is a file, not a folder"),
        (["a man", "--out", "PHOTO"], "photo.png: is there already, and no model drew it"),
        (["a man", "--out", "PHOTO", "--edit", "PHOTO"], "photo.png: is there already"),
        (["a man", "--out", "f.png", "--edit", "LOST"], "text.png: is not a picture"),
        (["a boy", "--out", "f.png", "--edit", "PHOTO"], "asks for a child"),
        (["a man", "--out", "f.png", "--edit", "PHOTO", "--count", "2"], "--count 2: one picture"),
    ],
)
def test_bad_commands_fail_before_any_model_is_loaded(
    arguments: list[str], message: str, photo: Path, tmp_path: Path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.png").write_text("no picture\n")
    before = photo.read_bytes()
    given = [
        a.replace("PHOTO", str(photo)).replace("LOST", str(tmp_path / "text.png"))
        for a in arguments
    ]
    error = read_failure(["generate", *given, "--model", "there-is-none"], capsys)
    assert message in error
    assert photo.read_bytes() == before
    assert not (tmp_path / "f.png").exists()


def test_folders_that_may_not_be_written_are_named(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(mark.os, "access", lambda *_: False)
    with pytest.raises(BadInput, match=f"nothing may be written to {tmp_path}"):
        check_place(tmp_path / "deep" / "face.png")


def test_drawn_files_are_written_over_and_no_others(toy: DrawingModel, photo: Path, tmp_path: Path):
    out = tmp_path / "face.png"
    for text in ("a man", "a woman"):
        draw_faces(text, out, model=toy, settings=QUICK)
    edit_face(photo, "a smiling woman", out, model=toy, settings=QUICK)
    assert read_source_type(out) == SOURCE_TYPES["edited"]
    photo.rename(tmp_path / "face-0002.png")
    with pytest.raises(BadInput, match=r"face-0002\.png: is there already"):
        number_files(out, 2)


def test_the_last_seed_counts_too():
    check_seed(MAX_SEED - 3, 3)
    with pytest.raises(BadInput, match="seed: expected"):
        check_seed(MAX_SEED - 2, 3)


def test_edits_that_ask_nothing_are_refused(toy: DrawingModel, photo: Path, tmp_path: Path):
    for text in ("do nothing", "zorgly", "keep it as it is"):
        with pytest.raises(BadInput, match="nothing would change"):
            edit_face(photo, text, tmp_path / "e.png", model=toy, settings=QUICK)
    box = (0.0, 0.5, 1.0, 1.0)
    drawn = edit_face(photo, "zorgly", tmp_path / "e.png", region=box, model=toy, settings=QUICK)
    assert "photo.png: 52x40 px" in drawn.notes()[-1]
    with pytest.raises(BadInput, match="asks for a child"):
        edit_face(photo, "a man", tmp_path / "e.png", before="a boy", model=toy)


def test_pictures_of_all_kinds_are_read(photo: Path, tmp_path: Path):
    image = Image.open(photo)
    truth = np.asarray(image)
    for name in ("a.bmp", "a.webp", "a.tif"):
        image.save(tmp_path / name, **({"lossless": True} if name == "a.webp" else {}))
        assert np.array_equal(read_picture(tmp_path / name), truth)
    for name, mode in (("a.jpg", "CMYK"), ("gray.png", "L"), ("pal.png", "P"), ("bits.png", "1")):
        image.convert(mode).save(tmp_path / name)
        assert read_picture(tmp_path / name).shape == truth.shape
    deep = truth[..., 0].astype(np.uint16) * 257
    deep[0, :2] = (0, 65535)
    Image.fromarray(deep).save(tmp_path / "deep.png")
    assert np.array_equal(read_picture(tmp_path / "deep.png")[1:, :, 1], truth[1:, :, 0])
    clear = image.convert("RGBA")
    clear.putalpha(0)
    clear.save(tmp_path / "clear.png")
    assert (read_picture(tmp_path / "clear.png") == 255).all()
    exif = Image.Exif()
    exif[0x0112] = 6
    image.save(tmp_path / "turned.png", exif=exif)
    assert np.array_equal(read_picture(tmp_path / "turned.png"), np.rot90(truth, -1))


def test_what_is_no_picture_is_named(photo: Path, tmp_path: Path):
    content = photo.read_bytes()
    image = Image.open(photo)
    image.save(tmp_path / "moving.gif", save_all=True, append_images=[image.rotate(90)])
    image.crop((0, 0, 1, 1)).save(tmp_path / "dot.png")
    (tmp_path / "text.png").write_text("no picture\n")
    (tmp_path / "empty.png").touch()
    (tmp_path / "cut.png").write_bytes(content[: len(content) // 2])
    (tmp_path / "page.eps").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    for name, message in (
        ("moving.gif", "is a clip"), ("dot.png", "1x1 px is too small"),
        ("text.png", "is not a picture"), ("empty.png", "the file is empty"),
        ("cut.png", "damaged picture"), ("page.eps", "cannot be read"),
        ("none.png", "no such file"), (".", "is a folder"),
    ):  # fmt: skip
        with pytest.raises(BadMedia, match=message) as caught:
            read_picture(tmp_path / name)
        assert caught.value.message.startswith(str(tmp_path / name))
        assert caught.value.hint


def change(path: Path, **settings: Any) -> None:
    row = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(row | settings), encoding="utf-8")


def spoil(path: Path) -> None:
    weights = load_file(path)
    first = sorted(name for name in weights if weights[name].ndim == 2)[0]
    weights[first] = torch.full_like(weights[first], float("nan"))
    save_file(weights, path, metadata={"format": "pt"})


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


DAMAGES = {
    "cut weights": (lambda f: cut(f / "model.safetensors"), "the model cannot be read"),
    "cut picture weights": (
        lambda f: cut(f / "image_tokenizer" / "model.safetensors"), "the model cannot be read",
    ),
    "no weights": (lambda f: (f / "model.safetensors").unlink(), "the model cannot be read"),
    "weights no numbers": (lambda f: spoil(f / "model.safetensors"), "holds what is no number"),
    "no configuration": (lambda f: (f / "config.json").unlink(), "no config.json"),
    "no picture configuration": (
        lambda f: (f / "image_tokenizer" / "config.json").unlink(), "config.json: no such file",
    ),
    "configuration no JSON": (
        lambda f: (f / "config.json").write_text("{"), "is no model's configuration",
    ),
    "configuration a list": (
        lambda f: (f / "config.json").write_text("[1]"), "is no model's configuration",
    ),
    "unknown norm": (lambda f: change(f / "config.json", norm="odd"), "norm: expected one of"),
    "width a word": (lambda f: change(f / "config.json", hidden_size="wide"), "cannot be read"),
    "other width": (lambda f: change(f / "config.json", intermediate_size=9), "mismatched weights"),
    "no codes": (lambda f: change(f / "config.json", num_codes=0), "mismatched weights"),
    "end beyond": (lambda f: change(f / "config.json", eos_token_id=10**6), "eos_token_id"),
    "no tokenizer": (lambda f: (f / "tokenizer.json").unlink(), "the tokenizer cannot be read"),
    "tokenizer no JSON": (
        lambda f: (f / "tokenizer.json").write_text("{"), "the tokenizer cannot be read",
    ),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_model_is_one_error_that_names_it(damage: str, folder: Path):
    hurt, message = DAMAGES[damage]
    hurt(folder)
    with pytest.raises(BadModel, match=message) as caught:
        load_drawing_model(folder)
    assert str(folder) in caught.value.message
    assert "\n" not in caught.value.message


def test_scores_that_are_no_numbers_end_the_drawing(toy: DrawingModel, monkeypatch):
    def score(hidden: torch.Tensor) -> torch.Tensor:
        return hidden.new_full((*hidden.shape[:-1], 32), float("nan"))

    monkeypatch.setattr(toy.network, "score_codes", score)
    with pytest.raises(BadModel, match="no number"):
        draw_codes(toy.network, [[1, 2]], settings=QUICK)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".jpeg", ".webp"])
@pytest.mark.parametrize("origin", ["drawn", "edited"])
def test_the_mark_is_read_by_programs_that_know_the_standard(tmp_path, suffix, origin):
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    path = write_marked(tmp_path / f"face{suffix}", pixels, origin=origin)
    with Image.open(path) as image:  # Pillow finds the packet where each format keeps it
        packet = image.info.get("xmp") or image.info["XML:com.adobe.xmp"]
        assert image.size == (32, 32)
    text = packet.decode() if isinstance(packet, bytes) else packet
    [description] = ElementTree.fromstring(text.strip("\x00")).iter(DESCRIPTION)
    assert description.get(SOURCE_TYPE) == SOURCE_TYPES[origin]
    assert read_source_type(path) == SOURCE_TYPES[origin]


def test_a_mark_that_another_program_wrote_back_is_found(tmp_path: Path):
    kind = SOURCE_TYPES["drawn"]
    path = tmp_path / "f.png"
    tag = "Iptc4xmpExt:DigitalSourceType"
    path.write_bytes(f"x<{tag}>{kind}</{tag}>".encode())
    assert read_source_type(path) == kind
    path.write_bytes(f'x {tag}="{kind}Indeed"'.encode())
    assert read_source_type(path) is None


@pytest.mark.parametrize(
    ("question", "message"),
    [(" ", "is empty"), ("why?" * 1000, "4,000 characters"), ("is \udcff", "no text in UTF-8")],
)
def test_questions_that_cannot_be_asked_are_refused(question: str, message: str):
    with pytest.raises(BadInput, match=message):
        check_question(question, MAX_QUESTION_CHARACTERS)


@pytest.fixture
def chat(folder: Path, make_face) -> DrawingChat:
    return DrawingChat(folder, make_finder=lambda: OneFace(make_face))


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    Image.fromarray(np.full((240, 320, 3), 90, np.uint8)).save(tmp_path / "scene.png")
    return tmp_path / "scene.png"


def test_a_model_that_says_nothing_cannot_tell(chat: DrawingChat, scene: Path, monkeypatch):
    heard: list[str] = []
    monkeypatch.setattr(drawing_chat, "answer_portrait", lambda *_: "")
    answer = chat.ask(scene, "Is she smiling?", on_text=heard.append)
    assert (answer, answer.source) == ("I cannot tell.", "rule")
    assert heard == ["I cannot tell."]
    monkeypatch.setattr(drawing_chat, "answer_portrait", lambda *_: "Yes.")
    answer = chat.ask(scene, "Is she smiling?")
    assert (answer, answer.source) == ("Yes.", "model")


def test_an_untrained_model_answers_with_something(chat: DrawingChat, scene: Path):
    assert chat.ask(scene, "Is she smiling?").strip()
    assert "identify" in chat.ask(scene, "Who is this?")


def test_eyes_of_another_width_are_refused(toy: DrawingModel, tmp_path: Path):
    eyes = toy_eyes()
    for face_dim, is_fitting in ((eyes.face_dim, True), (eyes.face_dim + 1, False)):
        network = toy_unif2ace(clip_dim=eyes.whole_dim, face_dim=face_dim, num_hidden_layers=1)
        model = DrawingModel("toy", network, toy.image_tokenizer, toy.text_tokenizer)
        if is_fitting:
            check_eyes(eyes, model, tmp_path)
            continue
        with pytest.raises(BadModel, match=f"the model takes {eyes.whole_dim} and {face_dim}"):
            check_eyes(eyes, model, tmp_path)


def test_a_model_of_no_codes_is_refused(toy: DrawingModel, tmp_path: Path):
    network = toy_unif2ace(
        use_sequence_experts=False, num_hidden_layers=1, text_vocab_size=340, num_code_ids=32
    )
    DrawingModel("toy", network, toy.image_tokenizer, toy.text_tokenizer).save(tmp_path)
    change(tmp_path / "config.json", num_codes=0)
    with pytest.raises(BadModel, match="num_codes: 0 make no picture"):
        load_drawing_model(tmp_path)


def test_a_model_that_does_not_fit_prints_one_error_alone(folder: Path, tmp_path: Path, capsys):
    change(folder / "config.json", intermediate_size=9)
    logged: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = logged.append
    before = loading_log.get_verbosity()
    loading_log.add_handler(handler)
    try:
        error = read_failure(
            ["generate", "a man", "--out", str(tmp_path / "f.png"), "--model", str(folder)], capsys
        )
    finally:
        loading_log.remove_handler(handler)
    assert error.startswith(f"error: {folder}: ")
    assert logged == []
    assert loading_log.get_verbosity() == before
