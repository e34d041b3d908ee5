"""Time a training step: packing alone, cached features alone, both, against a padded Trainer run.

The model has the shapes of ``chat-tiny`` with frozen encoders, in fp32 without dropout. The
baseline is a run of ``transformers.Trainer`` with the model's own forward pass: every dialogue is
a sample with its own clip, samples of like length share a batch, batches of 8 and of 32 are both
tried, and the faster one counts. Ours are runs of a recipe; ``a row each`` is one that packs
nothing, so that what packing gives is apart from what the run gives. A step of every side is the
same clips and dialogues, forward, backward, clipping and fused AdamW; at a rate of 0, so that the
answer loss of all sides has to be the same. What is timed lies between a step's beginning and its
end, as the Trainer tells its callbacks: preparing data is left out on all sides. Sides take turns,
the first step of a run is not counted, and medians are reported.

    python benchmarks/training_speed.py
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import SequentialSampler
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments

from lineament.model.favchat import FaVChatForConditionalGeneration
from lineament.model.favchat_config import favchat_tiny_config
from lineament.model.processor import FaVChatProcessor, VisualInput
from lineament.model.tokenizer import FRAME_TOKEN, train_tokenizer
from lineament.training.examples import Dialogue, Example, ExampleList
from lineament.training.features import drop_features, keep_features
from lineament.training.freeze import freeze
from lineament.training.journal import read_log
from lineament.training.recipe import Mix, Recipe, Stage
from lineament.training.run import run_recipe

RESULT = Path(__file__).resolve().parent / "results" / "training_speed.json"
SENTENCE = "she smiles and blinks twice while turning her head to the left at the end"
WORDS = SENTENCE.split()
TRAINABLE = ("media.adapter.*", "media.landmark*", "language_model.*")
MICRO_BATCHES = (8, 32)
CACHE_GIB = 4.0
Run = Callable[..., tuple[list[float], float]]  # seconds of steps, and the answer loss


def make_examples(num_clips: int, num_dialogues: int, num_frames: int) -> list[Example]:
    """Make clips of noise with questions and answers of very different lengths."""
    rng = np.random.default_rng(0)
    examples = []
    for number in range(num_clips):
        dialogues = []
        for _ in range(num_dialogues):
            asked, said = int(rng.integers(4, 12)), int(rng.geometric(0.08)) + 2
            question = " ".join(rng.choice(WORDS, asked)) + "?"
            answer = " ".join(rng.choice(WORDS, min(said, 80))) + "."
            turns = [
                {"role": "user", "content": question},
                {"role": "assistant", "content": answer},
            ]
            dialogues.append(Dialogue(turns, "noise"))
        pixels = rng.integers(0, 256, (2, num_frames, 128, 128, 3), dtype=np.uint8)
        visual = VisualInput(
            frames=pixels[0],
            times_seconds=[0.4 * i for i in range(num_frames)],
            faces=pixels[1],
            landmarks=rng.normal(size=(num_frames, 8, 68, 3)).astype(np.float32),
        )
        examples.append(Example(f"noise {number}", tuple(dialogues), visual))
    return examples


def make_model() -> tuple[FaVChatForConditionalGeneration, FaVChatProcessor]:
    """Build a model of ``chat-tiny``'s shapes."""
    tokenizer = train_tokenizer([" ".join(WORDS)] * 4, 512)
    frame_token_id = tokenizer.convert_tokens_to_ids(FRAME_TOKEN)
    config = favchat_tiny_config(4096, frame_token_id=frame_token_id)
    torch.manual_seed(0)
    model = FaVChatForConditionalGeneration(config)
    return model, FaVChatProcessor.for_model(config, tokenizer)


class StepTimes(TrainerCallback):
    """Seconds of every step but the first."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.began = 0.0

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Look at the clock."""
        del args, state, control, kwargs
        self.began = time.perf_counter()

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Look again."""
        del args, control, kwargs
        if state.global_step > 1:
            self.seconds.append(time.perf_counter() - self.began)


class PaddedTrainer(Trainer):
    """A Trainer that takes its batches in the order in which they lie.

    Frozen encoders work as in evaluation, or batch norms would go on learning.
    """

    def compute_loss(self, model: Any, *args: Any, **kwargs: Any) -> Any:
        """Compute the loss."""
        for encoder in encoders_of(model):
            encoder.eval()
        return super().compute_loss(model, *args, **kwargs)

    def _get_train_sampler(self, train_dataset: Any = None) -> SequentialSampler:
        return SequentialSampler(train_dataset)


def encoders_of(model: Any) -> list[torch.nn.Module]:
    """Return what is frozen."""
    return [model.media.general_encoder, model.media.face_encoder]


def padded_batches(
    examples: Sequence[Example], processor: FaVChatProcessor, size: int
) -> list[dict[str, torch.Tensor]]:
    """Return one sample a dialogue, those of like length together."""
    samples = [(d.messages, e.visual) for e in examples for d in e.dialogues]
    samples.sort(key=lambda sample: sum(len(str(m["content"])) for m in sample[0]))
    return [
        dict(
            processor(
                [messages for messages, _ in samples[start : start + size]],
                [visual for _, visual in samples[start : start + size]],
                with_labels=True,
            )
        )
        for start in range(0, len(samples), size)
    ]


def run_padded(
    model: Any, batches: list[dict[str, torch.Tensor]], steps: int, *, cache: str
) -> tuple[list[float], float]:
    """Train with ``transformers`` alone; return seconds of its steps and its answer loss."""
    freeze(model, make_stage(steps, 1))
    if cache:
        keep_features(model, cache, limit_gib=CACHE_GIB)
    times = StepTimes()
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder,
            per_device_train_batch_size=1,  # of batches that are made already
            gradient_accumulation_steps=len(batches),
            max_steps=steps,
            learning_rate=0.0,
            optim="adamw_torch_fused",
            save_strategy="no",
            report_to=[],
            disable_tqdm=True,
            remove_unused_columns=False,
            dataloader_pin_memory=False,
            use_cpu=True,
            log_level="error",
        )
        trainer = PaddedTrainer(
            model=model,
            args=arguments,
            train_dataset=batches * steps,  # type: ignore[arg-type]
            data_collator=lambda items: items[0],
            callbacks=[times],
        )
        trainer.remove_callback(PrinterCallback)
        trainer.train()
    loss = answer_loss(model, batches)
    drop_features(model)
    return times.seconds, loss


@torch.no_grad()
def answer_loss(model: Any, batches: Sequence[dict[str, torch.Tensor]]) -> float:
    """Return the mean loss of an answer's token."""
    model.eval()
    num_labels = sum(int((batch["labels"] != -100).sum()) for batch in batches)
    return sum(float(model(**b, num_items_in_batch=num_labels).lm_loss) for b in batches)


