"""Put a trained chat model where `lineament-weights` ships it: 16 bits, drafts, validation, card.

    python scripts/ship_chat_model.py RUN/model chat-tiny --results first-light/result.json \
        --results rendered/result.json

What an answer is validated on comes from results alone: ``real`` where balanced accuracy on
real pictures is at least 0.8 with its lower bound above 0.7, else ``rendered`` by the same rule.
"""

import argparse
import json
from pathlib import Path
from random import Random

import torch

from lineament.model.drafting import DraftTable
from lineament.model.hub import load
from lineament.render import sample_face
from lineament.training.dialogues import DialogueWriter

WEIGHTS = Path(__file__).resolve().parent.parent / "weights" / "src" / "lineament_weights"
NUM_TEXTS, TEXT_SEED = 2500, 700_000
ENOUGH, LOWER_BOUND = 0.8, 0.7
# What the figures of first-light are called, and the facts they stand for.
REAL_FACTS = {
    "male": ("male",), "smile": ("smile",), "eyeglasses": ("eyeglasses",),
    "sunglasses": ("sunglasses",), "beard": ("beard",), "black_hair": ("black_hair",),
    "blonde_hair": ("blonde_hair",), "wearing_lipstick": ("wearing_lipstick",),
    "wearing_hat": ("wearing_hat",), "happy": ("happy", "neutral"),
    "older_than_45": ("age_years", "young", "elderly"),
}  # fmt: skip


def read_validation(paths: list[Path]) -> dict[str, str]:
    """Say for each fact on what media answers about it were measured to be good."""
    found: dict[str, str] = {}
    scores: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for path in paths:
        result = json.loads(path.read_text(encoding="utf-8"))
        for name, metric in result["metrics"].items():
            parts = name.split("/")
            if parts[-1] != "balanced_accuracy" or len(parts) < 3:
                continue
            facts = REAL_FACTS.get(parts[1], (parts[1],))
            for fact in facts:
                key = ("real" if result["task"] == "first-light" else "rendered", fact)
                scores.setdefault(key, []).append((metric["value"], metric["low"]))
    for kind in ("rendered", "real"):
        for (where, fact), values in scores.items():
            if where == kind and all(v >= ENOUGH and low >= LOWER_BOUND for v, low in values):
                found[fact] = kind
    return found


def learn_drafts(tokenizer: object, prompt_end: str) -> DraftTable:
    """Learn frequent continuations from what the writer says."""
    writer, answers = DialogueWriter(num_yes_no=10), []
    for seed in range(NUM_TEXTS):
        annotation = sample_face(TEXT_SEED + seed, is_picture=seed % 3 == 0)
        for dialogue in writer.write(annotation, Random(seed)):
            for message in dialogue.messages[1::2]:
                text = f"{prompt_end}{message['content']}<|im_end|>"
                answers.append(tokenizer(text)["input_ids"])  # type: ignore[operator]
    return DraftTable.learn(answers)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("name")
    parser.add_argument("--results", type=Path, action="append", default=[])
    options = parser.parse_args()
    out = WEIGHTS / options.name
    loaded = load(options.model)
    loaded.model.to(torch.bfloat16).save_pretrained(out)
    loaded.processor.save_pretrained(out)
    learn_drafts(loaded.processor.tokenizer, "<|im_start|>assistant\n").save(out)
    validation = read_validation(options.results)
    (out / "validated.json").write_text(json.dumps(validation, indent=1, sort_keys=True) + "\n")
    size = sum(path.stat().st_size for path in out.iterdir())
    print(f"{out}: {size / 1e6:.1f} MB, {len(validation)} facts validated")


if __name__ == "__main__":
    main()
