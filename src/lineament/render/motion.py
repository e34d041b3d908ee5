"""Motion: timed facts of an annotation become the face's state at any moment."""

from dataclasses import dataclass

import numpy as np

from lineament.annotation import Annotation, Fact
from lineament.render.acts import ACTS, ALSO, EMOTIONS, TOOTHY, Moment, State
from lineament.render.camera import Pose
from lineament.render.expression import Expression
from lineament.render.head import rise
from lineament.render.look import read_flags
from lineament.render.streams import jitter, open_stream

RAMP_SECONDS = 0.22
POSE_DEGREES = {
    "frontal": (0.0, 0.0),
    "left": (-26.0, 0.0),
    "right": (26.0, 0.0),
    "up": (0.0, 15.0),
    "down": (0.0, -15.0),
}
GAZE = {"camera": (0, 0), "left": (-0.85, 0), "right": (0.85, 0), "up": (0, 0.8), "down": (0, -0.7)}


@dataclass(frozen=True)
class Motion:
    """How one face moves.

    Attributes:
        facts: The acts and emotions, timed or lasting.
        seed: Varies amplitudes, rates and the head's idle sway.
        duration_seconds: 0 for a picture.
        rest: Pose of the head at rest.
        gaze: Where the eyes rest, as shares of their full reach.
        sway: Ten numbers in -1 to 1 that shape the idle sway.
    """

    facts: tuple[Fact, ...]
    seed: int
    duration_seconds: float
    rest: Pose
    gaze: tuple[float, float]
    sway: tuple[float, ...]

    def find_state(self, time_seconds: float) -> tuple[Expression, Pose]:
        """Return the expression and the head's pose at one moment."""
        state = State()
        for fact in self.facts:
            self._add_fact(state, fact, time_seconds)
        state.add({"gaze_x": self.gaze[0], "gaze_y": self.gaze[1]})
        expression = {key: value for key, value in state.expression.items() if value}
        for channel in ("blink_left", "blink_right"):
            if channel in expression:
                expression[channel] = min(expression[channel], 1.0)
        if "jaw" in expression:
            expression["jaw"] = min(expression["jaw"], 1.0)
        return expression, self._find_pose(state, time_seconds)

    def _add_fact(self, state: State, fact: Fact, time_seconds: float) -> None:
        start, stop = fact.span_seconds or (-1.0, self.duration_seconds + 1.0)
        if not start <= time_seconds < stop:
            return
        ramp = min(RAMP_SECONDS, (stop - start) * 0.35)
        since, left = time_seconds - start, stop - time_seconds
        strength = float(rise(since, 0, ramp) * rise(left, 0, ramp))
        if fact.name in EMOTIONS:
            state.add(EMOTIONS[fact.name], strength)
            toothy = open_stream(self.seed, "happy").random() < 0.6
            if fact.name == "happy" and toothy:
                state.add(TOOTHY, strength)
            return
        rng = open_stream(self.seed, fact.name, round(start, 3))
        ACTS[fact.name](state, Moment(since, stop - start, strength, rng))

    def _find_pose(self, state: State, time_seconds: float) -> Pose:
        sway, t = self.sway, time_seconds

        def drift(a: int, b: int) -> float:
            return float(
                np.sin(2 * np.pi * (0.22 + 0.1 * sway[a]) * t + 3 * sway[b])
                + 0.5 * np.sin(2 * np.pi * (0.47 + 0.15 * sway[b]) * t + 3 * sway[a])
            )

        return Pose(
            self.rest.yaw_degrees + state.yaw + 0.7 * drift(0, 1),
            float(np.clip(self.rest.pitch_degrees + state.pitch + 0.5 * drift(2, 3), -24, 24)),
            self.rest.roll_degrees + state.roll + 0.5 * drift(4, 5),
            self.rest.shift_x + 0.12 * drift(6, 7),
            self.rest.shift_y + 0.06 * drift(8, 9),
        )


def plan_motion(annotation: Annotation, seed: int) -> Motion:
    """Collect what moves, and where head and eyes rest."""
    flags = read_flags(annotation)
    yaw, pitch = POSE_DEGREES[str(flags.get("head_pose", "frontal"))]
    yaw += jitter(seed, "rest yaw", 4.0)
    pitch += jitter(seed, "rest pitch", 2.5)
    roll = jitter(seed, "rest roll", 3.0)
    rest = Pose(
        float(flags.get("head_yaw_degrees", yaw)),
        float(flags.get("head_pitch_degrees", pitch)),
        float(flags.get("head_roll_degrees", roll)),
    )
    facts = [
        fact
        for fact in annotation.facts
        if fact.value is True and (fact.name in ACTS or fact.name in EMOTIONS)
    ]
    drawn_by_others = {
        (name, fact.span_seconds) for fact in facts for name in ALSO.get(fact.name, ())
    }
    facts = [fact for fact in facts if (fact.name, fact.span_seconds) not in drawn_by_others]
    return Motion(
        facts=tuple(sorted(facts, key=lambda fact: (fact.name, fact.span_seconds or (0, 0)))),
        seed=seed,
        duration_seconds=annotation.duration_seconds,
        rest=rest,
        gaze=GAZE[str(flags.get("gaze_direction", "camera"))],
        sway=tuple(jitter(seed, f"sway {axis}") for axis in range(10)),
    )
