"""Regions: which names can be drawn, and where in the picture each of them shows."""

import numpy as np

from lineament.annotation import Annotation
from lineament.render.camera import Pose, place_camera
from lineament.render.motion import plan_motion

Box = tuple[float, float, float, float]  # x0, y0, x1, y1 in unit coordinates

# Boxes in head axes: x0, y0, z of the back, x1, y1, z of the front, in centimetres.
ZONES: dict[str, tuple[float, float, float, float, float, float]] = {
    "eyes": (-6.6, -3.2, -2.0, 6.6, 2.6, 1.5),
    "brows": (-7.0, -5.0, -2.0, 7.0, 1.5, 2.5),
    "upper": (-8.0, -8.0, -6.0, 8.0, 5.0, 4.5),
    "nose": (-5.5, -5.0, -2.0, 5.5, 9.0, 5.0),
    "mouth": (-5.5, 3.6, -2.0, 5.5, 10.5, 4.0),
    "cheeks": (-8.0, -1.6, -6.0, 8.0, 9.0, 4.5),
    "lower": (-9.0, 0.0, -9.0, 9.0, 17.5, 5.0),
    "face": (-9.5, -8.5, -9.0, 9.5, 17.5, 5.0),
    "glasses": (-9.5, -3.5, -9.0, 9.5, 4.0, 4.0),
    "ears": (-12.5, -3.0, -11.0, 12.5, 10.5, -2.0),
    "headphones": (-13.0, -18.0, -14.0, 13.0, 8.0, -4.0),
    "head": (-12.0, -19.0, -19.0, 12.0, 15.0, 6.0),
    "hair": (-16.0, -20.0, -21.0, 16.0, 27.0, 7.0),
}
BODY = (-60.0, 8.0, 60.0, 90.0)
NECK = (-9.0, 11.0, 9.0, 38.0)

ZONE_NAMES: dict[str, str] = {
    "picture": "male pale_skin tan_skin dark_skin clothes_type light_direction light_level "
    "light_temperature background_color place blurry black_and_white head_pose",
    "head": "young middle_aged elderly chubby oval_face round_face square_face double_chin "
    "high_cheekbones sideburns black_hair brown_hair blonde_hair red_hair gray_hair",
    "hair": "bald receding_hairline bangs straight_hair wavy_hair curly_hair long_hair short_hair "
    "tied_hair wearing_hat wearing_headscarf nod shake_head head_wagging turn look_around sleep "
    "laugh yawn sing talk make_a_face",
    "face": "heavy_makeup wrinkles scar mole beard 5_o_clock_shadow one_eyed "
    "wearing_mask neutral anger contempt disgust happy fear sadness surprise frown glare smile "
    "sneer open_mouth shout chew kiss blow cry weep squint wink raise_eyebrows",
    "cheeks": "freckle rosy_cheeks dimple",
    "brows": "arched_eyebrows bushy_eyebrows thin_eyebrows",
    "eyes": "narrow_eyes big_eyes eye_color bags_under_eyes eye_makeup blink close_eyes gaze_away "
    "gaze_direction",
    "nose": "big_nose pointy_nose",
    "mouth": "big_lips thin_lips wearing_lipstick mustache",
    "lower": "goatee",
    "glasses": "eyeglasses sunglasses",
    "ears": "wearing_earrings",
    "headphones": "wearing_headphones",
    "body": "clothes_color",
    "neck": "wearing_necklace wearing_necktie wearing_bow_tie",
}
ZONE_OF: dict[str, str] = {
    name: zone for zone, names in ZONE_NAMES.items() for name in names.split()
}
DRAWN_NAMES: tuple[str, ...] = tuple(ZONE_OF)


def find_region(annotation: Annotation, name: str, seed: int) -> Box:
    """Return the box in which a name shows, over the whole clip, in unit coordinates.

    Args:
        annotation: The face; its motion moves the region.
        name: A name of `DRAWN_NAMES`.
        seed: The seed it is drawn with.

    Raises:
        KeyError: The name cannot be drawn.
    """
    return find_zone(annotation, ZONE_OF[name], seed, find_poses(annotation, seed))


def find_zone(annotation: Annotation, zone: str, seed: int, poses: list[Pose]) -> Box:
    """Return the box of a zone of the head or body under any of the poses."""
    if zone == "picture":
        return (0.0, 0.0, 1.0, 1.0)
    camera = place_camera(1000, seed)
    margin = 0.025  # soft edges, and the lens
    if any(fact.name == "blurry" and fact.value is True for fact in annotation.facts):
        margin += 0.06
    if zone in ("body", "neck"):
        x0, y0, x1, y1 = BODY if zone == "body" else NECK
        corners = np.array([[x0, y0, -5], [x1, y1, -5]], np.float32)
        screen = camera.project(corners)
    else:
        x0, y0, z0, x1, y1, z1 = ZONES[zone]
        corners = np.array(
            [[x, y, z] for x in (x0, x1) for y in (y0, y1) for z in (z0, z1)], np.float32
        )
        screen = np.concatenate([camera.project(corners, pose) for pose in poses])
    low, high = screen[:, :2].min(0) / 1000 - margin, screen[:, :2].max(0) / 1000 + margin
    (left, top), (right, bottom) = np.clip(low, 0, 1), np.clip(high, 0, 1)
    return float(left), float(top), float(right), float(bottom)


def find_poses(annotation: Annotation, seed: int, step: int = 1) -> list[Pose]:
    """List the head's poses over the clip, `step` frames apart."""
    motion = plan_motion(annotation, seed)
    count = max(int(annotation.duration_seconds * 25), 1)
    return [motion.find_state(index / 25)[1] for index in range(0, count, step)]
