"""Acts: how each action and each expression of feeling moves the face while it lasts."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from lineament.render.expression import Expression, add_expression
from lineament.render.head import rise

SMILE = {"smile_left": 1.0, "smile_right": 1.0, "squint": 0.22}
TOOTHY = {"jaw": 0.05, "upper_lip_up": 0.55, "lower_lip_down": 0.35}
EMOTIONS: dict[str, Expression] = {
    "neutral": {},
    "anger": {
        "brow_down": 1.0, "brow_knit": 0.9, "press": 0.55, "squint": 0.2, "corners_down": 0.35,
    },
    "contempt": {"smile_right": 0.95, "press": 0.25, "squint": 0.15},
    "disgust": {
        "sneer_left": 0.9, "sneer_right": 0.9, "upper_lip_up": 0.4, "brow_down": 0.55,
        "squint": 0.4, "corners_down": 0.4,
    },
    "happy": SMILE,
    "fear": {
        "widen": 0.85, "brow_inner_up": 1.0, "brow_outer_up_left": 0.4, "brow_outer_up_right": 0.4,
        "brow_knit": 0.8, "wide": 0.8, "jaw": 0.12, "lower_lip_down": 0.4,
    },
    "sadness": {
        "brow_inner_up": 0.9, "brow_knit": 0.8, "corners_down": 1.1, "blink_left": 0.18,
        "blink_right": 0.18, "chin_drop": -0.3,
    },
    "surprise": {
        "widen": 1.0, "brow_inner_up": 1.1, "brow_outer_up_left": 1.1, "brow_outer_up_right": 1.1,
        "jaw": 0.42,
    },
}  # fmt: skip


@dataclass
class State:
    """What the face does at one moment: muscles, and turns of the head in degrees."""

    expression: dict[str, float] = field(default_factory=dict)
    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0

    def add(self, expression: Expression, strength: float = 1.0) -> None:
        """Add an expression."""
        add_expression(self.expression, expression, strength)


@dataclass(frozen=True)
class Moment:
    """Where in an act we are.

    Attributes:
        seconds: Since its start.
        length: Its length in seconds.
        strength: 0 to 1: rises at its start and falls at its end.
        rng: The act's own random stream, opened anew for every moment.
    """

    seconds: float
    length: float
    strength: float
    rng: np.random.Generator


def _hold(**expression: float) -> Callable[[State, Moment], None]:
    def act(state: State, moment: Moment) -> None:
        state.add(expression, moment.strength)

    return act


def _blink(state: State, moment: Moment) -> None:
    part = moment.seconds / moment.length
    closure = float(rise(part, 0.0, 0.36) * (1 - rise(part, 0.52, 1.0)))
    state.add({"blink_left": 1, "blink_right": 1}, closure)


def _wink(state: State, moment: Moment) -> None:
    side = "left" if moment.rng.random() < 0.5 else "right"
    state.add({f"blink_{side}": 1.0, f"smile_{side}": 0.3}, moment.strength)


def _syllables(moment: Moment, rate_hz: float) -> tuple[float, float, float]:
    """Return the syllable's opening, its shape (-1 wide to 1 round), and a slow wave."""
    rng = moment.rng
    count = int(moment.length * rate_hz) + 2
    lengths = rng.uniform(0.7, 1.35, count) / rate_hz
    heights = rng.uniform(0.45, 1.0, count)
    shapes = rng.uniform(-1, 1, count)
    starts = np.concatenate([[0.0], np.cumsum(lengths)])
    index = min(int(np.searchsorted(starts, moment.seconds, side="right")) - 1, count - 1)
    part = (moment.seconds - starts[index]) / lengths[index]
    wave = float(np.sin(2 * np.pi * 0.6 * moment.seconds + rng.uniform(0, 6)))
    return (
        float(heights[index] * np.sin(np.pi * np.clip(part, 0, 1)) ** 1.3),
        float(shapes[index]),
        wave,
    )


