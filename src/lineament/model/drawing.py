"""A drawing model whole: network, image tokenizer and text tokenizer, in one folder.

The folder holds the network as ``transformers`` saves it, the text tokenizer's files, and the
image tokenizer in ``image_tokenizer/``.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Int, UInt8
from torch import Tensor
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from lineament.errors import BadInput, BadModel
from lineament.model.foreign import first_line
from lineament.model.hub import find_folder
from lineament.model.image_tokenizer import ImageTokenizer
from lineament.model.layout import understanding_ids
from lineament.model.loading import quiet_loading, refuse_misfits
from lineament.model.tokenizer import disarm_text
from lineament.model.unif2ace import UniF2aceForFaces
from lineament.model.unmasking import Unmasking, draw_codes

IMAGE_TOKENIZER_FOLDER = "image_tokenizer"
BATCH = 8  # images drawn at once; more only costs memory
MAX_ANSWER_TOKENS = 256
MAX_GRID_SIDE = 256
_HINT = "copy or train the model again"


@dataclass(frozen=True, slots=True)
class DrawingModel:
    """What draws faces and answers about them."""

    name: str
    network: UniF2aceForFaces
    image_tokenizer: ImageTokenizer
    text_tokenizer: PreTrainedTokenizerBase

    @property
    def size_px(self) -> int:
        """Side of the pictures it draws."""
        return self.network.config.grid_side * self.image_tokenizer.config.patch_px

    def read_text(self, text: str) -> list[int]:
        """Turn text into ids; special tokens that somebody typed stay plain text."""
        safe = disarm_text(text, self.text_tokenizer)
        return list(self.text_tokenizer(safe, add_special_tokens=False)["input_ids"])

    def count_room(self) -> int:
        """Return how many tokens of a prompt are read; what goes beyond is cut off."""
        return self.network.config.text_block - 3

    def cut_text(self, text: str, room: int) -> str:
        """Return the beginning of a text, as many tokens as there is room for."""
        kept = self.read_text(text)[:room]
        return str(self.text_tokenizer.decode(kept)).rstrip("\ufffd ")

    def draw(
        self, texts: Sequence[str], seeds: Sequence[int], settings: Unmasking | None = None
    ) -> UInt8[np.ndarray, "pictures height width 3"]:
        """Draw one picture for each text and seed; the same again for the same seed."""
        ids = [self.read_text(text) for text in texts]
        drawn = [
            self.paint(
                draw_codes(
                    self.network,
                    ids[start : start + BATCH],
                    settings=settings,
                    seeds=seeds[start : start + BATCH],
                )
            )
            for start in range(0, len(texts), BATCH)
        ]
        return np.concatenate(drawn) if drawn else _no_pictures(self.size_px)

    def edit(
        self,
        pixels: UInt8[np.ndarray, "pictures height width 3"],
        texts: Sequence[str],
        redraw_mask: Bool[Tensor, "pictures codes"],
        seeds: Sequence[int],
        settings: Unmasking | None = None,
    ) -> UInt8[np.ndarray, "pictures size_px size_px 3"]:
        """Draw part of pictures anew and keep the codes of the rest.

        The rest passes the image tokenizer once, so its pixels are near, not equal.
        """
        ids = [self.read_text(text) for text in texts]
        codes = draw_codes(
            self.network,
            ids,
            settings=settings,
            seeds=seeds,
            start=self.encode(pixels),
            redraw_mask=redraw_mask,
        )
        return self.paint(codes)

    def encode(
        self, pixels: UInt8[np.ndarray, "pictures height width 3"]
    ) -> Int[Tensor, "pictures codes"]:
        """Cut pictures to squares, bring them to `size_px`, and encode them."""
        squares = np.stack([fit_square(picture, self.size_px) for picture in pixels])
        values = torch.from_numpy(squares).permute(0, 3, 1, 2).float() / 127.5 - 1
        tokenizer = self.image_tokenizer
        return tokenizer.encode(values.to(tokenizer.device, tokenizer.dtype))

    def paint(
        self, codes: Int[Tensor, "pictures codes"]
    ) -> UInt8[np.ndarray, "pictures height width 3"]:
        """Turn codes into pictures."""
        values = self.image_tokenizer.decode(codes.to(self.image_tokenizer.device)).float()
        pixels = ((values.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
        return pixels.permute(0, 2, 3, 1).cpu().numpy()

    @torch.no_grad()
    def answer(
        self,
        pixels: UInt8[np.ndarray, "height width 3"],
        question: str,
        *,
        max_new_tokens: int = MAX_ANSWER_TOKENS,
        **features: Any,
    ) -> str:
        """Answer a question about a picture, greedily, with a cache.

        Args:
            pixels: A face crop.
            question: In words.
            max_new_tokens: Where to stop at the latest.
            **features: ``clip_features`` and ``face_features``, where experts want them.
        """
        codes = self.encode(pixels[None])[0]
        return self.answer_codes(codes, question, max_new_tokens=max_new_tokens, **features)

    @torch.no_grad()
    def answer_codes(
        self,
        codes: Int[Tensor, " codes"],
        question: str,
        *,
        max_new_tokens: int = MAX_ANSWER_TOKENS,
        **features: Any,
    ) -> str:
        """Answer as `answer` does, about a picture that `encode` has read already."""
        asked = self.read_text(format_question(question))
        ids = torch.tensor([understanding_ids(codes, asked, self.network.config)])
        ids = ids.to(self.network.device)
        said = self.network.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=max_new_tokens,
            do_sample=False,
            pad_token_id=self.network.config.special_id("pad"),
            **features,
        )
        told = said[0, ids.shape[1] :].tolist()
        return str(self.text_tokenizer.decode(told, skip_special_tokens=True)).strip()

    def save(self, folder: Path | str) -> None:
        """Write everything into one folder."""
        self.network.save_pretrained(folder)
        self.text_tokenizer.save_pretrained(folder)
        self.image_tokenizer.save_pretrained(Path(folder) / IMAGE_TOKENIZER_FOLDER)


def load_drawing_model(
    name_or_path: str | Path, *, dtype: torch.dtype = torch.float32
) -> DrawingModel:
    """Load a drawing model from a folder, or one that is installed.

    Raises:
        BadModel: There is none, it is damaged, or its parts do not fit each other.
    """
    folder = find_folder(name_or_path)
    network = _load_part(UniF2aceForFaces, folder, dtype)
    image_tokenizer = _load_part(ImageTokenizer, folder / IMAGE_TOKENIZER_FOLDER, dtype)
    try:
        text_tokenizer = PreTrainedTokenizerFast.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise BadModel(
            f"{folder}: the tokenizer cannot be read ({first_line(error)})",
            hint=_HINT,
        ) from error
    model = DrawingModel(str(name_or_path), network, image_tokenizer, text_tokenizer)
    _check_fit(model, folder)
    return model


def format_question(question: str) -> str:
    """Put a question as the network learns it."""
    return f"USER: {question.strip()} ASSISTANT:"


def fit_square(
    pixels: UInt8[np.ndarray, "height width 3"], size_px: int
) -> UInt8[np.ndarray, "size size 3"]:
    """Scale the shorter side to ``size_px``, smoothly, and cut the middle out."""
    from PIL import Image

    height, width = pixels.shape[:2]
    scale = size_px / min(height, width)
    size = (max(size_px, round(width * scale)), max(size_px, round(height * scale)))
    scaled = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC))
    top, left = (scaled.shape[0] - size_px) // 2, (scaled.shape[1] - size_px) // 2
    return scaled[top : top + size_px, left : left + size_px].copy()


def _load_part(kind: Any, folder: Path, dtype: torch.dtype) -> Any:
    """Load weights strictly: nothing may be missing, left over or of another shape."""
    _check_type(folder, kind.config_class.model_type)
    try:
        with quiet_loading():
            model, report = kind.from_pretrained(
                folder,
                dtype=dtype,
                local_files_only=True,
                use_safetensors=True,
                ignore_mismatched_sizes=True,
                output_loading_info=True,
            )
    except BadInput as error:
        raise BadModel(f"{folder}: {error.message}", hint=error.hint or _HINT) from error
    except Exception as error:  # damaged files raise whatever their readers raise
        raise BadModel(
            f"{folder}: the model cannot be read ({first_line(error)})", hint=_HINT
        ) from error
    refuse_misfits(report, folder, _HINT)
    for name, weights in model.named_parameters():
        if not bool(weights.isfinite().all()):
            raise BadModel(f"{folder}: {name} holds what is no number", hint=_HINT)
    return model.eval()


def _check_type(folder: Path, wanted: str) -> None:
    path = folder / "config.json"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))["model_type"]
    except FileNotFoundError:
        raise BadModel(f"{path}: no such file", hint=_HINT) from None
    except OSError as error:
        raise BadModel(f"{path}: {(error.strerror or str(error)).lower()}", hint=_HINT) from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadModel(f"{path}: is no model's configuration", hint=_HINT) from error
    if found != wanted:
        raise BadModel(
            f"{folder}: expected a {wanted} model, got {found}",
            hint="draw-tiny draws, and so does a folder trained like it",
        )


def _check_fit(model: DrawingModel, folder: Path) -> None:
    network, image, text = model.network.config, model.image_tokenizer.config, model.text_tokenizer
    if network.num_code_ids != image.num_code_ids:
        raise BadModel(
            f"{folder}: the network has {network.num_code_ids} codes, "
            f"its image tokenizer {image.num_code_ids}",
            hint=_HINT,
        )
    if len(text) > network.text_vocab_size:
        raise BadModel(
            f"{folder}: the tokenizer has {len(text)} ids, "
            f"the network room for {network.text_vocab_size}",
            hint=_HINT,
        )
    if not 1 <= network.grid_side <= MAX_GRID_SIDE:
        raise BadModel(f"{folder}: num_codes: {network.num_codes} make no picture", hint=_HINT)
    for name in ("bos_token_id", "eos_token_id"):
        found = getattr(network, name)
        token = found[0] if isinstance(found, list) and found else found
        if not isinstance(token, int) or not 0 <= token < network.text_vocab_size:
            raise BadModel(f"{folder}: {name}: {found} is no id of its tokenizer", hint=_HINT)


def _no_pictures(size_px: int) -> UInt8[np.ndarray, "pictures height width 3"]:
    return np.zeros((0, size_px, size_px, 3), dtype=np.uint8)
