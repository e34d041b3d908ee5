"""Plans: which acts a sampled clip holds and when, without two of them in each other's way."""

from collections.abc import Mapping, Sequence

import numpy as np

from lineament.render.acts import ALSO, EMOTIONS
from lineament.render.streams import open_stream

Span = tuple[float, float]

# What an act keeps busy: eyes, mouth, brows, head; how long it lasts; how often it is chosen.
EYES, MOUTH, BROWS, HEAD = "eyes", "mouth", "brows", "head"
ACT_TABLE: dict[str, tuple[tuple[str, ...], tuple[float, float], float]] = {
    "talk": ((MOUTH,), (1.0, 2.4), 3.0),
    "smile": ((MOUTH,), (0.9, 2.0), 2.2),
    "laugh": ((MOUTH, EYES, BROWS), (1.0, 2.0), 1.4),
    "yawn": ((MOUTH, EYES, BROWS), (1.4, 2.2), 1.0),
    "open_mouth": ((MOUTH,), (0.6, 1.4), 1.2),
    "kiss": ((MOUTH,), (0.6, 1.2), 0.8),
    "blow": ((MOUTH,), (0.7, 1.4), 0.7),
    "chew": ((MOUTH,), (1.4, 2.4), 0.8),
    "sing": ((MOUTH, BROWS), (1.2, 2.2), 1.7),
    "shout": ((MOUTH, BROWS, EYES), (0.7, 1.5), 0.9),
    "sneer": ((MOUTH,), (0.7, 1.4), 0.8),
    "make_a_face": ((MOUTH, EYES, BROWS), (0.8, 1.6), 0.7),
    "cry": ((MOUTH, EYES, BROWS), (1.4, 2.4), 0.8),
    "weep": ((MOUTH, BROWS), (1.4, 2.6), 0.8),
    "close_eyes": ((EYES,), (0.5, 1.2), 1.4),
    "wink": ((EYES,), (0.35, 0.6), 1.0),
    "squint": ((EYES, BROWS), (0.7, 1.5), 0.9),
    "gaze_away": ((EYES,), (0.6, 1.4), 1.3),
    "raise_eyebrows": ((BROWS,), (0.5, 1.2), 1.3),
    "frown": ((BROWS,), (0.8, 1.6), 1.1),
    "glare": ((BROWS, EYES, MOUTH), (0.9, 1.8), 0.7),
    "nod": ((HEAD,), (1.2, 2.0), 1.5),
    "shake_head": ((HEAD,), (1.2, 2.0), 1.5),
    "head_wagging": ((HEAD,), (1.4, 2.2), 0.9),
    "turn": ((HEAD,), (1.2, 2.0), 1.5),
    "look_around": ((HEAD, EYES), (1.4, 2.4), 1.8),
    "sleep": ((HEAD, EYES, MOUTH, BROWS), (1.6, 2.6), 1.6),
}
EMOTION_TRACKS = (MOUTH, EYES, BROWS)

# What cannot be told for certain while an act or emotion lasts.
UNSURE: dict[str, str] = {
    "talk": "open_mouth chew sing shout",
    "sing": "talk open_mouth raise_eyebrows head_wagging shout surprise",
    "shout": "talk frown anger laugh squint surprise yawn",
    "smile": "open_mouth happy laugh squint contempt",
    "laugh": "happy squint nod talk",
    "yawn": "close_eyes squint shout raise_eyebrows",
    "open_mouth": "surprise shout talk",
    "kiss": "blow",
    "blow": "kiss chew",
    "chew": "talk blow",
    "sneer": "disgust contempt anger smile",
    "make_a_face": "open_mouth squint sneer smile disgust frown head_wagging",
    "cry": "weep squint frown close_eyes sadness fear",
    "weep": "sadness frown raise_eyebrows cry",
    "squint": "frown close_eyes glare anger",
    "raise_eyebrows": "surprise",
    "frown": "anger glare",
    "glare": "frown squint anger",
    "turn": "gaze_away look_around",
    "look_around": "turn gaze_away shake_head nod",
    "shake_head": "look_around turn",
    "sleep": "nod head_wagging sadness",
    "close_eyes": "sleep",
    "happy": "open_mouth laugh squint",
    "anger": "glare squint weep",
    "disgust": "sneer frown squint glare anger open_mouth smile",
    "fear": "open_mouth raise_eyebrows frown surprise sadness",
    "sadness": "frown raise_eyebrows squint fear",
    "contempt": "smile sneer wink",
    "surprise": "fear shout",
}


def list_hidden(worn: Mapping[str, object]) -> frozenset[str]:
    """List the names that cannot be seen under what is worn, or in a poor picture."""
    hidden: set[str] = set()
    for name, others in HIDES.items():
        if worn.get(name) is True:
            hidden.update(others.split())
    return frozenset(hidden)


