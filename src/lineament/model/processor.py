"""Frames, faces, landmarks and conversations to the tensors that FaVChat reads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, no_type_check

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from PIL import Image
from torch import Tensor
from transformers import BatchFeature, PreTrainedTokenizerBase, ProcessorMixin

from lineament.errors import BadInput
from lineament.model.favchat_config import FaVChatConfig
from lineament.model.tokenizer import END_TOKEN, FRAME_TOKEN, disarm_text
from lineament.model.vision import tower_size_px

Message = Mapping[str, Any]
IGNORED_LABEL = -100
CLIP_MEAN, CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


@dataclass(frozen=True, slots=True)
class VisualInput:
    """One clip or picture, sampled and cropped, before any model's resizing.

    Attributes:
        frames: Sampled frames, RGB.
        times_seconds: When each was shown.
        faces: One aligned crop per frame, anything where there is no face; None when nobody
            looked for faces.
        face_mask: True where a frame has a face; all of them when left out.
        landmarks: Normalised points: several samples, spread over the frame's time.
        landmark_mask: True where a sample has landmarks; all of them when left out.
    """

    frames: UInt8[np.ndarray, "frames height width 3"]
    times_seconds: Sequence[float]
    faces: UInt8[np.ndarray, "frames face_height face_width 3"] | None = None
    face_mask: Bool[np.ndarray, "frames"] | None = None
    landmarks: Float[np.ndarray, "frames samples points 3"] | None = None
    landmark_mask: Bool[np.ndarray, "frames samples"] | None = None


class FaVChatProcessor(ProcessorMixin):
    """Conversations about clips, as tensors.

    Args:
        tokenizer: Any fast tokenizer with our special tokens (`prepare_tokenizer`).
        tokens_per_frame: As in the model's configuration.
        frame_size_px: Height and width of whole frames.
        face_size_px: Height and width of faces.
        frame_mean: Subtracted from pixels in 0..1, then divided by ``frame_std``.
        frame_std: See ``frame_mean``.
        face_mean: As ``frame_mean``, for faces.
        face_std: As ``frame_std``, for faces.
        num_landmarks: Points of a face; 0 when the model takes none.
        landmark_samples: Samples of each frame's landmarks.
        face_from_frame: Whether the face encoder sees whole frames when no crops are given.
        chat_template: The tokenizer's when left out.
    """

    @no_type_check  # transformers reads the argument names from the code object
    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        tokens_per_frame: int = 64,
        frame_size_px: Sequence[int] = (384, 384),
        face_size_px: Sequence[int] = (224, 224),
        frame_mean: Sequence[float] = (0.5, 0.5, 0.5),
        frame_std: Sequence[float] = (0.5, 0.5, 0.5),
        face_mean: Sequence[float] = (0.5, 0.5, 0.5),
        face_std: Sequence[float] = (0.5, 0.5, 0.5),
        num_landmarks: int = 0,
        landmark_samples: int = 8,
        face_from_frame: bool = False,
        chat_template: str | None = None,
    ) -> None:
        self.tokens_per_frame = tokens_per_frame
        self.frame_size_px = list(frame_size_px)
        self.face_size_px = list(face_size_px)
        self.frame_mean, self.frame_std = list(frame_mean), list(frame_std)
        self.face_mean, self.face_std = list(face_mean), list(face_std)
        self.num_landmarks = num_landmarks
        self.landmark_samples = landmark_samples
        self.face_from_frame = face_from_frame
        super().__init__(tokenizer, chat_template=chat_template or tokenizer.chat_template)

    @classmethod
    def for_model(
        cls, config: FaVChatConfig, tokenizer: PreTrainedTokenizerBase, **changes: Any
    ) -> "FaVChatProcessor":
        """Make the processor that fits a model; CLIP towers get CLIP's pixel statistics."""
        settings: dict[str, Any] = {
            "tokens_per_frame": config.tokens_per_frame,
            "frame_size_px": tower_size_px(config.vision_config),
            "face_size_px": tower_size_px(config.face_config),
            "num_landmarks": config.num_landmarks if config.use_landmarks else 0,
            "landmark_samples": config.landmark_samples,
        }
        for part, tower in (("frame", config.vision_config), ("face", config.face_config)):
            if tower.model_type == "clip_vision_model":
                settings |= {f"{part}_mean": CLIP_MEAN, f"{part}_std": CLIP_STD}
        return cls(tokenizer, **(settings | changes))

    def __call__(  # pyright: ignore[reportIncompatibleMethodOverride]
        self,
        conversations: Sequence[Message] | Sequence[Sequence[Message]],
        visuals: VisualInput | Sequence[VisualInput | None] | None = None,
        *,
        add_generation_prompt: bool = True,
        with_labels: bool = False,
        padding_side: str | None = None,
    ) -> BatchFeature:
        """Make one batch.

        Args:
            conversations: One conversation or several; a message is ``{"role", "content"}``.
            visuals: What each is about. Its frames go where a message holds a part
                ``{"type": "video"}``, or else in front of the first user message.
            add_generation_prompt: Whether to end where the assistant's answer begins.
            with_labels: Whether to return ``labels``, for the assistant's words alone.
            padding_side: ``left`` for answering and ``right`` for learning when left out.

        Raises:
            BadInput: Conversations and visuals do not fit each other.
        """
        if conversations and isinstance(conversations[0], Mapping):
            conversations = [conversations]  # type: ignore[list-item]
        if visuals is None or isinstance(visuals, VisualInput):
            visuals = [visuals] * len(conversations)
        if len(visuals) != len(conversations):
            raise BadInput(f"{len(conversations)} conversations, but {len(visuals)} visuals")
        messages = [
            self.place_frames(conversation, visual)  # type: ignore[arg-type]
            for conversation, visual in zip(conversations, visuals, strict=True)
        ]
        batch = self.encode_text(
            messages,
            add_generation_prompt=add_generation_prompt and not with_labels,
            with_labels=with_labels,
            padding_side=padding_side or ("right" if with_labels else "left"),
        )
        return BatchFeature(batch | self.encode_visuals(visuals))

    def place_frames(
        self, conversation: Sequence[Message], visual: VisualInput | None
    ) -> list[dict[str, Any]]:
        """Write frame times into a conversation, and break up special tokens in its text."""
        messages, num_videos = [], 0
        for message in conversation:
            content = message["content"]
            parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
            placed = []
            for part in parts:
                if part["type"] == "video":
                    num_videos += 1
                    placed.append({"type": "video", "times": self._times(visual)})
                else:
                    placed.append(
                        {"type": "text", "text": disarm_text(part["text"], self.tokenizer)}
                    )
            messages.append({"role": message["role"], "content": placed})
        if visual is not None and num_videos == 0:
            first = next((m for m in messages if m["role"] == "user"), None)
            if first is None:
                raise BadInput("a clip is given, but no user message to put it in")
            first["content"].insert(0, {"type": "video", "times": self._times(visual)})
        if num_videos > 1:
            raise BadInput(f"expected one video part in a conversation, got {num_videos}")
        for message in messages:
            if message["role"] == "assistant":
                message["content"] = "".join(part["text"] for part in message["content"]).strip()
        return messages

    def encode_visuals(self, visuals: Sequence[VisualInput | None]) -> dict[str, Tensor]:
        """Resize, normalise and pad clips to one batch; empty when there are none."""
        if all(visual is None for visual in visuals):
            return {}
        rows = [self._encode_visual(visual) for visual in visuals]
        longest = max(len(row["frame_mask"]) for row in rows)
        return {
            name: torch.stack([_pad_frames(row[name], longest) for row in rows]) for name in rows[0]
        }

    def _times(self, visual: VisualInput | None) -> list[float]:
        if visual is None:
            raise BadInput("a message has a video part, but there is no clip")
        if len(visual.times_seconds) != len(visual.frames):
            raise BadInput(
                f"{len(visual.frames)} frames, but {len(visual.times_seconds)} times_seconds"
            )
        return [float(time) for time in visual.times_seconds]

    def encode_text(
        self,
        messages: list[list[dict[str, Any]]],
        *,
        add_generation_prompt: bool,
        with_labels: bool,
        padding_side: str,
    ) -> dict[str, Tensor]:
        """Write placed conversations out as token ids, with labels where they are learned."""
        encoded = self.tokenizer.apply_chat_template(
            messages,
            chat_template=self.chat_template,
            tokens_per_frame=self.tokens_per_frame,
            add_generation_prompt=add_generation_prompt,
            return_assistant_tokens_mask=with_labels,
            return_dict=True,
            padding=True,
            tokenizer_kwargs={"padding_side": padding_side},
        )
        batch = {name: torch.tensor(encoded[name]) for name in ("input_ids", "attention_mask")}
        if with_labels:
            is_answer = torch.tensor(encoded["assistant_masks"]).bool()
            batch["labels"] = batch["input_ids"].masked_fill(~is_answer, IGNORED_LABEL)
        return batch

    def _encode_visual(self, visual: VisualInput | None) -> dict[str, Tensor]:
        if visual is None:
            visual = VisualInput(np.zeros((0, 1, 1, 3), np.uint8), ())
        num_frames = len(visual.frames)
        faces = visual.faces
        has_faces = faces is not None
        if faces is None and self.face_from_frame:
            faces, has_faces = visual.frames, True
        if faces is None:
            faces = np.zeros((num_frames, 1, 1, 3), np.uint8)
        if len(faces) != num_frames:
            raise BadInput(f"{num_frames} frames, but {len(faces)} faces")
        landmarks = visual.landmarks
        has_landmarks = landmarks is not None and self.num_landmarks > 0
        row = {
            "pixel_values": encode_pixels(
                visual.frames, self.frame_size_px, self.frame_mean, self.frame_std
            ),
            "frame_mask": torch.ones(num_frames, dtype=torch.bool),
            "face_pixel_values": encode_pixels(
                faces, self.face_size_px, self.face_mean, self.face_std
            ),
            "face_mask": _mask(visual.face_mask, (num_frames,), has_faces),
        }
        if self.num_landmarks:
            expected = (num_frames, self.landmark_samples, self.num_landmarks, 3)
            if landmarks is None:
                landmarks = np.zeros(expected, np.float32)
            if landmarks.shape != expected:
                raise BadInput(f"landmarks: expected {expected}, got {landmarks.shape}")
            row["landmarks"] = torch.from_numpy(np.ascontiguousarray(landmarks)).float()
            row["landmark_mask"] = _mask(visual.landmark_mask, expected[:2], has_landmarks)
        return row

    @property
    def frame_token_id(self) -> int:
        """The id of the placeholder."""
        return self.tokenizer.convert_tokens_to_ids(FRAME_TOKEN)

    @property
    def end_token_id(self) -> int:
        """The id that ends an answer."""
        return self.tokenizer.convert_tokens_to_ids(END_TOKEN)

    @property
    def model_input_names(self) -> list[str]:
        """Name what a call returns."""
        return [
            "input_ids",
            "attention_mask",
            "pixel_values",
            "frame_mask",
            "face_pixel_values",
            "face_mask",
            "landmarks",
            "landmark_mask",
        ]


