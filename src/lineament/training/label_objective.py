"""Labels objective: encoders and adapter learn to show what a frame holds, before any text.

What face pre-training does for the full-size face encoder, labels do for a small one. Every
label has a fixed direction in the space of visual tokens, so the language model later finds
what a frame holds in the tokens themselves, and no head has to be trained, saved or thrown away.
They have directions in each encoder's own space as well: an encoder that is asked alone learns
several times faster than one that is heard through an adapter beside another.
"""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from lineament.errors import BadInput
from lineament.model.favchat import FaVChatForConditionalGeneration
from lineament.model.media import MediaTokens, Streams
from lineament.model.processor import FaVChatProcessor
from lineament.training.examples import Example
from lineament.training.labels import AGE_EDGES_YEARS, UNKNOWN, LabelTable
from lineament.training.objectives import VISUAL_INPUTS, drop_streams
from lineament.training.packing import pad_stack
from lineament.training.recipe import Stage
from lineament.training.stream import Drawn

SCALE = 12.0  # of the logits; tokens start short
ENCODER_SCALE = 0.5  # an encoder's mean is normalised
_SIZES_OF = {"general_encoder": "vision_config", "face_encoder": "face_config"}
# What each encoder gave, and which of the pictures it was given.
Heard = dict[str, tuple[Tensor, Tensor]]
SMOOTHING = 0.02
# Of the names that most real faces are labelled with, of all others together, of ages. The others
# are an order more, and known of clips alone: as voices among the first they were hardly learned.
FLAG_WEIGHT, OTHER_WEIGHT, AGE_WEIGHT = 2.0, 6.0, 0.5
ENCODER_WEIGHT = 1.0
WATCHED = 5.0  # names that count at least so much are reported by name
NUM_AGES = len(AGE_EDGES_YEARS) + 1
MAX_WEIGHT = 6.0
MEMORY = 0.99  # of the running shares of true and false, by which labels are balanced


@dataclass(frozen=True, slots=True)
class EncodedLabels:
    """An example as tensors: its clip, its targets."""

    id: str
    visual: dict[str, Tensor]
    states: Int[Tensor, "frames names"]
    age_span: tuple[int, int]


def label_directions(num_labels: int, dim: int) -> Float[Tensor, "labels dim"]:
    """Return one fixed direction for each label, as far from each other as can be."""
    if num_labels > dim:
        raise BadInput(f"{num_labels} labels do not fit tokens of width {dim}")
    return all_directions(dim)[:num_labels].contiguous()


def all_directions(dim: int) -> Float[Tensor, "dim dim"]:
    """Return directions at right angles: those of labels, in their order, and what they leave."""
    generator = torch.Generator().manual_seed(20_26)
    square, _ = torch.linalg.qr(torch.randn(dim, dim, generator=generator))
    return square


def encoder_logits(
    patches: Float[Tensor, "pictures patches dim"], directions: Float[Tensor, "labels double_dim"]
) -> Float[Tensor, "pictures labels"]:
    """Read labels off an encoder's patches: their mean and their maximum, as one vector."""
    read = torch.cat([patches.mean(1), patches.amax(1)], dim=-1).float()
    return ENCODER_SCALE * functional.layer_norm(read, read.shape[-1:]) @ directions.T


