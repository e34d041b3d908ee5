"""Which losses and experts help, at tiny scale: short runs of one recipe, one CSV row for each.

Three seeds of every arm: the masked likelihood alone, the score entropy alone, both with alpha
0.1, 0.01 and 0.001; no experts, token experts, sequence experts, both; and no experts with a
wider dense layer, at equal active arithmetic. Runs that have a row are left alone, so a stopped
study goes on. Distances are ours: kernel and Fréchet distance between drawings and held-out
portraits in the space of the model's own eyes. They can be compared with nothing else.

    python benchmarks/loss_study.py RUN/tokenizer/prepared --tokenizer RUN/tokenizer/model \
        --reader READER --steps 600
"""

import argparse
import itertools
import tempfile
from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import torch

from draw_truth import DRAWN, balanced_accuracy, read_pictures
from lineament.errors import BadInput
from lineament.metrics.feature_distances import frechet_distance, kernel_distance
from lineament.model.attributes import AttributeReader
from lineament.model.drawing import DrawingModel, format_question, load_drawing_model
from lineament.model.layout import understanding_ids
from lineament.model.portrait_eyes import PortraitEyes, load_portrait_eyes
from lineament.recipes.draw_tiny import draw_tiny
from lineament.training.draw_tiny_portraits import DRAWING
from lineament.training.draw_tiny_preparation import fit_eyes
from lineament.training.labels import read_states
from lineament.training.recipe import Recipe
from lineament.training.run import run_recipe
from lineament.training.unified_captions import write_prompt
from lineament.training.unified_examples import (
    AskingExamples,
    DrawingExamples,
    find_portraits,
    open_asking,
    open_drawings,
)
from study_rows import add_row, choose_arms, read_done

RESULT = Path(__file__).resolve().parent / "results" / "loss_study.csv"
SEEDS = (0, 1, 2)
BATCH_SIZE = 16
ACTIVE_DIM = 2 * 48  # of the routed experts that a token passes
NO_EXPERTS: Mapping[str, Any] = {"use_token_experts": False, "use_sequence_experts": False}
ARMS: Mapping[str, Mapping[str, Any]] = {
    "masked only": {"alpha": 0.0},
    "score only": {"use_masked_loss": False, "alpha": 0.01},
    "both, alpha 0.1": {"alpha": 0.1},
    "both, alpha 0.01": {"alpha": 0.01},
    "both, alpha 0.001": {"alpha": 0.001},
    "no experts": NO_EXPERTS,
    "token experts": {"use_sequence_experts": False},
    "sequence experts": {"use_token_experts": False},
    "no experts, equal arithmetic": {**NO_EXPERTS, "wider": ACTIVE_DIM},
}
COLUMNS = (
    "arm", "seed", "steps", "weights", "kernel_distance", "frechet_distance",
    "attribute_accuracy", "understanding_accuracy", "seconds",
)  # fmt: skip


def study_recipe(
    arm: str, seed: int, prepared: Path, tokenizer: Path, steps: int, eyes: PortraitEyes
) -> Recipe:
    """Return the recipe of one run: draw-tiny's, shortened, with the arm's changes."""
    recipe = draw_tiny()
    settings = dict(ARMS[arm])
    changes = dict(recipe.model.changes)
    changes["intermediate_size"] += settings.pop("wider", 0)
    model = fit_eyes(recipe.model.replace(changes=changes | settings), eyes).replace(
        tokenizer=str(prepared / "text"),
        parts={"image_tokenizer": str(tokenizer), "eyes": str(prepared / "eyes")},
    )
    stage = recipe.stages[0]
    rooted = tuple(
        mix.replace(options={**mix.options, "root": str(prepared)})
        for mix in stage.data
        if list((prepared / "portraits").glob(mix.options["folders"][0]))
    )
    stage = stage.replace(
        data=rooted, validation=(), num_steps=steps, batch_size=BATCH_SIZE, save_every=max(1, steps)
    )
    return recipe.replace(name="loss-study", seed=seed, model=model, stages=(stage,), prepare="")