def _talk(state: State, moment: Moment) -> None:
    opening, shape, wave = _syllables(moment, float(moment.rng.uniform(3.4, 5.2)))
    jaw = 0.02 + 0.27 * opening
    state.add(
        {"jaw": jaw, "lower_lip_down": 0.25 * opening, "upper_lip_up": 0.15 * opening},
        moment.strength,
    )
    state.add(
        {"pucker": 0.5 * max(shape, 0), "wide": 0.35 * max(-shape, 0)}, opening * moment.strength
    )
    state.pitch += 1.2 * wave * moment.strength


def _sing(state: State, moment: Moment) -> None:
    opening, shape, wave = _syllables(moment, float(moment.rng.uniform(1.2, 1.7)))
    state.add({"jaw": 0.12 + 0.5 * opening, "pucker": 0.45 * max(shape, 0)}, moment.strength)
    state.add(
        {"brow_inner_up": 0.6, "brow_outer_up_left": 0.3, "brow_outer_up_right": 0.3},
        moment.strength,
    )
    state.roll += 4 * wave * moment.strength


def _shout(state: State, moment: Moment) -> None:
    shake = 0.06 * np.sin(2 * np.pi * 5 * moment.seconds)
    state.add(
        {"jaw": 0.72 + float(shake), "upper_lip_up": 0.5, "brow_down": 0.7, "brow_knit": 0.6,
         "squint": 0.3, "wide": 0.3}, moment.strength,
    )  # fmt: skip


def _laugh(state: State, moment: Moment) -> None:
    bob = 0.5 + 0.5 * np.sin(2 * np.pi * float(moment.rng.uniform(3.5, 4.8)) * moment.seconds)
    state.add({**SMILE, "squint": 0.5, "upper_lip_up": 0.55}, moment.strength)
    state.add({"jaw": 0.24 + 0.12 * float(bob)}, moment.strength)
    state.pitch += (3 + 2.0 * float(bob)) * moment.strength


def _smile(state: State, moment: Moment) -> None:
    state.add(SMILE, moment.strength)
    if moment.rng.random() < 0.5:
        state.add(TOOTHY, moment.strength)


def _chew(state: State, moment: Moment) -> None:
    wave = 0.5 - 0.5 * np.cos(2 * np.pi * float(moment.rng.uniform(1.3, 1.8)) * moment.seconds)
    state.add({"chin_drop": 2.0 * float(wave), "cheek_puff": 0.3, "press": 0.2}, moment.strength)


def _nod(state: State, moment: Moment) -> None:
    rate, size = float(moment.rng.uniform(1.1, 1.9)), float(moment.rng.uniform(10, 15))
    wave = 0.5 - 0.5 * np.cos(2 * np.pi * rate * moment.seconds)
    state.pitch -= size * float(wave) * min(moment.strength * 1.4, 1)


def _shake(state: State, moment: Moment) -> None:
    rate, size = float(moment.rng.uniform(1.1, 1.9)), float(moment.rng.uniform(13, 19))
    state.yaw += (
        size * float(np.sin(2 * np.pi * rate * moment.seconds)) * min(moment.strength * 1.4, 1)
    )


def _wag(state: State, moment: Moment) -> None:
    rate, size = float(moment.rng.uniform(0.8, 1.3)), float(moment.rng.uniform(10, 15))
    state.roll += (
        size * float(np.sin(2 * np.pi * rate * moment.seconds)) * min(moment.strength * 1.3, 1)
    )


def _turn(state: State, moment: Moment) -> None:
    rng = moment.rng
    size = float(rng.choice([-1, 1]) * rng.uniform(26, 38))
    ramp = min(float(rng.uniform(0.35, 0.7)), 0.45 * moment.length)
    part = rise(moment.seconds, 0, ramp) * (
        1 - rise(moment.seconds, moment.length - ramp, moment.length)
    )
    state.yaw += size * float(part)


def _look_around(state: State, moment: Moment) -> None:
    rng = moment.rng
    count = max(int(moment.length / 0.55), 2)
    stops = np.concatenate([[0], rng.permutation(np.linspace(-1, 1, count)), [0]])
    lifts = np.concatenate([[0], rng.uniform(-0.4, 0.5, count), [0]])
    place = moment.seconds / moment.length * (count + 1)
    index = min(int(place), count)
    part = float(rise(place - index, 0, 0.6))
    x = stops[index] + (stops[index + 1] - stops[index]) * part
    y = lifts[index] + (lifts[index + 1] - lifts[index]) * part
    state.add({"gaze_x": float(0.9 * x), "gaze_y": float(0.7 * y)})
    state.yaw += 17 * float(x)
    state.pitch += 8 * float(y)


