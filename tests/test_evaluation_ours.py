"""Every model of ours is asked by its name: one that draws, one of scenes, one of faces."""

import json
from pathlib import Path

import numpy as np
import pytest

from evaluation_toys import Nobody, noise, toy_answerer
from lineament.errors import BadInput, BadModel
from lineament.evaluation.answerer import Answerer, Asked, asked_from_item
from lineament.evaluation.asking import _find_key
from lineament.evaluation.foreign_open import open_foreign
from lineament.evaluation.item import Item, Kind, Visual
from lineament.evaluation.likelihood import LikelihoodAnswerer, YesNoModel, read_weighed
from lineament.render import draw_clip, sample_face

torch = pytest.importorskip("torch")
pytest.importorskip("mediapipe")

from lineament.describe.drawing_chat import answer_portrait  # noqa: E402
from lineament.evaluation.loaded import (  # noqa: E402
    LoadedAnswerer,
    draws,
    hash_model,
    open_model,
)
from lineament.evaluation.portraits import PortraitAnswerer  # noqa: E402
from lineament.model.drawing import fit_square  # noqa: E402
from test_describe_scenes import scene_model  # noqa: E402, F401
from test_draw import make_drawing_model  # noqa: E402


class Refusing(Nobody):
    """May not be asked at all."""

    def find(self, pixels, known=()):
        raise AssertionError("a face was looked for")


