"""Recipes as values: read, overridden, refused with the nearest known key, written back."""

import json
from pathlib import Path

import pytest
from pydantic import Field

from lineament.config import Settings, override, read_recipe, settings_from_dict, write_recipe
from lineament.errors import BadInput
from lineament.training.recipe import Recipe
from test_training_toys import toy_recipe, toy_stage


class Inner(Settings):
    name: str = "inner"
    size: int = 1


class Outer(Settings):
    rates: dict[str, float] = Field(default={"*": 1.0})
    free: dict[str, object] = Field(default={})
    parts: tuple[Inner, ...] = (Inner(), Inner(name="second"))
    maybe: Inner | None = None
    share: float = 0.5


def test_a_recipe_is_the_same_after_writing_and_reading(tmp_path: Path):
    recipe = toy_recipe(toy_stage("one"), toy_stage("two", num_samples=7, num_steps=0))
    write_recipe(recipe, tmp_path / "recipe.json")
    assert read_recipe(Recipe, tmp_path / "recipe.json") == recipe
    written = json.loads((tmp_path / "recipe.json").read_text())
    assert written["stages"][0]["weight_decay"] == 0.0  # defaults are spelled out


@pytest.mark.parametrize(
    ("assignment", "read"),
    [
        ("share=0.25", lambda o: o.share == 0.25),
        ("share=1", lambda o: o.share == 1.0),
        ("parts.0.size=3", lambda o: o.parts[0].size == 3 and o.parts[1].size == 1),
        ("parts.second.size=4", lambda o: o.parts[1].size == 4),
        ("rates.media.adapter.*=1e-3", lambda o: o.rates == {"*": 1.0, "media.adapter.*": 1e-3}),
        ("maybe.size=2", lambda o: o.maybe == Inner(size=2)),
        ('free.text={"a": 1}', lambda o: o.free == {"text": {"a": 1}}),
        ("parts.0.name=plain text", lambda o: o.parts[0].name == "plain text"),
    ],
)
def test_one_value_is_changed_and_nothing_else(assignment, read):
    changed = override(Outer(), [assignment])
    assert read(changed)
    assert Outer() == Outer()
    assert changed != Outer()


def test_free_mappings_can_be_walked_into():
    start = Outer(free={"text": {"layers": 2, "dim": 4}})
    assert override(start, ["free.text.layers=6"]).free == {"text": {"layers": 6, "dim": 4}}


@pytest.mark.parametrize(
    ("assignment", "message", "hint"),
    [
        ("shrae=1", "unknown key 'shrae'", "did you mean 'share'?"),
        ("parts.0.siez=1", "unknown key 'parts.0.siez'", "did you mean 'size'?"),
        ("parts.third.size=1", "parts has no member 'third'", "it has inner, second"),
        ("parts.9.size=1", "parts has no member '9'", "it has inner, second"),
        ("share.more=1", "share is a value", ""),
        ("share", "expected key=value", "--set"),
        ("parts.0.size=much", "parts.0.size", ""),
        ("parts.0.size=1.5", "parts.0.size", ""),
        ("share=true", "share", ""),
    ],
)
def test_a_wrong_assignment_is_refused_and_explained(assignment, message, hint):
    with pytest.raises(BadInput) as caught:
        override(Outer(), [assignment])
    assert message in caught.value.message
    assert hint in caught.value.hint


def test_unknown_keys_in_a_file_are_refused_with_the_nearest_one():
    with pytest.raises(BadInput) as caught:
        settings_from_dict(Outer, {"parts": [{"name": "a", "sise": 1}]}, where="x.json")
    assert caught.value.message == "x.json: unknown key 'parts.0.sise'"
    assert caught.value.hint == "did you mean 'size'?"


@pytest.mark.parametrize(("text", "message"), [("{", "is no JSON"), (None, "no such file")])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, text, message):
    path = tmp_path / "recipe.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(BadInput, match=message) as caught:
        read_recipe(Outer, path)
    assert str(path) in caught.value.message


def test_settings_cannot_be_changed_in_place():
    with pytest.raises(ValueError, match="frozen"):
        Outer().share = 0.1  # type: ignore[misc]
