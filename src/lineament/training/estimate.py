"""What a recipe costs before it runs: weights, memory of one process, arithmetic."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from transformers import AutoConfig

from lineament.errors import BadInput
from lineament.model.favchat import FaVChatForConditionalGeneration
from lineament.model.favchat_config import FaVChatConfig
from lineament.model.foreign import first_line
from lineament.model.qwen_chat import BASES, qwen_chat_config
from lineament.model.qwen_frames import QwenFramesConfig
from lineament.model.unif2ace import UniF2aceForFaces
from lineament.training.model_settings import check_changes, check_model
from lineament.training.qwen_start import model_class_of
from lineament.training.recipe import Model, Recipe, Stage
from lineament.training.rehearsal import begin_stage, end_stage
from lineament.training.start import sized_config

GIB = 2**30
# Saved activations of one token in one decoder layer, in units of its hidden width and in 16
# bits: inputs of norms, attention and both halves of a gated MLP three times as wide.
UNITS_OF_LAYER = 18.0
# Scores of the vocabulary and their gradients in 32 bits, at the places that are learned.
SCORE_BYTES, SCORED_SHARE = 8.0, 0.25
FRAMES = 8  # of a clip
READING = ("answers", "unified")  # objectives whose cost is that of reading tokens
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
        activations_gib: Of one micro-batch in the network that reads, a rough figure.
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


def estimate_recipe(recipe: Recipe) -> list[Cost]:
    """Estimate every stage that reads text; the model is built without memory for its weights.

    Raises:
        BadInput: The model's settings contradict each other, or a stage's do not fit it.
    """
    check_model(recipe.model)
    model = meta_model(recipe.model)
    costs = []
    for stage in recipe.stages:
        begin_stage(model, stage, seed=0)
        if stage.objective in READING:
            costs.append(estimate_stage(recipe, stage, model))
        end_stage(model)
    return costs


def meta_model(settings: Model) -> Any:
    """Build what a run begins with, of any size; its weights take no memory.

    The shape is that of ``start`` where it is on this machine, otherwise that of ``size``.

    Raises:
        BadInput: The settings contradict each other.
    """
    if settings.family == "unif2ace":
        from lineament.training.unified_start import unif2ace_config

        with torch.device("meta"):
            return UniF2aceForFaces(unif2ace_config(settings, settings.vocab_size))
    if settings.size == "tiny":  # its vocabulary is learned
        text = {"vocab_size": settings.vocab_size, **settings.changes.get("text_config", {})}
        settings = settings.replace(changes={**settings.changes, "text_config": text})
    return build_on_meta(start_config(settings) or sized_config(settings))


def start_config(settings: Model) -> FaVChatConfig | None:
    """Return the configuration of ``start``, from this machine; None where it is not here.

    Raises:
        BadInput: The changes contradict it.
    """
    if not settings.start:
        return None
    try:
        base: Any = AutoConfig.from_pretrained(settings.start, local_files_only=True)
    except (OSError, ValueError, KeyError):
        return None
    if isinstance(base, FaVChatConfig):
        return base
    if base.model_type not in BASES:
        return None
    check_changes(settings.changes, qwen_chat_config(base))
    try:
        return qwen_chat_config(base, **settings.changes)
    except (TypeError, ValueError) as error:
        raise BadInput(f"model.changes: {first_line(error.__cause__ or error)}") from None


def build_on_meta(config: FaVChatConfig) -> FaVChatForConditionalGeneration:
    """Build a model of any size whose weights take no memory."""
    with torch.device("meta"):
        return model_class_of(config)(config)


def estimate_stage(recipe: Recipe, stage: Stage, model: Any) -> Cost:
    """Estimate one stage of a model that is frozen already.

    Every sample is taken to fill half a row, or a whole one without packing. Of experts, those
    that a token passes count.
    """
    parameters = list(model.parameters())
    num_weights = sum(p.numel() for p in parameters)
    num_trained = sum(p.numel() for p in parameters if p.requires_grad)
    text = getattr(model.config, "text_config", model.config)
    row_tokens = stage.row_tokens or text.max_position_embeddings
    tokens = stage.batch_size // stage.accumulate * row_tokens / 2
    units = 1.0 if stage.use_checkpointing else UNITS_OF_LAYER
    width = 2 if recipe.precision == "bf16" else 4
    activations = width * units * tokens * text.hidden_size * text.num_hidden_layers
    activations += SCORE_BYTES * SCORED_SHARE * tokens * text.vocab_size
    num_samples = stage.total_steps * stage.batch_size
    reader = getattr(model, "language_model", model)
    # Forward 2 and backward through the layer 2 a weight and token, 2 more where it is trained.
    flops = num_samples * row_tokens / 2 * (4 * active_weights(reader) + 2 * _trained(reader))
    for encoder, patches, trained in _encoders(model):
        frames = num_samples * FRAMES
        flops += frames * patches * (2 * active_weights(encoder) + 4 * trained)
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


def active_weights(model: Any) -> float:
    """Count the weights that one token passes: of routed experts a share, of all others each."""
    config = model.config
    share = 1.0
    if getattr(config, "num_experts", 0):
        share = config.num_experts_per_token / config.num_experts
    return sum(
        p.numel() * (share if ".routed." in name else 1.0) for name, p in model.named_parameters()
    )


def _trained(model: Any) -> int:
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def _encoders(model: Any) -> Iterator[tuple[Any, float, int]]:
    """Yield every encoder that cuts frames into patches, their number, and its trained weights."""
    media = getattr(model, "media", None)
    for name in ("general_encoder", "face_encoder"):
        encoder = getattr(media, name, None)
        tower = getattr(encoder, "tower", encoder)
        config = getattr(tower, "config", None)
        if config is None:
            continue
        yield tower, _patches(config), _trained(tower)


def _patches(config: Any) -> float:
    if isinstance(config, QwenFramesConfig):  # its encoder merges patches into cells of the grid
        merged = config.encoder.spatial_merge_size**2
        return float(config.token_grid[0] * config.token_grid[1] * merged)
    return float((config.image_size // config.patch_size) ** 2)
