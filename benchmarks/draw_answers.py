"""What a drawing model answers to the questions of First light, as predictions for ``--compare``.

    python benchmarks/draw_answers.py draw-tiny --data DATA --out draw-tiny.jsonl
    lineament eval first-light --data DATA --model chat-tiny --compare draw-tiny.jsonl

A stopped run goes on. With ``--blind`` every picture is the same grey one: what its language alone
gives.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch

from lineament.describe.drawing_chat import NO_PORTRAIT
from lineament.evaluation.tasks.first_light import FirstLight
from lineament.evaluation.tasks.task import Options
from lineament.faces.mesh import MeshFinder
from lineament.faces.portrait import crop_portrait, find_eyes
from lineament.model.drawing import fit_square, load_drawing_model
from lineament.model.hub import find_folder
from lineament.model.portrait_eyes import load_portrait_eyes
from lineament.training.gallery import look_at

MAX_NEW_TOKENS = 24  # the first words decide


def _read_done(path: Path) -> set[str]:
    """Return the questions that a stopped run has answered; a line that was cut off goes."""
    if not path.is_file():
        return set()
    text = path.read_text(encoding="utf-8")
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        path.write_text(whole, encoding="utf-8")
    return {json.loads(line)["id"] for line in whole.splitlines()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--limit", type=int, default=0, help="questions at most; 0 asks all")
    parser.add_argument("--blind", action="store_true")
    options = parser.parse_args()
    model = load_drawing_model(options.model)
    eyes = load_portrait_eyes(find_folder(options.model))
    found = FirstLight().read_items(options.data, Options("", None, False, None))
    items = list(found.items)[: options.limit or None]
    finder = MeshFinder()
    done = _read_done(options.out)
    shown: tuple[torch.Tensor, dict[str, torch.Tensor]] = torch.empty(0), {}
    media = ""
    with options.out.open("a", encoding="utf-8") as lines:
        for number, item in enumerate(items):
            if item.id in done:
                continue
            if item.media != media:
                media = item.media
                look = look_at(found.open_media(item.media).frames, np.zeros(1), finder)
                frame = np.asarray(look.frames[0])
                cut = fit_square(frame, model.size_px)
                if len(look.rows):
                    eyes_at = find_eyes(np.asarray(look.rows[0]), *frame.shape[:2])
                    cut = crop_portrait(frame, eyes_at, size_px=model.size_px)
                cut = np.full_like(cut, 128) if options.blind else cut
                whole, face = eyes.look(cut[None])
                features = {"clip_features": whole, "face_features": face}
                shown = model.encode(cut[None])[0], features
            codes, features = shown
            said = model.answer_codes(
                codes, item.question, max_new_tokens=MAX_NEW_TOKENS, **features
            )
            row = {"id": item.id, "prediction": said or NO_PORTRAIT}
            lines.write(json.dumps(row) + "\n")
            if number % 100 == 99:
                print(f"{number + 1} of {len(items)}", flush=True)
    finder.close()


if __name__ == "__main__":
    main()
