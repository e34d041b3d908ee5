"""Faces to discrete codes and back: lookup-free quantisation in MAGVIT-v2's architecture."""

from typing import Any, no_type_check

import torch
from huggingface_hub.dataclasses import strict
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional
from transformers import AutoConfig, AutoModel, PreTrainedConfig, PreTrainedModel

from lineament.errors import BadInput


@no_type_check  # transformers' configurations take more keywords than they declare
@strict
class ImageTokenizerConfig(PreTrainedConfig):
    """Sizes of the image tokenizer; as they stand, those of Show-o's MAGVIT-v2.

    Attributes:
        channels: Channels of the widest grid; the multipliers are of this.
        encoder_multipliers: Channels of each level; between levels the grid halves.
        decoder_multipliers: The same of the decoder, widest grid first.
        encoder_blocks: Residual blocks of each level.
        decoder_blocks: The same of the decoder, widest grid first.
        code_bits: Bits of one code; there are 2 to this power of them.
        norm_groups: Groups of every group norm.
        image_size_px: Side of the pictures it was trained on; it takes others, too.
    """

    model_type = "lineament_image_tokenizer"

    channels: int = 128
    encoder_multipliers: list[int] | tuple[int, ...] = (1, 2, 2, 4, 4)
    decoder_multipliers: list[int] | tuple[int, ...] = (1, 1, 2, 2, 4)
    encoder_blocks: list[int] | tuple[int, ...] = (4, 3, 4, 3, 4)
    decoder_blocks: list[int] | tuple[int, ...] = (4, 4, 3, 4, 3)
    code_bits: int = 13
    norm_groups: int = 32
    image_size_px: int = 256

    def __post_init__(self, **kwargs: Any) -> None:
        super().__post_init__(**kwargs)
        _check(self)

    @property
    def num_code_ids(self) -> int:
        """How many different codes there are."""
        return 2**self.code_bits

    @property
    def patch_px(self) -> int:
        """Side of the square of pixels behind one code."""
        return 2 ** (len(self.encoder_multipliers) - 1)

    @property
    def grid_side(self) -> int:
        """Codes along one side of a picture of ``image_size_px``."""
        return self.image_size_px // self.patch_px


def image_tokenizer_tiny_config(**changes: Any) -> ImageTokenizerConfig:
    """Return a tokenizer for a laptop: 128 px, 16x16 codes of 10 bits.

    Squares of 8 px, because at 128 px an eye is about 16 px wide: an 8x8 grid would leave it and
    its glasses to one code. 256 codes are also what the full size has, so both share their
    schedule, layout and figures. 2,560 bits a face are enough for few, small faces.
    """
    settings: dict[str, Any] = {
        "channels": 32,
        "encoder_multipliers": (1, 2, 4, 4),
        "decoder_multipliers": (1, 2, 4, 4),
        "encoder_blocks": (1, 1, 2, 2),
        "decoder_blocks": (1, 2, 2, 2),
        "code_bits": 10,
        "norm_groups": 16,
        "image_size_px": 128,
    }
    return ImageTokenizerConfig(**(settings | changes))


class ImageTokenizer(PreTrainedModel):
    """Pictures to codes and back; never trained here at the full size.

    The names of its parts are those of MAGVIT-v2's public checkpoints. The quantiser
    stores nothing: a code's bits, highest first, are the signs of its vector.
    """

    config_class = ImageTokenizerConfig
    config: ImageTokenizerConfig
    main_input_name = "pixel_values"
    base_model_prefix = ""

    def __init__(self, config: ImageTokenizerConfig) -> None:
        super().__init__(config)
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)
        self.post_init()

    @torch.no_grad()
    def encode(
        self, pixel_values: Float[Tensor, "batch 3 height width"]
    ) -> Int[Tensor, "batch codes"]:
        """Turn pictures, RGB in -1..1, into codes, row by row from the top left.

        Raises:
            BadInput: The sides are no multiples of ``config.patch_px``.
        """
        return codes_from_bits(self.find_bits(pixel_values)).flatten(1)

    @torch.no_grad()
    def decode(
        self, codes: Int[Tensor, "batch codes"], grid: tuple[int, int] | None = None
    ) -> Float[Tensor, "batch 3 height width"]:
        """Turn codes back into pictures in about -1..1; not clipped.

        Args:
            codes: As `encode` gives them.
            grid: Rows and columns; a square when left out.

        Raises:
            BadInput: Codes out of range, or their number does not fit the grid.
        """
        return self.paint(self.place(codes, grid))

    def find_bits(
        self, pixel_values: Float[Tensor, "batch 3 height width"]
    ) -> Float[Tensor, "batch bits rows columns"]:
        """Return one number per bit before rounding; positive means 1.

        Raises:
            BadInput: As `encode`.
        """
        height, width = pixel_values.shape[-2:]
        patch = self.config.patch_px
        if height % patch or width % patch or not height or not width:
            raise BadInput(f"picture: sides must be multiples of {patch} px, got {width}x{height}")
        return self.encoder(pixel_values)

    def paint(
        self, signs: Float[Tensor, "batch bits rows columns"]
    ) -> Float[Tensor, "batch 3 height width"]:
        """Decode vectors of signs, with a gradient."""
        return self.decoder(signs)

    def place(
        self, codes: Int[Tensor, "batch codes"], grid: tuple[int, int] | None = None
    ) -> Float[Tensor, "batch bits rows columns"]:
        """Lay codes out as a grid of vectors of signs.

        Raises:
            BadInput: As `decode`.
        """
        side = round(codes.shape[1] ** 0.5)
        rows, columns = grid or (side, side)
        if rows * columns != codes.shape[1]:
            raise BadInput(f"codes: {codes.shape[1]} do not fill a grid of {rows}x{columns}")
        low, high = (int(codes.min()), int(codes.max())) if codes.numel() else (0, 0)
        if low < 0 or high >= self.config.num_code_ids:
            raise BadInput(
                f"codes: expected 0 to {self.config.num_code_ids - 1}, got {low} to {high}"
            )
        bits = bits_from_codes(codes.unflatten(1, (rows, columns)), self.config.code_bits)
        return bits.to(self.dtype) * 2 - 1

    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, nn.Conv2d):
            module.reset_parameters()
        elif isinstance(module, nn.GroupNorm):
            nn.init.ones_(module.weight)
            nn.init.zeros_(module.bias)


