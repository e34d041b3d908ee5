"""The attribute reader: a small independent network that pseudo-labels and scores drawings."""

from dataclasses import dataclass
from typing import Any, no_type_check

import torch
import torch.nn.functional as F
from huggingface_hub.dataclasses import strict
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from transformers import PreTrainedConfig, PreTrainedModel
from transformers.utils.generic import ModelOutput

UNKNOWN = -100  # a label that is not known, for flags and age alike


@no_type_check
@strict
class AttributeReaderConfig(PreTrainedConfig):
    """Sizes of the reader, and what it reads.

    Attributes:
        names: The vocabulary's flags, in the order of the logits.
        widths: Channels of each stage; every stage halves the picture.
        blocks: Residual blocks of each stage.
        image_size_px: Side of the aligned crop it looks at.
        age_edges_years: Borders between age classes.
        dropout: Before the heads.
    """

    model_type = "lineament_attributes"

    names: Any = ("male", "smile")
    widths: Any = (32, 64, 128, 224)
    blocks: Any = (1, 2, 2, 2)
    image_size_px: int = 112
    age_edges_years: Any = (25, 30, 35, 40, 45, 50, 55, 60, 65, 70)
    dropout: float = 0.2
    initializer_range: float = 0.02


@dataclass
class AttributeReaderOutput(ModelOutput):
    """What the reader says, and its loss where labels were given.

    Attributes:
        loss: Mean over the known labels of flags, plus that of ages.
        logits: One per name: positive means that the flag holds.
        age_logits: One per age class.
        features: What the heads see; also a feature space without identity labels in it.
    """

    loss: Float[Tensor, ""] | None = None
    logits: Float[Tensor, "batch names"] | None = None
    age_logits: Float[Tensor, "batch ages"] | None = None
    features: Float[Tensor, "batch dim"] | None = None


class AttributeReader(PreTrainedModel):
    """A residual convolution net over aligned face crops, with one logit per flag.

    It shares nothing with the models whose answers or drawings it judges.
    """

    config_class = AttributeReaderConfig
    main_input_name = "pixel_values"
    base_model_prefix = ""

    def __init__(self, config: AttributeReaderConfig) -> None:
        super().__init__(config)
        widths, blocks = tuple(config.widths), tuple(config.blocks)
        self.stem = nn.Sequential(
            nn.Conv2d(3, widths[0], 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(widths[0]),
            nn.ReLU(inplace=True),
        )
        stages: list[nn.Module] = []
        before = widths[0]
        for width, num_blocks in zip(widths, blocks, strict=True):
            for number in range(num_blocks):
                stages.append(_Residual(before, width, stride=2 if number == 0 else 1))
                before = width
        self.stages = nn.Sequential(*stages)
        self.dropout = nn.Dropout(config.dropout)
        self.flag_head = nn.Linear(before, len(tuple(config.names)))
        self.age_head = nn.Linear(before, len(tuple(config.age_edges_years)) + 1)
        self.post_init()

    def forward(
        self,
        pixel_values: Float[Tensor, "batch 3 height width"],
        labels: Int[Tensor, "batch names"] | None = None,
        age_spans: Int[Tensor, "batch 2"] | None = None,
        **_: Any,
    ) -> AttributeReaderOutput:
        """Read every flag and the age class of each crop.

        Args:
            pixel_values: Aligned crops, RGB, scaled to -1..1.
            labels: 1, 0, or `UNKNOWN` for each flag.
            age_spans: First and last age class that the label allows, or `UNKNOWN`.
        """
        grid = self.stages(self.stem(pixel_values))
        features = grid.mean(dim=(2, 3))
        hidden = self.dropout(features)
        logits, age_logits = self.flag_head(hidden), self.age_head(hidden)
        loss = None
        if labels is not None:
            loss = flag_loss(logits, labels, labels != UNKNOWN)
            if age_spans is not None and bool((age_spans[:, 0] != UNKNOWN).any()):
                loss = loss + age_loss(age_logits, age_spans)
        return AttributeReaderOutput(
            loss=loss, logits=logits, age_logits=age_logits, features=features
        )

    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.ones_(module.weight)
            nn.init.zeros_(module.bias)
            nn.init.zeros_(module.running_mean)  # type: ignore[arg-type]
            nn.init.ones_(module.running_var)  # type: ignore[arg-type]
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=self.config.initializer_range)
            nn.init.zeros_(module.bias)


def flag_loss(
    logits: Float[Tensor, "batch names"],
    labels: Int[Tensor, "batch names"],
    known_mask: Bool[Tensor, "batch names"],
    smoothing: float = 0.02,
) -> Float[Tensor, ""]:
    """Return binary cross-entropy, averaged over each name's known labels, then over names.

    Names with few labels weigh as much as names with many: the mean over names is what the
    reader is judged by.
    """
    targets = labels.clamp(min=0).to(logits.dtype) * (1 - 2 * smoothing) + smoothing
    losses = F.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    known = known_mask.to(logits.dtype)
    counts = known.sum(dim=0)
    per_name = (losses * known).sum(dim=0) / counts.clamp(min=1)
    return per_name.sum() / (counts > 0).sum().clamp(min=1)


def age_loss(
    age_logits: Float[Tensor, "batch ages"], age_spans: Int[Tensor, "batch 2"]
) -> Float[Tensor, ""]:
    """Return the negative log likelihood of the span of classes that each label allows.

    Labels differ in how much they tell: years in one data set, groups of ten in another.
    """
    known = age_spans[:, 0] != UNKNOWN
    spans = age_spans[known]
    log_probs = age_logits[known].float().log_softmax(dim=-1)
    classes = torch.arange(log_probs.shape[-1], device=log_probs.device)
    is_allowed = (classes >= spans[:, :1]) & (classes <= spans[:, 1:])
    return -log_probs.masked_fill(~is_allowed, float("-inf")).logsumexp(dim=-1).mean()


class _Residual(nn.Module):
    """Two convolutions and a shortcut."""

    def __init__(self, before: int, width: int, *, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(before, width, 3, stride=stride, padding=1, bias=False)
        self.first_norm = nn.BatchNorm2d(width)
        self.second = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.second_norm = nn.BatchNorm2d(width)
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or before != width:
            self.shortcut = nn.Sequential(
                nn.Conv2d(before, width, 1, stride=stride, bias=False), nn.BatchNorm2d(width)
            )

    def forward(self, grid: Tensor) -> Tensor:
        hidden = F.relu(self.first_norm(self.first(grid)))
        return F.relu(self.second_norm(self.second(hidden)) + self.shortcut(grid))
