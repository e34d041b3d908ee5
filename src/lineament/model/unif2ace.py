"""UniF2ace: one network over text tokens and image codes, which understands and draws.

The full size has never been trained or run with real weights here; it is built on the meta
device, and its trunk is compared with the public implementation at toy size.
"""

from dataclasses import dataclass
from typing import Any, cast

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional
from transformers import (
    AutoModelForCausalLM,
    DynamicCache,
    GenerationMixin,
    LogitsProcessor,
    LogitsProcessorList,
    PreTrainedModel,
)
from transformers.utils.generic import ModelOutput

from lineament.errors import BadInput
from lineament.model.diffusion import Cosine, D3DiffLosses, LogLinear, MaskedCodes, d3diff_loss
from lineament.model.experts import ExpertBank, ScaledLinear
from lineament.model.layout import IGNORED_LABEL, attend_mask
from lineament.model.sequence_experts import (
    FaceResampler,
    GuideMaker,
    Guides,
    SequenceExperts,
    find_codes,
)
from lineament.model.token_experts import TokenUse
from lineament.model.trunk import Reading, Trunk
from lineament.model.unif2ace_config import UniF2aceConfig

_OWN_INITS = (ExpertBank, FaceResampler, ScaledLinear, SequenceExperts)
_PREFILL_INPUTS = ("clip_features", "face_features")


@dataclass
class UniF2aceOutput(ModelOutput):
    """What the network returns.

    Attributes:
        loss: The weighted sum of what follows.
        logits: Over all ids; None when labels were given, where only some are computed.
        past_key_values: Everything read so far.
        masked_loss: Cross-entropy over hidden codes.
        score_loss: Weighted score entropy.
        understanding_loss: Of answers about pictures.
        text_loss: Of text without a picture.
        balance_loss: Of both tasks' routers, mean over layers.
        router_z_loss: The same.
        expert_ids: Choices of every token by layer, -1 for padding.
        sequence_gates: Gates of every image by layer, 0 where an expert was not chosen.
    """

    loss: Float[Tensor, ""] | None = None
    logits: Float[Tensor, "batch kept vocab"] | None = None
    past_key_values: Any = None
    masked_loss: Float[Tensor, ""] | None = None
    score_loss: Float[Tensor, ""] | None = None
    understanding_loss: Float[Tensor, ""] | None = None
    text_loss: Float[Tensor, ""] | None = None
    balance_loss: Float[Tensor, ""] | None = None
    router_z_loss: Float[Tensor, ""] | None = None
    expert_ids: tuple[Tensor, ...] | None = None
    sequence_gates: tuple[Tensor, ...] | None = None


@dataclass(frozen=True, slots=True)
class Encoded:
    """Last states of all tokens of a call, and how experts were used."""

    hidden: Float[Tensor, "batch tokens dim"]
    reading: Reading
    uses: list[TokenUse]
    gates: list[Tensor]


class TextOnly(LogitsProcessor):
    """Leave specials, codes and MASK out of answers."""

    def __init__(self, text_vocab_size: int) -> None:
        self.text_vocab_size = text_vocab_size

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Forbid everything behind the text's ids."""
        del input_ids
        forbidden = torch.arange(scores.shape[-1], device=scores.device) >= self.text_vocab_size
        return scores.masked_fill(forbidden, -torch.inf)


