"""Damaged checkpoints and options without sense: named in one line, with what to do."""

import shutil

import pytest

from lineament.errors import BadInput, BadModel
from lineament.training.recipe import Mix
from lineament.training.rendered import LEAST, RenderedExamples
from lineament.training.run import run_recipe
from test_model_toys import _one_thread  # noqa: F401
from test_training_skipped import Stop
from test_training_toys import TOY_SOURCES, toy_recipe, toy_stage

RECIPE = toy_recipe(toy_stage(ema=0.5, num_steps=4))


@pytest.fixture(scope="module")
def crashed(tmp_path_factory):
    """A run that ended behind its checkpoint of step 2."""
    out = tmp_path_factory.mktemp("crashed") / "run"
    with pytest.raises(KeyboardInterrupt):
        run_recipe(RECIPE, out, sources=TOY_SOURCES, callbacks=[Stop("all", 3)])
    return out


@pytest.mark.parametrize(
    "name",
    [
        "optimizer.pt",
        "scheduler.pt",
        "trainer_state.json",
        "run_state.json",
        "average.safetensors",
        "rng_state.pth",
    ],
)
def test_a_file_of_a_checkpoint_that_is_cut_short_is_named(crashed, tmp_path, name):
    out = tmp_path / "run"
    shutil.copytree(crashed, out)
    path = out / "0-all" / "checkpoint-2" / name
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(BadModel) as caught:
        run_recipe(RECIPE, out, sources=TOY_SOURCES, resume=True)
    assert caught.value.message.startswith(f"{path}: the checkpoint is damaged")
    assert "\n" not in caught.value.message
    assert str(path.parent) in caught.value.hint
    assert "--resume" in caught.value.hint


@pytest.mark.parametrize("name", ["optimizer.pt", "scheduler.pt"])
def test_an_optimiser_that_is_gone_is_not_begun_anew(crashed, tmp_path, name):
    out = tmp_path / "run"
    shutil.copytree(crashed, out)
    (out / "0-all" / "checkpoint-2" / name).unlink()
    with pytest.raises(BadModel, match=name):
        run_recipe(RECIPE, out, sources=TOY_SOURCES, resume=True)


def test_without_the_damaged_checkpoint_the_run_goes_on(crashed, tmp_path):
    out = tmp_path / "run"
    shutil.copytree(crashed, out)
    shutil.rmtree(out / "0-all" / "checkpoint-2")
    assert run_recipe(RECIPE, out, sources=TOY_SOURCES, resume=True).status == "done"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"split": "validation"}, "unknown split of rendered 'validation'"),
        ({"options": {"num_frames": 0}}, "rendered: options.num_frames is 0"),
        ({"options": {"count": "abc"}}, "rendered: options.count is 'abc'"),
        ({"options": {"size_px": 64.0}}, "rendered: options.size_px is 64.0"),
        ({"options": {"num_dialogues": True}}, "rendered: options.num_dialogues is True"),
        ({"options": {"style": "oil"}}, "unknown options.style of rendered 'oil'"),
    ],
)
def test_options_of_rendered_faces_without_sense_are_named(changes, told):
    with pytest.raises(BadInput) as caught:
        RenderedExamples(Mix(source="rendered", **changes))
    assert told in caught.value.message
    assert caught.value.hint


def test_the_least_that_rendered_faces_allow_can_be_drawn():
    pytest.importorskip("skia")
    least = RenderedExamples(Mix(source="rendered", options={**LEAST, "count": 1}))
    visual = least.read(0, 0).visual
    assert visual is not None
    assert visual.frames.shape == (1, LEAST["size_px"], LEAST["size_px"], 3)
