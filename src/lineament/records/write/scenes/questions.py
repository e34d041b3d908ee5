"""Questions about scenes with answers that the annotation supports, one at a time."""

from collections.abc import Callable, Iterator, Mapping
from random import Random
from typing import NamedTuple

from lineament.claims.scenes_objects import find_position, lies_in, lies_on_side
from lineament.records.sources.scenes.boxes import write_box
from lineament.records.write.grammar import capital, number_word, with_article
from lineament.records.write.scenes.phrase import (
    SceneView,
    read_asks,
    read_untold,
    say_noun,
    say_place,
    say_relation,
    say_scene,
    say_side,
)
from lineament.records.write.scenes.sentences import is_supported, write_cover

COLORS = ("white", "red", "blue", "black", "yellow")


class Asked(NamedTuple):
    """A question, its answer, and whether the answer is yes or no."""

    question: str
    answer: str
    polarity: str = ""


Ask = Callable[[SceneView, Random], Iterator[Asked]]


def wording(kind: str, rng: Random, **slots: str) -> str:
    """Return one way to ask, slots filled."""
    return capital(rng.choice(read_asks()[kind]).format(**slots))


def ask_count(view: SceneView, rng: Random) -> Iterator[Asked]:
    """Ask for the number of a class that is listed; now and then of one that is not there."""
    present = [n for n in view.counts if view.scene.is_listed(n)]
    absent = [n for n in view.listed if n not in view.counts]
    rng.shuffle(present)
    rng.shuffle(absent)
    for name in (*present, *absent[:1]):
        number = view.counts[name]
        verb = "is" if number == 1 else "are"
        answer = f"There {verb} {number_word(number)} {say_noun(name, number)}."
        yield Asked(wording("count", rng, p=say_noun(name, 2)), answer)


def ask_exists(view: SceneView, rng: Random) -> Iterator[Asked]:
    """Ask for things that are there and as many that are not."""
    present = [with_article(say_noun(n)) for n in view.counts]
    absent = [with_article(say_noun(n)) for n in view.listed if n not in view.counts]
    for color in COLORS:
        for name in ("vehicle", "ship", "building"):
            known = view.scene.of_class(name)
            if known and view.scene.is_listed(name) and all(o.color for o in known):
                has_it = any(o.color == color for o in known)
                (present if has_it else absent).append(f"a {color} {say_noun(name)}")
    rng.shuffle(present)
    rng.shuffle(absent)
    for yes, no in zip(present, absent, strict=False):
        yield Asked(wording("exists", rng, n=yes), f"Yes, there is {yes}.", "positive yes")
        bare = no.partition(" ")[2]
        yield Asked(wording("exists", rng, n=no), f"No, there is no {bare}.", "positive no")


def ask_where(view: SceneView, rng: Random) -> Iterator[Asked]:
    """Ask where an object lies."""
    for named in _shuffled(view, rng):
        position = find_position(named.found)
        if named.found.name != "road" and lies_in(named.found, position):
            answer = f"{capital(named.words)} is {say_place(position)}."
            yield Asked(wording("where", rng, n=named.words), answer)


def ask_color(view: SceneView, rng: Random) -> Iterator[Asked]:
    """Ask for the colour of an object that is not called by it."""
    for named in _shuffled(view, rng):
        if named.found.color and named.found.color not in named.words:
            answer = f"{capital(named.words)} is {named.found.color}."
            yield Asked(wording("color", rng, n=named.words), answer)


def ask_relation(view: SceneView, rng: Random) -> Iterator[Asked]:
    """Ask whether a relation holds; yes and no by turns."""
    pairs = view.pairs(rng)
    right = [pair for pair in pairs if pair[3] and pair[1] != "larger_than"]
    wrong = [pair for pair in pairs if not pair[3] and pair[1] != "larger_than"]
    for yes, no in zip(right, wrong, strict=False):
        for one, name, other, holds in (yes, no):
            said = f"{one.words} is {'' if holds else 'not '}{say_relation(name)} {other.words}"
            slots = {"n": one.words, "r": say_relation(name), "o": other.words}
            lead = "Yes" if holds else "No"
            polarity = "positive yes" if holds else "positive no"
            yield Asked(wording("relation", rng, **slots), f"{lead}, {said}.", polarity)


def ask_compare(view: SceneView, rng: Random) -> Iterator[Asked]:
    """Ask which of two objects is larger."""
    for one, name, other, holds in view.pairs(rng):
        if name == "larger_than" and holds:
            first, second = (one, other) if rng.random() < 0.5 else (other, one)
            answer = f"{capital(one.words)} is larger than {other.words}."
            yield Asked(wording("compare", rng, n=first.words, o=second.words), answer)


def ask_scene(view: SceneView, rng: Random) -> Iterator[Asked]:
    """Ask for the kind of scene and for its land cover."""
    if scene := say_scene(view.annotation):
        answer = f"The picture shows {with_article(scene)} area."
        yield Asked(wording("scene", rng), answer)
    if cover := write_cover(view):
        yield Asked(wording("cover", rng), " ".join(cover))


def ask_reasoning(view: SceneView, rng: Random) -> Iterator[Asked]:
    """Ask what takes two steps, and give both before the conclusion."""
    yield from _ask_more(view, rng)
    yield from _ask_same_side(view, rng)