class UniF2aceForFaces(PreTrainedModel, GenerationMixin):
    """Answer about a face, or draw one, in one sequence of text tokens and image codes."""

    config_class = UniF2aceConfig
    config: UniF2aceConfig
    base_model_prefix = ""
    main_input_name = "input_ids"
    supports_gradient_checkpointing = True
    accepts_loss_kwargs = False  # the losses are means over a batch; a Trainer averages them
    _supports_sdpa = True
    _tied_weights_keys = {"head.weight": "embed.weight"}  # noqa: RUF012 - transformers' own type
    _skip_keys_device_placement = ["past_key_values"]  # noqa: RUF012 - transformers' own type
    _no_split_modules = ["Block"]  # noqa: RUF012 - transformers' own type

    def __init__(self, config: UniF2aceConfig) -> None:
        super().__init__(config)
        self.embed: nn.Embedding = nn.Embedding(config.vocab_size, config.hidden_size)
        self.place_embed = (
            nn.Embedding(config.num_codes, config.hidden_size)
            if config.use_place_embedding
            else None
        )
        self.trunk = Trunk(config)
        self.guides = GuideMaker(config) if config.use_sequence_experts else None
        self.head: nn.Linear = nn.Linear(
            config.hidden_size, config.vocab_size, bias=config.head_bias
        )
        self.post_init()

    def get_input_embeddings(self) -> nn.Module:
        """Return the embeddings of all ids."""
        return self.embed

    def set_input_embeddings(self, value: nn.Module) -> None:
        """Replace them."""
        self.embed = cast(nn.Embedding, value)

    def get_output_embeddings(self) -> nn.Module:
        """Return the layer that scores all ids."""
        return self.head

    def set_output_embeddings(self, new_embeddings: nn.Module) -> None:
        """Replace it."""
        self.head = cast(nn.Linear, new_embeddings)

    def forward(
        self,
        input_ids: Int[Tensor, "batch tokens"] | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Int[Tensor, "batch tokens"] | None = None,
        past_key_values: Any = None,
        labels: Int[Tensor, "batch tokens"] | None = None,
        clip_features: Float[Tensor, "batch patches clip_dim"] | None = None,
        face_features: Float[Tensor, "batch face_dim"] | None = None,
        is_drawing: Bool[Tensor, " batch"] | None = None,
        use_cache: bool | None = None,
        logits_to_keep: int = 0,
        **kwargs: Any,
    ) -> UniF2aceOutput:
        """Read sequences; with labels, return losses of all tasks in the batch.

        Args:
            input_ids: As `lineament.model.layout` lays them out.
            attention_mask: False or 0 for padding, over all tokens so far; or, with four
                dimensions, who sees whom: booleans, or numbers to be added.
            position_ids: Counted through, padding included, when left out; only distances matter.
            past_key_values: What was read before; a cache of ``transformers``.
            labels: Hidden codes at their own position, text at its own (shifted here).
            clip_features: Of each row's picture, for the CLIP expert.
            face_features: Of each row's face, for the face expert.
            is_drawing: Which rows draw; those that hold t2i, when left out.
            use_cache: Start a cache when there is none.
            logits_to_keep: Only the last so many positions; 0 for all.
            **kwargs: Left aside; ``transformers`` hands on more than is needed.
        """
        del kwargs
        if input_ids is None:
            raise BadInput("expected input_ids, got none")
        if use_cache and past_key_values is None:
            past_key_values = DynamicCache()
        encoded = self.encode(
            input_ids,
            attention_mask=attention_mask,
            position_ids=position_ids,
            cache=past_key_values,
            is_drawing=is_drawing,
            clip_features=clip_features,
            face_features=face_features,
        )
        parts: dict[str, Any] = self._use_losses(encoded.uses)
        if labels is None:
            parts["logits"] = self.head(encoded.hidden[:, -logits_to_keep or None :])
        else:
            parts |= self._task_losses(input_ids, labels, encoded)
            parts["loss"] = self._sum(parts)
        return UniF2aceOutput(
            past_key_values=past_key_values,
            expert_ids=tuple(use.expert_ids for use in encoded.uses) or None,
            sequence_gates=tuple(encoded.gates) or None,
            **parts,
        )

    def encode(
        self,
        input_ids: Int[Tensor, "batch tokens"],
        *,
        attention_mask: Tensor | None = None,
        position_ids: Int[Tensor, "batch tokens"] | None = None,
        cache: Any = None,
        is_drawing: Bool[Tensor, " batch"] | None = None,
        clip_features: Float[Tensor, "batch patches clip_dim"] | None = None,
        face_features: Float[Tensor, "batch face_dim"] | None = None,
    ) -> Encoded:
        """Pass sequences through the trunk; arguments as in `forward`."""
        num_new = input_ids.shape[1]
        num_past = 0 if cache is None else int(cache.get_seq_length())
        valid_mask = self._find_valid(input_ids, attention_mask, num_past)
        if attention_mask is not None and attention_mask.ndim == 4:
            seen = attention_mask
        else:
            seen = attend_mask(input_ids, valid_mask, self.config)
        if position_ids is None:
            position_ids = torch.arange(num_past, num_past + num_new, device=input_ids.device)
            position_ids = position_ids.unsqueeze(0).expand(len(input_ids), -1)
        if is_drawing is None:
            is_drawing = (input_ids == self.config.special_id("t2i")).any(dim=1)
        rows, places = find_codes(input_ids >= self.config.first_code_id, self.config.num_codes)
        hidden = self.embed(input_ids)
        if self.place_embed is not None and len(rows):
            hidden = hidden.index_put(
                (rows.unsqueeze(1), places),
                self.place_embed.weight.to(hidden.dtype),
                accumulate=True,
            )
        cos, sin = self.trunk.rotate_at(position_ids, hidden.dtype)
        guides = self._make_guides(input_ids, rows, is_drawing, clip_features, face_features)
        reading = Reading(
            cos, sin, seen, cache, is_drawing, valid_mask[:, num_past:], rows, places, guides
        )
        hidden, uses, gates = self.trunk(hidden, reading)
        return Encoded(hidden, reading, uses, gates)

    def score_codes(
        self, hidden: Float[Tensor, "*places dim"]
    ) -> Float[Tensor, "*places code_ids"]:
        """Score the image codes alone; text and MASK are never computed."""
        part = slice(self.config.first_code_id, self.config.mask_id)
        bias = None if self.head.bias is None else self.head.bias[part]
        return functional.linear(hidden, self.head.weight[part], bias)

    @torch.no_grad()
    def generate(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, inputs: Tensor | None = None, **kwargs: Any
    ) -> Any:
        """Answer in text as ``transformers`` does; codes cannot be said."""
        mine = LogitsProcessorList([TextOnly(self.config.text_vocab_size)])
        mine.extend(kwargs.pop("logits_processor", None) or [])
        return super().generate(inputs, logits_processor=mine, **kwargs)  # pyright: ignore[reportAttributeAccessIssue]

    def prepare_inputs_for_generation(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, input_ids: Tensor, *, is_first_iteration: bool | None = False, **kwargs: Any
    ) -> dict[str, Any]:
        """Leave the picture's features out once the cache holds it."""
        prepared = super().prepare_inputs_for_generation(  # pyright: ignore[reportAttributeAccessIssue]
            input_ids, is_first_iteration=is_first_iteration, **kwargs
        )
        if not is_first_iteration and kwargs.get("use_cache", True):
            prepared = {k: v for k, v in prepared.items() if k not in _PREFILL_INPUTS}
        return prepared

    def _find_valid(
        self, input_ids: Tensor, attention_mask: Tensor | None, num_past: int
    ) -> Tensor:
        if attention_mask is not None and attention_mask.ndim == 2:
            return attention_mask.bool()
        here = input_ids != self.config.special_id("pad")
        if attention_mask is not None:  # four dimensions say it all
            here = torch.ones_like(here)
        return functional.pad(here, (num_past, 0), value=True)

    def _make_guides(
        self,
        input_ids: Tensor,
        rows: Tensor,
        is_drawing: Tensor,
        clip_features: Tensor | None,
        face_features: Tensor | None,
    ) -> Guides:
        if self.guides is None or not len(rows):
            return Guides()
        draws = bool(is_drawing[rows].any())
        hidden_share = (input_ids[rows] == self.config.mask_id).float().mean(dim=1)
        ratio = hidden_share * input_ids.shape[1] / self.config.num_codes
        return self.guides(
            None if clip_features is None else clip_features[rows],
            None if face_features is None else face_features[rows],
            ratio if draws else None,
        )

    def _use_losses(self, uses: list[TokenUse]) -> dict[str, Tensor]:
        if not uses:
            return {}
        return {
            "balance_loss": torch.stack([use.balance_loss() for use in uses]).mean(),
            "router_z_loss": torch.stack([use.router_z_loss() for use in uses]).mean(),
        }

    def _task_losses(
        self, input_ids: Tensor, labels: Tensor, encoded: Encoded
    ) -> dict[str, Tensor]:
        is_drawing = encoded.reading.is_drawing
        understands = (input_ids == self.config.special_id("mmu")).any(dim=1)
        drawn = self._drawing_loss(labels, encoded)
        return {
            "masked_loss": drawn.masked,
            "score_loss": drawn.score,
            "understanding_loss": self._text_loss(encoded.hidden, labels, understands),
            "text_loss": self._text_loss(encoded.hidden, labels, ~understands & ~is_drawing),
        }

    def _drawing_loss(self, labels: Tensor, encoded: Encoded) -> D3DiffLosses:
        reading, config = encoded.reading, self.config
        draws = reading.is_drawing[reading.image_rows]
        rows, places = reading.image_rows[draws].unsqueeze(1), reading.code_places[draws]
        truth = labels[rows, places]
        masked = truth != IGNORED_LABEL
        codes = (truth - config.first_code_id).clamp(min=0)
        logits = self.score_codes(encoded.hidden[rows, places])
        masks = MaskedCodes(masked, masked.float().mean(dim=1))
        return d3diff_loss(
            logits,
            codes,
            masks,
            Cosine() if config.schedule == "cosine" else LogLinear(),
            alpha=config.alpha,
            use_masked=config.use_masked_loss,
            head="normalised" if config.score_head == "normalised" else "free",
            weight_cap=config.score_weight_cap,
        )

    def _text_loss(self, hidden: Tensor, labels: Tensor, rows: Tensor) -> Tensor:
        """Return next-token cross-entropy over the labelled text of some rows."""
        wanted = labels[:, 1:]
        is_text = (wanted != IGNORED_LABEL) & (wanted < self.config.first_code_id)
        chosen = is_text & rows.unsqueeze(1)
        logits = self.head(hidden[:, :-1][chosen]).float()
        total = functional.cross_entropy(logits, wanted[chosen], reduction="sum")
        return total / max(1, len(logits))

    def _sum(self, parts: dict[str, Any]) -> Tensor:
        config = self.config
        drawing = config.alpha * parts["score_loss"]
        if config.use_masked_loss:
            drawing = drawing + parts["masked_loss"]
        loss = (
            config.drawing_weight * drawing
            + config.understanding_weight * parts["understanding_loss"]
            + config.text_weight * parts["text_loss"]
        )
        if "balance_loss" in parts:
            loss = loss + config.balance_weight * parts["balance_loss"]
            loss = loss + config.router_z_weight * parts["router_z_loss"]
        return loss

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, _OWN_INITS):
            module.reset_parameters()
        else:
            super()._init_weights(module)


AutoModelForCausalLM.register(UniF2aceConfig, UniF2aceForFaces, exist_ok=True)
