"""Samples: random annotations of adult faces, consistent and complete about what they close."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from lineament.annotation import Annotation, Fact, Subject, check_value
from lineament.errors import BadInput
from lineament.render.acts import ACTS, ALSO, EMOTIONS
from lineament.render.plan import list_hidden, list_unsure, plan_acts
from lineament.render.rates import (
    ALL_COLORS,
    CHOICES,
    FLAGS,
    FPS,
    GROUPS,
    HAIR_COLOR,
    HAIR_FORM,
    NEVER_CLOSED,
    PICTURE_ACTS,
    PLACE_COLORS,
)
from lineament.render.regions import DRAWN_NAMES, ZONE_OF, find_poses, find_zone
from lineament.render.streams import open_stream
from lineament.vocabulary import Value, read_vocabulary


@dataclass
class Draft:
    """Facts chosen so far, and which of them were asked for."""

    seed: int
    required: Mapping[str, Value]
    flags: dict[str, Value] = field(default_factory=dict)

    def allows(self, name: str) -> bool:
        """Say whether a flag may become true beside what stands already."""
        if name in self.flags or self.required.get(name) is False:
            return False
        others = read_vocabulary().excluded_by(name)
        return not any(self.flags.get(other) is True for other in others)

    def toss(self, name: str, rate: float) -> None:
        """Set a flag at random where it is allowed."""
        if self.allows(name) and open_stream(self.seed, "sample", name).random() < rate:
            self.set(name)

    def set(self, name: str) -> None:
        """Set a flag and what follows from it."""
        self.flags[name] = True
        for other in read_vocabulary().names[name].implies:
            self.flags[other] = True

    def choose(self, group: str, rates: Mapping[str, float]) -> None:
        """Set one flag of a group, or none."""
        if any(self.flags.get(name) is True for name in rates):
            return
        names = [name for name in rates if self.allows(name)]
        place = open_stream(self.seed, "sample", group).random()
        for name in names:
            place -= rates[name]
            if place < 0:
                self.set(name)
                return


def sample_face(
    seed: int,
    *,
    require: Mapping[str, Value] | None = None,
    duration_seconds: float | None = None,
    is_picture: bool = False,
) -> Annotation:
    """Sample the annotation of one random adult face.

    Args:
        seed: Decides everything that is not required; draw the face with the same seed.
        require: Names and values that must hold; opposites such as ``female`` are understood.
        duration_seconds: Length of the clip; left out, 2 to 4 seconds.
        is_picture: Sample a picture rather than a clip.

    Raises:
        BadAnnotation: A required name is unknown or has a wrong value.
        BadInput: Required names cannot be drawn or exclude each other.
    """
    required = _read_required(require or {})
    draft = Draft(seed, required)
    _sample_person(draft)
    _sample_hair(draft)
    _sample_wear(draft)
    _sample_scene(draft)
    rng = open_stream(seed, "length")
    length = 0.0 if is_picture else duration_seconds or round(float(rng.uniform(2.4, 4.0)), 2)
    hidden = list_hidden(draft.flags) - set(required)
    acts = _sample_acts(draft, length, hidden)
    return _write_annotation(draft, acts, hidden, length)


def _read_required(require: Mapping[str, Value]) -> dict[str, Value]:
    vocabulary = read_vocabulary()
    required: dict[str, Value] = {}
    for name, value in require.items():
        check_value(name, value, where="require")
        positive, value = vocabulary.canonical(name, value)
        if positive not in DRAWN_NAMES:
            raise BadInput(f"{name} cannot be drawn", hint="see lineament.render.DRAWN_NAMES")
        required[positive] = value
    wanted = [name for name, value in required.items() if value is True]
    for name in wanted:
        for other in vocabulary.excluded_by(name):
            if required.get(other) is True:
                raise BadInput(f"{name} and {other} exclude each other")
    return required


def _sample_person(draft: Draft) -> None:
    rng = open_stream(draft.seed, "sample", "male")
    male_only = any(
        draft.required.get(n) is True
        for n in ("beard", "goatee", "mustache", "sideburns", "5_o_clock_shadow")
    )
    is_male = draft.required.get("male", True if male_only else bool(rng.random() < 0.5))
    draft.flags["male"] = bool(is_male)
    for name, value in draft.required.items():
        if value is True and name not in ACTS and name not in EMOTIONS:
            draft.set(name)
        elif not isinstance(value, bool):
            draft.flags[name] = value
    for group, rates in GROUPS.items():
        usual = {**rates, "wearing_headscarf": 0.0} if is_male and group == "head" else rates
        draft.choose(group, usual)
    if draft.flags.get("elderly"):
        draft.toss("wrinkles", 1.0)
    draft.toss("wrinkles", 0.4 if draft.flags.get("middle_aged") else 0.02)


def _sample_hair(draft: Draft) -> None:
    column = 0 if draft.flags["male"] else 1
    for name in ("bald", "receding_hairline", "tied_hair", "bangs"):
        rate = FLAGS[name][column]
        if name in ("bald", "receding_hairline"):
            rate *= 0.5 if draft.flags.get("young") else 1.5
        if name == "bangs" and draft.flags.get("receding_hairline"):
            rate = 0.0
        if name == "tied_hair" and draft.flags.get("bald"):
            rate = 0.0
        if name == "receding_hairline" and (draft.flags.get("bald") or draft.flags.get("bangs")):
            rate = 0.0
        draft.toss(name, rate)
    if not draft.flags.get("bald"):
        gray = (
            0.7 if draft.flags.get("elderly") else 0.2 if draft.flags.get("middle_aged") else 0.02
        )
        if not any(draft.flags.get(name) for name in HAIR_COLOR):
            draft.toss("gray_hair", gray)
        draft.choose("hair_color", HAIR_COLOR)
        draft.choose("hair_form", HAIR_FORM)
        long = 0.08 if draft.flags["male"] else 0.56
        draft.choose("hair_length", {"long_hair": long, "short_hair": 0.26 if column else 0.92})


def _sample_wear(draft: Draft) -> None:
    column = 0 if draft.flags["male"] else 1
    for name, rates in FLAGS.items():
        if draft.flags.get("bald") and name in ("bangs", "tied_hair", "receding_hairline"):
            continue
        draft.toss(name, rates[column])
    if draft.flags.get("beard"):
        draft.toss("goatee", 0.35)
        draft.toss("mustache", 1.0)
    if draft.flags.get("heavy_makeup"):
        draft.toss("wearing_lipstick", 1.0)
        draft.toss("eye_makeup", 1.0)
    rng = open_stream(draft.seed, "sample", "clothes_type")
    men = ("shirt", "t_shirt", "suit", "jacket", "coat", "sweater", "hoodie", "uniform")
    women = ("shirt", "t_shirt", "suit", "jacket", "coat", "sweater", "hoodie", "dress", "blouse")
    tied = (
        draft.required.get("wearing_necktie") is True
        or draft.required.get("wearing_bow_tie") is True
    )
    kinds = ("shirt", "suit") if tied else women if column else men
    kind = draft.flags.setdefault("clothes_type", str(rng.choice(kinds)))
    if kind in ("shirt", "suit", "uniform"):
        if not draft.flags.get("wearing_bow_tie"):
            draft.toss("wearing_necktie", 0.06 if column else 0.5)
        if not draft.flags.get("wearing_necktie"):
            draft.toss("wearing_bow_tie", 0.04 if column else 0.3)
    has_tie = draft.flags.get("wearing_necktie") or draft.flags.get("wearing_bow_tie")
    if has_tie and draft.required.get("wearing_necklace") is not True:
        draft.flags.pop("wearing_necklace", None)


def _sample_scene(draft: Draft) -> None:
    for name, rates in CHOICES.items():
        if name in draft.flags:
            continue
        rng = open_stream(draft.seed, "sample", name)
        weights = np.array(list(rates.values()))
        draft.flags[name] = str(rng.choice(list(rates), p=weights / weights.sum()))
    if "background_color" not in draft.flags:
        colors = PLACE_COLORS.get(str(draft.flags["place"]), ALL_COLORS)
        rng = open_stream(draft.seed, "sample", "background_color")
        draft.flags["background_color"] = str(rng.choice(colors))


def _sample_acts(
    draft: Draft, length: float, hidden: frozenset[str]
) -> list[tuple[str, tuple[float, float] | None]]:
    """Choose acts and emotions; what is required comes first."""
    required = draft.required
    wanted = [n for n, v in required.items() if v is True and (n in ACTS or n in EMOTIONS)]
    denied = {n for n, v in required.items() if v is False}
    implied = {n for n in {*ACTS, *EMOTIONS} if denied & set(ALSO.get(n, ()))}
    barred = frozenset(hidden | denied | implied)
    rng = open_stream(draft.seed, "sample", "emotion")
    emotion = str(rng.choice([name for name in EMOTIONS if name != "neutral"]))
    has_emotion = rng.random() < (0.65 if length == 0 else 0.45)
    if not has_emotion or emotion in barred or any(name in EMOTIONS for name in wanted):
        emotion = ""
    if length > 0:
        return list(plan_acts(draft.seed, length, wanted, barred | {"neutral"}, emotion))
    if wanted:
        return [(name, None) for name in wanted]
    if emotion:
        return [(emotion, None)]
    open_acts = [name for name in PICTURE_ACTS if name not in barred]
    if rng.random() < 0.6 and open_acts:
        return [(str(rng.choice(open_acts)), None)]
    return []


def _write_annotation(
    draft: Draft,
    acts: list[tuple[str, tuple[float, float] | None]],
    hidden: frozenset[str],
    length: float,
) -> Annotation:
    vocabulary = read_vocabulary()
    stated: dict[str, Value] = {
        name: value for name, value in draft.flags.items() if name not in hidden
    }
    rows: list[tuple[str, Value, tuple[float, float] | None]] = [
        (name, value, None) for name, value in stated.items()
    ]
    for name, span in acts:
        rows.append((name, True, span))
        rows += [(other, True, span) for other in ALSO.get(name, ())]
    shown = [name for name, _ in acts]
    still = {"blink", "gaze_away", "nod", "shake_head", "head_wagging", "turn", "look_around"}
    is_neutral = set(shown) <= still and "neutral" not in hidden
    if is_neutral and draft.required.get("neutral") is not False:
        rows.append(("neutral", True, None))
    unsure = list_unsure(shown) | hidden
    if not is_neutral:
        unsure |= {"neutral"}
    timeless = frozenset(ACTS) if length == 0 else frozenset()
    pictured = frozenset(PICTURE_ACTS)
    closed = frozenset(DRAWN_NAMES) - unsure - NEVER_CLOSED - (timeless - pictured)
    closed |= {name for name, value, _ in rows if value is True}
    frames = max(round(length * FPS), 1)
    annotation = Annotation(
        media=f"face-{draft.seed}",
        subjects=(Subject("face 0", "face", 0.0, length, frames),),
        closed=closed,
        duration_seconds=length,
        num_frames=frames,
        fps=FPS if length else 0.0,
        licence="Apache-2.0",
        split_key=f"rendered-{draft.seed}",
        extra={"seed": draft.seed},
        facts=tuple(
            Fact(
                name,
                value,
                subject="clip" if vocabulary.names[name].subject == "clip" else "face 0",
                span_seconds=span,
                source="renderer",
                validated="rendered",
            )
            for name, value, span in rows
        ),
    )
    return _add_regions(annotation, draft.seed)


def _add_regions(annotation: Annotation, seed: int) -> Annotation:
    """Say where each lasting flag can be seen, unless it is the whole picture."""
    poses = find_poses(annotation, seed, step=6)
    zones = {ZONE_OF[fact.name] for fact in annotation.facts}
    boxes = {
        zone: tuple(round(part, 4) for part in find_zone(annotation, zone, seed, poses))
        for zone in zones
    }
    facts = tuple(
        replace(fact, region=boxes[ZONE_OF[fact.name]])
        if fact.value is True and fact.span_seconds is None and ZONE_OF[fact.name] != "picture"
        else fact
        for fact in annotation.facts
    )
    return replace(annotation, facts=facts)