def codes_from_bits(
    bits: Float[Tensor, "batch bits rows columns"],
) -> Int[Tensor, "batch rows columns"]:
    """Read the signs of each vector as a binary number, the first one highest; 0 counts as 0."""
    powers = 2 ** torch.arange(bits.shape[1] - 1, -1, -1, device=bits.device)
    return ((bits > 0).long() * powers.view(1, -1, 1, 1)).sum(dim=1)


def bits_from_codes(
    codes: Int[Tensor, "batch rows columns"], num_bits: int
) -> Int[Tensor, "batch bits rows columns"]:
    """Write each code as its bits, the highest first."""
    shifts = torch.arange(num_bits - 1, -1, -1, device=codes.device)
    return (codes.unsqueeze(1) >> shifts.view(1, -1, 1, 1)) & 1


def round_to_signs(
    bits: Float[Tensor, "batch bits rows columns"],
) -> Float[Tensor, "batch bits rows columns"]:
    """Round every number to -1 or 1; the gradient passes as if nothing had been rounded."""
    signs = torch.where(bits > 0, 1.0, -1.0).to(bits.dtype)
    return bits + (signs - bits).detach()


class Encoder(nn.Module):
    """Convolutions that halve the grid between levels, and one attention at the bottom."""

    def __init__(self, config: ImageTokenizerConfig) -> None:
        super().__init__()
        groups = config.norm_groups
        widths = [config.channels * factor for factor in config.encoder_multipliers]
        self.conv_in = nn.Conv2d(3, config.channels, 3, padding=1)
        self.down = nn.ModuleList()
        before = config.channels
        for level, (width, blocks) in enumerate(zip(widths, config.encoder_blocks, strict=True)):
            halves = level < len(widths) - 1
            self.down.append(_Level(before, width, blocks, groups, downsample=halves))
            before = width
        self.mid = _Middle(before, groups)
        self.norm_out = _norm(before, groups)
        self.conv_out = nn.Conv2d(before, config.code_bits, 3, padding=1)
        self.quant_conv = nn.Conv2d(config.code_bits, config.code_bits, 1)

    def forward(
        self, pixel_values: Float[Tensor, "batch 3 height width"]
    ) -> Float[Tensor, "batch bits rows columns"]:
        """Return one number per bit of each code."""
        hidden = self.conv_in(pixel_values)
        for level in self.down:
            hidden = level(hidden)
        hidden = functional.silu(self.norm_out(self.mid(hidden)))
        return self.quant_conv(self.conv_out(hidden))


class Decoder(nn.Module):
    """The encoder's mirror; levels are numbered from the widest grid, and run backwards."""

    def __init__(self, config: ImageTokenizerConfig) -> None:
        super().__init__()
        groups = config.norm_groups
        widths = [config.channels * factor for factor in config.decoder_multipliers]
        self.post_quant_conv = nn.Conv2d(config.code_bits, config.code_bits, 1)
        self.conv_in = nn.Conv2d(config.code_bits, widths[-1], 3, padding=1)
        self.mid = _Middle(widths[-1], groups)
        self.up = nn.ModuleList()
        for level, (width, blocks) in enumerate(zip(widths, config.decoder_blocks, strict=True)):
            before = widths[min(level + 1, len(widths) - 1)]
            self.up.append(_Level(before, width, blocks, groups, upsample=level > 0))
        self.norm_out = _norm(widths[0], groups)
        self.conv_out = nn.Conv2d(widths[0], 3, 3, padding=1)

    def forward(
        self, signs: Float[Tensor, "batch bits rows columns"]
    ) -> Float[Tensor, "batch 3 height width"]:
        """Paint the picture behind a grid of codes."""
        hidden = self.mid(self.conv_in(self.post_quant_conv(signs)))
        for level in reversed(self.up):
            hidden = level(hidden)
        return self.conv_out(functional.silu(self.norm_out(hidden)))


