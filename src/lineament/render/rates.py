"""Rates: how often each name is sampled, and what goes with what."""

FPS = 25.0

# Flags that exclude each other: how often each; what is left over is none of them.
GROUPS: dict[str, dict[str, float]] = {
    "age": {"young": 0.5, "middle_aged": 0.28, "elderly": 0.22},
    "skin": {"pale_skin": 0.27, "tan_skin": 0.25, "dark_skin": 0.25},
    "outline": {"oval_face": 0.2, "round_face": 0.2, "square_face": 0.2},
    "eye_size": {"narrow_eyes": 0.2, "big_eyes": 0.2},
    "brow": {"bushy_eyebrows": 0.2, "thin_eyebrows": 0.18},
    "lips": {"big_lips": 0.2, "thin_lips": 0.2},
    "head": {"wearing_hat": 0.12, "wearing_headscarf": 0.09},
    "glasses": {"eyeglasses": 0.18, "sunglasses": 0.06},
}
HAIR_COLOR = {"black_hair": 0.26, "brown_hair": 0.3, "blonde_hair": 0.24, "red_hair": 0.2}
HAIR_FORM = {"straight_hair": 0.42, "wavy_hair": 0.33, "curly_hair": 0.25}
# Single flags: how often for men, for women.
FLAGS: dict[str, tuple[float, float]] = {
    "bald": (0.14, 0.015),
    "receding_hairline": (0.25, 0.02),
    "tied_hair": (0.03, 0.22),
    "bangs": (0.12, 0.3),
    "chubby": (0.18, 0.16),
    "double_chin": (0.14, 0.12),
    "high_cheekbones": (0.22, 0.3),
    "rosy_cheeks": (0.12, 0.2),
    "freckle": (0.15, 0.18),
    "mole": (0.14, 0.14),
    "scar": (0.1, 0.06),
    "dimple": (0.12, 0.14),
    "arched_eyebrows": (0.12, 0.34),
    "bags_under_eyes": (0.22, 0.16),
    "one_eyed": (0.015, 0.015),
    "big_nose": (0.26, 0.14),
    "pointy_nose": (0.18, 0.24),
    "beard": (0.34, 0.0),
    "5_o_clock_shadow": (0.2, 0.0),
    "mustache": (0.2, 0.0),
    "sideburns": (0.2, 0.0),
    "heavy_makeup": (0.0, 0.24),
    "wearing_lipstick": (0.01, 0.34),
    "eye_makeup": (0.01, 0.24),
    "wearing_mask": (0.05, 0.05),
    "wearing_earrings": (0.06, 0.34),
    "wearing_necklace": (0.06, 0.28),
    "wearing_headphones": (0.07, 0.07),
    "blurry": (0.05, 0.05),
    "black_and_white": (0.05, 0.05),
}
CHOICES: dict[str, dict[str, float]] = {
    "eye_color": {"brown": 0.4, "blue": 0.18, "green": 0.14, "gray": 0.14, "hazel": 0.14},
    "light_direction": {"frontal": 0.6, "left": 0.16, "right": 0.16, "back": 0.08},
    "light_level": {"normal": 0.66, "bright": 0.17, "dim": 0.17},
    "light_temperature": {"neutral": 0.56, "warm": 0.22, "cold": 0.22},
    "place": {
        "studio": 0.32, "indoors": 0.2, "office": 0.13,
        "outdoors": 0.15, "street": 0.12, "car": 0.08,
    },
    "clothes_color": dict.fromkeys(
        (
            "black", "white", "gray", "red", "orange", "yellow", "green", "blue", "purple", "pink",
            "brown",
        ), 1 / 11,
    ),
    "head_pose": {"frontal": 0.7, "left": 0.1, "right": 0.1, "up": 0.05, "down": 0.05},
    "gaze_direction": {"camera": 0.78, "left": 0.07, "right": 0.07, "up": 0.04, "down": 0.04},
}  # fmt: skip
PLACE_COLORS: dict[str, tuple[str, ...]] = {
    "outdoors": ("green", "blue"),
    "street": ("gray", "brown", "blue"),
    "car": ("black", "gray", "brown"),
    "office": ("white", "gray", "blue"),
}
ALL_COLORS = tuple(CHOICES["clothes_color"])
PICTURE_ACTS = (
    "smile", "open_mouth", "close_eyes", "wink", "squint", "raise_eyebrows", "frown", "kiss",
    "blow", "sneer", "laugh", "make_a_face", "shout", "cry", "weep", "glare", "yawn",
)  # fmt: skip
NEVER_CLOSED = frozenset({"head_pose", "gaze_direction", *CHOICES})
