"""Clips to language-model tokens: all encoders and the adapter, without the language model."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from transformers.utils.generic import ModelOutput

from lineament.errors import BadInput
from lineament.model.adapter import FusionAdapter, LandmarkTokens
from lineament.model.experts import Routing, balance_loss, router_z_loss
from lineament.model.favchat_config import FaVChatConfig
from lineament.model.vision import FaceEncoder, GeneralEncoder, LandmarkStream


@dataclass
class MediaTokens(ModelOutput):
    """A clip as the language model reads it: kept, it serves any number of questions.

    Attributes:
        visual_tokens: Frame by frame; a shorter clip's row ends in zeros.
        visual_mask: True for real tokens.
        expert_ids: Chosen experts, -1 for tokens that no expert made; None without experts.
        balance_loss: How unevenly experts were used, 1.0 when evenly.
        router_z_loss: How large the router's logits were.
    """

    visual_tokens: Float[Tensor, "batch visual dim"] | None = None
    visual_mask: Bool[Tensor, "batch visual"] | None = None
    expert_ids: Int[Tensor, "batch visual top_k"] | None = None
    balance_loss: Float[Tensor, ""] | None = None
    router_z_loss: Float[Tensor, ""] | None = None


@dataclass(frozen=True, slots=True)
class Streams:
    """Which streams a call may use; a stream that the model lacks stays off."""

    use_general: bool = True
    use_face: bool = True
    use_landmarks: bool = True


class MediaEncoder(nn.Module):
    """The part of FaVChat that sees."""

    def __init__(self, config: FaVChatConfig) -> None:
        super().__init__()
        self.config = config
        self.general_encoder = self.face_encoder = self.adapter = None
        self.landmark_stream = self.landmark_tokens = None
        if config.has_general:
            self.general_encoder = GeneralEncoder(config.vision_config, layer=config.general_layer)
        if config.has_face:
            self.face_encoder = FaceEncoder(config.face_config, tuple(config.face_levels))
        if config.num_grid_tokens:
            self.adapter = FusionAdapter(config)
        if config.use_landmarks:
            self.landmark_stream = LandmarkStream(
                config.num_landmarks, config.landmark_samples, config.landmark_dim
            )
            self.landmark_tokens = LandmarkTokens(config)

    def forward(
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
        """Encode a batch of clips; see `FaVChatForConditionalGeneration.encode_media`."""
        given = next(
            (x for x in (pixel_values, face_pixel_values, landmarks) if x is not None), None
        )
        if given is None:
            raise BadInput("expected pixel_values, face_pixel_values or landmarks, got none")
        all_frames = torch.ones(given.shape[:2], dtype=torch.bool, device=given.device)
        frame_mask, face_mask = (
            all_frames if mask is None else mask.bool() for mask in (frame_mask, face_mask)
        )
        streams = streams or Streams()
        tokens, routing = self._fuse(
            pixel_values if streams.use_general else None,
            face_pixel_values if streams.use_face else None,
            frame_mask,
            face_mask,
            prompt,
        )
        if self.landmark_stream is not None:
            tokens = self._add_landmarks(
                tokens,
                landmarks if streams.use_landmarks else None,
                frame_mask,
                landmark_mask,
            )
        return _batch_tokens(tokens, routing, frame_mask)

    def _fuse(
        self,
        pixel_values: Tensor | None,
        face_pixel_values: Tensor | None,
        frame_mask: Tensor,
        face_mask: Tensor,
        prompt: Tensor | None,
    ) -> tuple[Tensor, Routing | None]:
        """Encode the real frames of all clips as one list of pictures, and fuse them."""
        if self.adapter is None:
            weight = next(self.parameters())
            num_pictures, dim = int(frame_mask.sum()), self.config.text_config.hidden_size
            return weight.new_zeros(num_pictures, 0, dim), None
        general = face = None
        if self.general_encoder is not None and pixel_values is not None:
            general = self.general_encoder(pixel_values[frame_mask])
        if self.face_encoder is not None and face_pixel_values is not None:
            face = self._encode_faces(face_pixel_values[frame_mask], face_mask[frame_mask])
        if prompt is not None:
            prompt = prompt[frame_mask.nonzero()[:, 0]]
        fused = self.adapter(general, face, face_mask[frame_mask], prompt)
        return fused.tokens, fused.routing

    def _encode_faces(self, pictures: Tensor, face_mask: Tensor) -> Tensor:
        """Encode the pictures that have a face; the others' rows are zero.

        Without any face one picture is encoded all the same, since every process of a sharded
        run has to call every layer.
        """
        assert self.face_encoder is not None
        rows = face_mask.nonzero()[:, 0]
        rows = rows if len(rows) else rows.new_zeros(1)
        encoded = self.face_encoder(pictures[rows])
        return encoded.new_zeros(len(pictures), *encoded.shape[1:]).index_copy(0, rows, encoded)

    def _add_landmarks(
        self,
        tokens: Tensor,
        landmarks: Tensor | None,
        frame_mask: Tensor,
        landmark_mask: Tensor | None,
    ) -> Tensor:
        assert self.landmark_stream is not None
        assert self.landmark_tokens is not None
        if landmarks is None:
            hidden = tokens.new_zeros(len(tokens), self.config.landmark_dim)
            return self.landmark_tokens(tokens, hidden, frame_mask.new_zeros(len(tokens)))
        if landmark_mask is None:
            landmark_mask = frame_mask.new_ones(landmarks.shape[:3])
        valid_mask = landmark_mask.bool() & frame_mask.unsqueeze(-1)
        hidden = self.landmark_stream(landmarks, valid_mask)
        seen = valid_mask.any(dim=-1)[frame_mask]
        return self.landmark_tokens(tokens, hidden[frame_mask], seen)


def _batch_tokens(
    tokens: Float[Tensor, "pictures tokens dim"],
    routing: Routing | None,
    frame_mask: Bool[Tensor, "batch frames"],
) -> MediaTokens:
    """Put the list of pictures back into rows, one per clip."""
    batch, num_frames = frame_mask.shape
    _, num_tokens, dim = tokens.shape
    visual_tokens = tokens.new_zeros(batch, num_frames, num_tokens, dim)
    visual_tokens[frame_mask] = tokens
    visual_mask = frame_mask.unsqueeze(-1).expand(batch, num_frames, num_tokens)
    media = MediaTokens(
        visual_tokens=visual_tokens.flatten(1, 2), visual_mask=visual_mask.flatten(1)
    )
    if routing is not None:
        chosen = routing.expert_ids.unflatten(0, (len(tokens), -1))
        expert_ids = chosen.new_full((batch, num_frames, num_tokens, chosen.shape[-1]), -1)
        expert_ids[:, :, : chosen.shape[1]][frame_mask] = chosen
        media.expert_ids = expert_ids.flatten(1, 2)
        media.balance_loss = balance_loss(routing)
        media.router_z_loss = router_z_loss(routing)
    return media
