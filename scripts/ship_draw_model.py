"""Put a trained drawing model where `lineament-weights` ships it: 16 bits, and its card.

    python scripts/ship_draw_model.py RUN/model draw-tiny --truth draw_truth.json \
        --memorisation memorisation.json --results first-light/result.json

Facts count as validated by the same rule as those of chat models: balanced accuracy of answers
about real pictures of at least 0.8, with its lower bound above 0.7.
"""

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

import torch

from drawing_figures import say_memorisation, say_truth
from lineament.model.drawing import load_drawing_model
from lineament.model.portrait_eyes import find_eyes_folder, load_portrait_eyes
from ship_chat_model import WEIGHTS, read_validation

MAX_BYTES = 40_000_000

CARD = """\
---
license: cc-by-nc-sa-4.0
library_name: lineament
---

# {name}

A small UniF2ace that draws faces of {size_px} px from words and answers questions about pictures
of faces: {weights:.1f} million weights with its image tokenizer and what its experts look with,
{megabytes:.1f} MB. It draws photographs unless the prompt asks for a drawing or a cartoon.
Nobody whom it draws exists. What it draws and says are guesses of a small network.

It knows nobody by name, and never tells who somebody is, nor anybody's ancestry. "Man", "woman"
and ages are what a face looks like to those who labelled it. Not for decisions about people.

Made by `lineament train draw-tiny`; used by `lineament generate` and
`lineament chat --model {name}`. Every picture it draws is marked as made by a model.

## Data and credit

- FairFace (Karkkainen and Joo 2019), shards 0 to 7 of the adult selection: CC BY 4.0; cropped.
- FFHQ (Karras et al. 2019), adults, the train part, with the attribute scores of the FFHQ
  features data set: CC BY-NC-SA 4.0; cropped.
- Expression labels on Labeled Faces in the Wild (the facial_expressions collection), train part:
  Apache-2.0 as stated; pictures of people in the news.
- Faces drawn by Lineament. Combinations that drawings are tested on are in no training picture:
  {held_out}.

The weights are licensed under CC BY-NC-SA 4.0, since some of the data are non-commercial.

## Does it draw what was asked?

{truth}

## Does it draw pictures it was shown?

{memorisation}

## Does it see?

{figures}
"""


def say_figures(paths: list[Path]) -> str:
    """Return the figures of `lineament eval` results."""
    parts = []
    for path in paths:
        result = json.loads(path.read_text(encoding="utf-8"))
        lines = [f"### {result['task']}", "", "| figure | value | items |", "|---|---|---|"]
        lines += [
            f"| {key} | {metric['value']:.3f} | {metric.get('num_items', '–')} |"
            for key, metric in result["metrics"].items()
        ]
        parts.append("\n".join(lines))
    return "\n\n".join(parts) or "Not measured."


def ship(folder: Path, out: Path) -> dict[str, Any]:
    """Write everything in 16 bits and return what the card says of it.

    Raises:
        SystemExit: It is larger than what may be shipped.
    """
    model = load_drawing_model(folder)
    eyes = load_portrait_eyes(folder) if find_eyes_folder(folder) else None
    shutil.rmtree(out, ignore_errors=True)
    model.network.to(torch.bfloat16)
    model.image_tokenizer.to(torch.bfloat16)
    model.save(out)
    parts: list[Any] = [model.network, model.image_tokenizer]
    if eyes is not None:
        eyes.to(torch.bfloat16).save(out)
        parts.append(eyes)
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    if size > MAX_BYTES:
        raise SystemExit(
            f"{out}: {size / 1e6:.1f} MB, at most {MAX_BYTES / 1e6:.0f} may be shipped"
        )
    weights = sum(weight.numel() for part in parts for weight in part.parameters())
    return {"size_px": model.size_px, "weights": weights / 1e6, "megabytes": size / 1e6}


def _read(path: Path | None) -> dict[str, Any] | None:
    return None if path is None else json.loads(path.read_text(encoding="utf-8"))


def main() -> None:
    from lineament.training.draw_tiny_combinations import held_out_pairs

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("name")
    parser.add_argument("--truth", type=Path)
    parser.add_argument("--memorisation", type=Path)
    parser.add_argument("--results", type=Path, action="append", default=[])
    options = parser.parse_args()
    out = WEIGHTS / options.name
    about = ship(options.model, out)
    card = CARD.format(
        name=options.name,
        held_out=", ".join(f"{one} with {other}" for one, other in sorted(held_out_pairs())),
        truth=say_truth(_read(options.truth)),
        memorisation=say_memorisation(_read(options.memorisation)),
        figures=say_figures(options.results),
        **about,
    )
    (out / "README.md").write_text(card, encoding="utf-8")
    validation = read_validation(options.results)
    (out / "validated.json").write_text(json.dumps(validation, indent=1, sort_keys=True) + "\n")
    print(f"{out}: {about['megabytes']:.1f} MB, {len(validation)} facts validated")


if __name__ == "__main__":
    main()
