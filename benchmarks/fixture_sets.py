"""Labels without pixels in the layouts of the data sets behind FaVChat-170K and UniF2ace-130K.

    python benchmarks/fixture_sets.py favchat OUT     # 85,403 clips; 61,007 pass the filters
    python benchmarks/fixture_sets.py unif2ace OUT    # 135,700 pictures
    python benchmarks/fixture_sets.py favchat OUT --share 0.02

Prevalences are the published ones where there are any (CelebV-HQ's label figures, CelebA's and
FFHQ's attribute counts); those of rare labels, of FERV39K's emotions, times and face sizes are
assumed. How many clips of each source pass the filters is not published: the 61,007 are shared out
by the sizes of the sources. Everything is drawn from a seed; nobody real is behind any row.
"""

import argparse
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from random import Random
from typing import Any

from lineament.vocabulary import read_label_sets

# Clips, and how many of them pass the filters (61,007 in all).
CLIPS: Mapping[str, tuple[int, int]] = {
    "celebvhq": (35_666, 25_478), "ferv39k": (39_546, 28_249), "hmdb51": (6_766, 4_833),
    "youtube-faces": (3_425, 2_447),
}  # fmt: skip
NUM_CELEBVHQ_PICTURES, NUM_FFHQ, NUM_CELEBAHQ = 35_700, 70_000, 30_000
NUM_FFHQ_WITHOUT_FACE, NUM_FFHQ_MINORS = 529, 12_581  # 56,890 adults are left
# CelebV-HQ, in per cent of the clips; labels that are not published are assumed at 3 %.
APPEARANCE: Mapping[str, float] = {
    "male": 63, "no_beard": 59, "pointy_nose": 47, "arched_eyebrows": 33, "young": 24,
    "long_hair": 22, "sideburns": 18, "rosy_cheeks": 17, "bushy_eyebrows": 16, "big_nose": 15,
    "wearing_lipstick": 13, "wearing_earrings": 12, "blurry": 1, "bags_under_eyes": 9,
    "oval_face": 12, "high_cheekbones": 9, "narrow_eyes": 8, "eyeglasses": 8, "mustache": 9,
    "5_o_clock_shadow": 9, "goatee": 5, "heavy_makeup": 6, "wearing_necklace": 8,
    "wearing_necktie": 7, "wearing_hat": 5, "receding_hairline": 6, "double_chin": 4, "bangs": 7,
}  # fmt: skip
HAIR = (("brown_hair", 34), ("black_hair", 28), ("blonde_hair", 14), ("gray_hair", 10), ("", 14))
HAIR_FORM = (("wavy_hair", 20), ("straight_hair", 12), ("", 68))
ACTIONS: Mapping[str, float] = {
    "talk": 77, "smile": 25, "head_wagging": 21, "turn": 19, "frown": 16, "gaze": 15, "nod": 15,
    "shake_head": 13, "look_around": 12.5, "glare": 6, "close_eyes": 4.5, "sniff": 4.5,
}  # fmt: skip
EMOTIONS = (
    ("neutral", 65.35), ("happy", 17.7), ("sadness", 7.33), ("anger", 5.95), ("fear", 1.39),
    ("surprise", 1.22), ("contempt", 0.81), ("disgust", 0.25),
)  # fmt: skip
FERV39K_EMOTIONS = (
    ("Neutral", 25.0), ("Happy", 19.0), ("Sad", 17.0), ("Angry", 20.0), ("Surprise", 8.0),
    ("Disgust", 6.0), ("Fear", 5.0),
)  # fmt: skip
FFHQ_EMOTIONS = (
    ("happiness", 43_277), ("neutral", 24_179), ("surprise", 835), ("sadness", 652),
    ("anger", 289), ("contempt", 137), ("disgust", 76), ("fear", 26),
)  # fmt: skip
SCENES = (
    "Action", "Business", "Conflict", "Crime", "Daily_Life", "Fantasy", "School", "Social", "War",
)  # fmt: skip
HMDB51_ACTIONS = (
    "smile",
    "laugh",
    "chew",
    "talk",
    "smoke",
    "eat",
    "drink",
    "kiss",
    "wave",
    "walk",
    "run",
)
TIMED_SEPARATELY = 0.15  # share of CelebV-HQ clips whose emotions have times; assumed
CELEBA_PERCENT: Mapping[str, float] = {
    "5_o_Clock_Shadow": 11.1, "Arched_Eyebrows": 26.7, "Attractive": 51.3, "Bags_Under_Eyes": 20.5,
    "Bald": 2.2, "Bangs": 15.2, "Big_Lips": 24.1, "Big_Nose": 23.5, "Black_Hair": 23.9,
    "Blond_Hair": 14.8, "Blurry": 5.1, "Brown_Hair": 20.5, "Bushy_Eyebrows": 14.2, "Chubby": 5.8,
    "Double_Chin": 4.7, "Eyeglasses": 6.5, "Goatee": 6.3, "Gray_Hair": 4.2, "Heavy_Makeup": 38.7,
    "High_Cheekbones": 45.5, "Male": 41.7, "Mouth_Slightly_Open": 48.3, "Mustache": 4.2,
    "Narrow_Eyes": 11.5, "No_Beard": 83.5, "Oval_Face": 28.4, "Pale_Skin": 4.3, "Pointy_Nose": 27.7,
    "Receding_Hairline": 8.0, "Rosy_Cheeks": 6.6, "Sideburns": 5.7, "Smiling": 48.2,
    "Straight_Hair": 20.8, "Wavy_Hair": 32.0, "Wearing_Earrings": 18.9, "Wearing_Hat": 4.8,
    "Wearing_Lipstick": 47.2, "Wearing_Necklace": 12.3, "Wearing_Necktie": 7.3, "Young": 77.4,
}  # fmt: skip
BEARDS = ("goatee", "mustache", "5_o_clock_shadow", "sideburns")
WOMENS = ("wearing_lipstick", "heavy_makeup", "wearing_earrings", "wearing_necklace")
FAULTS = ("small", "short", "length", "blurry")


