"""Looks: facts that hold throughout become numbers and colours to draw with."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from lineament.annotation import Annotation
from lineament.render.brush import Color, mix, scale_color
from lineament.render.head import Shape
from lineament.render.light import Light, make_light
from lineament.render.streams import jitter, open_stream
from lineament.vocabulary import Value

AGES = {"young": 0.0, "middle_aged": 0.5, "elderly": 1.0}
SKIN_COLORS = {
    "pale_skin": ((246, 218, 203), (240, 208, 190)),
    "": ((230, 190, 164), (218, 172, 142)),
    "tan_skin": ((200, 148, 110), (178, 124, 88)),
    "dark_skin": ((134, 90, 64), (92, 60, 44)),
}
HAIR_COLORS = {
    "black_hair": ((26, 22, 21), (34, 29, 27)),
    "brown_hair": ((92, 60, 38), (72, 47, 31)),
    "blonde_hair": ((212, 172, 112), (190, 148, 88)),
    "gray_hair": ((176, 174, 172), (140, 139, 140)),
    "red_hair": ((168, 74, 34), (140, 60, 30)),
    "": ((52, 38, 30), (44, 33, 27)),
}
EYE_COLORS = {
    "brown": (82, 50, 28),
    "blue": (86, 136, 178),
    "green": (88, 128, 82),
    "gray": (124, 134, 140),
    "hazel": (132, 98, 48),
}
COLORS = {
    "black": (30, 30, 33),
    "white": (236, 236, 234),
    "gray": (132, 134, 138),
    "red": (176, 36, 42),
    "orange": (222, 122, 38),
    "yellow": (230, 196, 64),
    "green": (52, 120, 70),
    "blue": (46, 82, 158),
    "purple": (106, 62, 138),
    "pink": (226, 138, 164),
    "brown": (110, 74, 48),
}


@dataclass(frozen=True)
class Skin:
    """Colour and marks of the skin; strengths are 0 to 1."""

    color: Color
    blush_color: Color
    rosy: float
    freckles: bool
    moles: tuple[tuple[float, float, float], ...]
    scar: tuple[float, float, float, float] | None
    eye_bags: float
    wrinkles: float
    dimples: float
    double_chin: float
    shine: float
    is_bald: bool


@dataclass(frozen=True)
class Makeup:
    """Make-up; strengths are 0 to 1."""

    eye_shadow: float
    eye_color: Color
    liner: float
    blush: float
    blush_color: Color
    has_lipstick: bool


@dataclass(frozen=True)
class Features:
    """Eyes, brows and lips."""

    eye_size: float
    eye_height: float
    iris_color: Color
    brow_thickness: float
    brow_arch: float
    brow_color: Color
    lip_color: Color
    lip_fullness: float


@dataclass(frozen=True)
class Hair:
    """Hair of head and face."""

    length: str  # none, short, medium, long
    form: str  # straight, loose, wavy, curly
    color: Color
    has_bangs: bool
    is_receding: bool
    is_tied: bool
    beard: str  # "", full, goatee
    has_mustache: bool
    has_stubble: bool
    has_sideburns: bool
    beard_color: Color


@dataclass(frozen=True)
class Scene:
    """Background and the picture as a whole."""

    place: str
    color: str
    is_blurry: bool
    is_gray: bool


@dataclass(frozen=True)
class Look:
    """Everything about a face that does not change within a clip."""

    is_male: bool
    shape: Shape
    skin: Skin
    makeup: Makeup
    features: Features
    hair: Hair
    scene: Scene
    light: Light
    worn: frozenset[str]
    clothes_type: str
    clothes_color: Color
    seed: int


def read_flags(annotation: Annotation) -> dict[str, Value]:
    """Return the facts that hold throughout, as one table."""
    return {fact.name: fact.value for fact in annotation.facts if fact.span_seconds is None}


def read_look(annotation: Annotation, seed: int) -> Look:
    """Turn an annotation's lasting facts into numbers; what they leave open comes from the seed."""
    flags = read_flags(annotation)
    is_male = bool(flags.get("male", open_stream(seed, "male").random() < 0.5))
    age = next((value for name, value in AGES.items() if flags.get(name)), 0.25)
    skin = _read_skin(flags, seed)
    hair = _read_hair(flags, seed)
    light = make_light(
        str(flags.get("light_direction", "frontal")),
        str(flags.get("light_level", "normal")),
        str(flags.get("light_temperature", "neutral")),
        (jitter(seed, "light x"), jitter(seed, "light y")),
    )
    return Look(
        is_male=is_male,
        shape=_read_shape(flags, is_male, age, seed),
        skin=skin,
        makeup=_read_makeup(flags, seed),
        features=_read_features(flags, is_male, age, skin, hair, seed),
        hair=hair,
        scene=Scene(
            str(flags.get("place", "")),
            str(flags.get("background_color", "")),
            bool(flags.get("blurry")),
            bool(flags.get("black_and_white")),
        ),
        light=light,
        worn=frozenset(
            name
            for name, value in flags.items()
            if value is True
            and (name.startswith("wearing_") or name in ("eyeglasses", "sunglasses", "one_eyed"))
        ),
        clothes_type=str(flags.get("clothes_type", "t_shirt")),
        clothes_color=_vary(COLORS[str(flags.get("clothes_color", "gray"))], seed, "cloth", 0.08),
        seed=seed,
    )


