"""FaVChat on Qwen2.5-VL or Qwen3-VL: the base's own logits at step 0, the face path closed."""

from pathlib import Path
from typing import Any, no_type_check

import torch
from huggingface_hub.dataclasses import strict
from torch import Tensor, nn
from transformers import AutoConfig, PreTrainedModel

from lineament.errors import BadInput, BadModel
from lineament.model.experts import Routing
from lineament.model.favchat import FaVChatForConditionalGeneration
from lineament.model.favchat_config import FaVChatConfig, favchat_full_config
from lineament.model.foreign import first_line
from lineament.model.loading import refuse_misfits
from lineament.model.media import MediaEncoder
from lineament.model.qwen_frames import QwenFrames, QwenFramesConfig
from lineament.model.qwen_language import QwenLanguageModel

BASES = ("qwen2_5_vl", "qwen3_vl")


@no_type_check
@strict
class QwenChatConfig(FaVChatConfig):
    """FaVChat's configuration with Qwen's encoder as the general one."""

    model_type = "favchat_qwen"

    def __post_init__(self, **kwargs: Any) -> None:
        super().__post_init__(**kwargs)
        if self.vision_config.model_type != QwenFramesConfig.model_type:
            raise BadInput("vision_config: expected Qwen's vision encoder")
        if list(self.vision_config.token_grid) != list(self.token_grid):
            raise BadInput("token_grid: not that of vision_config")
        if not self.face_starts_at_zero or not self.has_general:
            raise BadInput("a start from Qwen needs face_starts_at_zero and the general stream")
        if self.text_gate:
            raise BadInput("text_gate: not with a start from Qwen")


class QwenMedia(MediaEncoder):
    """What sees: Qwen's tokens as they are, and what the faces add to them."""

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        assert self.adapter is not None
        assert self.adapter.start is not None
        # Qwen's tokens have the language model's width already.
        self.adapter.start.add_module("project", nn.Identity())
        self.dim = config.text_config.hidden_size

    def _fuse(
        self,
        pixel_values: Tensor | None,
        face_pixel_values: Tensor | None,
        frame_mask: Tensor,
        face_mask: Tensor,
        prompt: Tensor | None,
    ) -> tuple[Tensor, Routing | None]:
        del prompt
        assert self.adapter is not None
        num_pictures, depths = int(frame_mask.sum()), self.config.vision_config.num_depths
        general = face = more = None
        if self.general_encoder is not None and pixel_values is not None:
            wide = self.general_encoder(pixel_values[frame_mask])
            general, more = wide.split([self.dim, depths * self.dim], dim=-1)
        if self.face_encoder is not None and face_pixel_values is not None:
            face = self._encode_faces(face_pixel_values[frame_mask], face_mask[frame_mask])
        fused = self.adapter(general, face, face_mask[frame_mask])
        tokens = fused.tokens
        if more is None:
            more = tokens.new_zeros(*tokens.shape[:2], depths * self.dim)
        rows, columns = self.config.token_grid
        places = torch.cartesian_prod(torch.arange(1, rows + 1), torch.arange(1, columns + 1))
        places = places.to(tokens).expand(num_pictures, -1, -1)
        return torch.cat([tokens, more.to(tokens.dtype), places], dim=-1), fused.routing

    def _add_landmarks(
        self,
        tokens: Tensor,
        landmarks: Tensor | None,
        frame_mask: Tensor,
        landmark_mask: Tensor | None,
    ) -> Tensor:
        read, rest = tokens[..., : self.dim], tokens[..., self.dim :]
        read = super()._add_landmarks(read, landmarks, frame_mask, landmark_mask)
        return torch.cat([read, rest], dim=-1)


class QwenChat(FaVChatForConditionalGeneration):
    """FaVChat whose general encoder and language model are those of a Qwen-VL."""

    config_class = QwenChatConfig

    def __init__(self, config: Any) -> None:
        PreTrainedModel.__init__(self, config)
        rows, columns = config.token_grid
        self.media = QwenMedia(config)
        self.language_model = QwenLanguageModel(
            config.text_config, config.vision_config.num_depths, (rows, columns)
        )
        self.post_init()


def qwen_chat_from(qwen: Any, **changes: Any) -> QwenChat:
    """Start from a Qwen2.5-VL or Qwen3-VL that is loaded: same logits, the face path closed.

    One frame is one of its pictures, at the grid that ``token_grid`` says.

    Raises:
        BadInput: The changes contradict each other.
    """
    config = qwen_chat_config(qwen.config, **changes)
    with torch.device(qwen.device):
        model = QwenChat(config)
    assert model.media.general_encoder is not None
    tower = model.media.general_encoder.tower
    assert isinstance(tower, QwenFrames)
    tower.encoder.load_state_dict(qwen.model.visual.state_dict())
    model.language_model.get_decoder().text.load_state_dict(qwen.model.language_model.state_dict())
    model.language_model.get_output_embeddings().load_state_dict(qwen.lm_head.state_dict())
    return model


def qwen_chat_config(base: Any, **changes: Any) -> QwenChatConfig:
    """Return the configuration of a start from a Qwen-VL of this configuration.

    Raises:
        BadInput: The changes contradict each other.
    """
    grid = list(changes.get("token_grid", (8, 8)))
    text = base.text_config.to_dict() | {"tie_word_embeddings": base.tie_word_embeddings}
    settings: dict[str, Any] = {
        "text_config": text | changes.pop("text_config", {}),
        "vision_config": QwenFramesConfig(
            encoder=base.vision_config.to_dict(), token_grid=grid
        ).to_dict(),
        "token_grid": grid,
        "frame_token_id": base.image_token_id,
        "face_config": favchat_full_config().face_config.to_dict(),
        "face_starts_at_zero": True,
        "landmark_tokens": 0,
    }
    return QwenChatConfig(**(settings | changes))


def load_qwen_chat(folder: Path, *, dtype: torch.dtype = torch.float32) -> QwenChat:
    """Load a model that began as a Qwen-VL; nothing may be missing, left over or misshapen.

    Raises:
        BadModel: In one line, what is wrong.
    """
    try:
        loaded: Any = QwenChat.from_pretrained(
            folder, dtype=dtype, local_files_only=True, output_loading_info=True
        )
    except (BadInput, OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise BadModel(f"{folder}: the model cannot be read ({first_line(error)})") from error
    model, report = loaded
    refuse_misfits(report, folder, hint="train it again, or start from the base model")
    return model


def is_qwen_vl(place: str) -> bool:
    """Say whether a folder, or a name among downloaded models, holds a Qwen-VL."""
    try:
        return AutoConfig.from_pretrained(place, local_files_only=True).model_type in BASES
    except (OSError, ValueError, KeyError):
        return Path(place).name.startswith(("Qwen2.5-VL-", "Qwen3-VL-"))


AutoConfig.register(QwenChatConfig.model_type, QwenChatConfig, exist_ok=True)