def draw(rng: Random, table: tuple[tuple[str, float], ...]) -> str:
    place = rng.random() * sum(share for _, share in table)
    for name, share in table:
        place -= share
        if place < 0:
            return name
    return table[-1][0]


def draw_appearance(rng: Random) -> dict[str, bool]:
    """Draw CelebV-HQ's 40 flags; a beard goes with a man, make-up with a woman."""
    names = read_label_sets().lists["celebvhq_appearance"]
    flags = {name: rng.random() * 100 < APPEARANCE.get(name, 3.0) for name in names}
    flags |= dict.fromkeys(
        ("black_hair", "brown_hair", "blonde_hair", "gray_hair", "straight_hair", "wavy_hair"),
        False,
    )
    for table in (HAIR, HAIR_FORM):
        if name := draw(rng, table):
            flags[name] = True
    is_male = flags["male"]
    for name in BEARDS if not is_male else WOMENS:
        flags[name] = False
    for name in WOMENS if not is_male else BEARDS:
        # The label's share of all clips falls on the one sex alone.
        rate = APPEARANCE.get(name, 3.0) / (63 if is_male else 37)
        flags[name] = rng.random() < rate
    if not is_male:
        flags["no_beard"] = True
    elif any(flags[name] for name in BEARDS[:3]):
        flags["no_beard"] = False
    else:
        flags["no_beard"] = rng.random() < (59 - 37) / 63
    if flags["bald"]:
        flags |= dict.fromkeys(("long_hair", "bangs", "wavy_hair", "straight_hair"), False)
        flags |= dict.fromkeys(("black_hair", "brown_hair", "blonde_hair", "gray_hair"), False)
    if flags["eyeglasses"]:
        flags["sunglasses"] = False
    flags["blurry"] = False  # set by the fault that is drawn
    return flags


def draw_actions(rng: Random) -> dict[str, bool]:
    names = read_label_sets().lists["celebvhq_action"]
    return {name: rng.random() * 100 < ACTIONS.get(name, 0.15) for name in names}


def count_positive(flags: Mapping[str, bool]) -> int:
    """Count as the filter does: sex counts always, no_beard never."""
    return 1 + sum(flag for name, flag in flags.items() if name not in ("male", "no_beard"))


def plan_faults(rng: Random, source: str, share: float = 1.0) -> list[str]:
    """Return for each clip the fault that keeps it out, or nothing, in shuffled order."""
    count, passing = (round(number * share) for number in CLIPS[source])
    faults = [""] * passing + [FAULTS[n % len(FAULTS)] for n in range(count - passing)]
    rng.shuffle(faults)
    return faults


def draw_rich(fewest: int, make: Callable[[], dict[str, bool]]) -> dict[str, bool]:
    while True:
        flags = make()
        if count_positive(flags) >= fewest:
            return flags