@pytest.fixture(scope="module")
def drawing_folder(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("drawing") / "toy"
    make_drawing_model().save(path)
    return path


def test_a_model_that_draws_answers_about_the_middle_of_what_it_sees():
    toy = make_drawing_model()
    answerer = PortraitAnswerer(toy, make_finder=Nobody, max_new_tokens=4)
    assert isinstance(answerer, Answerer)
    clip = noise(5, width=48)
    asked = [Asked(str(n), text, visual=clip) for n, text in enumerate(("Is she?", "Why?"))]
    middle = fit_square(clip.frames[2], toy.size_px)
    expected = [answer_portrait(toy, None, middle, a.question, max_new_tokens=4) for a in asked]
    assert answerer.answer(asked) == expected


def test_free_text_may_take_longer_than_a_short_answer():
    """A description that is cut off loses what it would have said, and nobody is told."""
    answerer, visual = toy_answerer(), noise()
    asked = [
        Asked("a", "Is she?", visual=visual),
        Asked("b", "Is she?", visual=visual, is_long=True),
        Asked("c", "Why?", visual=visual),
    ]
    short, long, _ = (str(text) for text in answerer.answer(asked))
    assert long.startswith(short)
    assert len(long) > len(short)
    assert answerer.answer(asked[:1]) == [short]
    limits = {"max_new_tokens": 2, "long_tokens": 9}
    drawing = PortraitAnswerer(make_drawing_model(), make_finder=Nobody, **limits)
    one, more = (str(text) for text in drawing.answer(asked[:2]))
    assert len(more) > len(one)


def test_free_text_and_short_answers_are_kept_apart():
    answerer = toy_answerer()
    keys = {_find_key(answerer, Asked("a", "Is she?", is_long=one), "x") for one in (False, True)}
    assert len(keys) == 2
    texts = [item for item in items_of_kinds() if asked_from_item(item, None).is_long]
    assert [item.kind for item in texts] == ["text"]


def items_of_kinds() -> list[Item]:
    kinds: tuple[Kind, ...] = ("yes_no", "text", "exact", "class", "box", "spans")
    return [Item(kind, "a.png", "What?", kind, "", "group") for kind in kinds]


def test_a_model_that_draws_sees_the_face_upright_and_cut_out():
    pytest.importorskip("skia")
    frames, _ = draw_clip(sample_face(3, is_picture=True), size_px=160, seed=3)
    toy = make_drawing_model()
    visual = Visual(frames[:1])
    cut = PortraitAnswerer(toy)._cut(visual)
    whole = PortraitAnswerer(toy, make_finder=Nobody)._cut(visual)
    assert cut.shape == whole.shape == (toy.size_px, toy.size_px, 3)
    assert (cut != whole).any()


def test_a_drawing_models_folder_is_opened_by_its_path(drawing_folder):
    assert draws(drawing_folder)
    answerer, blind = open_model(str(drawing_folder), is_blind=True)
    assert isinstance(answerer, PortraitAnswerer)
    assert blind is not None
    assert blind.identity != answerer.identity
    assert answerer.identity.startswith("toy ")  # name and weights
    assert open_model(str(drawing_folder))[1] is None
    with pytest.raises(BadInput, match="--without needs a model with several"):
        open_model(str(drawing_folder), without=["face"])


def test_a_blind_drawing_model_gives_every_picture_the_same_answer(drawing_folder):
    _, blind = open_model(str(drawing_folder), is_blind=True)
    assert blind is not None
    dark = Visual(np.zeros((1, 40, 48, 3), np.uint8))
    said = [blind.answer([Asked("a", "Is she?", visual=v)]) for v in (noise(width=48), dark)]
    assert said[0] == said[1]


def test_a_model_of_scenes_is_shown_whole_pictures_and_no_face_is_looked_for(
    scene_model,  # noqa: F811
    monkeypatch,
):
    monkeypatch.setattr("lineament.evaluation.loaded.MeshFinder", Refusing)
    answerer, blind = open_model(str(scene_model), is_blind=True)
    assert isinstance(answerer, LoadedAnswerer)
    assert answerer.make_finder is None
    answerer.max_new_tokens = 4
    asked = [Asked("a", "How many ships are there?", visual=noise(width=48))]
    (said,) = answerer.answer(asked)
    assert isinstance(said, str)
    assert isinstance(blind, LoadedAnswerer)
    assert blind.make_finder is None
    assert blind.is_blind


def write_model(folder: Path, **more: str) -> Path:
    """Write files as a model's folder has them; names may lie in folders inside."""
    files = {
        "config.json": "{}", "tokenizer.json": "[]", "chat_template.jinja": "{{ m }}",
        "model.safetensors": "weights", "eyes/model.safetensors": "eyes", "README.md": "a card",
    }  # fmt: skip
    for name, text in {**files, **more}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def test_a_model_is_known_by_all_that_its_answers_depend_on(tmp_path):
    known = hash_model(write_model(tmp_path / "one" / "toy"))
    assert known.startswith("toy ")
    assert hash_model(write_model(tmp_path / "elsewhere" / "toy")) == known
    changes = {
        "config.json": '{"a": 1}', "tokenizer.json": "[1]", "chat_template.jinja": "{{ n }}",
        "processor_config.json": "{}", "merges.txt": "a b", "model.safetensors": "other",
        "eyes/model.safetensors": "others", "drafts.safetensors": "drafts",
    }  # fmt: skip
    seen = {known}
    for place, (name, text) in enumerate(changes.items()):
        folder = write_model(tmp_path / f"changed-{place}" / "toy", **{name: text})
        seen.add(hash_model(folder))
    assert len(seen) == 1 + len(changes)


def test_cards_notes_and_hidden_files_do_not_change_who_a_model_is(tmp_path):
    known = hash_model(write_model(tmp_path / "one" / "toy"))
    more = {
        "README.md": "another card", "LICENSE": "free", "notes.txt": "of today",
        ".cache/huggingface/config.json": "{}", ".hidden.json": "{}",
    }  # fmt: skip
    assert hash_model(write_model(tmp_path / "two" / "toy", **more)) == known


def test_our_model_tells_how_likely_its_yes_is(monkeypatch):
    answerer = toy_answerer()
    assert isinstance(answerer, YesNoModel)
    sides = {True: [5, 9], False: [7]}
    monkeypatch.setattr(answerer, "first_tokens", sides)
    rng = np.random.default_rng(0)
    visuals = [noise(count, rng=rng) for count in (1, 3)]
    asked = [Asked(f"{n}", text, visual=v) for n, v in enumerate(visuals) for text in ("a?", "b")]
    together = answerer.yes_no(asked)
    for one, found in zip(asked, together, strict=True):
        # One forward pass over raw pixels, instead of generation from what was encoded before.
        prepared = answerer._look(one.visual)
        inputs = dict(
            answerer.loaded.processor([[{"role": "user", "content": one.prompt}]], [prepared])
        )
        with torch.no_grad():
            logits = answerer.loaded.model(**inputs).logits[0, -1].double()
        shares = logits.softmax(-1)
        assert found.log_yes == pytest.approx(float(shares[[5, 9]].sum().log()), abs=1e-3)
        assert found.log_no == pytest.approx(float(shares[7].log()), abs=1e-3)
    assert len({found.log_yes for found in together}) == len(asked)
    said = LikelihoodAnswerer(answerer).answer(asked)
    assert [read_weighed(text)[1] for text in said] == pytest.approx(
        [float(np.exp(found.log_yes)) for found in together], rel=1e-5
    )


def test_models_of_ours_are_asked_by_likelihood_through_their_names(monkeypatch, tmp_path):
    toy = toy_answerer()
    monkeypatch.setattr(toy, "first_tokens", {True: [5], False: [7]})
    monkeypatch.setattr("lineament.evaluation.loaded.open_answerer", lambda _: toy)
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "favchat"}')
    answerer, blind = open_foreign(f"vqa:{folder}", is_blind=True)
    assert isinstance(answerer, LikelihoodAnswerer)
    assert answerer.model is toy
    assert blind is not None
    assert blind.name == "toy, blind, by likelihood"
    (folder / "config.json").write_text('{"model_type": "unif2ace"}')
    with pytest.raises(BadInput, match="tells no likelihoods"):
        open_foreign(f"vqa:{folder}")


def test_what_is_no_model_is_still_named(tmp_path):
    with pytest.raises(BadModel, match=r"no config\.json"):
        open_model(str(tmp_path))
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "nothing"}))
    assert not draws(tmp_path)
    with pytest.raises(BadModel, match="expected a favchat model"):
        open_model(str(tmp_path))
    (tmp_path / "config.json").write_text("[]")
    assert not draws(tmp_path)
