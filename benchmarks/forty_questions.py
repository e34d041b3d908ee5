"""Ask ten questions of four faces that no model has seen, and judge the answers.

They are the demo's, in words that leave the sex open; the demo itself says "he".

Carphone (a real man), a rendered woman of an unseen seed, and the first two pictures of FFHQ's
dev part that show, by their labels, a woman and somebody with eyeglasses. What is right was
written down before any model was asked. Writes benchmarks/results/forty_questions.json.
"""

import argparse
import json
import re
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from lineament.annotation import CLIP, Annotation, Fact, Subject
from lineament.claims import check_text
from lineament.describe.chat import Chat
from lineament.render import FaceRenderer, sample_face
from lineament.video import write_clip

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "scripts"))
QUESTIONS = (
    "Is this a man or a woman?",
    "Is the person wearing glasses?",
    "What colour is the person's hair?",
    "Is the person wearing a hat?",
    "Does the person have a beard?",
    "What is the person wearing around the neck?",
    "Is the person talking?",
    "Does the person move the head?",
    "How many people are there?",
    "Describe the person.",
)
UNSURE = r"cannot (be )?t(ell|old)|do(es)? not (show|know)|not to be seen"
ANSWERERS = ("model", "rule", "blind")  # the network, landmark rules alone, the network unseeing
RENDERED_SEED, FPS = 500_000, 25  # the first seed from there on that is a woman's


@dataclass(frozen=True)
class Truth:
    """What is right: a pattern for each of the first nine questions, facts for the last."""

    name: str
    patterns: tuple[str, ...]
    facts: tuple[Fact, ...]


def facts_of(**values: bool) -> tuple[Fact, ...]:
    return tuple(Fact(name, value) for name, value in values.items())


NO, YES = r"^no\b", r"^yes\b"
WOMAN, MAN, ONE = r"\bwoman\b|\bfemale\b", r"\bman\b|\bmale\b", r"\b(one|1|single)\b"
STILL = rf"{NO}|{UNSURE}|picture"  # a picture shows no movement
# Worn: to deny a bow tie, or to name it among what is not worn, is no right answer.
TIE = r"^(?!.*\b(not|no|nothing)\b).*\b(bow |neck)?tie\b"
NECKLACE = r"^(?!.*\b(not|no|nothing)\b).*\bnecklace\b"
NOTHING = rf"\b(nothing|no|not)\b|{UNSURE}"
TRUTHS = (
    Truth(
        "Carphone, a real man",
        (MAN, NO, r"brown|dark|black", NO, NO, TIE, YES, YES, ONE),
        facts_of(
            male=True, eyeglasses=False, sunglasses=False, wearing_hat=False, beard=False,
            wearing_necktie=True, talk=True, blonde_hair=False, bald=False,
        ),
    ),
    Truth(
        f"rendered woman, seed {RENDERED_SEED}",
        (WOMAN, NO, r"\bred|auburn|ginger", NO, NO, NECKLACE, NO, YES, ONE),
        (),
    ),
    Truth(
        "real woman, FFHQ 00001",
        (WOMAN, NO, r"brown|blond", NO, NO, NOTHING, STILL, STILL, ONE),
        facts_of(
            male=False, eyeglasses=False, sunglasses=False, wearing_hat=False, beard=False,
            smile=True, young=True, black_hair=False, gray_hair=False, elderly=False,
        ),
    ),
    Truth(
        "real person with glasses, FFHQ 00020",
        (WOMAN, YES, r"brown|blond|red|auburn", NO, NO, NOTHING, STILL, STILL, ONE),
        facts_of(
            male=False, eyeglasses=True, sunglasses=False, wearing_hat=False, beard=False,
            smile=False, young=True, black_hair=False, gray_hair=False, elderly=False,
        ),
    ),
)  # fmt: skip


def judge(answer: str, pattern: str) -> bool:
    """Say whether an answer is right; to name both sexes is not."""
    text = answer.lower()
    if pattern in (WOMAN, MAN):
        other = MAN if pattern == WOMAN else WOMAN
        return bool(re.search(pattern, text)) and not re.search(other, text)
    return bool(re.search(pattern, text))


def judge_description(answer: str, truth: Annotation) -> bool:
    """Say whether a description claims something and nothing of it is contradicted."""
    verdicts = [checked.verdict for checked in check_text(answer, truth).claims]
    return bool(verdicts) and "contradicted" not in verdicts


def draw(seed: int, folder: Path) -> tuple[Path, Annotation]:
    face = sample_face(seed)
    renderer = FaceRenderer(face, style="shaded", size_px=256, seed=seed)
    count = round(face.duration_seconds * FPS)
    path = folder / "rendered.mp4"
    write_clip(path, (renderer.draw(n / FPS) for n in range(count)), fps=FPS)
    return path, face


def main() -> None:
    from carphone import find_carphone

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="chat-tiny")
    parser.add_argument("--data", type=Path, required=True, help="folder with ffhq-adult-882")
    options = parser.parse_args()
    images = options.data / "ffhq-adult-882" / "images"
    result: dict = {"command": "python benchmarks/forty_questions.py --data DATA"}
    totals = dict.fromkeys(ANSWERERS, 0)
    with tempfile.TemporaryDirectory() as scratch:
        drawn, face = draw(RENDERED_SEED, Path(scratch))
        media = (find_carphone(), drawn, images / "00001.jpg", images / "00020.jpg")
        for answerer in ANSWERERS:
            chat = Chat(options.model, answerer=answerer)
            for truth, path in zip(TRUTHS, media, strict=True):
                known = face if path == drawn else annotation_of(truth)
                answers = [str(chat.ask(path, question)) for question in QUESTIONS]
                right = judge_all(answers, truth, known)
                totals[answerer] += sum(right)
                if answerer == "model":
                    result[truth.name] = {
                        question: f"{'right' if is_right else 'WRONG'}: {answer}"
                        for question, answer, is_right in zip(
                            QUESTIONS, answers, right, strict=True
                        )
                    }
    result["right of 40"] = totals
    (ROOT / "benchmarks" / "results" / "forty_questions.json").write_text(
        json.dumps(result, indent=1) + "\n"
    )
    print(json.dumps(result, indent=1))


def judge_all(answers: list[str], truth: Truth, known: Annotation) -> list[bool]:
    """Judge nine answers by their patterns and the last by its claims."""
    right = [judge(a, p) for a, p in zip(answers, truth.patterns, strict=False)]
    return [*right, judge_description(answers[-1], known)]


def annotation_of(truth: Truth) -> Annotation:
    people = (Fact("num_people", 1, subject=CLIP),)
    return Annotation(truth.name, (Subject("face 0"),), (*truth.facts, *people))


if __name__ == "__main__":
    main()
