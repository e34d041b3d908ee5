"""Sentences about scenes: local ones for single objects, global ones for the whole."""

from collections import Counter
from collections.abc import Sequence, Set
from random import Random

from lineament.claims.scenes_check import check_scene_text
from lineament.claims.scenes_objects import (
    find_density,
    find_position,
    lies_in,
    lies_on_side,
)
from lineament.claims.scenes_words import read_scene_words
from lineament.records.write.grammar import capital, join_words, number_word, with_article
from lineament.records.write.scenes.phrase import (
    Named,
    SceneView,
    say_direction,
    say_noun,
    say_place,
    say_relation,
    say_scene,
    say_side,
)

MAX_LOCAL = 8
MAX_OTHERS = 3  # classes whose other objects are told together
COVERS = ("water", "trees", "grass", "bare_land", "fields")


def is_supported(text: str, view: SceneView) -> bool:
    """Say whether a text makes claims and the annotation supports every one."""
    checked = check_scene_text(text, view.annotation, view.scene)
    return bool(checked.claims) and checked.supported == len(checked.claims)


def write_object(view: SceneView, named: Named, rng: Random, most: int = 4) -> str:
    """Return one sentence on one object: look, place, size and direction, as far as known."""
    found, words = named.found, capital(named.words)
    if view.counts[found.name] == 1 and rng.random() < 0.4:
        words = capital(f"the only {say_noun(found.name)}")
    parts: list[str] = []
    if found.color and found.color not in named.words:
        parts.append(f"is {found.color}")
    position = find_position(found)
    if found.name != "road" and lies_in(found, position):
        parts.append(f"lies {say_place(position)}")
    if found.degrees is not None and (way := say_direction(found.degrees)):
        parts.append(f"runs {way}")
    if found.length_meters:
        parts.append(f"is about {found.length_meters:g} meters long")
    return f"{words} {join_words(parts[:most])}." if parts else ""


def write_relations(view: SceneView, rng: Random, most: int) -> list[str]:
    """Return sentences on how objects lie to each other, one a pair at most."""
    told: list[str] = []
    pairs: set[frozenset[str]] = set()
    for one, name, other, holds in view.pairs(rng):
        pair = frozenset((one.found.id, other.found.id))
        if holds and pair not in pairs and len(told) < most:
            pairs.add(pair)
            told.append(f"{capital(one.words)} is {say_relation(name)} {other.words}.")
    return told


def write_local(view: SceneView, rng: Random, most: int = MAX_LOCAL) -> list[str]:
    """Return the local description: the largest named objects first, the others by class.

    Relations come last.
    """
    named = sorted(view.named, key=lambda n: -n.found.area)[:most]
    sentences = [write_object(view, one, rng, rng.choice((2, 3, 4))) for one in named]
    sentences += write_others(view, {one.found.id for one in named}, rng)
    sentences += write_relations(view, rng, 3)
    return [s for s in dict.fromkeys(sentences) if s and is_supported(s, view)]


def write_others(view: SceneView, told: Set[str], rng: Random) -> list[str]:
    """Return the number of each class of which some objects are not told, and their halves."""
    left = Counter(one.name for one in view.scene.objects if one.id not in told)
    names = [name for name, _ in left.most_common() if view.scene.is_listed(name)][:MAX_OTHERS]
    counted = [
        f"There {'is' if view.counts[name] == 1 else 'are'} {number_word(view.counts[name])} "
        f"{say_noun(name, view.counts[name])}."
        for name in names
    ]
    return counted + write_layout(view, rng, names)


def write_overview(view: SceneView, rng: Random) -> list[str]:
    """Return what the picture as a whole shows: kind, counts, layout, density, land cover."""
    sentences: list[str] = []
    scene = say_scene(view.annotation)
    if scene:
        sentences.append(f"The picture shows {with_article(scene)} area.")
    if (is_urban := view.has("urban")) is not None:
        sentences.append(f"The surroundings are {'urban' if is_urban else 'rural'}.")
    sentences += write_counts(view)
    sentences += write_layout(view, rng)
    density = find_density(view.scene)
    if density is not None:
        sentences.append(f"The objects lie {read_scene_words()['density'][density][0]}.")
    sentences += write_cover(view)
    return [s for s in dict.fromkeys(sentences) if is_supported(s, view)]


def write_counts(view: SceneView) -> list[str]:
    """Return one sentence with the number of each class, most first."""
    parts = [
        f"{number_word(count)} {say_noun(name, count)}"
        for name, count in view.counts.most_common()
        if view.scene.is_listed(name)
    ]
    if not parts:
        return []
    verb = "is" if view.counts.most_common(1)[0][1] == 1 else "are"
    return [f"There {verb} {join_words(parts[:6])}."]


def write_layout(view: SceneView, rng: Random, names: Sequence[str] = ()) -> list[str]:
    """Return sentences on which half holds the objects of a class: of the commonest, or of some."""
    told: list[str] = []
    for name in names or [name for name, _ in view.counts.most_common(5)]:
        count, objects = view.counts[name], view.scene.of_class(name)
        # What is not listed whole cannot be said of all.
        if count < 2 or name == "road" or not view.scene.is_listed(name):
            continue
        sides = [
            side
            for side in ("left", "right", "top", "bottom")
            if all(lies_on_side(one, side) for one in objects)
        ]
        if sides:
            told.append(f"All {say_noun(name, 2)} lie {say_side(rng.choice(sides))}.")
            continue
        for side in ("left", "right"):
            answers = [lies_on_side(one, side) for one in objects]
            number = sum(answer is True for answer in answers)
            if None not in answers and number > 0:
                noun = say_noun(name, number)
                verb = "lies" if number == 1 else "lie"
                told.append(f"{capital(number_word(number))} {noun} {verb} {say_side(side)}.")
    return told


def write_cover(view: SceneView) -> list[str]:
    """Return sentences on the land cover that is there, and one that is not."""
    words = read_scene_words()["cover"]
    there = [words[name][0] for name in COVERS if view.has(name)]
    absent = [words[name][0] for name in COVERS if view.has(name) is False]
    told = [f"{capital(join_words(there))} can be seen."] if there else []
    return told + ([f"There is no {absent[0]}."] if absent and absent[0] != "trees" else [])


def write_global(view: SceneView, rng: Random) -> list[str]:
    """Return the merged description: the overview, then local sentences by region."""
    named = sorted(view.named, key=lambda n: (-n.found.area,))[:6]
    by_region: dict[str, list[str]] = {}
    for one in named:
        told = write_object(view, one, rng, 3)
        if told and is_supported(told, view):
            by_region.setdefault(find_position(one.found), []).append(told)
    local = [sentence for region in by_region.values() for sentence in region]
    relations = [s for s in write_relations(view, rng, 2) if is_supported(s, view)]
    return [*dict.fromkeys((*write_overview(view, rng), *local, *relations))]