def measure(
    model: DrawingModel,
    eyes: PortraitEyes,
    reader: AttributeReader | None,
    prepared: Path,
    count: int,
) -> dict[str, Any]:
    """Draw from prompts for portraits that were held out, and ask about them."""
    folders = find_portraits(prepared, ["*"])
    held_out = DrawingExamples(folders, prepared / "codes", part="check")
    order = Random(0).sample(range(len(held_out)), min(count, len(held_out)))
    texts, real, truths = [], [], []
    for position in order:
        number, item = held_out.items.places[position]
        portraits = held_out.items.folders[number]
        annotation, style = portraits.annotation(item), portraits.style(item)
        texts.append(
            write_prompt(annotation, Random(position), style=style, names=frozenset(DRAWN))
        )
        real.append(np.asarray(portraits.pixels[item]))
        truths.append(read_states(annotation) if style == DRAWING else {})
    drawn = np.concatenate(
        [
            model.draw(
                texts[start : start + 32],
                list(range(start, start + len(texts[start : start + 32]))),
            )
            for start in range(0, len(texts), 32)
        ]
    )
    one, other = (find_features(eyes, pictures) for pictures in (drawn, np.stack(real)))
    row: dict[str, Any] = {
        "kernel_distance": kernel_distance(one, other),
        "frechet_distance": frechet_distance(one, other),
        "attribute_accuracy": None,
        "understanding_accuracy": measure_understanding(model, eyes, prepared, count),
    }
    if reader is not None:
        found = read_pictures(reader, list(drawn))
        values = [balanced_accuracy([t.get(name) for t in truths], found[name]) for name in DRAWN]
        known = [value for value in values if value is not None]
        row["attribute_accuracy"] = float(np.mean(known)) if known else None
    return row


def find_features(eyes: PortraitEyes, pictures: np.ndarray) -> np.ndarray:
    """Return the mean cell of both towers."""
    whole, face = eyes.look(pictures)
    cells = face.unflatten(1, (-1, whole.shape[-1])).mean(dim=1)
    return torch.cat([whole.mean(dim=1), cells], dim=1).double().numpy()


@torch.no_grad()
def measure_understanding(
    model: DrawingModel, eyes: PortraitEyes, prepared: Path, count: int
) -> float | None:
    """Return the balanced accuracy of Yes against No, by which is the likelier first word."""
    from lineament.training.dialogues import DialogueWriter

    writer = DialogueWriter(num_yes_no=4, kind_rates={}, older_share=0.0)
    folders = find_portraits(prepared, ["*"])
    asking = AskingExamples(folders, prepared / "codes", writer, part="check")
    yes, no = (model.read_text(f" {word}")[0] for word in ("Yes", "No"))
    wanted: list[bool | None] = []
    said: list[bool] = []
    for position in Random(1).sample(range(len(asking)), min(count, len(asking))):
        try:
            example = asking.read(position, 0)
        except BadInput:  # nothing is known of this one
            continue
        number, item = asking.items.places[position]
        pixels = np.asarray(asking.items.folders[number].pixels[item])
        whole, face = eyes.look(pixels[None])
        for dialogue in example.dialogues:
            question, answer = (str(message["content"]) for message in dialogue.messages[:2])
            asked = model.read_text(format_question(question))
            codes = torch.from_numpy(example.codes.astype(np.int64))
            ids = torch.tensor([understanding_ids(codes, asked, model.network.config)])
            logits = model.network(
                ids, clip_features=whole, face_features=face, logits_to_keep=1
            ).logits[0, -1]
            wanted.append(answer.startswith("Yes"))
            said.append(bool(logits[yes] > logits[no]))
    return balanced_accuracy(wanted, np.array(said, dtype=bool))


def run_arm(
    arm: str,
    seed: int,
    options: argparse.Namespace,
    eyes: PortraitEyes,
    reader: AttributeReader | None,
) -> dict[str, Any]:
    """Train and measure one run."""
    recipe = study_recipe(arm, seed, options.prepared, options.tokenizer, options.steps, eyes)
    sources = {"drawings": open_drawings, "asking": open_asking}
    with tempfile.TemporaryDirectory(prefix="loss-study-") as folder:
        result = run_recipe(recipe, Path(folder) / "run", sources=sources)
        model = load_drawing_model(result.folder)
        weights = sum(weight.numel() for weight in model.network.parameters())
        found = measure(model, eyes, reader, options.prepared, options.count)
    return {"arm": arm, "seed": seed, "steps": options.steps, "weights": weights,
            "seconds": round(result.seconds, 1)} | {
        name: value if value is None else round(value, 5) for name, value in found.items()
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("prepared", type=Path, help="portraits, codes, eyes and text tokenizer")
    parser.add_argument("--tokenizer", type=Path, required=True, help="the image tokenizer")
    parser.add_argument("--reader", type=Path, help="an attribute reader, for what was drawn")
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--count", type=int, default=256, help="drawings of each run")
    parser.add_argument("--seeds", type=int, nargs="*", default=SEEDS)
    parser.add_argument("--arms", nargs="*", default=())
    parser.add_argument("--out", type=Path, default=RESULT)
    options = parser.parse_args()
    eyes = load_portrait_eyes(options.prepared / "eyes")
    reader = AttributeReader.from_pretrained(options.reader) if options.reader else None
    done = read_done(options.out)
    for seed, arm in itertools.product(options.seeds, choose_arms(options.arms, ARMS)):
        if (arm, seed) not in done:
            row = run_arm(arm, seed, options, eyes, reader)
            add_row(options.out, row, COLUMNS)
            print(row, flush=True)


if __name__ == "__main__":
    main()
