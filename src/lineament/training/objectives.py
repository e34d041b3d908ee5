"""Objectives: what a batch teaches a model, as one network that a trainer can wrap."""

import importlib
from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from lineament.config import require_known
from lineament.model.favchat import FaVChatForConditionalGeneration
from lineament.model.lora import find_lora, set_task_ids, take_balance_loss
from lineament.model.media import MediaTokens, Streams
from lineament.model.processor import IGNORED_LABEL, FaVChatProcessor
from lineament.training.encoding import AnswerEncoder
from lineament.training.examples import Example
from lineament.training.packing import AnswerCollator, attend_mask
from lineament.training.recipe import Stage

VISUAL_INPUTS = (
    "pixel_values",
    "face_pixel_values",
    "landmarks",
    "frame_mask",
    "face_mask",
    "landmark_mask",
)
# A language model with one of these does more between its last layer and its scores.
_SCORE_SETTINGS = ("final_logit_softcapping", "logit_scale", "logits_scaling")


@runtime_checkable
class Objective(Protocol):
    """What a stage learns: how examples become batches, and batches losses."""

    def encode(self, example: Example) -> Any:
        """Turn one example into tensors; runs where data are prepared."""
        ...

    def collate(self, drawn: Any) -> dict[str, Any]:
        """Make a batch; it holds ``num_items``, by which the summed loss is divided."""
        ...

    def learner(self) -> nn.Module:
        """Return the network that turns a batch into a `StepLoss`."""
        ...


class AnswerLearner(nn.Module):
    """Learns to say what the assistant says.

    The result is a plain dictionary, so that any wrapper passes it on: ``loss_sum`` over all
    weighted labels, ``extra`` (router losses, a mean), ``losses`` and ``group_ids`` of the
    labels, and ``expert_ids``.
    """

    def __init__(
        self,
        model: FaVChatForConditionalGeneration,
        drop_streams: Mapping[str, float],
        *,
        lora_balance_weight: float = 0.0,
    ) -> None:
        super().__init__()
        self.model = model
        self.drop_streams = dict(drop_streams)
        self.lora_balance_weight = lora_balance_weight
        settings = model.language_model.config
        self.can_skip_scores = not any(getattr(settings, name, None) for name in _SCORE_SETTINGS)

    def forward(self, **batch: Any) -> dict[str, Tensor | None]:
        """Read one batch of `AnswerCollator`."""
        media = self._encode_clips(batch)
        embeds = self._place(batch["input_ids"], media, batch.get("clip_rows"))
        mask = attend_mask(batch["segment_ids"], batch["branch_ids"])
        # The label at a place is predicted from the place before it; no piece starts with one.
        targets = batch["labels"][:, 1:]
        is_learned = targets != IGNORED_LABEL
        set_task_ids(self.model, batch.get("task_ids"))
        logits = self._score(embeds, mask, batch["position_ids"], is_learned)
        losses = functional.cross_entropy(logits.float(), targets[is_learned], reduction="none")
        weights = batch["label_weights"][:, 1:][is_learned]
        return {
            "loss_sum": (losses * weights).sum(),
            "extra": self._router_loss(media),
            "losses": losses.detach(),
            "group_ids": batch["group_ids"][:, 1:][is_learned],
            "expert_ids": media.expert_ids,
        }

    def _encode_clips(self, batch: Mapping[str, Any]) -> MediaTokens:
        inputs = {name: batch[name] for name in VISUAL_INPUTS if name in batch}
        if not inputs:
            return MediaTokens()
        streams = Streams()
        if self.training and self.drop_streams:
            inputs, streams = drop_streams(inputs, self.drop_streams)
        return self.model.encode_media(**inputs, streams=streams)

    def _place(
        self,
        input_ids: Int[Tensor, "rows tokens"],
        media: MediaTokens,
        clip_rows: Int[Tensor, "showings"] | None,
    ) -> Float[Tensor, "rows tokens dim"]:
        embeds = self.model.get_input_embeddings()(input_ids)
        if media.visual_tokens is None or media.visual_mask is None or clip_rows is None:
            return embeds
        tokens = media.visual_tokens[clip_rows][media.visual_mask[clip_rows]]
        is_visual = input_ids == self.model.config.frame_token_id
        return embeds.masked_scatter(is_visual.unsqueeze(-1), tokens.to(embeds.dtype))

    def _score(
        self, embeds: Tensor, mask: Tensor, position_ids: Tensor, is_learned: Tensor
    ) -> Float[Tensor, "labels vocab"]:
        """Return scores where something is learned; elsewhere they would cost and teach nothing."""
        language_model = self.model.language_model
        attention: Tensor = mask
        if language_model.config._attn_implementation == "eager":
            attention = torch.zeros_like(mask, dtype=embeds.dtype)
            attention = attention.masked_fill(~mask, torch.finfo(embeds.dtype).min)
        inputs = {
            "inputs_embeds": embeds,
            "attention_mask": attention,
            "position_ids": position_ids,
            "use_cache": False,
        }
        if not self.can_skip_scores:
            return language_model(**inputs).logits[:, :-1][is_learned]
        hidden = language_model.get_decoder()(**inputs).last_hidden_state
        return language_model.get_output_embeddings()(hidden[:, :-1][is_learned])

    def _router_loss(self, media: MediaTokens) -> Tensor:
        config = self.model.config
        loss = torch.zeros((), device=self.model.device)
        if media.balance_loss is not None and media.router_z_loss is not None:
            loss = loss + config.balance_weight * media.balance_loss
            loss = loss + config.router_z_weight * media.router_z_loss
        lora_loss = take_balance_loss(self.model)
        return loss if lora_loss is None else loss + self.lora_balance_weight * lora_loss