def write_celebvhq(folder: Path, rng: Random, faults: list[str]) -> None:
    sets = read_label_sets().lists
    appearance, action = sets["celebvhq_appearance"], sets["celebvhq_action"]
    clips: dict[str, Any] = {}
    for number, fault in enumerate(faults):
        # 13,844 source videos, as published.
        ytb_id = f"v{number % 13_844:06d}xyzab"
        flags = draw_rich(5, lambda: draw_appearance(rng) | draw_actions(rng))
        seconds = round(min(max(rng.lognormvariate(1.85, 0.45), 3.0), 19.9), 2)
        if fault in ("small", "short", "length"):  # crops are large, so length is what is wrong
            seconds = round(20.1 + rng.random() * 5, 2)
        flags["blurry"] = fault == "blurry"
        start = round(rng.random() * 300, 2)
        clips[f"{ytb_id}_{number}"] = {
            "ytb_id": ytb_id,
            "duration": {"start_sec": start, "end_sec": round(start + seconds, 2)},
            "bbox": {"top": 0.1, "bottom": 0.9, "left": 0.3, "right": 0.7},
            "attributes": {
                "appearance": [int(flags[name]) for name in appearance],
                "action": [int(flags[name]) for name in action],
                "emotion": draw_emotion(rng, seconds),
            },
            "version": "v0.1",
        }
    folder.mkdir(parents=True, exist_ok=True)
    meta = {"appearance_mapping": list(appearance), "action_mapping": list(action)}
    (folder / "celebvhq_info.json").write_text(json.dumps({"meta_info": meta, "clips": clips}))


def draw_emotion(rng: Random, seconds: float) -> dict[str, Any]:
    if rng.random() >= TIMED_SEPARATELY:
        return {"sep_flag": False, "labels": draw(rng, EMOTIONS)}
    middle = round(seconds * (0.3 + 0.4 * rng.random()), 2)
    first = draw(rng, EMOTIONS)
    second = next(name for name in iter(lambda: draw(rng, EMOTIONS), "") if name != first)
    spans = ((first, 0.0, middle), (second, middle, seconds))
    return {
        "sep_flag": True,
        "labels": [{"emotion": e, "start_sec": a, "end_sec": b} for e, a, b in spans],
    }


def stored_line(rng: Random, media: str, fault: str, *, seconds: float) -> dict[str, Any]:
    """Return what `lineament annotate` and an attribute reader would have stored of a clip."""
    flags = draw_rich(6, lambda: draw_appearance(rng))
    flags["blurry"] = fault == "blurry"
    if fault == "length":
        seconds = 1.2
    fps = 25.0
    num_frames = int(seconds * fps)
    facts: list[dict[str, Any]] = [
        {"name": name, "value": True, "source": "reader"}
        for name, flag in flags.items()
        if flag and name not in ("male", "no_beard")
    ]
    facts.append({"name": "male", "value": flags["male"], "source": "reader"})
    if flags["no_beard"]:
        facts.append({"name": "beard", "value": False, "source": "reader"})
    facts += draw_timed(rng, seconds)
    facts.append({"name": "head_pose", "value": "frontal", "source": "landmarks"})
    decided = [n for n in flags if n not in ("no_beard", "male", "5_o_clock_shadow")]
    decided += ["smile", "blink", "open_mouth"]
    return {
        "media": media,
        "duration_seconds": round(seconds, 3),
        "num_frames": num_frames,
        "fps": fps,
        "face_px": 90.0 if fault == "small" else round(128 + rng.random() * 200, 1),
        "subjects": [{
            "id": "face 0", "kind": "face", "start_seconds": 0.0,
            "stop_seconds": round(seconds, 3),
            "num_frames": int(num_frames * (0.5 if fault == "short" else 1.0)), "facts": facts,
        }],
        "closed": decided,
    }  # fmt: skip


def draw_timed(rng: Random, seconds: float) -> list[dict[str, Any]]:
    facts = []
    time = 0.2 + rng.random()
    for name in rng.sample(("smile", "blink", "open_mouth", "turn", "nod"), 2):
        stop = min(time + 0.5 + rng.random(), seconds)
        if stop - time > 0.4:
            span = {"start_seconds": round(time, 2), "stop_seconds": round(stop, 2)}
            facts.append({"name": name, "value": True, "source": "landmarks", **span})
        time = stop + 0.3 + rng.random()
    return facts


