"""Features of frozen encoders, kept on disk: a picture is encoded once in all epochs and runs."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from lineament.cache import DiskCache, hash_parts
from lineament.errors import BadInput

GIB = 2**30
_PARTS = ("general_encoder", "face_encoder")


def keep_features(model: Any, folder: str, *, limit_gib: float) -> list[str]:
    """Let a model's frozen encoders look features up before they compute them.

    Only encoders without anything to train are wrapped, in place, and `drop_features` undoes
    it. An entry is named by the weights and the pixels, so nothing stale is ever found.

    Returns:
        Names of the encoders.

    Raises:
        BadInput: No encoder is frozen as a whole.
    """
    names = frozen_encoders(model)
    cache = DiskCache(folder, limit_bytes=int(limit_gib * GIB))
    for name in names:
        encoder = getattr(model.media, name)
        computed = type(encoder).forward
        lookup = _CachedForward(encoder, computed, cache, hash_weights(encoder))
        object.__setattr__(encoder, "forward", lookup)
    return names


def frozen_encoders(model: Any) -> list[str]:
    """Return the encoders whose features stay the same.

    Raises:
        BadInput: There is none.
    """
    media = getattr(model, "media", None)
    if media is None:
        raise BadInput(
            f"cache_features: {type(model).__name__} has no encoders of clips",
            hint="it is for models that chat",
        )
    found = [(name, getattr(media, name)) for name in _PARTS]
    names = [
        name
        for name, encoder in found
        if encoder is not None and not any(p.requires_grad for p in encoder.parameters())
    ]
    if not names:
        raise BadInput(
            "cache_features: no encoder is frozen, so features change with every step",
            hint="leave media.general_encoder or media.face_encoder out of trainable",
        )
    return names


def drop_features(model: Any) -> None:
    """Let encoders compute everything again."""
    for name in _PARTS:
        encoder = getattr(model.media, name)
        if encoder is not None:
            encoder.__dict__.pop("forward", None)


def hash_weights(module: nn.Module) -> str:
    """Return a name for a module's weights."""
    parts: list[bytes | str] = []
    for name, value in sorted(module.state_dict().items()):
        parts += [name, value.detach().float().cpu().contiguous().numpy().tobytes()]
    return hash_parts(*parts)


class _CachedForward:
    """An encoder's forward pass, picture by picture from the cache."""

    def __init__(
        self,
        encoder: nn.Module,
        compute: Callable[..., Tensor],
        cache: DiskCache,
        weights_key: str,
    ) -> None:
        self.encoder, self.compute = encoder, compute
        self.cache, self.weights_key = cache, weights_key

    def __call__(
        self, pixel_values: Float[Tensor, "pictures 3 height width"]
    ) -> Float[Tensor, "pictures patches dim"]:
        """Compute what is missing in one go, and keep it in the type it was computed in."""
        if not len(pixel_values):
            return self.compute(self.encoder, pixel_values)
        dtype = _dtype_of(pixel_values)
        pixels = pixel_values.detach().float().cpu().contiguous().numpy()
        keys = [hash_parts(self.weights_key, str(dtype), row.tobytes()) for row in pixels]
        found: dict[int, Tensor] = {}
        for row, key in enumerate(keys):
            content = self.cache.find(key)
            if content is not None:
                found[row] = _read(content)
        missing = [row for row in range(len(keys)) if row not in found]
        if missing:
            with torch.no_grad():
                computed = self.compute(self.encoder, pixel_values[missing]).cpu()
            for row, features in zip(missing, computed, strict=True):
                found[row] = features
                self.cache.write(keys[row], _write(features))
        stacked = torch.stack([found[row] for row in range(len(keys))])
        return stacked.to(pixel_values.device)


def _dtype_of(pixel_values: Tensor) -> torch.dtype:
    device = pixel_values.device.type
    if torch.is_autocast_enabled(device):
        return torch.get_autocast_dtype(device)
    return torch.float32


def _write(features: Float[Tensor, "patches dim"]) -> bytes:
    """Write shape, type and numbers; 16-bit floats of torch's own kind as their bits."""
    is_half = features.dtype == torch.bfloat16
    head = np.array([*features.shape, int(is_half)], np.int64).tobytes()
    bits = features.contiguous().view(torch.int16) if is_half else features.float().contiguous()
    return head + bits.numpy().tobytes()


def _read(content: bytes) -> Float[Tensor, "patches dim"]:
    num_patches, dim, is_half = np.frombuffer(content[:24], np.int64).tolist()
    kind = np.int16 if is_half else np.float32
    values = torch.from_numpy(np.frombuffer(content[24:], kind).copy()).view(num_patches, dim)
    return values.view(torch.bfloat16) if is_half else values
