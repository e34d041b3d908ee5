"""FaVChat: what sees, and any causal language model that answers about it.

Importing this module makes ``AutoConfig``, ``AutoModelForCausalLM``,
``AutoModelForImageTextToText`` and ``AutoProcessor`` of ``transformers`` know FaVChat.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeGuard

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForImageTextToText,
    AutoProcessor,
    GenerationMixin,
    PreTrainedModel,
)
from transformers.cache_utils import Cache
from transformers.utils.generic import ModelOutput

from lineament.errors import BadInput
from lineament.model.adapter import LandmarkTokens, ZeroStart
from lineament.model.experts import ExpertBank, ScaledLinear
from lineament.model.favchat_config import FaVChatConfig
from lineament.model.media import MediaEncoder, MediaTokens, Streams
from lineament.model.processor import IGNORED_LABEL, FaVChatProcessor
from lineament.model.vision import LandmarkStream, LevelMerge

_RAW_MEDIA = ("pixel_values", "face_pixel_values", "landmarks")
_RAW_MASKS = ("frame_mask", "face_mask", "landmark_mask")
_SWITCHES = ("use_general", "use_face", "use_landmarks")
_PREFILL_INPUTS = (*_RAW_MEDIA, *_RAW_MASKS, "visual_tokens", "visual_mask", "prompt_mask")
_OWN_INITS = (ExpertBank, LandmarkStream, LandmarkTokens, LevelMerge, ScaledLinear, ZeroStart)
AttentionMask = Tensor | dict[str, Tensor | None] | None  # by layer type, with static caches


@dataclass
class FaVChatOutput(ModelOutput):
    """What FaVChat returns.

    Attributes:
        loss: Language model loss plus the weighted router losses.
        logits: Scores of the next token.
        past_key_values: Everything read so far.
        hidden_states: The language model's.
        attentions: The language model's.
        lm_loss: The language model's part of ``loss``.
        balance_loss: As in `MediaTokens`; None when no clip was encoded.
        router_z_loss: As in `MediaTokens`.
        expert_ids: As in `MediaTokens`.
    """

    loss: Float[Tensor, ""] | None = None
    logits: Float[Tensor, "batch tokens vocab"] | None = None
    past_key_values: Cache | None = None
    hidden_states: tuple[Tensor, ...] | None = None
    attentions: tuple[Tensor, ...] | None = None
    lm_loss: Float[Tensor, ""] | None = None
    balance_loss: Float[Tensor, ""] | None = None
    router_z_loss: Float[Tensor, ""] | None = None
    expert_ids: Int[Tensor, "batch visual top_k"] | None = None


class FaVChatForConditionalGeneration(PreTrainedModel, GenerationMixin):
    """Answer questions about clips of faces."""

    config_class = FaVChatConfig
    config: FaVChatConfig
    base_model_prefix = ""
    main_input_name = "input_ids"
    input_modalities = ["video", "text"]  # noqa: RUF012 - transformers' own type
    supports_gradient_checkpointing = True
    _supports_sdpa = True
    _supports_flash_attn = True
    _supports_attention_backend = True
    _skip_keys_device_placement = ["past_key_values"]  # noqa: RUF012 - transformers' own type

    def __init__(self, config: FaVChatConfig) -> None:
        super().__init__(config)
        self.media = MediaEncoder(config)
        self.language_model = AutoModelForCausalLM.from_config(config.text_config)
        self.post_init()

    def get_input_embeddings(self) -> nn.Module:
        """Return the language model's."""
        return self.language_model.get_input_embeddings()

    def set_input_embeddings(self, value: nn.Module) -> None:
        """Replace the language model's."""
        self.language_model.set_input_embeddings(value)

    def get_output_embeddings(self) -> nn.Module:
        """Return the language model's."""
        return self.language_model.get_output_embeddings()

    def set_output_embeddings(self, new_embeddings: nn.Module) -> None:
        """Replace the language model's."""
        self.language_model.set_output_embeddings(new_embeddings)

    def forward(
        self,
        input_ids: Int[Tensor, "batch tokens"] | None = None,
        attention_mask: AttentionMask = None,
        position_ids: Int[Tensor, "batch tokens"] | None = None,
        past_key_values: Cache | None = None,
        inputs_embeds: Float[Tensor, "batch tokens dim"] | None = None,
        pixel_values: Float[Tensor, "batch frames 3 height width"] | None = None,
        frame_mask: Bool[Tensor, "batch frames"] | None = None,
        face_pixel_values: Float[Tensor, "batch frames 3 face_height face_width"] | None = None,
        face_mask: Bool[Tensor, "batch frames"] | None = None,
        landmarks: Float[Tensor, "batch frames samples points 3"] | None = None,
        landmark_mask: Bool[Tensor, "batch frames samples"] | None = None,
        visual_tokens: Float[Tensor, "batch visual dim"] | None = None,
        visual_mask: Bool[Tensor, "batch visual"] | None = None,
        prompt_mask: Bool[Tensor, "batch prompt_tokens"] | None = None,
        labels: Int[Tensor, "batch tokens"] | None = None,
        use_general: bool = True,
        use_face: bool = True,
        use_landmarks: bool = True,
        logits_to_keep: int | Tensor = 0,
        num_items_in_batch: int | Tensor | None = None,
        **kwargs: Any,
    ) -> FaVChatOutput:
        """Read text and clips; see `encode_media` for what describes a clip.

        Args:
            input_ids: Text, with ``frame_token_id`` wherever a visual token goes.
            attention_mask: As the language model takes it.
            position_ids: Counted from the attention mask when left out.
            past_key_values: What was read before; may hold some or all of the clip.
            inputs_embeds: Instead of ``input_ids``, with visual tokens already in place.
            pixel_values: Whole frames.
            frame_mask: False for frames that only fill a batch, at the end.
            face_pixel_values: Faces, or whole frames again.
            face_mask: True where a frame has a face.
            landmarks: Normalised points, several samples spread over each frame's time.
            landmark_mask: True where a sample has landmarks.
            visual_tokens: From `encode_media`, instead of pixels.
            visual_mask: From `encode_media`.
            prompt_mask: True for the text that the gate reads, with ``text_gate``; otherwise
                all text before the first label.
            labels: Token ids to learn, -100 elsewhere.
            use_general: False switches the general stream off for this call.
            use_face: False switches the face stream off for this call.
            use_landmarks: False switches the landmark stream off for this call.
            logits_to_keep: As in ``transformers``.
            num_items_in_batch: Labels in all batches of one optimiser step.
            **kwargs: Passed on to the language model.

        Raises:
            BadInput: Placeholders and visual tokens do not match in number.
        """
        kwargs.pop("return_dict", None)
        media = MediaTokens(visual_tokens=visual_tokens, visual_mask=visual_mask)
        if inputs_embeds is None:
            if input_ids is None:
                raise BadInput("expected input_ids or inputs_embeds, got neither")
            if visual_tokens is None and _is_any_given(pixel_values, face_pixel_values, landmarks):
                media = self.encode_media(
                    pixel_values,
                    face_pixel_values,
                    landmarks,
                    frame_mask=frame_mask,
                    face_mask=face_mask,
                    landmark_mask=landmark_mask,
                    prompt=self.embed_prompt(input_ids, attention_mask, labels, prompt_mask),
                    streams=Streams(use_general, use_face, use_landmarks),
                )
            inputs_embeds = self._place_tokens(input_ids, media, past_key_values)
        if position_ids is None and _is_flat(attention_mask):
            counted = (attention_mask.long().cumsum(-1) - 1).clamp(min=0)
            position_ids = counted[:, -inputs_embeds.shape[1] :]
        output = self.language_model(
            inputs_embeds=inputs_embeds,
            attention_mask=attention_mask,
            position_ids=position_ids,
            past_key_values=past_key_values,
            logits_to_keep=logits_to_keep,
            return_dict=True,
            **kwargs,
        )
        result = FaVChatOutput(
            logits=output.logits,
            past_key_values=output.past_key_values,
            hidden_states=output.hidden_states,
            attentions=output.attentions,
            balance_loss=media.balance_loss,
            router_z_loss=media.router_z_loss,
            expert_ids=media.expert_ids,
        )
        if labels is not None:
            self._add_losses(result, labels, num_items_in_batch)
        return result

    def encode_media(
        self,
        pixel_values: Float[Tensor, "batch frames 3 height width"] | None = None,
        face_pixel_values: Float[Tensor, "batch frames 3 face_height face_width"] | None = None,
        landmarks: Float[Tensor, "batch frames samples points 3"] | None = None,
        *,
        frame_mask: Bool[Tensor, "batch frames"] | None = None,
        face_mask: Bool[Tensor, "batch frames"] | None = None,
        landmark_mask: Bool[Tensor, "batch frames samples"] | None = None,
        prompt: Float[Tensor, "batch dim"] | None = None,
        streams: Streams | None = None,
    ) -> MediaTokens:
        """Turn clips into tokens of the language model's width, once for all questions.

        A stream without its input, or switched off, contributes nothing. A mask that is left
        out is True everywhere.

        Args:
            pixel_values: Whole frames.
            face_pixel_values: Faces, or whole frames again.
            landmarks: Normalised points, several samples spread over each frame's time.
            frame_mask: False for frames that only fill a batch, at the end.
            face_mask: True where a frame has a face.
            landmark_mask: True where a sample has landmarks.
            prompt: From `embed_prompt`, with ``text_gate``.
            streams: Which streams to use.
        """
        return self.media(
            pixel_values,
            face_pixel_values,
            landmarks,
            frame_mask=frame_mask,
            face_mask=face_mask,
            landmark_mask=landmark_mask,
            prompt=prompt,
            streams=streams,
        )

    def embed_prompt(
        self,
        input_ids: Int[Tensor, "batch tokens"],
        attention_mask: AttentionMask = None,
        labels: Int[Tensor, "batch tokens"] | None = None,
        prompt_mask: Bool[Tensor, "batch prompt_tokens"] | None = None,
    ) -> Float[Tensor, "batch dim"] | None:
        """Average the question's embeddings for the gate; None unless ``text_gate``.

        Nothing from the first label on is read: the gate must not see the answer.
        """
        if not self.config.text_gate:
            return None
        is_prompt = input_ids != self.config.frame_token_id
        if prompt_mask is not None:
            is_prompt = torch.zeros_like(is_prompt)
            is_prompt[:, : prompt_mask.shape[1]] = prompt_mask.bool()
        elif _is_flat(attention_mask):
            is_prompt = is_prompt & attention_mask.bool()
        if labels is not None:
            is_prompt = is_prompt & ((labels != IGNORED_LABEL).cumsum(-1) == 0)
        embeds = self.get_input_embeddings()(input_ids) * is_prompt.unsqueeze(-1)
        return embeds.sum(dim=1) / is_prompt.sum(dim=1, keepdim=True).clamp(min=1)

    @torch.no_grad()
    def generate(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, inputs: Tensor | None = None, *, media: MediaTokens | None = None, **kwargs: Any
    ) -> Any:
        """Answer as ``transformers`` does; clips are encoded once, whatever the method.

        Args:
            inputs: Text with placeholders; also taken as ``input_ids``.
            media: A clip that is encoded already, instead of pixels.
            **kwargs: Inputs of `forward`, and all that ``transformers`` takes.
        """
        input_ids = inputs if inputs is not None else kwargs.pop("input_ids", None)
        raw = {name: kwargs.pop(name, None) for name in _RAW_MEDIA}
        masks = {name: kwargs.pop(name, None) for name in _RAW_MASKS}
        switches = {name: kwargs.pop(name, True) for name in _SWITCHES}
        prompt_mask = kwargs.pop("prompt_mask", None)
        if media is None and input_ids is not None and _is_any_given(*raw.values()):
            attention_mask = kwargs.get("attention_mask")
            media = self.encode_media(
                **raw,
                **masks,
                prompt=self.embed_prompt(input_ids, attention_mask, prompt_mask=prompt_mask),
                streams=Streams(**switches),
            )
        if media is not None:
            kwargs |= {"visual_tokens": media.visual_tokens, "visual_mask": media.visual_mask}
        return super().generate(input_ids, **kwargs)  # pyright: ignore[reportAttributeAccessIssue]

    def prepare_inputs_for_generation(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, input_ids: Tensor, *, is_first_iteration: bool | None = False, **kwargs: Any
    ) -> dict[str, Any]:
        """Leave the clip out once the cache holds it."""
        prepared = super().prepare_inputs_for_generation(  # pyright: ignore[reportAttributeAccessIssue]
            input_ids, is_first_iteration=is_first_iteration, **kwargs
        )
        if not is_first_iteration and kwargs.get("use_cache", True):
            prepared = {k: v for k, v in prepared.items() if k not in _PREFILL_INPUTS}
        return prepared

    @torch.no_grad()
    def frame_attention(
        self,
        input_ids: Int[Tensor, "batch tokens"],
        answer_mask: Bool[Tensor, "batch tokens"],
        media: MediaTokens,
        attention_mask: Int[Tensor, "batch tokens"] | None = None,
    ) -> Float[Tensor, "batch frames"]:
        """Say how much of an answer's attention to the clip went to each frame.

        The mean over layers, heads and the positions that predicted the answer's tokens,
        summed over each frame's tokens; a row sums to 1. Attention is a hint, not a proof.

        Args:
            input_ids: Prompt and answer.
            answer_mask: True for the answer's tokens.
            media: The clip's tokens.
            attention_mask: False for padding.
        """
        with self._showing_attention():
            output = self(
                input_ids=input_ids,
                attention_mask=attention_mask,
                visual_tokens=media.visual_tokens,
                visual_mask=media.visual_mask,
                output_attentions=True,
                use_cache=False,
            )
        weights = torch.stack([layer.float().mean(dim=1) for layer in output.attentions]).mean(0)
        asks = torch.zeros_like(answer_mask)
        asks[:, :-1] = answer_mask[:, 1:]  # a token is predicted from the position before it
        per_token = (weights * asks.unsqueeze(-1)).sum(dim=1)  # batch tokens
        is_visual = input_ids == self.config.frame_token_id
        frame_index = (is_visual.cumsum(-1) - 1).clamp(min=0) // self.config.tokens_per_frame
        assert media.visual_mask is not None
        num_frames = media.visual_mask.shape[1] // self.config.tokens_per_frame
        per_frame = per_token.new_zeros(len(input_ids), num_frames)
        per_frame.scatter_add_(1, frame_index, per_token * is_visual)
        return per_frame / per_frame.sum(dim=1, keepdim=True).clamp(min=1e-12)

    def _place_tokens(
        self, input_ids: Tensor, media: MediaTokens, past_key_values: Cache | None
    ) -> Tensor:
        """Embed text and put visual tokens where the placeholders are.

        When a cache already holds part of a clip, what is left of it goes in.
        """
        embeds = self.get_input_embeddings()(input_ids)
        is_visual = input_ids == self.config.frame_token_id
        num_wanted = is_visual.sum(dim=1)
        if media.visual_tokens is None:
            if num_wanted.any():
                raise BadInput(f"{int(num_wanted.sum())} frame placeholders, but no frames")
            return embeds
        real_mask = media.visual_mask
        if real_mask is None:
            real_mask = torch.ones_like(media.visual_tokens[..., 0], dtype=torch.bool)
        num_real = real_mask.sum(dim=1)
        has_cache = past_key_values is not None and past_key_values.get_seq_length() > 0
        is_short = num_wanted > num_real if has_cache else num_wanted != num_real
        if is_short.any():
            raise BadInput(
                f"expected {num_real.tolist()} frame placeholders, {self.config.tokens_per_frame} "
                f"for each frame, got {num_wanted.tolist()}"
            )
        num_left = real_mask.flip(1).cumsum(1).flip(1)  # real tokens from here to the end
        chosen = media.visual_tokens[real_mask & (num_left <= num_wanted.unsqueeze(1))]
        return embeds.masked_scatter(is_visual.unsqueeze(-1), chosen.to(embeds.dtype))

    def _add_losses(
        self, result: FaVChatOutput, labels: Tensor, num_items_in_batch: int | Tensor | None
    ) -> None:
        assert result.logits is not None
        lm_loss = self.loss_function(
            logits=result.logits,
            labels=labels,
            vocab_size=result.logits.shape[-1],
            num_items_in_batch=num_items_in_batch,
        )
        result.loss = result.lm_loss = lm_loss
        if result.balance_loss is None or result.router_z_loss is None:
            return
        extra = (
            self.config.balance_weight * result.balance_loss
            + self.config.router_z_weight * result.router_z_loss
        )
        if num_items_in_batch is not None:  # then losses of several batches are summed
            extra = extra * (labels != IGNORED_LABEL).sum() / num_items_in_batch
        result.loss = lm_loss + extra

    @contextmanager
    def _showing_attention(self) -> Iterator[None]:
        """Use the attention that returns its weights, then go back to the fast one."""
        usual = self.language_model.config._attn_implementation
        self.language_model.set_attn_implementation("eager")
        try:
            yield
        finally:
            self.language_model.set_attn_implementation(usual)

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, _OWN_INITS):
            module.reset_parameters()
        else:
            super()._init_weights(module)


def _is_flat(attention_mask: AttentionMask) -> TypeGuard[Tensor]:
    """Say whether a mask only tells padding apart; static caches and packing need more."""
    return isinstance(attention_mask, Tensor) and attention_mask.ndim == 2


def _is_any_given(*inputs: Tensor | None) -> bool:
    return any(tensor is not None for tensor in inputs)


AutoConfig.register(FaVChatConfig.model_type, FaVChatConfig, exist_ok=True)
AutoModelForCausalLM.register(FaVChatConfig, FaVChatForConditionalGeneration, exist_ok=True)
AutoModelForImageTextToText.register(FaVChatConfig, FaVChatForConditionalGeneration, exist_ok=True)
AutoProcessor.register(FaVChatConfig, FaVChatProcessor, exist_ok=True)