def _gaze_away(state: State, moment: Moment) -> None:
    rng = moment.rng
    x = float(rng.choice([-1, 1]) * rng.uniform(0.75, 1.0))
    state.add({"gaze_x": x, "gaze_y": float(rng.uniform(-0.3, 0.3))}, moment.strength)


def _sleep(state: State, moment: Moment) -> None:
    state.add({"blink_left": 1, "blink_right": 1}, moment.strength)
    breath = float(np.sin(2 * np.pi * 0.35 * moment.seconds))
    state.pitch -= (9 + breath) * moment.strength
    state.roll += 8 * moment.strength


def _yawn(state: State, moment: Moment) -> None:
    part = moment.seconds / moment.length
    wide = float(rise(part, 0, 0.4) * (1 - rise(part, 0.65, 1)))
    state.add({"jaw": 0.92, "blink_left": 0.85, "blink_right": 0.85, "brow_inner_up": 0.4}, wide)
    state.pitch += 6 * wide


def _make_a_face(state: State, moment: Moment) -> None:
    state.add(
        {"tongue": 1.0, "jaw": 0.3, "sneer_left": 0.7, "sneer_right": 0.7, "squint": 0.6,
         "brow_down": 0.3, "wide": 0.5}, moment.strength,
    )  # fmt: skip
    state.roll += 7 * moment.strength


def _sneer(state: State, moment: Moment) -> None:
    side = "left" if moment.rng.random() < 0.5 else "right"
    state.add({f"sneer_{side}": 1.15, "squint": 0.15, "brow_down": 0.25}, moment.strength)


ACTS: dict[str, Callable[[State, Moment], None]] = {
    "blink": _blink,
    "close_eyes": _hold(blink_left=1, blink_right=1),
    "wink": _wink,
    "squint": _hold(squint=0.9, blink_left=0.16, blink_right=0.16, brow_down=0.25),
    "raise_eyebrows": _hold(
        brow_inner_up=1.0, brow_outer_up_left=1.0, brow_outer_up_right=1.0, widen=0.2
    ),
    "frown": _hold(brow_down=0.95, brow_knit=1.0),
    "glare": _hold(brow_down=0.85, brow_knit=0.6, squint=0.35, press=0.4),
    "gaze_away": _gaze_away,
    "open_mouth": _hold(jaw=0.34),
    "smile": _smile,
    "laugh": _laugh,
    "talk": _talk,
    "sing": _sing,
    "shout": _shout,
    "yawn": _yawn,
    "chew": _chew,
    "kiss": _hold(pucker=1.1),
    "blow": _hold(pucker=0.85, cheek_puff=1.0, jaw=0.05),
    "sneer": _sneer,
    "make_a_face": _make_a_face,
    "weep": _hold(tears=1, brow_inner_up=0.7, brow_knit=0.5, corners_down=0.6),
    "cry": _hold(
        tears=1,
        jaw=0.3,
        squint=0.7,
        blink_left=0.2,
        blink_right=0.2,
        brow_inner_up=0.6,
        brow_knit=0.9,
        corners_down=0.8,
        wide=0.5,
        upper_lip_up=0.3,
    ),
    "sleep": _sleep,
    "nod": _nod,
    "shake_head": _shake,
    "head_wagging": _wag,
    "turn": _turn,
    "look_around": _look_around,
}
# What else is plainly true while an act lasts; the act draws it too.
ALSO: dict[str, tuple[str, ...]] = {
    "happy": ("smile",),
    "anger": ("frown",),
    "surprise": ("raise_eyebrows", "open_mouth"),
    "laugh": ("smile", "open_mouth"),
    "shout": ("open_mouth",),
    "yawn": ("open_mouth",),
    "cry": ("open_mouth",),
    "sleep": ("close_eyes",),
}
