"""MAGVIT-v2 checkpoints in: sizes read from the weights, the same codes and pixels out."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lineament.errors import BadModel
from lineament.model.foreign import first_line, read_weights
from lineament.model.image_tokenizer import ImageTokenizer, ImageTokenizerConfig

_FILES = ("magvitv2.safetensors", "model.safetensors", "pytorch_model.bin")
_BUFFERS = ("quantize.embedding", "quantize.power_vals")


def tokenizer_from_magvitv2(folder: Path) -> ImageTokenizer:
    """Load a checkpoint in the key layout that Show-o uses.

    Raises:
        BadModel: The file is missing or damaged, or is no such checkpoint.
    """
    path = find_file(folder, _FILES)
    weights = {name.removeprefix("module."): value for name, value in read_weights(path).items()}
    config = _read_sizes(weights, where=str(path))
    for name in _BUFFERS:  # they only spell out the order of the bits, which is always the same
        buffer = weights.pop(name, None)
        if buffer is not None and not torch.equal(buffer.long(), _expected(name, config)):
            raise BadModel(f"{path}: {name} is not the binary code with the highest bit first")
    tokenizer = ImageTokenizer(config)
    try:
        tokenizer.load_state_dict(weights, strict=True)
    except RuntimeError as error:
        raise BadModel(f"{path}: weights do not fit ({first_line(error)})") from error
    return tokenizer


def find_file(folder: Path, names: Sequence[str]) -> Path:
    """Return the first of some files that is in a folder.

    Raises:
        BadModel: None of them is.
    """
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise BadModel(f"{folder}: none of {', '.join(names)} is in it", hint="check the path")


def _read_sizes(weights: Mapping[str, Tensor], *, where: str) -> ImageTokenizerConfig:
    try:
        channels = int(weights["encoder.conv_in.weight"].shape[0])
        sizes: dict[str, Any] = {
            "channels": channels,
            "code_bits": int(weights["encoder.quant_conv.weight"].shape[0]),
        }
        for part, path in (("encoder", "encoder.down"), ("decoder", "decoder.up")):
            blocks = _count_blocks(weights, path)
            sizes[f"{part}_blocks"] = blocks
            sizes[f"{part}_multipliers"] = [
                int(weights[f"{path}.{level}.block.0.conv1.weight"].shape[0]) // channels
                for level in range(len(blocks))
            ]
        return ImageTokenizerConfig(**sizes)
    except (KeyError, IndexError) as error:
        raise BadModel(f"{where}: no MAGVIT-v2 weights in it ({error} is missing)") from None


def _count_blocks(weights: Mapping[str, Tensor], path: str) -> list[int]:
    """Count the residual blocks of every level."""
    pattern = re.compile(re.escape(path) + r"\.(\d+)\.block\.(\d+)\.conv1\.weight")
    found = [pattern.fullmatch(name) for name in weights]
    pairs = [(int(match[1]), int(match[2])) for match in found if match]
    counts = [0] * (1 + max((level for level, _ in pairs), default=-1))
    for level, block in pairs:
        counts[level] = max(counts[level], block + 1)
    if not counts or 0 in counts:
        raise KeyError(f"{path}.{len(counts) and counts.index(0)}.block.0.conv1.weight")
    return counts


def _expected(name: str, config: ImageTokenizerConfig) -> Tensor:
    shifts = torch.arange(config.code_bits - 1, -1, -1)
    if name.endswith("power_vals"):
        return 2**shifts
    return ((torch.arange(config.num_code_ids).unsqueeze(1) >> shifts) & 1) * 2 - 1