def write_lines(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lines:
        for row in rows:
            lines.write(json.dumps(row) + "\n")


def write_ferv39k(folder: Path, rng: Random, faults: list[str]) -> None:
    lists: dict[str, list[str]] = {"train": [], "test": []}

    def draw_stored() -> Iterator[dict[str, Any]]:
        for number, fault in enumerate(faults):
            emotion = draw(rng, FERV39K_EMOTIONS)
            clip = f"{SCENES[number % len(SCENES)]}/{emotion}/{number:05d}"
            lists["test" if number % 5 == 0 else "train"].append(f"{clip} {emotion}\n")
            seconds = 2.0 + rng.random() * 2.0
            yield stored_line(rng, f"2_ClipsforFaceCrop/{clip}", fault, seconds=seconds)

    write_lines(folder / "annotations.jsonl", draw_stored())
    path = folder / "4_setups" / "All_scenes"
    path.mkdir(parents=True, exist_ok=True)
    for part, rows in lists.items():
        (path / f"{part}_All.csv").write_text("".join(rows))


def write_hmdb51(folder: Path, rng: Random, faults: list[str]) -> None:
    def draw_stored() -> Iterator[dict[str, Any]]:
        for number, fault in enumerate(faults):
            action = HMDB51_ACTIONS[number % len(HMDB51_ACTIONS)]
            part, side = rng.choice("hu"), rng.choice(("fr", "ri", "le"))
            name = f"Title{number // 7}_{action}_{part}_cm_np1_{side}_med_{number}.avi"
            path = folder / "hmdb51_org" / action / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"no pixels: a fixture of labels")
            media = path.relative_to(folder).as_posix()
            yield stored_line(rng, media, fault, seconds=2.1 + rng.random() * 4)

    write_lines(folder / "annotations.jsonl", draw_stored())


def write_ytfaces(folder: Path, rng: Random, faults: list[str]) -> None:
    root = folder / "frame_images_DB"
    root.mkdir(parents=True, exist_ok=True)

    def draw_stored() -> Iterator[dict[str, Any]]:
        for number, fault in enumerate(faults):
            person = f"Person_{number % 1595:04d}"
            clip, num_frames = str(number // 1595), 50 + int(rng.random() * 262)
            side = 90 if fault == "small" else 130 + int(rng.random() * 100)
            row = f"{person}\\{clip}\\{clip}.{{frame}}.jpg,0,160,120,{side},{side},0,0\n"
            with (root / f"{person}.labeled_faces.txt").open("a") as lines:
                lines.writelines(row.format(frame=n) for n in range(num_frames))
            media = f"frame_images_DB/{person}/{clip}"
            yield stored_line(rng, media, fault, seconds=max(num_frames / 25, 2.1))

    write_lines(folder / "annotations.jsonl", draw_stored())


def write_ffhq(folder: Path, rng: Random, share: float = 1.0) -> None:
    kinds = ["none"] * round(NUM_FFHQ_WITHOUT_FACE * share)
    kinds += ["minor"] * round(NUM_FFHQ_MINORS * share)
    kinds += ["adult"] * (round(NUM_FFHQ * share) - len(kinds))
    rng.shuffle(kinds)
    header = list(draw_ffhq_row(Random(0), "0", "adult"))
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "ffhq_features.csv").open("w") as lines:
        lines.write(",".join(header) + "\n")
        for number, kind in enumerate(kinds):
            row = draw_ffhq_row(rng, f"{number:05d}", kind)
            lines.write(",".join(str(row.get(name, "")) for name in header) + "\n")