class LabelLearner(nn.Module):
    """Reads labels off the mean token of every frame.

    The result has the keys of `AnswerLearner`'s. True and false count alike for every name,
    by their shares in the batch; names count by ``name_weights``.
    """

    name_weights: Tensor
    groups: Tensor
    directions: Tensor

    def __init__(
        self,
        model: FaVChatForConditionalGeneration,
        name_weights: Float[Tensor, " names"],
        drop_streams: Mapping[str, float],
    ) -> None:
        super().__init__()
        self.model = model
        self.drop_streams = dict(drop_streams)
        self.num_names = len(name_weights)
        dim = model.config.text_config.hidden_size
        directions = label_directions(self.num_names + NUM_AGES, dim)
        self.register_buffer("name_weights", name_weights, persistent=False)
        groups = torch.zeros(self.num_names, dtype=torch.long)  # in the report of losses
        watched = (name_weights >= WATCHED).nonzero()[:, 0]
        groups[watched] = torch.arange(len(watched)) + 2
        self.register_buffer("groups", groups, persistent=False)
        self.register_buffer("directions", directions, persistent=False)
        self.asked: dict[str, nn.Module] = {}  # the encoders that are wide enough to be asked
        for name, sizes in _SIZES_OF.items():
            dim = 2 * getattr(model.config, sizes).hidden_size
            encoder = getattr(model.media, name)
            if encoder is not None and dim >= self.num_names + NUM_AGES:
                self.asked[name] = encoder
                own = label_directions(self.num_names + NUM_AGES, dim)
                self.register_buffer(f"{name}_directions", own, persistent=False)

    def forward(self, **batch: Any) -> dict[str, Tensor | None]:
        """Read one batch of `LabelCollator`."""
        media, heard = self._encode(batch)
        assert media.visual_tokens is not None
        frame_mask = batch["frame_mask"]
        tokens = media.visual_tokens.unflatten(1, (frame_mask.shape[1], -1)).float()
        # Every stream is asked for all that it can tell, alone and with the others.
        logits = SCALE * tokens.mean(dim=2)[frame_mask] @ self.directions.T
        states = batch["states"][frame_mask]
        spans = batch["age_spans"][frame_mask.nonzero()[:, 0]]
        total, (losses, names, age) = self._score(logits, states, spans)
        for name, (patches, rows) in heard.items():
            own = encoder_logits(patches, getattr(self, f"{name}_directions"))
            total = total + ENCODER_WEIGHT * self._score(own, states[rows], spans[rows])[0]
        router = logits.new_zeros(())
        if media.balance_loss is not None:
            router = self.model.config.balance_weight * media.balance_loss
        shown = torch.cat([losses, age]).detach()
        kinds = torch.cat([self.groups[names], torch.ones_like(age).long()])
        return {
            "loss_sum": total * len(frame_mask),
            "extra": router,
            "losses": shown,
            "group_ids": kinds,
            "expert_ids": media.expert_ids,
        }

    def _score(
        self,
        logits: Float[Tensor, "frames labels"],
        states: Int[Tensor, "frames names"],
        spans: Int[Tensor, "frames 2"],
    ) -> tuple[Float[Tensor, ""], tuple[Tensor, Tensor, Tensor]]:
        """Return the whole loss, and the losses of names, which names, and those of ages."""
        learned = (self.name_weights > 0)[None].expand_as(states)
        losses, names = flag_losses(
            logits[:, : self.num_names], states.masked_fill(~learned, UNKNOWN)
        )
        age = span_losses(logits[:, self.num_names :], spans)
        weights = self.name_weights[names]
        is_first = weights > 1.0
        total = logits.sum() * 0
        if is_first.any():
            first = (losses * weights)[is_first].sum() / weights[is_first].sum()
            total = total + FLAG_WEIGHT * first
        if not is_first.all():
            total = total + OTHER_WEIGHT * losses[~is_first].mean()
        if len(age):
            total = total + AGE_WEIGHT * age.mean()
        return total, (losses, names, age)

    def _encode(self, batch: Mapping[str, Any]) -> tuple[MediaTokens, Heard]:
        """Encode, and keep what each encoder gave, and of which rows."""
        inputs = {name: batch[name] for name in VISUAL_INPUTS if name in batch}
        streams = Streams()
        if self.training and self.drop_streams:
            inputs, streams = drop_streams(inputs, self.drop_streams)
        frame_mask = batch["frame_mask"]
        rows = torch.arange(int(frame_mask.sum()), device=frame_mask.device)
        shown = {"general_encoder": rows, "face_encoder": rows}
        if "face_mask" in inputs:
            shown["face_encoder"] = rows[inputs["face_mask"].bool()[frame_mask]]
        heard: Heard = {}

        def keep(name: str, _: nn.Module, __: Any, output: Tensor) -> None:
            if len(shown[name]):
                heard[name] = output, shown[name]

        handles = [
            encoder.register_forward_hook(partial(keep, name))
            for name, encoder in self.asked.items()
        ]
        try:
            media = self.model.encode_media(**inputs, streams=streams)
        finally:
            for handle in handles:
                handle.remove()
        return media, heard


