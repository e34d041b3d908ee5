"""Noun phrases of objects: which words pick out exactly one, and how places and relations sound."""

import functools
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from random import Random
from typing import Any

from lineament.annotation import Annotation
from lineament.claims.scenes_check import choose_objects
from lineament.claims.scenes_objects import (
    RELATIONS,
    Scene,
    SceneObject,
    is_related,
    read_scene,
)
from lineament.claims.scenes_words import read_scene_words

EXTREMES = ("largest", "smallest", "leftmost", "rightmost", "topmost", "bottommost")


def read_asks() -> Mapping[str, Sequence[str]]:
    """Return the questions of wordings.toml."""
    return _read_wordings()["ask"]


def read_untold() -> Mapping[str, Sequence[str]]:
    """Return questions (``ask``) that no picture answers, and ways to say so (``answer``)."""
    return _read_wordings()["untold"]


@functools.cache
def _read_wordings() -> Mapping[str, Mapping[str, Sequence[str]]]:
    folder = resources.files("lineament.records.write.scenes")
    return tomllib.loads((folder / "wordings.toml").read_text(encoding="utf-8"))


@dataclass(frozen=True, slots=True)
class Named:
    """An object and the words that pick out this one alone: ``the largest white ship``."""

    found: SceneObject
    words: str


class SceneView:
    """An annotation of a scene as writers see it."""

    def __init__(self, annotation: Annotation) -> None:
        self.annotation = annotation
        self.scene: Scene = read_scene(annotation)
        self.counts = Counter(o.name for o in self.scene.objects)
        self.listed = tuple(sorted(self.scene.listed))
        self.named: tuple[Named, ...] = tuple(
            Named(found, words)
            for found in self.scene.objects
            if found.points and (words := self._name(found))
        )

    def _name(self, found: SceneObject) -> str:
        """Return the shortest words that pick out one object; empty where none do."""
        noun = say_noun(found.name)
        if self._picks(found.name, found):
            return f"the {noun}"
        if found.color and self._picks(f"{found.color} {found.name}", found):
            return f"the {found.color} {noun}"
        for extreme in EXTREMES:
            if self._picks(f"{extreme} {found.name}", found):
                return f"the {extreme} {noun}"
        return ""

    def _picks(self, designator: str, found: SceneObject) -> bool:
        chosen = choose_objects(designator, self.scene)
        if chosen is None:
            return False
        sure, unsure, is_listed = chosen
        return is_listed and not unsure and [o.id for o in sure] == [found.id]

    def has(self, name: str) -> bool | None:
        """Say whether a flag of the picture holds; None where nothing tells."""
        facts = self.annotation.facts_named(name, "clip")
        if facts:
            return bool(facts[0].value)
        return False if self.annotation.is_closed(name) else None

    def pairs(self, rng: Random) -> list[tuple[Named, str, Named, bool]]:
        """Return relations between named objects that clearly hold, or clearly do not."""
        found = []
        for one in self.named:
            for other in self.named:
                if one is other or other.found.name == one.found.name:
                    continue
                for name in RELATIONS:
                    answer = is_related(one.found, name, other.found)
                    if answer is not None:
                        found.append((one, name, other, answer))
        rng.shuffle(found)
        return found


def say_noun(name: str, count: int = 1) -> str:
    """Return a class as a noun, plural unless it is one."""
    singular, plural = read_scene_words()["noun"][name][0]
    return singular if count == 1 else plural


def say_place(position: str) -> str:
    """Return a ninth of the picture in words."""
    return read_scene_words()["position"][position][0]


def say_side(side: str) -> str:
    """Return a half of the picture in words."""
    return read_scene_words()["side"][side][0]


def say_relation(name: str) -> str:
    """Return a relation in words."""
    return read_scene_words()["relation"][name][0]


def say_direction(degrees: float) -> str:
    """Return how a long object runs, in words; empty close to the border of two directions."""
    for low, high, key in _DIRECTIONS:
        if low <= degrees <= high:
            return read_scene_words()["orientation"][key][0]
    return ""


_DIRECTIONS = (
    (0, 20, "horizontal"), (25, 65, "falling"), (70, 110, "vertical"), (115, 155, "rising"),
    (160, 180, "horizontal"),
)  # fmt: skip


def say_scene(annotation: Annotation) -> str:
    """Return the kind of scene in words, or empty."""
    facts = annotation.facts_named("scene_class", "clip")
    words: Any = read_scene_words()["scene"].get(str(facts[0].value)) if facts else None
    return words[0] if words else ""