def encode_pixels(
    pixels: UInt8[np.ndarray, "frames height width 3"],
    size_px: Sequence[int],
    mean: Sequence[float],
    std: Sequence[float],
) -> Float[Tensor, "frames 3 out_height out_width"]:
    """Stretch pictures to one size with PIL and normalise them."""
    height, width = size_px
    resized = np.zeros((len(pixels), height, width, 3), np.uint8)
    for index, picture in enumerate(pixels):
        if picture.shape[:2] == (height, width):
            resized[index] = picture
        else:
            image = Image.fromarray(picture).resize((width, height), Image.Resampling.BICUBIC)
            resized[index] = np.asarray(image)
    values = torch.from_numpy(resized).permute(0, 3, 1, 2).float().div_(255.0)
    values -= torch.tensor(mean).view(3, 1, 1)
    return values.div_(torch.tensor(std).view(3, 1, 1))


def _mask(mask: np.ndarray | None, shape: tuple[int, ...], has_any: bool) -> Tensor:
    if mask is None or not has_any:
        return torch.full(shape, has_any, dtype=torch.bool)
    if mask.shape != shape:
        raise BadInput(f"a mask of {mask.shape}, expected {shape}")
    return torch.from_numpy(np.ascontiguousarray(mask)).bool()


def _pad_frames(values: Tensor, num_frames: int) -> Tensor:
    padding = values.new_zeros(num_frames - len(values), *values.shape[1:])
    return torch.cat([values, padding])