def make_stage(steps: int, batch_size: int, **changes: Any) -> Stage:
    """Return one stage at a rate of 0, so that every step is the same."""
    return Stage(
        name="speed",
        data=(Mix(source="noise"),),
        trainable=TRAINABLE,
        learning_rates={"*": 0.0},
        num_steps=steps,
        batch_size=batch_size,
        save_every=10**6,
        **changes,
    )


def run_ours(
    built: tuple[Any, Any],
    examples: list[Example],
    steps: int,
    threads: int,
    shares_prefix: bool,
    row_tokens: int = 1024,
    *,
    cache: str,
) -> tuple[list[float], float]:
    """Run a recipe; return seconds of its steps and its answer loss."""
    times = StepTimes()
    stage = make_stage(
        steps,
        len(examples),
        row_tokens=row_tokens,
        share_prefix=shares_prefix,
        cache_features=cache,
        cache_gib=CACHE_GIB,
    )
    recipe = Recipe(name="speed", stages=(stage,), num_threads=threads, log_every=steps)
    with tempfile.TemporaryDirectory() as folder:
        run_recipe(
            recipe,
            Path(folder) / "run",
            sources={"noise": lambda _: ExampleList(examples)},
            build_model=lambda *_: built,
            callbacks=[times],
        )
        rows = read_log(Path(folder) / "run" / "log.jsonl")
    return times.seconds, float(rows[-1]["loss"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=8)
    parser.add_argument("--dialogues", type=int, default=4)
    parser.add_argument("--frames", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--steps", type=int, default=3, help="of each run, one not counted")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--out", type=Path, default=RESULT)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    built = make_model()
    examples = make_examples(options.clips, options.dialogues, options.frames)
    runs: dict[str, Run] = {
        f"padded, {size} at a time": partial(
            run_padded, built[0], padded_batches(examples, built[1], size), options.steps
        )
        for size in MICRO_BATCHES
    }
    for name, shares in (("packed", True), ("packed, clip repeated", False)):
        runs[name] = partial(run_ours, built, examples, options.steps, options.threads, shares)
    ours = (built, examples, options.steps, options.threads)
    runs["a row each"] = partial(run_ours, *ours, False, row_tokens=0)
    seconds: dict[str, list[float]] = {}
    losses: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(options.rounds):
            for name, run in runs.items():
                for side, cache in ((name, ""), (f"{name}, cached", folder)):
                    took, losses[side] = run(cache=cache)
                    seconds.setdefault(side, []).extend(took)  # the uncounted step fills the cache
    medians = {side: statistics.median(values) for side, values in seconds.items()}
    padded = {side: medians[side] for side in medians if side.startswith("padded")}
    baseline = min(padded[side] for side in padded if not side.endswith("cached"))
    cached = min(padded[side] for side in padded if side.endswith("cached"))
    result = {
        "command": "python benchmarks/training_speed.py",
        "a step": f"{options.clips} clips of {options.frames} frames, "
        f"{options.clips * options.dialogues} dialogues",
        "rounds, steps of each": [options.rounds, options.steps],
        "threads": options.threads,
        "seconds": {side: round(value, 4) for side, value in medians.items()},
        "times faster than padded and uncached": {
            "packing alone": round(baseline / medians["packed"], 3),
            "packing alone, clip repeated": round(baseline / medians["packed, clip repeated"], 3),
            "our run, a row each dialogue": round(baseline / medians["a row each"], 3),
            "cached features alone": round(baseline / cached, 3),
            "both": round(baseline / medians["packed, cached"], 3),
        },
        "to reach": {"packing alone": 1.5, "cached features alone": 1.5, "both": 2.5},
        "answer loss": {side: round(value, 5) for side, value in losses.items()},
    }
    spread = max(losses.values()) - min(losses.values())
    if spread > 1e-3:
        raise SystemExit(f"the sides learn different things: {result['answer loss']}")
    options.out.parent.mkdir(exist_ok=True)
    options.out.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