def _vary(color: Color, seed: int, name: str, amount: float) -> Color:
    return scale_color(color, 1 + jitter(seed, name, amount))


def _strength(flags: Mapping[str, Value], name: str, seed: int, low: float = 0.85) -> float:
    """Return 0 without the fact, else a strength that differs from face to face."""
    return low + (1.1 - low) * (0.5 + jitter(seed, name, 0.5)) if flags.get(name) else 0.0


def _read_shape(flags: Mapping[str, Value], is_male: bool, age: float, seed: int) -> Shape:
    sex = (0.75 if is_male else -0.75) + jitter(seed, "sex shape", 0.35)
    big = _strength(flags, "big_nose", seed)
    lips = _strength(flags, "big_lips", seed) - _strength(flags, "thin_lips", seed)
    return Shape(
        square=_strength(flags, "square_face", seed) + jitter(seed, "square", 0.12),
        round=_strength(flags, "round_face", seed),
        oval=_strength(flags, "oval_face", seed),
        chubby=_strength(flags, "chubby", seed),
        double_chin=_strength(flags, "double_chin", seed),
        cheekbones=_strength(flags, "high_cheekbones", seed) + jitter(seed, "cheek", 0.12),
        jaw=sex,
        brow_ridge=0.7 * sex,
        nose_size=1.5 * big - 0.4 + 0.25 * sex + jitter(seed, "nose", 0.2),
        nose_point=1.3 * _strength(flags, "pointy_nose", seed) + jitter(seed, "nose point", 0.15),
        lips=lips,
        age=age,
        length=jitter(seed, "face length", 0.5) + 0.25 * sex,
    )


def _read_skin(flags: Mapping[str, Value], seed: int) -> Skin:
    tone = next((name for name in SKIN_COLORS if name and flags.get(name)), "")
    place = 0.5 + jitter(seed, "skin tone", 0.5)
    color = mix(*SKIN_COLORS[tone], place)
    hue = jitter(seed, "skin hue", 0.02)
    color = (color[0] * (1 + hue), color[1], color[2] * (1 - hue))
    rng = open_stream(seed, "mole")
    side = rng.choice([-1, 1])
    spots = [(2.2, 5.4), (3.9, 4.6), (3.4, 8.0), (4.8, 1.9), (1.2, 8.6)]
    spot = spots[int(rng.integers(len(spots)))]
    moles = ((side * spot[0], spot[1], float(rng.uniform(0.24, 0.32))),)
    rng = open_stream(seed, "scar")
    scar = (
        float(rng.choice([-1, 1]) * rng.uniform(3.2, 4.6)),
        float(rng.uniform(2.6, 4.6)),
        float(rng.uniform(0.6, 2.4)),
        float(rng.uniform(1.2, 1.7)),
    )
    return Skin(
        color=color,
        blush_color=(color[0] * 0.97, color[1] * 0.58, color[2] * 0.56),
        rosy=_strength(flags, "rosy_cheeks", seed),
        freckles=bool(flags.get("freckle")),
        moles=moles if flags.get("mole") else (),
        scar=scar if flags.get("scar") else None,
        eye_bags=_strength(flags, "bags_under_eyes", seed),
        wrinkles=_strength(flags, "wrinkles", seed),
        dimples=_strength(flags, "dimple", seed),
        double_chin=_strength(flags, "double_chin", seed),
        shine=1 + jitter(seed, "shine", 0.5),
        is_bald=bool(flags.get("bald")),
    )


