"""Put a trained model of scenes where `lineament-weights` ships it: 16 bits, validation, card.

    python benchmarks/scenes_truth.py RUN/model
    lineament eval rsvqa-lr --data RSVQA --model RUN/model --out rsvqa
    python scripts/ship_scene_model.py RUN/model scene-tiny --results rsvqa/result.json

What an answer is validated on comes from the drawn scenes of ``scenes_truth.json`` alone:
``rendered`` where at least 0.8 of the answers are right with a lower bound above 0.7. Nothing is
validated on real pictures.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import torch

from lineament.claims.scenes_boxes import BOX
from lineament.claims.scenes_objects import RELATIONS
from lineament.model.hub import load
from readme_figures import RESULTS, read_result
from ship_chat_model import ENOUGH, LOWER_BOUND, WEIGHTS

sys.path.append(str(Path(__file__).resolve().parent.parent / "benchmarks"))
from scene_figures import say_real, say_truth

# What the figures of scenes_truth.py are called, and the facts they stand for.
FACTS = {"count": ("object_count",), "relation": RELATIONS, "grounding": (BOX,)}
CARD = """\
---
license: cc-by-nc-sa-4.0
library_name: lineament
---

# {name}

A small FaVChat that looks at a whole aerial picture, 144 px a side, and answers questions: how
many, is there, where, what colour, how one object lies to another, which box, and descriptions.
It learned from 24,000 drawn scenes and {num_real} real pictures. On drawn scenes it is right as
often as the first table says. On real pictures it is not: it scores below always giving the
commonest answer, and often writes what makes no sense. There it is a start for tuning, not a tool,
and nothing that it says of them is validated.

Made by `lineament train scene-tiny`; read by `lineament chat PICTURE "..." --model {name}`.

## Data and credit

- Scenes drawn by Lineament, with everything that is written about them.
- {num_real} real pictures with captions and questions of RSICD (Lu et al. 2018), UCM-Captions and
  Sydney-Captions (Qu et al. 2016) and RSIVQA (Zheng et al. 2021), for research; shrunk.

The weights are licensed under CC BY-NC-SA 4.0, since some of the data are non-commercial.

## Figures

{truth}

{real}
"""


def read_scene_validation(figures: dict[str, Any]) -> dict[str, str]:
    """Say for each fact on what media answers about it were measured to be good."""
    good = [
        name
        for name in FACTS
        if (row := figures.get(name)) and row["value"] >= ENOUGH and row["low"] >= LOWER_BOUND
    ]
    return {fact: "rendered" for name in good for fact in FACTS[name]}


def read_real(paths: list[Path]) -> list[dict[str, Any]]:
    """Return the shares of right answers about real pictures, in percent, out of results."""
    rows: list[dict[str, Any]] = []
    for path in paths:
        result = json.loads(path.read_text(encoding="utf-8"))
        blind = (result.get("blind") or {}).get("metrics", {})
        for key, metric in result["metrics"].items():
            if not key.removeprefix("bucketed/").startswith("exact_match"):
                continue
            row = {"task": result["task"], "part": result["split"], "figure": key}
            row |= {name: metric.get(name) for name in ("value", "low", "high", "prior")}
            row |= {"blind": blind.get(key, {}).get("value")}
            rows.append(row | {"items": metric.get("num_items", result["num_items"])})
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("name")
    parser.add_argument("--real", type=int, default=23, help="real pictures it learned from")
    parser.add_argument("--results", type=Path, action="append", default=[])
    options = parser.parse_args()
    truth = read_result("scenes_truth")
    if truth is None:
        raise SystemExit("no figures yet: python benchmarks/scenes_truth.py MODEL")
    real = {
        "command": "lineament eval TASK --split PART --data FOLDER --model MODEL --blind",
        "rows": read_real(options.results),
    }
    (RESULTS / "scenes_real.json").write_text(json.dumps(real, indent=1) + "\n")
    out = WEIGHTS / options.name
    loaded = load(options.model)
    # Boxes are written by digits, and bfloat16 has an eighth of the precision of float16.
    loaded.model.to(torch.float16).save_pretrained(out)
    loaded.processor.save_pretrained(out)
    card = CARD.format(name=options.name, num_real=options.real, truth=say_truth(truth),
                       real=say_real(real))  # fmt: skip
    (out / "README.md").write_text(card, encoding="utf-8")
    validation = read_scene_validation(truth["figures"])
    (out / "validated.json").write_text(json.dumps(validation, indent=1, sort_keys=True) + "\n")
    size = sum(path.stat().st_size for path in out.iterdir())
    print(f"{out}: {size / 1e6:.1f} MB, {len(validation)} facts validated")


if __name__ == "__main__":
    main()
