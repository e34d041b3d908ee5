"""Small honest networks, a tokenizer and inputs that the other model tests share."""

from typing import Any

import numpy as np
import pytest
import torch
from transformers import PreTrainedTokenizerFast

from lineament.model.favchat import FaVChatForConditionalGeneration
from lineament.model.favchat_config import FaVChatConfig
from lineament.model.processor import FaVChatProcessor, VisualInput
from lineament.model.tokenizer import FRAME_TOKEN, train_tokenizer

SENTENCES = [
    "Is the person in the clip smiling?",
    "Yes, she is smiling from 0.4 to 1.2 seconds.",
    "No, he is not wearing glasses.",
    "What colour is the hair? user assistant system",
]
NUM_POINTS = 5
NUM_SAMPLES = 2


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(before)


def toy_tokenizer() -> PreTrainedTokenizerFast:
    return train_tokenizer(SENTENCES * 2, 320)


def toy_config(**changes: Any) -> FaVChatConfig:
    """SigLIP, CLIP and Qwen3 in miniature, all widths different."""
    settings: dict[str, Any] = {
        "text_config": {
            "model_type": "qwen3",
            "vocab_size": 320,
            "hidden_size": 32,
            "intermediate_size": 48,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "num_key_value_heads": 1,
            "head_dim": 16,
            "max_position_embeddings": 512,
            "tie_word_embeddings": True,
        },
        "vision_config": {
            "model_type": "siglip_vision_model",
            "hidden_size": 24,
            "intermediate_size": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "image_size": 32,
            "patch_size": 8,
            "vision_use_head": False,
        },
        "face_config": {
            "model_type": "clip_vision_model",
            "hidden_size": 16,
            "intermediate_size": 32,
            "num_hidden_layers": 4,
            "num_attention_heads": 2,
            "image_size": 24,
            "patch_size": 8,
        },
        "frame_token_id": 3,
        "token_grid": (2, 2),
        "num_landmarks": NUM_POINTS,
        "landmark_samples": NUM_SAMPLES,
        "landmark_dim": 16,
    }
    return FaVChatConfig(**(settings | changes))


def toy_model(seed: int = 0, **changes: Any) -> FaVChatForConditionalGeneration:
    torch.manual_seed(seed)
    return FaVChatForConditionalGeneration(toy_config(**changes)).eval()


def toy_processor(config: FaVChatConfig) -> FaVChatProcessor:
    return FaVChatProcessor.for_model(config, toy_tokenizer())


def toy_visual(num_frames: int = 3, seed: int = 0) -> VisualInput:
    rng = np.random.default_rng(seed)
    return VisualInput(
        frames=rng.integers(0, 256, (num_frames, 30, 40, 3), dtype=np.uint8),
        times_seconds=[0.4 * i for i in range(num_frames)],
        faces=rng.integers(0, 256, (num_frames, 28, 28, 3), dtype=np.uint8),
        landmarks=rng.normal(size=(num_frames, NUM_SAMPLES, NUM_POINTS, 3)).astype(np.float32),
    )


def toy_batch(config: FaVChatConfig, num_frames: int = 3, seed: int = 0, **kwargs: Any) -> Any:
    conversation = [{"role": "user", "content": SENTENCES[0]}]
    if kwargs.get("with_labels"):
        conversation.append({"role": "assistant", "content": SENTENCES[1]})
    return toy_processor(config)([conversation], [toy_visual(num_frames, seed)], **kwargs)


def test_toy_tokenizer_writes_any_text_back_unchanged():
    tokenizer = toy_tokenizer()
    text = "Ünïcode, 12.5 s, \n two lines and 日本"
    assert tokenizer.decode(tokenizer(text)["input_ids"]) == text


def test_toy_frame_token_has_the_id_of_the_configuration():
    assert toy_tokenizer().convert_tokens_to_ids(FRAME_TOKEN) == toy_config().frame_token_id
