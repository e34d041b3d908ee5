"""The rules by which signals become timed facts: one entry a name, thresholds with reasons."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from lineament.faces.spans import Span, find_runs, join_spans, keep_spans, spans_from_runs


@dataclass(frozen=True, slots=True)
class Rule:
    """When a signal means that somebody does something.

    A span begins where the signal reaches `on` and lasts until it falls below `off`.

    Attributes:
        name: The vocabulary's name.
        says: The rule in one sentence; the documentation prints it.
        on: The value that begins a span.
        off: The value that ends it (hysteresis: lower than `on`).
        min_seconds: Shorter spans are dropped.
        max_seconds: Longer spans are something else.
        join_seconds: Spans with a shorter gap between them are one.
    """

    name: str
    says: str
    on: float
    off: float
    min_seconds: float = 0.0
    max_seconds: float = float("inf")
    join_seconds: float = 0.0

    def find_spans(
        self,
        level: Float[np.ndarray, " frames"],
        times_seconds: Float[np.ndarray, " frames"],
        frame_seconds: float,
    ) -> list[Span]:
        """Find when a level is on; in a picture, whether it is."""
        runs = find_runs(level, on=self.on, off=self.off)
        spans = spans_from_runs(runs, times_seconds, frame_seconds)
        if len(times_seconds) == 1:
            return spans
        return keep_spans(
            join_spans(spans, self.join_seconds),
            min_seconds=self.min_seconds,
            max_seconds=self.max_seconds,
        )


# Eye openness is taken relative to the face's own open eyes just before and after: people differ by
# a factor of two, speech and gaze move the lids slowly, and glasses dampen what the mesh sees.
BLINK = Rule(
    "blink",
    "both eyes together fall to {on} of their opening around that moment or less and reopen to "
    "{off} within {max_seconds} s",
    on=0.76,
    off=0.89,
    max_seconds=0.44,
)
BLINK_BALANCE = 0.25  # one eye falling less than this share of the other's fall is a wink
BLINK_NOISES = 5.0  # and the fall is so many times the usual jitter of the lids
CLOSE_EYES = Rule(
    "close_eyes",
    "both eyes stay at {on} of their usual opening or less for {min_seconds} s or longer",
    on=0.62,
    off=0.75,
    min_seconds=0.4,
)
WINK = Rule(
    "wink",
    "one eye falls to {on} of its usual opening while the other stays above {off}",
    on=0.5,
    off=0.75,
    min_seconds=0.06,
    max_seconds=1.0,
)
OPEN_MOUTH = Rule(
    "open_mouth",
    "the gap between the inner lips reaches {on} of the mouth's width for {min_seconds} s",
    on=0.16,
    off=0.12,
    min_seconds=0.10,
)
TALK = Rule(
    "talk",
    "the lip gap or mouth width keeps changing: {on} of the mouth's width a second, with pauses "
    "of less than {join_seconds} s",
    on=0.55,
    off=0.35,
    min_seconds=0.5,
    join_seconds=0.4,
)
YAWN = Rule(
    "yawn",
    "the lip gap reaches {on} of the mouth's width and stays above {off} for {min_seconds} s",
    on=0.65,
    off=0.45,
    min_seconds=1.0,
)
# 467 FFHQ pictures and 1,500 of LFW (training parts): smiling faces 0.73 and 0.63 on average,
# others 0.55 and 0.57; 0.61 parts both sets best (balanced accuracy 0.88 and 0.87).
SMILE = Rule(
    "smile",
    "mouth width plus lift of its corners reaches {on} of the distance between the outer eye "
    "corners for {min_seconds} s",
    on=0.61,
    off=0.59,
    min_seconds=0.3,
    join_seconds=0.2,
)
FROWN = Rule(
    "frown",
    "the brows sink below their usual height by {on} of the distance between the outer eye "
    "corners, for {min_seconds} s",
    on=0.024,
    off=0.014,
    min_seconds=0.4,
)
NOD = Rule(
    "nod",
    "the head goes down by {on} degrees or more and comes back by at least {off}, within "
    "{max_seconds} s, and turns less than it nods",
    on=5.0,
    off=3.0,
    min_seconds=0.2,
    max_seconds=1.3,
    join_seconds=0.3,
)
SHAKE_HEAD = Rule(
    "shake_head",
    "the head turns one way and back at least twice by {on} degrees or more, each turn within "
    "{max_seconds} s",
    on=6.0,
    off=6.0,
    max_seconds=0.6,
)
HEAD_WAGGING = Rule(
    "head_wagging",
    "the head tilts one way and back at least twice by {on} degrees or more, each tilt within "
    "{max_seconds} s",
    on=5.0,
    off=5.0,
    max_seconds=1.5,
)
TURN = Rule(
    "turn",
    "the head turns by {on} degrees or more in one movement of at most {max_seconds} s that is "
    "part neither of a shake nor of looking around",
    on=15.0,
    off=2.0,
    min_seconds=0.1,
    max_seconds=1.6,
)
# Eye contact leaves the irises within 0.064 (one sigma) of where the head's turn puts them, as a
# share of half the eye's width (467 FFHQ pictures): four sigma are looking away.
GAZE_AWAY = Rule(
    "gaze_away",
    "the irises lie {on} of half an eye's width or more from where they usually rest in this clip "
    "(or from eye contact, if they never rest near it), for {min_seconds} s, while the head is "
    "turned by less than 25 degrees",
    on=0.24,
    off=0.17,
    min_seconds=0.2,
    join_seconds=0.12,
)
GAZE = Rule(
    "gaze",
    "head and eyes keep one direction (within {on} of half an eye's width) for {min_seconds} s",
    on=0.10,
    off=0.10,
    min_seconds=2.0,
)
LOOK_AROUND = Rule(
    "look_around",
    "the line of sight visits both sides, {on} degrees apart or more, within {max_seconds} s, "
    "without a shake",
    on=35.0,
    off=35.0,
    max_seconds=4.0,
)

HEAD_POSE = Rule(
    "head_pose",
    "left or right: the head is turned by {on} degrees or more for {min_seconds} s; up or down: it "
    "is tilted by 0.75 times as much; frontal otherwise",
    on=20.0,
    off=16.0,
    min_seconds=0.3,
    join_seconds=0.2,
)
TILT_SHARE = 0.75  # heads tilt less than they turn

RULES: tuple[Rule, ...] = (
    BLINK, CLOSE_EYES, WINK, OPEN_MOUTH, TALK, YAWN, SMILE, FROWN, NOD, SHAKE_HEAD, HEAD_WAGGING,
    TURN, GAZE_AWAY, GAZE, LOOK_AROUND, HEAD_POSE,
)  # fmt: skip

# Where the irises lie under eye contact: the head's turn moves them the other way.
GAZE_ACROSS_PER_YAW_DEGREE = -0.0102
GAZE_DOWN_AT_LEVEL = -0.0724
GAZE_DOWN_PER_PITCH_DEGREE = 0.0018
GAZE_REST_REACH = 0.25  # people differ so much in where their irises seem to rest
GAZE_DOWN_SCALE = 3.0  # up and down the iris moves a third as far, in these units


def describe_rule(rule: Rule) -> str:
    """Return the rule's sentence with its thresholds filled in."""
    fields = {key: getattr(rule, key) for key in ("on", "off", "min_seconds", "max_seconds")}
    return rule.says.format(**fields, join_seconds=rule.join_seconds)
