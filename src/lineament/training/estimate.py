"""What a recipe costs before it runs: weights, memory of one process, arithmetic."""

from dataclasses import dataclass
from typing import Any

import torch

from lineament.model.favchat import FaVChatForConditionalGeneration
from lineament.model.favchat_config import FaVChatConfig
from lineament.training.freeze import freeze
from lineament.training.qwen_start import model_class_of
from lineament.training.recipe import Recipe, Stage
from lineament.training.start import adapt_model

GIB = 2**30
# Saved activations of one token in one decoder layer, in units of its hidden width and in 16
# bits: inputs of norms, attention and both halves of a gated MLP three times as wide.
UNITS_OF_LAYER = 18.0
MFU = 0.4  # share of the peak that a good run reaches
PEAK_FLOPS = 989e12  # dense bf16 of an H100, by its data sheet


@dataclass(frozen=True, slots=True)
class Cost:
    """What one stage costs without sharding.

    Attributes:
        stage: Its name.
        num_weights: All of the model's.
        num_trained: Those the stage trains.
        weights_gib: In 32 bits.
        optimiser_gib: Gradients and Adam's two averages.
        activations_gib: Of one micro-batch, a rough figure.
        petaflops: Of the whole stage.
        hours: On one H100 at a good rate.
    """

    stage: str
    num_weights: int
    num_trained: int
    weights_gib: float
    optimiser_gib: float
    activations_gib: float
    petaflops: float
    hours: float

    def __str__(self) -> str:
        memory = self.weights_gib + self.optimiser_gib + self.activations_gib
        return (
            f"{self.stage}: {self.num_trained / 1e6:,.1f} of {self.num_weights / 1e6:,.1f} million "
            f"weights, about {memory:,.1f} GiB ({self.weights_gib:,.1f} weights, "
            f"{self.optimiser_gib:,.1f} optimiser, {self.activations_gib:,.1f} activations), "
            f"{self.petaflops:,.3g} PFLOP, {self.hours:,.2g} hours on one H100"
        )


def estimate_recipe(recipe: Recipe, config: FaVChatConfig) -> list[Cost]:
    """Estimate every stage; the model is built without memory for its weights."""
    model = build_on_meta(config)
    costs = []
    for stage in recipe.stages:
        if stage.objective == "answers":
            adapt_model(model, stage.lora, seed=0)
            freeze(model, stage)
            costs.append(estimate_stage(recipe, stage, model))
    return costs


def build_on_meta(config: FaVChatConfig) -> FaVChatForConditionalGeneration:
    """Build a model of any size whose weights take no memory."""
    with torch.device("meta"):
        return model_class_of(config)(config)


def estimate_stage(recipe: Recipe, stage: Stage, model: Any) -> Cost:
    """Estimate one stage of a model that is frozen already.

    Every sample is taken to fill half a row, or a whole one without packing.
    """
    parameters = list(model.parameters())
    num_weights = sum(p.numel() for p in parameters)
    num_trained = sum(p.numel() for p in parameters if p.requires_grad)
    text = model.config.text_config
    row_tokens = stage.row_tokens or text.max_position_embeddings
    micro_batch = stage.batch_size // stage.accumulate
    tokens = micro_batch * row_tokens / 2
    activations = tokens * text.hidden_size * text.num_hidden_layers * _activation_bytes(recipe)
    if stage.use_checkpointing:
        activations /= UNITS_OF_LAYER
    num_samples = stage.total_steps * stage.batch_size
    language = sum(p.numel() for p in model.language_model.parameters())
    # Forward 2 and backward to the adapter 2 a weight and token, 2 more where it is trained.
    flops = num_samples * row_tokens / 2 * (4 * language + 2 * num_trained)
    return Cost(
        stage=stage.name,
        num_weights=num_weights,
        num_trained=num_trained,
        weights_gib=4 * num_weights / GIB,
        optimiser_gib=12 * num_trained / GIB,
        activations_gib=activations / GIB,
        petaflops=flops / 1e15,
        hours=flops / (PEAK_FLOPS * MFU) / 3600,
    )


def _activation_bytes(recipe: Recipe) -> float:
    return UNITS_OF_LAYER * (2 if recipe.precision == "bf16" else 4)
