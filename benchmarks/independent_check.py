"""Check a built FFHQ data set against the raw rows, with a word list of its own.

Knows nothing of the package's vocabulary or reader: it takes the texts of the Parquet shards, finds
words by its own patterns, and compares what is affirmed or denied with the raw scores. Whatever
these patterns do not understand is passed over and counted.
"""

import argparse
import io
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

RESULT = Path(__file__).resolve().parent / "results" / "independent_check.json"
# Words, and the attribute they stand for.
WORDS = (
    (r"sunglasses|shades|(?:dark|tinted) glasses", "sunglasses"),
    (r"(?<!dark )(?<!tinted )(?:eyeglasses|spectacles|glasses)\b", "glasses"),
    (r"hat\b|cap\b|headwear|headgear", "hat"),
    (r"face mask|\bmask\b", "mask"),
    (r"beards?\b|bearded", "beard"),
    (r"moustaches?|mustaches?", "moustache"),
    (r"sideburns", "sideburns"),
    (r"lipstick|lip make-?up", "lipstick"),
    (r"eye make-?up|eye ?shadow|eyeliner|mascara", "eye_makeup"),
    (r"smil(?:es|ing|e)\b", "smile"),
    (r"happy", "happiness"),
    (r"\bsad\b", "sadness"),
    (r"angry", "anger"),
    (r"surprised", "surprise"),
    (r"afraid|scared|fearful", "fear"),
    (r"disgusted", "disgust"),
    (r"contemptuous|scornful", "contempt"),
    (r"\bbald\b", "bald"),
    (r"blurry|blurred|out of focus", "blur"),
)
DENIED = re.compile(
    r"\b(?:not|no|neither|nor|without|never|none|nothing|nobody|cannot|lacks?|free of|absent"
    r"|wrong|clean-shaven)\b|n't\b",
    re.IGNORECASE,
)
HEDGED = re.compile(
    r"\b(?:perhaps|maybe|may|might|cannot|impossible|not clear|not show|not know|unclear|whether"
    r"|could be|tell)\b",
    re.IGNORECASE,
)
SENTENCE = re.compile(r"(?<=[.!?;:])\s+")
YEARS = re.compile(r"\b(?:about|around|roughly)\s+(\d{2})\s+years", re.IGNORECASE)
WOMAN = re.compile(r"\b(?:woman|she|her|lady|female)\b", re.IGNORECASE)
MAN = re.compile(r"\b(?:man|he|his|him|gentleman|male)\b", re.IGNORECASE)
HAIR = re.compile(r"\b(black|brown|blonde?|red|gr[ae]y)\b[^.,;]{0,12}\bhair|\bhair (?:is|looks) "
                  r"(black|brown|blonde?|red|gr[ae]y)\b", re.IGNORECASE)  # fmt: skip


def read_faces(folder: Path) -> dict[str, list[dict]]:
    """Return the raw faces by picture number; every face, not only the largest."""
    path = folder / "ffhq_features_full.jsonl.zst"
    stream = pa.CompressedInputStream(pa.OSFile(str(path)), "zstd")
    faces: dict[str, list[dict]] = {}
    for line in io.TextIOWrapper(stream, encoding="utf-8"):
        row = json.loads(line)
        faces[row["image"]] = [face["faceAttributes"] for face in row["faces"]]
    return faces


def is_wrong(face: dict, attribute: str, is_affirmed: bool) -> bool | None:
    """Say whether the raw scores speak against a statement; None where they decide nothing.

    Half is the border everywhere: the labels' own. A beard stated from 0.4 lies within the
    doubt that the label's makers name, so a statement is wrong only beyond 0.1 of the border.
    """
    score = score_of(face, attribute)
    if score is None:
        return None
    low, high = BORDERS.get(attribute, (0.4, 0.6))
    if is_affirmed:
        return score < low
    return score > high


# Below the first an affirmation is wrong, above the second a denial.
BORDERS = {
    "beard": (0.35, 0.4), "moustache": (0.35, 0.4), "sideburns": (0.35, 0.4), "bald": (0.4, 0.6),
}  # fmt: skip