def _ask_more(view: SceneView, rng: Random) -> Iterator[Asked]:
    names = [n for n in view.counts if view.scene.is_listed(n)]
    rng.shuffle(names)
    for one, other in zip(names[::2], names[1::2], strict=False):
        first, second = view.counts[one], view.counts[other]
        verb = "is" if first == 1 else "are"
        steps = (
            f"There {verb} {number_word(first)} {say_noun(one, first)} and "
            f"{number_word(second)} {say_noun(other, second)}."
        )
        if first == second:
            end = "Both numbers are equal, so neither kind is in the majority."
        else:
            more, fewer = max(first, second), min(first, second)
            which = "former" if first > second else "latter"
            end = (
                f"{capital(number_word(more))} is more than {number_word(fewer)}, "
                f"so it must be the {which}."
            )
        slots = {"p": say_noun(one, 2), "q": say_noun(other, 2)}
        yield Asked(wording("more", rng, **slots), f"{steps} {end}")


def _ask_same_side(view: SceneView, rng: Random) -> Iterator[Asked]:
    placed = [
        (named, side)
        for named in _shuffled(view, rng)
        for side in ("left", "right")
        if named.found.name != "road" and lies_on_side(named.found, side)
    ]
    for (one, side), (other, other_side) in zip(placed[::2], placed[1::2], strict=False):
        steps = (
            f"{capital(one.words)} lies {say_side(side)}. "
            f"{capital(other.words)} lies {say_side(other_side)}."
        )
        end = "So yes, both share a half." if side == other_side else "So no, they are parted."
        question = wording("same_side", rng, n=one.words, o=other.words)
        yield Asked(question, f"{steps} {end}")


def ask_box(view: SceneView, rng: Random) -> Iterator[Asked]:
    """Ask for the box of an object, and for the object of a box, by turns."""
    for number, named in enumerate(_shuffled(view, rng)):
        box = write_box(named.found.box, (1.0, 1.0))
        if number % 2:
            answer = f"{capital(named.words)}."
            if is_supported(answer, view):
                yield Asked(wording("region", rng, b=box), answer)
        else:
            yield Asked(wording("box", rng, n=named.words), box)


def ask_unanswerable(view: SceneView, rng: Random) -> Iterator[Asked]:
    """Ask about things that are not there, and what no picture tells, by turns."""
    absent = [say_noun(name) for name in view.listed if name not in view.counts]
    untold = list(read_untold()["ask"])
    rng.shuffle(absent)
    rng.shuffle(untold)
    for number, question in enumerate(untold):
        if number % 2 and (noun := absent.pop() if absent else ""):
            asked = wording(rng.choice(("where", "color", "box")), rng, n=f"the {noun}")
            yield Asked(asked, f"There is no {noun}.")
        else:
            yield Asked(question, rng.choice(read_untold()["answer"]))


def is_declined(question: str, answer: str) -> bool:
    """Say whether an answer rightly says that it cannot be told; it claims nothing."""
    untold = read_untold()
    return question in untold["ask"] and answer in untold["answer"]


def _shuffled(view: SceneView, rng: Random) -> list:
    named = list(view.named)
    rng.shuffle(named)
    return named


def write_dialogue(view: SceneView, rng: Random, num_rounds: int = 0) -> list[Asked]:
    """Return a conversation that ends with a question of two steps, where there is one.

    Before it come counts, presence and absence, places, a relation, a comparison and the scene.

    Args:
        view: The scene.
        rng: Chooses.
        num_rounds: Most questions; 0 takes one or two of each sort.
    """
    rounds: list[Asked] = []
    each = 1 if num_rounds else 2
    for ask, most in (
        (ask_count, each), (ask_exists, 2), (ask_where, each), (ask_relation, 1),
        (ask_compare, 1), (ask_scene, 1),
    ):  # fmt: skip
        rounds += _first(ask(view, rng), most)
    if num_rounds:  # more of the same where some sorts gave none
        for ask in (ask_count, ask_where, ask_exists, ask_relation):
            rounds += _first(ask(view, rng), num_rounds)
    rounds += _first(ask_reasoning(view, rng), 1)
    kept: dict[str, Asked] = {}
    answers: set[str] = set()
    for asked in rounds:
        if asked.answer not in answers and is_supported(asked.answer, view):
            kept.setdefault(asked.question, asked)
            answers.add(asked.answer)
    found = list(kept.values())
    return [*found[: num_rounds - 1], found[-1]] if 0 < num_rounds < len(found) else found


def _first(asked: Iterator[Asked], most: int) -> list[Asked]:
    return [one for one, _ in zip(asked, range(most), strict=False)]


ASKS: Mapping[str, Ask] = {
    "scene_count": ask_count,
    "scene_yes_no": ask_exists,
    "scene_position": ask_where,
    "scene_color": ask_color,
    "scene_relation": ask_relation,
    "scene_comparison": ask_compare,
    "scene_kind": ask_scene,
    "scene_reasoning": ask_reasoning,
    "scene_box": ask_box,
    "scene_unanswerable": ask_unanswerable,
}
__all__ = ["ASKS", "Asked", "is_declined", "wording", "write_dialogue"]
