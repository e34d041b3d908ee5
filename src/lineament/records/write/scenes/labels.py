"""The labels of a scene in plain words, as a prompt holds them: numbers, objects, relations."""

from collections.abc import Iterator
from random import Random

from lineament.annotation import Annotation
from lineament.claims.scenes_objects import find_density, find_position, lies_in, lies_on_side
from lineament.claims.scenes_words import read_scene_words
from lineament.records.sources.scenes.boxes import write_box
from lineament.records.write.grammar import join_words, with_article
from lineament.records.write.scenes.phrase import (
    SceneView,
    say_direction,
    say_noun,
    say_place,
    say_relation,
    say_scene,
    say_side,
)

MAX_OBJECTS, MAX_RELATIONS, MAX_ABSENT = 40, 24, 12
COVERS = ("water", "trees", "grass", "bare_land", "fields")


def word_scene(annotation: Annotation) -> str:
    """Write a scene as a list: the picture, numbers, a table of objects, and relations."""
    view = SceneView(annotation)
    objects = list(_word_objects(view))
    relations = list(_word_relations(view))
    return "\n".join(
        (
            *(f"- {said}." for said in (*_word_picture(view), *_word_counts(view))),
            *(("Objects, largest first; boxes are fractions of width and height:", *objects)
              if objects else ()),
            *(("How they lie to each other:", *relations) if relations else ()),
        )
    )  # fmt: skip


def _word_picture(view: SceneView) -> Iterator[str]:
    if scene := say_scene(view.annotation):
        yield f"The picture shows {with_article(scene)} area"
    if (is_urban := view.has("urban")) is not None:
        yield f"The surroundings are {'urban' if is_urban else 'rural'}"
    if (density := find_density(view.scene)) is not None:
        yield f"The objects lie {read_scene_words()['density'][density][0]}"
    words = read_scene_words()["cover"]
    if there := [words[name][0] for name in COVERS if view.has(name)]:
        yield f"Land cover: {join_words(there)}"
    if absent := [words[name][0] for name in COVERS if view.has(name) is False]:
        yield f"Not there: {join_words(absent)}"
    for fact in view.annotation.facts_named("meters_per_pixel", "clip"):
        yield f"One pixel is {float(fact.value):g} meters wide"


def _word_counts(view: SceneView) -> Iterator[str]:
    for name, count in view.counts.most_common():
        least = "" if view.scene.is_listed(name) else "at least "
        yield f"Number of {say_noun(name, 2)}: {least}{count}"
    absent = [say_noun(name, 2) for name in view.listed if not view.scene.of_class(name)]
    if absent:
        yield f"None there: {join_words(absent[:MAX_ABSENT])}"


def _word_objects(view: SceneView) -> Iterator[str]:
    """Yield a row an object: what it is called, colour, length, direction, place and box."""
    called = {named.found.id: named.words for named in view.named}
    placed = sorted((one for one in view.scene.objects if one.points), key=lambda one: -one.area)
    for one in placed[:MAX_OBJECTS]:
        parts = [called.get(one.id, with_article(say_noun(one.name)))]
        if one.color:
            parts.append(one.color)
        if one.length_meters:
            parts.append(f"about {one.length_meters:g} meters long")
        if one.degrees is not None and (way := say_direction(one.degrees)):
            parts.append(f"runs {way}")
        if lies_in(one, position := find_position(one)):
            parts.append(say_place(position))
        parts += [say_side(side) for side in ("left", "right") if lies_on_side(one, side)]
        yield f"- {', '.join(parts)}: {write_box(one.box, (1.0, 1.0))}"
    if len(placed) > MAX_OBJECTS:
        yield f"- and {len(placed) - MAX_OBJECTS} smaller ones"


def _word_relations(view: SceneView) -> Iterator[str]:
    told = 0
    for one, name, other, holds in view.pairs(Random(0)):
        if holds and told < MAX_RELATIONS:
            told += 1
            yield f"- {one.words} is {say_relation(name)} {other.words}"