def score_of(face: dict, attribute: str) -> float | None:
    hair, makeup = face["hair"], face["makeup"]
    listed = {entry["type"]: entry["confidence"] for entry in face["accessories"]}
    glasses = face["glasses"]
    if attribute in face["emotion"]:
        return face["emotion"][attribute]
    if attribute in face["facialHair"]:
        return face["facialHair"][attribute]
    return {
        "sunglasses": float(glasses == "Sunglasses"),
        "glasses": float(glasses != "NoGlasses"),
        "hat": float(listed.get("headwear", 0.0)),
        "mask": float(listed.get("mask", 0.0)),
        "lipstick": float(makeup["lipMakeup"]),
        "eye_makeup": float(makeup["eyeMakeup"]),
        "smile": face["smile"],
        "bald": hair["bald"],
        "blur": {"low": 0.0, "medium": 0.5, "high": 1.0}[face["blur"]["blurLevel"].lower()],
    }.get(attribute)


def read_statements(text: str) -> Iterator[tuple[str, bool]]:
    """Yield attributes with whether a sentence affirms them; mixed sentences are passed over."""
    for sentence in SENTENCE.split(text):
        if sentence.endswith("?") or HEDGED.search(sentence):
            continue
        is_denied = bool(DENIED.search(sentence))
        if is_denied and re.search(r"\bbut\b|\bthough\b|\bwhile\b|,", sentence):
            continue  # a denial that may not cover all of it
        for pattern, attribute in WORDS:
            if re.search(rf"\b(?:{pattern})", sentence, re.IGNORECASE):
                yield attribute, not is_denied


def find_faults(text: str, face: dict) -> Iterator[tuple[str, bool]]:
    """Yield what was compared, and whether it was wrong."""
    for attribute, is_affirmed in read_statements(text):
        if attribute == "glasses" and face["glasses"] in ("SwimmingGoggles", "Sunglasses"):
            continue  # whether these are glasses is a matter of words
        wrong = is_wrong(face, attribute, is_affirmed)
        if wrong is not None:
            yield attribute, wrong
    if not DENIED.search(text) and not HEDGED.search(text):
        if (years := YEARS.search(text)) is not None:
            yield "age", abs(float(years.group(1)) - face["age"]) > 2
        says_woman, says_man = bool(WOMAN.search(text)), bool(MAN.search(text))
        if says_woman != says_man:
            yield "sex", (face["gender"] == "female") != says_woman
        if (hair := HAIR.search(text)) is not None and not face["hair"]["invisible"]:
            said = (hair.group(1) or hair.group(2)).lower().replace("grey", "gray")
            said = {"blonde": "blond"}.get(said, said)
            scores = {c["color"].lower(): c["confidence"] for c in face["hair"]["hairColor"]}
            yield "hair", scores.get(said, 0.0) < max(scores.values(), default=0.0) - 1e-9


def check_store(folder: Path, faces: dict[str, list[dict]]) -> dict:
    compared: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    examples: list[dict] = []
    answers = passed = skipped = 0
    turns: Counter[str] = Counter()
    captions: Counter[str] = Counter()
    for path in sorted((folder / "shards").glob("*.parquet")):
        for batch in pq.ParquetFile(path).iter_batches(1000, columns=["kind", "media", "turns"]):
            for row in batch.to_pylist():
                image = Path(row["media"]).stem
                turns[image] += len(row["turns"]) // 2
                captions[image] += row["kind"] in ("caption", "summary")
                if len(faces[image]) != 1:
                    skipped += 1  # of whom it speaks is not this script's business
                    continue
                for place in range(1, len(row["turns"]), 2):
                    answers += 1
                    text = row["turns"][place]["text"]
                    found = list(find_faults(text, faces[image][0]))
                    passed += not found
                    for attribute, is_fault in found:
                        compared[attribute] += 1
                        wrong[attribute] += is_fault
                        if is_fault and len(examples) < 40:
                            examples.append({"image": image, "of": attribute, "text": text})
    return {
        "annotations": len(turns),
        "fewest_answers": min(turns.values(), default=0),
        "without_caption": sum(not captions[image] for image in turns),
        "answers": answers,
        "answers_passed_over": passed,
        "records_of_several_faces_passed_over": skipped,
        "statements_compared": compared.total(),
        "contradicted": wrong.total(),
        "compared": dict(compared.most_common()),
        "wrong": {key: count for key, count in wrong.items() if count},
        "examples": examples,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("store", type=Path)
    parser.add_argument("data", type=Path, help="the folder of the raw rows")
    parser.add_argument("--save", action="store_true", help=f"write {RESULT.name}")
    arguments = parser.parse_args()
    result = check_store(arguments.store, read_faces(arguments.data))
    print(json.dumps(result, indent=1))
    if arguments.save:
        row = {"command": "python benchmarks/independent_check.py STORE DATA --save", **result}
        RESULT.write_text(json.dumps(row, indent=1) + "\n")


if __name__ == "__main__":
    main()