def drop_streams(
    inputs: Mapping[str, Tensor], rates: Mapping[str, float]
) -> tuple[dict[str, Tensor], Streams]:
    """Hide streams at random: face and landmarks of single clips, the general one of all.

    The draws come from torch's generator on the CPU, which a run reseeds at every step.
    """
    changed = dict(inputs)
    for stream in ("face", "landmarks"):
        name = "face_mask" if stream == "face" else "landmark_mask"
        if name in changed and rates.get(stream):
            is_kept = torch.rand(len(changed[name])) >= rates[stream]
            shape = (-1, *[1] * (changed[name].ndim - 1))
            changed[name] = changed[name] & is_kept.to(changed[name].device).view(shape)
    hides_general = bool(rates.get("general")) and float(torch.rand(())) < rates["general"]
    return changed, Streams(use_general=not hides_general)


class Answers:
    """Language modelling of the assistant's words, packed."""

    def __init__(
        self, model: FaVChatForConditionalGeneration, processor: FaVChatProcessor, stage: Stage
    ) -> None:
        self.model, self.stage = model, stage
        pad_id = int(processor.tokenizer.pad_token_id or 0)
        self.encode = AnswerEncoder(processor, longest_row(model, stage), stage.share_prefix)
        adapted = find_lora(model)
        tasks = adapted.tasks if adapted is not None and adapted.route_by == "task" else ()
        self.collate = AnswerCollator(stage.row_tokens, pad_id, tasks)

    def learner(self) -> AnswerLearner:
        """Return the network around the model."""
        weight = self.stage.lora.balance_weight if self.stage.lora is not None else 0.0
        rates: dict[str, float] = {**self.stage.drop_streams}
        return AnswerLearner(self.model, rates, lora_balance_weight=weight)


def longest_row(model: Any, stage: Stage) -> int:
    """Return how many tokens one piece may have: what a row and the model can hold."""
    limit = getattr(model.config.text_config, "max_position_embeddings", None) or 10**9
    return min(stage.row_tokens or limit, limit)


# Functions from model, processor and stage to an objective, imported when asked for.
OBJECTIVES: Mapping[str, str] = {
    "answers": "lineament.training.objectives:Answers",
    "labels": "lineament.training.label_objective:LabelObjective",
    "tokenizer": "lineament.training.tokenizer_objective:TokenizerObjective",
    "painting": "lineament.training.tokenizer_objective:PaintingObjective",
    "unified": "lineament.training.unified_objective:UnifiedObjective",
}


def open_objective(stage: Stage, model: Any, processor: Any) -> Any:
    """Return a stage's objective for a model.

    Raises:
        BadInput: There is none of that name.
    """
    require_known(stage.objective, OBJECTIVES, "objective")
    module, _, name = OBJECTIVES[stage.objective].partition(":")
    return getattr(importlib.import_module(module), name)(model, processor, stage)