def draw_ffhq_row(rng: Random, image: str, kind: str) -> dict[str, Any]:
    if kind == "none":
        return {"image": image, "n_faces": 0, "age": ""}
    is_male = rng.random() < 31_083 / 69_471
    age = rng.randint(0, 17) if kind == "minor" else min(18 + int(rng.expovariate(1 / 17)), 72)
    emotion = draw(rng, FFHQ_EMOTIONS)
    emotions = (
        "anger",
        "contempt",
        "disgust",
        "fear",
        "happiness",
        "neutral",
        "sadness",
        "surprise",
    )
    hair = draw(rng, (("black", 30), ("brown", 40), ("blond", 18), ("gray", 8), ("red", 4)))
    beard = round(rng.random() ** 2 * 0.9, 2) if is_male and age >= 18 else 0.0
    glasses = draw(rng, (("NoGlasses", 56_085), ("ReadingGlasses", 10_461), ("Sunglasses", 2_863),
                         ("SwimmingGoggles", 132)))  # fmt: skip
    row: dict[str, Any] = {
        "image": image, "n_faces": 1, "rect_left": 30, "rect_top": 36, "rect_width": 68,
        "rect_height": 68, "gender": "male" if is_male else "female", "age": float(age),
        "smile": round(0.9 if emotion == "happiness" else rng.random() * 0.3, 2),
        "glasses": glasses, "moustache": beard, "beard": beard, "sideburns": round(beard / 2, 2),
        "bald": round(rng.random() ** 4, 2), "hair_invisible": 0,
    }  # fmt: skip
    row |= {f"emotion_{name}": 0.95 if name == emotion else 0.01 for name in emotions}
    row |= {f"pose_{name}": round(rng.gauss(0, 8), 1) for name in ("pitch", "roll", "yaw")}
    row |= {f"hair_{n}": 0.95 if n == hair else 0.1
            for n in ("black", "brown", "blond", "red", "gray", "other")}  # fmt: skip
    row |= {name: int(not is_male and rng.random() < 0.5) for name in ("eye_makeup", "lip_makeup")}
    row |= {f"{name}Occluded": int(rng.random() < 0.05) for name in ("forehead", "eye", "mouth")}
    worn = ["headwear:0.9"] if rng.random() < 0.12 else []
    worn += ["glasses:1.0"] if glasses in ("ReadingGlasses", "Sunglasses") else []
    return row | {
        "accessories": "|".join(worn), "blur": round(rng.random() * 0.5, 2), "exposure": 0.5,
        "noise": 0.1,
    }  # fmt: skip


def write_celebahq(folder: Path, rng: Random, share: float = 1.0) -> None:
    count = round(NUM_CELEBAHQ * share)
    names = list(CELEBA_PERCENT)
    texts = folder / "text" / "celeba-caption"
    texts.mkdir(parents=True, exist_ok=True)
    hairs = ("Black_Hair", "Blond_Hair", "Brown_Hair", "Gray_Hair")
    with (folder / "CelebAMask-HQ-attribute-anno.txt").open("w") as lines:
        lines.write(f"{count}\n{' '.join(names)} \n")
        for number in range(count):
            flags = {name: rng.random() * 100 < CELEBA_PERCENT[name] for name in names}
            first = next((name for name in hairs if flags[name]), "")
            flags |= {name: name == first for name in hairs}
            flags["Wavy_Hair"] &= not flags["Straight_Hair"]
            if not flags["Male"]:
                beards = ("5_o_Clock_Shadow", "Goatee", "Mustache", "Sideburns")
                flags |= dict.fromkeys(beards, False) | {"No_Beard": True, "Bald": False}
            elif flags["Goatee"] or flags["5_o_Clock_Shadow"]:
                flags["No_Beard"] = False
            labels = " ".join("1" if flags[name] else "-1" for name in names)
            lines.write(f"{number}.jpg  {labels}\n")
            who = "man" if flags["Male"] else "woman"
            said = f"This {who} has {first.lower().replace('_', ' ') or 'hair'}."
            (texts / f"{number}.txt").write_text(f"{said}\n" * 10)


def write_favchat(out: Path, seed: int = 0, share: float = 1.0) -> None:
    """Write the four sources of FaVChat-170K."""
    writers = {
        "celebvhq": write_celebvhq, "ferv39k": write_ferv39k, "hmdb51": write_hmdb51,
        "youtube-faces": write_ytfaces,
    }  # fmt: skip
    for number, (source, write) in enumerate(writers.items()):
        rng = Random(1000 * seed + number)
        write(out / source, rng, plan_faults(rng, source, share))


def write_unif2ace(out: Path, seed: int = 0, share: float = 1.0) -> None:
    """Write the three sources of UniF2ace-130K."""
    faultless = [""] * round(NUM_CELEBVHQ_PICTURES * share)
    write_celebvhq(out / "celebvhq", Random(1000 * seed + 10), faultless)
    write_ffhq(out / "ffhq", Random(1000 * seed + 11), share)
    write_celebahq(out / "mm-celeba-hq", Random(1000 * seed + 12), share)


WRITERS: Mapping[str, Callable[[Path, int, float], None]] = {
    "favchat": write_favchat, "unif2ace": write_unif2ace,
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("which", choices=tuple(WRITERS))
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--share", type=float, default=1.0, help="of all clips or pictures")
    arguments = parser.parse_args()
    if arguments.out.exists() and any(arguments.out.iterdir()):
        parser.error(f"{arguments.out} is not empty")
    WRITERS[arguments.which](arguments.out, arguments.seed, arguments.share)
    print(f"{arguments.which}: written to {arguments.out}")


if __name__ == "__main__":
    main()