def flag_losses(
    logits: Float[Tensor, "frames names"], states: Int[Tensor, "frames names"]
) -> tuple[Float[Tensor, " known"], Int[Tensor, " known"]]:
    """Return one loss for each name that is known anywhere in the batch, and which names."""
    known = states != UNKNOWN
    true = (states == 1).float()
    num_true, num_false = true.sum(0), (states == 0).float().sum(0)
    balanced = (num_true + num_false) / 2
    weights = torch.where(
        states == 1,
        (balanced / num_true.clamp(min=1)).clamp(max=MAX_WEIGHT),
        (balanced / num_false.clamp(min=1)).clamp(max=MAX_WEIGHT),
    )
    targets = true * (1 - 2 * SMOOTHING) + SMOOTHING
    losses = functional.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    weights = weights * known
    has_any = known.any(0)
    per_name = (losses * weights).sum(0) / weights.sum(0).clamp(min=1e-6)
    return per_name[has_any], has_any.nonzero()[:, 0]


def span_losses(
    logits: Float[Tensor, "frames ages"], spans: Int[Tensor, "frames 2"]
) -> Float[Tensor, " known"]:
    """Return minus the log likelihood of the age classes that each label allows."""
    known = spans[:, 0] != UNKNOWN
    log_probs = logits[known].log_softmax(dim=-1)
    classes = torch.arange(log_probs.shape[-1], device=logits.device)
    is_allowed = (classes >= spans[known, :1]) & (classes <= spans[known, 1:])
    return -log_probs.masked_fill(~is_allowed, float("-inf")).logsumexp(dim=-1)


def find_table(stage: Stage) -> LabelTable:
    """Return the names that a stage learns.

    Raises:
        BadInput: There is no such table.
    """
    module, _, name = stage.labels.partition(":")
    try:
        table = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError, TypeError):
        table = None
    if not isinstance(table, LabelTable):
        raise BadInput(
            f"stages.{stage.name}.labels: {stage.labels!r} is no table of labels",
            hint="module:name of a LabelTable",
        )
    return table


class LabelObjective:
    """Labels of frames, off their visual tokens; the stage brings the names."""

    def __init__(
        self, model: FaVChatForConditionalGeneration, processor: FaVChatProcessor, stage: Stage
    ) -> None:
        self.model, self.processor, self.stage = model, processor, stage
        self.table = find_table(stage)

    def encode(self, example: Example) -> EncodedLabels:
        """Encode one example.

        Raises:
            BadInput: It has no labels or no clip.
        """
        if example.labels is None or example.visual is None:
            raise BadInput(f"{example.id}: no labels to learn")
        batch = self.processor.encode_visuals([example.visual])
        visual = {name: values[0] for name, values in batch.items()}
        states = torch.from_numpy(example.labels.states.astype("int64"))
        return EncodedLabels(example.id, visual, states, example.labels.age_span)

    def collate(self, drawn: list[Drawn]) -> dict[str, Any]:
        """Pad clips to one length."""
        samples = [sample.encoded for sample in drawn]
        batch: dict[str, Any] = {
            name: pad_stack([sample.visual[name] for sample in samples])
            for name in samples[0].visual
        }
        batch["states"] = pad_stack([sample.states for sample in samples])
        batch["age_spans"] = torch.tensor([sample.age_span for sample in samples])
        named = zip(self.table.labels.names, self.table.name_weights, strict=True)
        watched = [name for name, weight in named if weight >= WATCHED]
        batch["groups"] = [("flags", 0), ("age", 0), *((name, 0) for name in watched)]
        batch["skipped"] = [note for sample in drawn for note in sample.skipped]
        batch["num_samples"] = len(samples)
        batch["num_items"] = torch.tensor(float(len(samples)))
        return batch

    def learner(self) -> LabelLearner:
        """Return the network around the model."""
        weights = torch.tensor(self.table.name_weights)
        return LabelLearner(self.model, weights, {**self.stage.drop_streams})
