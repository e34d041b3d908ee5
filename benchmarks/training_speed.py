"""Time a training step: packing alone, cached features alone, both, against padded and uncached.

The model has the shapes of ``chat-tiny`` with frozen encoders, in fp32 without dropout. The
baseline is what a `Trainer` run does with the model's own forward pass at its best settings:
every dialogue is a sample with its own clip, samples of like length share a batch. All four see
the same clips and dialogues; each step is forward, backward and AdamW. Sides take turns, and
medians are reported. Drawing and tokenising are left out on all sides.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lineament.model.favchat import FaVChatForConditionalGeneration
from lineament.model.favchat_config import favchat_tiny_config
from lineament.model.processor import FaVChatProcessor, VisualInput
from lineament.model.tokenizer import FRAME_TOKEN, train_tokenizer
from lineament.training.examples import Dialogue, Example
from lineament.training.features import drop_features, keep_features
from lineament.training.objectives import Answers
from lineament.training.recipe import Mix, Stage
from lineament.training.stream import Drawn

RESULT = Path(__file__).resolve().parent / "results" / "training_speed.json"
SENTENCE = "she smiles and blinks twice while turning her head to the left at the end"
WORDS = SENTENCE.split()


def make_examples(count: int, num_dialogues: int, num_frames: int) -> list[Example]:
    """Make clips of noise with questions and answers of very different lengths."""
    rng = np.random.default_rng(0)
    examples = []
    for number in range(count):
        dialogues = []
        for _ in range(num_dialogues):
            asked, said = int(rng.integers(4, 12)), int(rng.geometric(0.08)) + 2
            question = " ".join(rng.choice(WORDS, asked)) + "?"
            answer = " ".join(rng.choice(WORDS, min(said, 80))) + "."
            dialogues.append(
                Dialogue(
                    [
                        {"role": "user", "content": question},
                        {"role": "assistant", "content": answer},
                    ],
                    "noise",
                )
            )
        pixels = rng.integers(0, 256, (2, num_frames, 128, 128, 3), dtype=np.uint8)
        times = [0.4 * i for i in range(num_frames)]
        visual = VisualInput(frames=pixels[0], times_seconds=times, faces=pixels[1])
        examples.append(Example(f"noise {number}", tuple(dialogues), visual))
    return examples


def make_model() -> tuple[FaVChatForConditionalGeneration, FaVChatProcessor]:
    """Build a model of ``chat-tiny``'s shapes with frozen encoders."""
    tokenizer = train_tokenizer([" ".join(WORDS)] * 4, 512)
    frame_token_id = tokenizer.convert_tokens_to_ids(FRAME_TOKEN)
    config = favchat_tiny_config(4096, frame_token_id=frame_token_id)
    torch.manual_seed(0)
    model = FaVChatForConditionalGeneration(config)
    for encoder in (model.media.general_encoder, model.media.face_encoder):
        encoder.requires_grad_(False)
    return model, FaVChatProcessor.for_model(config, tokenizer)


def padded_batches(
    examples: Sequence[Example], processor: FaVChatProcessor, batch_size: int
) -> list[Any]:
    """Return one sample a dialogue, those of like length together."""
    samples = [(d.messages, e.visual) for e in examples for d in e.dialogues]
    samples.sort(key=lambda sample: len(sample[0][1]["content"]))
    return [
        processor(
            [messages for messages, _ in samples[start : start + batch_size]],
            [visual for _, visual in samples[start : start + batch_size]],
            with_labels=True,
        )
        for start in range(0, len(samples), batch_size)
    ]


def packed_batch(examples: Sequence[Example], objective: Answers) -> dict[str, torch.Tensor]:
    """Return everything as one packed step."""
    batch = objective.collate([Drawn(objective.encode(example)) for example in examples])
    return {name: value for name, value in batch.items() if isinstance(value, torch.Tensor)}


def time_pass(run: Callable[[], float], optimiser: torch.optim.Optimizer) -> tuple[float, float]:
    """Return the seconds of one pass over all examples, and its mean loss of a label."""
    began = time.perf_counter()
    loss = run()
    optimiser.step()
    optimiser.zero_grad()
    return time.perf_counter() - began, loss


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--clips", type=int, default=8)
    parser.add_argument("--dialogues", type=int, default=4)
    parser.add_argument("--frames", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(1)
    model, processor = make_model()
    examples = make_examples(options.clips, options.dialogues, options.frames)
    stage = Stage(name="speed", data=(Mix(source="-"),), num_steps=1, row_tokens=1024)
    sides = {
        "packed": packed_batch(examples, Answers(model, processor, stage)),
        "packed, clip repeated": packed_batch(
            examples, Answers(model, processor, stage.replace(share_prefix=False))
        ),
    }
    learner = Answers(model, processor, stage).learner()
    padded = padded_batches(examples, processor, batch_size=8)
    num_labels = sum(int((batch["labels"] != -100).sum()) for batch in padded)
    optimiser = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=0.0)

    def run_padded() -> float:
        total = 0.0
        for batch in padded:
            loss = model(**batch, num_items_in_batch=num_labels).lm_loss
            loss.backward()
            total += loss.item()
        return total

    def run_packed(name: str) -> float:
        outputs = learner(**sides[name])
        loss = outputs["loss_sum"] / num_labels
        loss.backward()
        return loss.item()

    runs: dict[str, Callable[[], float]] = {"padded": run_padded}
    runs |= {name: lambda name=name: run_packed(name) for name in sides}
    seconds: dict[str, list[float]] = {}
    losses: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(options.rounds + 1):  # the first fills the cache and is not counted
            for is_cached in (False, True):
                if is_cached:
                    keep_features(model, folder, limit_gib=4.0)
                for name, run in runs.items():
                    took, loss = time_pass(run, optimiser)
                    side = f"{name}, cached" if is_cached else name
                    losses[side] = loss
                    if turn:
                        seconds.setdefault(side, []).append(took)
                drop_features(model)
    medians = {side: statistics.median(values) for side, values in seconds.items()}
    result = {
        "command": "python benchmarks/training_speed.py",
        "clips": options.clips,
        "dialogues": options.clips * options.dialogues,
        "frames": options.frames,
        "rounds": options.rounds,
        "seconds": {side: round(value, 4) for side, value in medians.items()},
        "times_faster": {
            side: round(medians["padded"] / value, 3) for side, value in medians.items()
        },
        "loss": {side: round(value, 6) for side, value in losses.items()},
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