def _read_makeup(flags: Mapping[str, Value], seed: int) -> Makeup:
    heavy = bool(flags.get("heavy_makeup"))
    eye = heavy or bool(flags.get("eye_makeup"))
    shades = [(96, 62, 84), (70, 74, 108), (110, 74, 52), (62, 54, 60), (128, 72, 96)]
    shade = shades[int(open_stream(seed, "eye shadow").integers(len(shades)))]
    return Makeup(
        eye_shadow=1.0 if eye else 0.0,
        eye_color=shade,
        liner=1.0 if eye else 0.0,
        blush=1.0 if heavy else 0.0,
        blush_color=(206, 92, 98),
        has_lipstick=heavy or bool(flags.get("wearing_lipstick")),
    )


def _read_features(
    flags: Mapping[str, Value], is_male: bool, age: float, skin: Skin, hair: Hair, seed: int
) -> Features:
    sex = 0.5 if is_male else -0.5
    big, narrow = bool(flags.get("big_eyes")), bool(flags.get("narrow_eyes"))
    thick = 1.0 + 0.22 * sex + jitter(seed, "brow", 0.1)
    thick *= 1.75 if flags.get("bushy_eyebrows") else 0.5 if flags.get("thin_eyebrows") else 1
    arch = 0.12 - 0.12 * sex + jitter(seed, "brow arch", 0.06)
    lipsticks = [(168, 30, 46), (190, 52, 72), (148, 34, 62), (204, 78, 92), (122, 28, 42)]
    lip = (skin.color[0] * 0.84, skin.color[1] * 0.62, skin.color[2] * 0.62)
    if not is_male:
        lip = mix(lip, (196, 96, 98), 0.18)
    if flags.get("wearing_lipstick") or flags.get("heavy_makeup"):
        lip = lipsticks[int(open_stream(seed, "lipstick").integers(len(lipsticks)))]
    brow = mix(hair.color, (40, 30, 25), 0.45 if not flags.get("gray_hair") else 0.2)
    if hair.length == "none":
        brow = mix(hair.beard_color, (60, 46, 38), 0.4)
    colors = list(EYE_COLORS)
    iris = flags.get("eye_color", colors[int(open_stream(seed, "eye_color").integers(5))])
    return Features(
        eye_size=(1.13 if big else 0.95 if narrow else 1.0) + jitter(seed, "eye", 0.02),
        eye_height=(1.32 if big else 0.6 if narrow else 1.0)
        * (1 + jitter(seed, "eye height", 0.06) - 0.1 * age - 0.05 * sex),
        iris_color=_vary(EYE_COLORS[str(iris)], seed, "iris", 0.12),
        brow_thickness=thick,
        brow_arch=arch + (0.62 if flags.get("arched_eyebrows") else 0.0),
        brow_color=brow,
        lip_color=lip,
        lip_fullness=(1.48 if flags.get("big_lips") else 0.55 if flags.get("thin_lips") else 1.0)
        * (1 - 0.08 * sex - 0.12 * age + jitter(seed, "lips", 0.06)),
    )


def _read_hair(flags: Mapping[str, Value], seed: int) -> Hair:
    tone = next((name for name in HAIR_COLORS if name and flags.get(name)), "")
    color = mix(*HAIR_COLORS[tone], 0.5 + jitter(seed, "hair tone", 0.5))
    if flags.get("bald"):
        length = "none"
    elif flags.get("long_hair") or flags.get("short_hair"):
        length = "long" if flags.get("long_hair") else "short"
    else:
        length = "medium"
    form = next((f for f in ("straight", "wavy", "curly") if flags.get(f"{f}_hair")), "loose")
    kind = "goatee" if flags.get("goatee") else "full" if flags.get("beard") else ""
    own = ((58, 42, 32), (70, 52, 40), (120, 116, 112))
    bald_tone = own[2 if flags.get("elderly") else int(np.sign(jitter(seed, "own")) > 0)]
    return Hair(
        length=length,
        form=form,
        color=color,
        has_bangs=bool(flags.get("bangs")),
        is_receding=bool(flags.get("receding_hairline")),
        is_tied=bool(flags.get("tied_hair")),
        beard=kind,
        has_mustache=bool(flags.get("mustache")),
        has_stubble=bool(flags.get("5_o_clock_shadow")),
        has_sideburns=bool(flags.get("sideburns")),
        beard_color=bald_tone if length == "none" else mix(color, (44, 32, 26), 0.25),
    )