HIDES: dict[str, str] = {
    "wearing_headscarf": "bald receding_hairline bangs straight_hair wavy_hair curly_hair "
    "long_hair short_hair tied_hair black_hair brown_hair blonde_hair red_hair gray_hair "
    "wearing_earrings wearing_headphones sideburns double_chin wearing_necklace wearing_hat "
    "wearing_necktie wearing_bow_tie clothes_type round_face oval_face square_face",
    "wearing_hat": "bald receding_hairline bangs tied_hair wearing_headphones",
    "bald": "receding_hairline",
    "sunglasses": "narrow_eyes big_eyes eye_color bags_under_eyes eye_makeup blink close_eyes "
    "wink squint gaze_away gaze_direction arched_eyebrows bushy_eyebrows thin_eyebrows one_eyed "
    "glare sleep look_around weep cry frown raise_eyebrows heavy_makeup",
    "wearing_mask": "big_nose pointy_nose big_lips thin_lips beard 5_o_clock_shadow goatee "
    "mustache wearing_lipstick heavy_makeup dimple double_chin round_face oval_face square_face "
    "high_cheekbones chubby smile laugh talk yawn open_mouth kiss blow chew sing shout sneer "
    "make_a_face cry mole freckle scar rosy_cheeks anger contempt disgust happy fear sadness "
    "surprise neutral",
    "one_eyed": "wink blink close_eyes sunglasses eyeglasses",
    "blurry": "freckle mole scar dimple wrinkles bags_under_eyes eye_makeup wink sneer squint "
    "glare thin_eyebrows eye_color weep 5_o_clock_shadow",
    "black_and_white": "black_hair brown_hair blonde_hair red_hair rosy_cheeks wearing_lipstick "
    "eye_color clothes_color light_temperature pale_skin tan_skin dark_skin background_color",
    "beard": "double_chin round_face oval_face square_face dimple 5_o_clock_shadow",
    "heavy_makeup": "rosy_cheeks",
}


def plan_acts(
    seed: int,
    duration_seconds: float,
    wanted: Sequence[str],
    barred: frozenset[str],
    emotion: str,
) -> list[tuple[str, Span]]:
    """Choose acts and their spans.

    Args:
        seed: The face's seed.
        duration_seconds: Length of the clip.
        wanted: Acts and emotions that must be there.
        barred: Acts that must not.
        emotion: An emotion for part of the clip, or nothing.

    Returns:
        Names and half-open spans, all inside the clip; wanted ones come first.
    """
    rng = open_stream(seed, "plan")
    busy: dict[str, list[Span]] = {track: [] for track in (EYES, MOUTH, BROWS, HEAD)}
    placed: list[tuple[str, Span]] = []
    order = [name for name in wanted if name in ACT_TABLE or name in EMOTIONS]
    if emotion and emotion not in order:
        order.append(emotion)
    names = [name for name in ACT_TABLE if name not in order and name not in barred]
    weights = np.array([ACT_TABLE[name][2] for name in names])
    count = min(int(rng.integers(1, 5)), len(names))
    if count and len(names):
        chosen = rng.choice(names, count, replace=False, p=weights / weights.sum()).tolist()
        order += sorted(chosen, key=lambda name: -len(ACT_TABLE[name][0]))  # the bulky ones first
    for name in order:
        tracks, (low, high) = (
            ACT_TABLE[name][:2] if name in ACT_TABLE else (EMOTION_TRACKS, (1.2, 2.4))
        )
        span = _find_room(
            rng, busy, tracks, low, high, duration_seconds, tries=60 if name in wanted else 12
        )
        if span is not None:
            placed.append((str(name), span))
    if "blink" not in barred:
        placed += _place_blinks(rng, busy, duration_seconds, is_wanted="blink" in wanted)
    return placed


def _find_room(
    rng: np.random.Generator,
    busy: dict[str, list[Span]],
    tracks: tuple[str, ...],
    low: float,
    high: float,
    duration_seconds: float,
    tries: int,
) -> Span | None:
    for _ in range(tries):
        length = min(float(rng.uniform(low, high)), duration_seconds - 0.3)
        start = float(rng.uniform(0.12, max(duration_seconds - length - 0.12, 0.13)))
        span = (round(start, 2), round(min(start + length, duration_seconds - 0.1), 2))
        taken = [other for track in tracks for other in busy[track]]
        if all(span[1] + 0.2 <= other[0] or other[1] + 0.2 <= span[0] for other in taken):
            for track in tracks:
                busy[track].append(span)
            return span
    return None


def _place_blinks(
    rng: np.random.Generator,
    busy: dict[str, list[Span]],
    duration_seconds: float,
    *,
    is_wanted: bool,
) -> list[tuple[str, Span]]:
    blinks: list[tuple[str, Span]] = []
    count = int(rng.poisson(duration_seconds * 0.35))
    for _ in range(max(count, 1) if is_wanted else count):
        span = _find_room(rng, busy, (EYES,), 0.2, 0.32, duration_seconds, tries=60)
        if span is not None:
            blinks.append(("blink", span))
    return blinks


def list_unsure(names: Sequence[str]) -> frozenset[str]:
    """List what cannot be told while these acts and emotions last."""
    unsure: set[str] = set()
    for name in names:
        unsure.update(UNSURE.get(name, "").split())
        for other in ALSO.get(name, ()):
            unsure.update(UNSURE.get(other, "").split())
    return frozenset(unsure)
