"""The recipe ``draw-tiny``: an image tokenizer, then one network that draws and understands."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from lineament.training.recipe import Mix, Model, Recipe, Stage

# 12x12 codes of squares of 8 px. At 128 px they would be 256 and a step twice as long; with squares
# of 16 px, one code would have to hold an eye with its glasses.
SIZE_PX = 96
CODE_BITS = 10
# Shares are by example. Clips show one face six times, stills and drawn portraits each another.
PIXEL_SHARES = {"fairface-train": 4.0, "ffhq-train": 1.0, "lfw-train": 0.8, "clips*": 0.8,
                "stills*": 1.2, "drawn": 2.2}  # fmt: skip
DRAWING_SHARES = {"fairface-train": 4.2, "ffhq-train": 0.6, "lfw-train": 0.4, "clips*": 0.8,
                  "stills*": 1.6, "drawn": 2.8}  # fmt: skip
ASKING_SHARES = {"fairface-train": 1.5, "ffhq-train": 0.8, "lfw-train": 0.4, "clips*": 0.1,
                 "stills*": 0.3, "drawn": 0.4}  # fmt: skip

# Muon moves matrices inside the blocks, AdamW all else; the last glob that matches counts.
BLOCK_RATES = {
    "*": 1.5e-3,
    "trunk.blocks.*weight": 6e-3,
    "trunk.blocks.*norm*": 1.5e-3,
    "trunk.blocks.*router*": 1.5e-3,
    "trunk.blocks.*gates*": 1.5e-3,
}


def draw_tiny_tokenizer() -> Recipe:
    """Return the image tokenizer's run; ``--set data=FOLDER`` names galleries or data sets."""
    return Recipe(
        name="draw-tiny-tokenizer",
        model=Model(
            family="image-tokenizer",
            changes={
                "image_size_px": SIZE_PX,
                "code_bits": CODE_BITS,
                "channels": 16,
                "norm_groups": 8,
                "encoder_multipliers": [1, 2, 4, 8],
                "decoder_multipliers": [2, 2, 4, 8],
                "encoder_blocks": [0, 1, 1, 1],
                "decoder_blocks": [0, 1, 1, 2],
            },
            # Bit by bit, the entropy left bits that say the same: 224 of 1,024 codes were used.
            processor={
                "perceptual": 0.5,
                "entropy": 0.4,
                "commitment": 0.25,
                "is_entropy_joint": True,
            },
        ),
        stages=(_tokenizer(), _painting()),
        precision="bf16",
        num_workers=0,
        num_threads=2,
        log_every=25,
        prepare="lineament.training.draw_tiny_preparation:prepare_tokenizer_run",
    )


def draw_tiny() -> Recipe:
    """Return the network's run; it trains the image tokenizer first where that lacks."""
    return Recipe(
        name="draw-tiny",
        model=Model(
            family="unif2ace",
            changes={
                "num_code_ids": 2**CODE_BITS,
                "num_codes": (SIZE_PX // 8) ** 2,
                "text_block": 128,
                "norm": "layer",
                "use_place_embedding": True,  # portraits are aligned: a place says much
                "hidden_size": 192,
                "intermediate_size": 512,
                "num_hidden_layers": 6,
                "num_attention_heads": 3,
                "num_experts": 8,
                "num_experts_per_token": 2,
                "expert_dim": 48,
                "sequence_gain_start": 1.0,
            },
        ),
        stages=(_unified(),),
        precision="bf16",
        num_workers=0,  # on two cores a process for the data would hinder the network's threads
        num_threads=2,
        log_every=25,
        prepare="lineament.recipes.draw_tiny:prepare",
    )


def prepare(recipe: Recipe, out: Path, report: Callable[[str, int], None] | None = None) -> Recipe:
    """Prepare a run of ``draw-tiny``: `prepare_unified_run` with the tokenizer's own recipe."""
    from lineament.training.draw_tiny_preparation import prepare_unified_run

    return prepare_unified_run(recipe, draw_tiny_tokenizer(), out, report)


def _tokenizer() -> Stage:
    # Two convolutions at 96 px, all others below: about 0.5 + 1.0 GFLOP forward a picture, 2.6
    # million weights. 96,000 pictures, 0.05 s of one core each with the encoders that judge them.
    return Stage(
        name="tokenizer",
        objective="tokenizer",
        optimizer="muon",
        learning_rates={"*": 3e-3},
        data=_mixes("portraits", PIXEL_SHARES, part="train"),
        validation=_mixes("portraits", PIXEL_SHARES, part="check"),
        validation_samples=192,
        validate_every=500,
        num_steps=6000,
        batch_size=16,
        weight_decay=0.01,
        betas=(0.9, 0.98),
        warmup=0.05,
        final_rate=0.02,
        save_every=200,
        ema=0.998,
    )


def _painting() -> Stage:
    # The codes stay, so that a network that has begun to learn them need not begin anew.
    return _tokenizer().replace(
        name="painting",
        objective="painting",
        trainable=("decoder.*",),
        optimizer="adamw",
        learning_rates={"*": 3e-4},
        num_steps=1200,
        validate_every=600,
    )


def _unified() -> Stage:
    # A block has 0.15 million weights in attention, 0.29 in the shared expert and 16 routed ones of
    # 0.03, of which a token passes 2: 0.5 million active, 6 blocks, so 18 MFLOP a token forward and
    # back. A step holds some 48 drawings of 173 tokens and 16 pictures with questions of 265.
    return Stage(
        name="unified",
        objective="unified",
        optimizer="muon",
        learning_rates=BLOCK_RATES,
        data=(
            *_mixes("drawings", DRAWING_SHARES, part="train"),
            *_mixes("asking", ASKING_SHARES, part="train", yes_no=8),
        ),
        validation=(
            *_mixes("drawings", DRAWING_SHARES, part="check"),
            *_mixes("asking", ASKING_SHARES, part="check", yes_no=8),
        ),
        validation_samples=192,
        validate_every=500,
        num_steps=2800,
        batch_size=64,
        row_tokens=272,
        weight_decay=0.03,
        betas=(0.9, 0.98),
        warmup=0.04,
        final_rate=0.02,
        save_every=200,
        ema=0.997,
    )


def _mixes(source: str, shares: dict[str, float], *, part: str, **options: Any) -> tuple[Mix, ...]:
    return tuple(
        Mix(source=source, weight=weight, options={"folders": [folder], "part": part, **options})
        for folder, weight in shares.items()
    )