class _Level(nn.Module):
    """Residual blocks of one grid size, then the change to the next one."""

    def __init__(
        self,
        before: int,
        width: int,
        num_blocks: int,
        groups: int,
        *,
        downsample: bool = False,
        upsample: bool = False,
    ) -> None:
        super().__init__()
        self.block = nn.ModuleList(
            _Residual(before if number == 0 else width, width, groups)
            for number in range(num_blocks)
        )
        self.downsample = _Downsample(width) if downsample else None
        self.upsample = _Upsample(width) if upsample else None

    def forward(self, hidden: Tensor) -> Tensor:
        for block in self.block:
            hidden = block(hidden)
        change = self.downsample or self.upsample
        return hidden if change is None else change(hidden)


class _Downsample(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, stride=2)

    def forward(self, hidden: Tensor) -> Tensor:
        return self.conv(functional.pad(hidden, (0, 1, 0, 1)))  # one column right, one row below


class _Upsample(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, hidden: Tensor) -> Tensor:
        return self.conv(functional.interpolate(hidden, scale_factor=2.0, mode="nearest"))


class _Residual(nn.Module):
    def __init__(self, before: int, width: int, groups: int) -> None:
        super().__init__()
        self.norm1 = _norm(before, groups)
        self.conv1 = nn.Conv2d(before, width, 3, padding=1)
        self.norm2 = _norm(width, groups)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)
        self.nin_shortcut = nn.Conv2d(before, width, 1) if before != width else None

    def forward(self, hidden: Tensor) -> Tensor:
        changed = self.conv1(functional.silu(self.norm1(hidden)))
        changed = self.conv2(functional.silu(self.norm2(changed)))
        return changed + (hidden if self.nin_shortcut is None else self.nin_shortcut(hidden))


class _Middle(nn.Module):
    def __init__(self, width: int, groups: int) -> None:
        super().__init__()
        self.block_1 = _Residual(width, width, groups)
        self.attn_1 = _Attention(width, groups)
        self.block_2 = _Residual(width, width, groups)

    def forward(self, hidden: Tensor) -> Tensor:
        return self.block_2(self.attn_1(self.block_1(hidden)))


class _Attention(nn.Module):
    """Every place sees every other, with one head."""

    def __init__(self, width: int, groups: int) -> None:
        super().__init__()
        self.norm = _norm(width, groups)
        self.q = nn.Conv2d(width, width, 1)
        self.k = nn.Conv2d(width, width, 1)
        self.v = nn.Conv2d(width, width, 1)
        self.proj_out = nn.Conv2d(width, width, 1)

    def forward(self, hidden: Tensor) -> Tensor:
        normed = self.norm(hidden)
        query, key, value = (
            layer(normed).flatten(2).transpose(1, 2).unsqueeze(1)
            for layer in (self.q, self.k, self.v)
        )
        mixed = functional.scaled_dot_product_attention(query, key, value)
        return hidden + self.proj_out(mixed.squeeze(1).transpose(1, 2).view_as(hidden))


def _norm(width: int, groups: int) -> nn.GroupNorm:
    return nn.GroupNorm(groups, width, eps=1e-6)


def _check(config: ImageTokenizerConfig) -> None:
    """Refuse sizes that contradict each other.

    Raises:
        BadInput: Naming the setting.
    """
    levels = len(config.encoder_multipliers)
    for name in ("decoder_multipliers", "encoder_blocks", "decoder_blocks"):
        if len(getattr(config, name)) != levels:
            raise BadInput(
                f"{name}: expected {levels} levels as in encoder_multipliers, "
                f"got {len(getattr(config, name))}"
            )
    if not 1 <= config.code_bits <= 20:
        raise BadInput(f"code_bits: expected 1 to 20, got {config.code_bits}")
    if config.channels % config.norm_groups:
        raise BadInput(
            f"channels: expected a multiple of norm_groups ({config.norm_groups}), "
            f"got {config.channels}"
        )


AutoConfig.register(ImageTokenizerConfig.model_type, ImageTokenizerConfig, exist_ok=True)
AutoModel.register(ImageTokenizerConfig, ImageTokenizer, exist_ok=True)
