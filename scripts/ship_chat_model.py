"""Put a trained chat model where `lineament-weights` ships it: 16 bits, drafts, validation, card.

    python scripts/ship_chat_model.py RUN/model chat-tiny --results first-light/result.json \
        --results rendered/result.json

What an answer is validated on comes from results alone: ``real`` where balanced accuracy on
real pictures is at least 0.8 with its lower bound above 0.7, over ten items or more, else
``rendered`` by the same rule.
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
from lineament.vocabulary import read_vocabulary

WEIGHTS = Path(__file__).resolve().parent.parent / "weights" / "src" / "lineament_weights"
NUM_TEXTS, TEXT_SEED = 2500, 700_000
ENOUGH, LOWER_BOUND = 0.8, 0.7
MIN_ITEMS = 10  # an interval over fewer says nothing
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
            is_real = result["task"] == "first-light"
            own = name.split("/")[-1]
            if own not in (REAL_FACTS if is_real else read_vocabulary().names):
                continue
            if is_real and "/" not in name:
                continue
            if metric.get("num_items", 0) < MIN_ITEMS:
                continue
            for fact in REAL_FACTS[own] if is_real else (own,):
                key = ("real" if is_real else "rendered", fact)
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


CARD = """\
---
license: cc-by-nc-sa-4.0
library_name: lineament
---

# {name}

A small FaVChat that answers questions about the main face of a picture or a short clip: yes or
no, which, what colour, apparent age and sex, expression, when, how many, and a description.
It runs on a laptop. Its answers are guesses of a network of ten million weights: check them.

It never tells who somebody is, nor anybody's ancestry. "Man", "woman" and ages are what a face
looks like to those who labelled it. Not for decisions about people.

Made by `lineament train chat-tiny`; read by `lineament chat` and `lineament.load("{name}")`.

## Data and credit

- FairFace (Karkkainen and Joo 2019), shards 0 to 7 of the adult selection: CC BY 4.0; shrunk.
- FFHQ (Karras et al. 2019), adults, the train part, with the attribute scores of the FFHQ
  features data set: CC BY-NC-SA 4.0; shrunk.
- Expression labels on Labeled Faces in the Wild (the facial_expressions collection), train part:
  Apache-2.0 as stated; pictures of people in the news.
- Rendered clips, drawn by Lineament.

The weights are licensed under CC BY-NC-SA 4.0, since some of the data are non-commercial.

## Figures

Balanced accuracy of answers in words, with a 95 % interval; blind is the same model with all
pictures hidden. An answer that cannot be read, or says that it cannot tell, is wrong.

{figures}
"""


def write_card(name: str, paths: list[Path]) -> str:
    """Write the model's card with the figures of some results."""
    parts = []
    for path in paths:
        result = json.loads(path.read_text(encoding="utf-8"))
        blind = (result.get("blind") or {}).get("metrics", {})
        lines = [
            f"### {result['task']}",
            "",
            "| figure | model | blind | items |",
            "|---|---|---|---|",
        ]
        for key, metric in result["metrics"].items():
            value = f"{metric['value']:.3f}"
            if metric.get("low") is not None:
                value += f" ({metric['low']:.3f} to {metric['high']:.3f})"
            hidden = "–"
            if blind.get(key, {}).get("value") is not None:
                hidden = f"{blind[key]['value']:.3f}"
            lines.append(f"| {key} | {value} | {hidden} | {metric.get('num_items', '–')} |")
        parts.append("\n".join(lines))
    return CARD.format(name=name, figures="\n\n".join(parts) or "Not measured.")


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
    (out / "README.md").write_text(write_card(options.name, options.results), encoding="utf-8")
    validation = read_validation(options.results)
    (out / "validated.json").write_text(json.dumps(validation, indent=1, sort_keys=True) + "\n")
    size = sum(path.stat().st_size for path in out.iterdir())
    print(f"{out}: {size / 1e6:.1f} MB, {len(validation)} facts validated")


if __name__ == "__main__":
    main()
