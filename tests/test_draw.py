"""From words to marked files: prompts, drawing models, the command, and editing."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from lineament.cli.app import run
from lineament.describe.draw import draw_faces, edit_face, number_files
from lineament.describe.mark import SOURCE_TYPES, draw_visible_mark, read_source_type, write_marked
from lineament.describe.prompt import read_prompt, shorten
from lineament.errors import BadInput, BadModel
from lineament.model.drawing import DrawingModel, fit_square, load_drawing_model
from lineament.model.tokenizer import train_tokenizer
from lineament.model.unmasking import Unmasking
from test_image_tokenizer import toy_image_tokenizer
from test_model_toys import _one_thread  # noqa: F401
from test_unif2ace import toy_unif2ace

CAPTIONS = [
    "A smiling woman with blond hair and glasses.",
    "An elderly man with a beard. He wears a hat.",
    "USER: Is she smiling? ASSISTANT: Yes, she is.",
]
QUICK = Unmasking(2)


def make_drawing_model() -> DrawingModel:
    """Return a random model of 16 px pictures: 4x4 codes of 5 bits."""
    tokenizer = train_tokenizer(CAPTIONS * 3, 340)
    network = toy_unif2ace(
        text_vocab_size=340, num_code_ids=32, num_codes=16, text_block=30, num_hidden_layers=1
    )
    return DrawingModel("toy", network, toy_image_tokenizer(), tokenizer)


@pytest.fixture(scope="module")
def toy() -> DrawingModel:
    return make_drawing_model()


@pytest.fixture(scope="module")
def folder(toy, tmp_path_factory):
    path = tmp_path_factory.mktemp("draw-toy")
    toy.save(path)
    return path


def face(side: int = 20) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (side, side + 4, 3), dtype=np.uint8)


def test_what_is_known_is_told_and_what_is_not_is_listed():
    prompt = read_prompt("A smiling woman with a zorgly beard")
    assert prompt.ignored == ("zorgly",)
    assert "zorgly" not in prompt.told
    assert {c.name for c in prompt.claims} >= {"smile", "male"}
    assert prompt.names == ()
    assert any("zorgly" in note for note in prompt.notes())


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("a portrait of Taylor Kvistholm smiling", "Taylor Kvistholm"),
        ("Angela Merkova with glasses", "Angela Merkova"),
        ("a man who looks like Pavlenko", "Pavlenko"),
    ],
)
def test_names_of_people_are_left_out_and_said_so(text, name):
    prompt = read_prompt(text)
    assert prompt.names == (name,)
    assert name.split()[-1] not in prompt.told
    assert prompt.notes()[0] == f"nobody is drawn by name: {name} ignored"


def test_capitals_at_the_start_and_in_titles_are_no_names():
    assert read_prompt("Smiling woman.").names == ()
    assert read_prompt("A Smiling Woman With A Zorgly Hat").names == ()


@pytest.mark.parametrize(
    "text",
    [
        "A woman with black hair and blond hair.",
        "He is bald. He has no beard. He has a beard.",
    ],
)
def test_contradictions_are_said(text):
    prompt = read_prompt(text)
    assert prompt.conflicts
    assert any(note.startswith("contradiction: ") for note in prompt.notes())


def test_asking_for_a_photo_asks_for_what_it_shows():
    for text in (
        "A photo of a happy man with a beard",
        "Please draw me a studio photo of a happy man with a beard, 8k",
        "Generate a happy man with a beard",
    ):
        prompt = read_prompt(text)
        assert prompt.told == "a happy man with a beard"
        assert {c.name for c in prompt.claims} == {"male", "happy", "beard"}
    assert prompt.ignored == ()


def test_somebody_stands_where_a_name_stood():
    told = read_prompt("A picture of Brad Kvistholm, a happy man").told
    assert told == "a person, a happy man"


def test_contradictory_wordings_show_which_one_denies():
    prompt = read_prompt("He has no beard. He has a beard.")
    assert prompt.conflicts == (("no beard", "beard"),)


def test_what_agrees_is_no_contradiction():
    assert read_prompt("A smiling woman with blond hair, glasses and no hat.").conflicts == ()


def test_a_prompt_without_anything_known_says_so():
    prompt = read_prompt("zorgly flumox")
    assert prompt.claims == ()
    assert prompt.notes()[-1].startswith("nothing in the prompt is known")


def test_ten_thousand_words_are_read_and_shortened_to_what_claims_something():
    text = "The weather was fine on that day. " * 1500 + "A smiling woman with glasses."
    prompt = read_prompt(text)
    assert {c.name for c in prompt.claims} >= {"smile", "eyeglasses"}
    told = shorten(prompt, 20, lambda words: len(words.split()))
    assert told == "A smiling woman with glasses."
    assert shorten(prompt, 10**6, len) == prompt.told


@pytest.mark.parametrize("text", ["", "  \n ", "x" * 1_000_001])
def test_empty_and_enormous_prompts_are_refused(text):
    with pytest.raises(BadInput, match="the prompt"):
        read_prompt(text)


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
@pytest.mark.parametrize("origin", ["drawn", "edited"])
def test_files_say_that_a_model_made_them(tmp_path, suffix, origin):
    path = write_marked(tmp_path / f"face{suffix}", face(), origin=origin)
    assert read_source_type(path) == SOURCE_TYPES[origin]
    with Image.open(path) as image:
        assert SOURCE_TYPES[origin].encode() in _xmp(image)
        assert image.size == (24, 20)
        if suffix == ".png":
            assert image.text["DigitalSourceType"] == SOURCE_TYPES[origin]
            assert np.array_equal(np.asarray(image), face())


def _xmp(image) -> bytes:
    xmp = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp")
    return xmp.encode() if isinstance(xmp, str) else xmp


def test_a_plain_picture_has_no_mark(tmp_path):
    Image.fromarray(face()).save(tmp_path / "plain.png")
    assert read_source_type(tmp_path / "plain.png") is None


def test_the_visible_mark_changes_a_corner_and_nothing_else():
    pixels = np.full((128, 128, 3), 128, dtype=np.uint8)
    marked = draw_visible_mark(pixels)
    assert np.array_equal(marked[:100], pixels[:100])
    assert not np.array_equal(marked[100:], pixels[100:])


def test_drawing_writes_as_many_files_as_asked_and_the_same_for_the_same_seed(toy, tmp_path):
    drawn = draw_faces(
        "a smiling woman", tmp_path / "face.png", count=3, seed=5, model=toy, settings=QUICK
    )
    assert [path.name for path in drawn.files] == [f"face-000{n}.png" for n in (1, 2, 3)]
    one = draw_faces("a smiling woman", tmp_path / "one.png", seed=6, model=toy, settings=QUICK)
    assert np.array_equal(np.asarray(Image.open(one.files[0])), _read(drawn.files[1]))
    assert not np.array_equal(_read(drawn.files[0]), _read(drawn.files[1]))
    assert _read(one.files[0]).shape == (16, 16, 3)


def _read(path) -> np.ndarray:
    return np.asarray(Image.open(path))


def test_more_pictures_than_a_batch_are_all_drawn(toy, tmp_path):
    done = []
    drawn = draw_faces(
        "a man", tmp_path / "f.jpg", count=10, model=toy, settings=Unmasking(1),
        report_done=done.append,
    )  # fmt: skip
    assert len({path.read_bytes() for path in drawn.files}) == 10
    assert done == [8, 10]


def test_a_prompt_beyond_what_is_read_says_so(toy, tmp_path):
    text = "a smiling woman with " + "very " * 60 + "blond hair"
    drawn = draw_faces(text, tmp_path / "f.png", model=toy, settings=Unmasking(1))
    assert drawn.is_cut
    assert any("longer than the model reads" in note for note in drawn.notes())


def test_editing_a_region_keeps_the_codes_outside(toy, tmp_path):
    source = tmp_path / "face.png"
    Image.fromarray(face()).save(source)
    drawn = edit_face(
        source, "a smiling woman", tmp_path / "new.png", region=(0.0, 0.5, 1.0, 1.0), seed=3,
        model=toy, settings=QUICK,
    )  # fmt: skip
    assert read_source_type(drawn.files[0]) == SOURCE_TYPES["edited"]
    codes = toy.encode(face()[None])
    redraw = torch.zeros(1, 16, dtype=torch.bool)
    redraw[:, 8:] = True
    again = toy.edit(face()[None], [drawn.told], redraw, [3], QUICK)
    assert np.array_equal(_read(drawn.files[0]), again[0])
    kept = toy.paint(codes)
    assert not np.array_equal(again, kept)


def test_changing_one_attribute_chooses_what_to_draw_anew(toy, tmp_path):
    source = tmp_path / "face.png"
    Image.fromarray(face()).save(source)
    drawn = edit_face(
        source, "a smiling woman with a hat", tmp_path / "new.png", before="a smiling woman",
        model=toy, settings=QUICK,
    )  # fmt: skip
    assert _read(drawn.files[0]).shape == (16, 16, 3)


def test_a_saved_folder_draws_the_same(toy, folder):
    loaded = load_drawing_model(folder)
    assert loaded.size_px == 16
    drawn = [model.draw(["a man"], [4], QUICK) for model in (toy, loaded)]
    assert np.array_equal(*drawn)


def test_an_answer_is_text_and_the_same_with_and_without_padding(toy):
    answer = toy.answer(face(), "Is she smiling?", max_new_tokens=5)
    assert isinstance(answer, str)
    assert answer == toy.answer(face(), "Is she smiling?", max_new_tokens=5)


def test_special_tokens_in_a_prompt_stay_plain_text(toy):
    ids = toy.read_text("a man <|im_end|> smiling")
    assert toy.network.config.eos_token_id not in ids


def test_pictures_are_scaled_and_cut_to_a_square():
    wide = np.zeros((10, 30, 3), dtype=np.uint8)
    wide[:, 10:20] = 255
    square = fit_square(wide, 10)
    assert square.shape == (10, 10, 3)
    assert (square == 255).all()


def test_a_damaged_folder_gives_one_clear_error(toy, tmp_path):
    toy.save(tmp_path)
    weights = tmp_path / "image_tokenizer" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    with pytest.raises(BadModel, match="image_tokenizer: the model cannot be read") as caught:
        load_drawing_model(tmp_path)
    assert "\n" not in caught.value.message


def test_another_kind_of_model_is_refused_by_name(toy, tmp_path):
    toy.image_tokenizer.save_pretrained(tmp_path)
    with pytest.raises(BadModel, match="expected a unif2ace model, got lineament_image_tokenizer"):
        load_drawing_model(tmp_path)


def test_parts_that_do_not_fit_each_other_are_refused(toy, tmp_path):
    toy.save(tmp_path)
    toy_image_tokenizer(code_bits=4).save_pretrained(tmp_path / "image_tokenizer")
    with pytest.raises(BadModel, match="the network has 32 codes, its image tokenizer 16"):
        load_drawing_model(tmp_path)


def test_numbers_stand_before_the_suffix(tmp_path):
    assert number_files(tmp_path / "a.png", 1) == [tmp_path / "a.png"]
    assert number_files(tmp_path / "a.png", 2)[1].name == "a-0002.png"


def test_the_command_prints_one_json_object_in_the_promised_shape(folder, tmp_path, capsys):
    out = tmp_path / "deep" / "face.png"
    code = run(
        ["generate", "a zorgly man", "--out", str(out), "--model", str(folder), "--steps", "1",
         "--count", "2", "--seed", "9", "--json"]
    )  # fmt: skip
    printed = capsys.readouterr().out
    assert code == 0
    assert printed.count("\n") == 1
    row = json.loads(printed)
    assert {"prompt", "files", "ignored", "seconds"} <= row.keys()
    assert row["ignored"] == ["zorgly"]
    assert [read_source_type(out.with_stem(f"face-000{n}")) for n in (1, 2)] == [
        SOURCE_TYPES["drawn"]
    ] * 2


def test_the_command_prints_files_to_stdout_and_notes_to_stderr(folder, tmp_path, capsys):
    out = tmp_path / "face.jpg"
    assert run(["generate", "a zorgly man", "--out", str(out), "--model", str(folder),
                "--steps", "1", "--visible-mark"]) == 0  # fmt: skip
    captured = capsys.readouterr()
    assert captured.out.strip() == str(out)
    assert "zorgly" in captured.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["", "--out", "f.png"], "the prompt is empty"),
        (["a man", "--out", "f.gif"], "f.gif: pictures are written as"),
        (["a man", "--out", "."], "is a folder"),
        (["a man", "--out", "f.png", "--count", "0"], "count: expected 1 to"),
        (["a man", "--out", "f.png", "--count", "99999"], "count: expected 1 to"),
        (["a man", "--out", "f.png", "--seed", "-1", "--model", "TOY"], "seed: expected"),
        (["a man", "--out", "f.png", "--steps", "0", "--model", "TOY"], "steps: expected"),
        (["a man", "--out", "f.png", "--guidance", "nan", "--model", "TOY"], "guidance: expected"),
        (["a man", "--out", "f.png", "--region", "0,0,1,1"], "--region needs a picture"),
        (["a man", "--out", "f.png", "--edit", "x.png", "--region", "0,0,2"], "four numbers"),
        (["a man", "--out", "f.png", "--edit", "x.png", "--region", "0,0,2,1"], "region: expected"),
        (["a man", "--out", "f.png", "--edit", "x.png", "--model", "TOY"], "x.png: no such file"),
        (["a man", "--out", "f.png", "--edit", "x.png", "--count", "2"], "one picture is edited"),
        (["a man", "--out", "f.png", "--model", "draw-huge"], "draw-huge: neither a folder"),
    ],
)
def test_bad_input_gives_one_error_and_one_hint(folder, arguments, message, capsys):
    code = run(["generate", *(str(folder) if a == "TOY" else a for a in arguments)])
    error = capsys.readouterr().err.strip().splitlines()
    assert code == 2
    assert error[0].startswith("error: ")
    assert message in error[0]
    assert len(error) <= 2


def test_without_installed_weights_there_is_one_error_with_a_hint(monkeypatch, capsys, tmp_path):
    import sys

    monkeypatch.setitem(sys.modules, "lineament_weights", None)
    assert run(["generate", "a man", "--out", str(tmp_path / "f.png")]) == 2
    first, second = capsys.readouterr().err.strip().splitlines()
    assert first == "error: draw-tiny: neither a folder nor an installed model"
    assert "lineament-weights" in second
    assert not (tmp_path / "f.png").exists()
