"""Drawing by unmasking: all codes hidden, the surest revealed step by step (MaskGIT, Show-o).

What is exact: the prompt is read once, the unconditional one once for all rows, no padding is
computed, only hidden codes are scored, over code ids alone, and equal rows are computed once.
What is not: guidance on some steps only, and fewer steps.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from transformers import DynamicCache

from lineament.errors import BadInput, BadModel
from lineament.model.layout import image_ids, pad_left, trim_text
from lineament.model.unif2ace import UniF2aceForFaces

MAX_STEPS = 1024
MAX_GUIDANCE = 100.0


@dataclass(frozen=True, slots=True)
class Unmasking:
    """How to draw.

    Attributes:
        num_steps: Forward passes.
        guidance: w in (1 + w) conditional - w unconditional; 0 for none, at most 100.
        temperature: Of the noise in the confidences by which codes are kept.
        cooling: MaskGIT takes the first temperature times (1 - progress), ``linear``; Show-o
            multiplies it by (1 - progress) anew at each step, ``cumulative``, from 1.
        token_temperature: Of the softmax that codes are sampled from: 1 for Show-o and MaskGIT;
            below, fewer unlikely codes.
        guided_from: Share of the steps before guidance begins; with `guided_until` inexact
            unless 0 and 1.
        guided_until: Share of the steps after which there is none.
    """

    num_steps: int = 16
    guidance: float = 1.75
    temperature: float = 4.5
    cooling: Literal["cumulative", "linear"] = "linear"
    token_temperature: float = 0.8
    guided_from: float = 0.0
    guided_until: float = 1.0

    def __post_init__(self) -> None:
        if not 1 <= self.num_steps <= MAX_STEPS:
            raise BadInput(
                f"steps: expected 1 to {MAX_STEPS}, got {self.num_steps}", hint="16 are enough"
            )
        if not 0 <= self.guidance <= MAX_GUIDANCE:
            raise BadInput(
                f"guidance: expected 0 to {MAX_GUIDANCE:g}, got {self.guidance}",
                hint="1 to 3 follow the words",
            )
        if not 0 <= self.temperature < math.inf:
            raise BadInput(f"temperature: expected a number from 0, got {self.temperature}")
        if not 0 < self.token_temperature < math.inf:
            raise BadInput(
                f"token_temperature: expected a number above 0, got {self.token_temperature}"
            )
        if self.cooling not in ("cumulative", "linear"):
            raise BadInput(f"cooling: expected cumulative or linear, got {self.cooling!r}")
        for name in ("guided_from", "guided_until"):
            if not 0 <= getattr(self, name) <= 1:
                raise BadInput(f"{name}: expected 0 to 1, got {getattr(self, name)}")

    def is_guided(self, step: int) -> bool:
        """Say whether a step mixes in the unconditional logits."""
        share = step / self.num_steps
        return self.guidance > 0 and self.guided_from <= share < self.guided_until


@dataclass(frozen=True, slots=True)
class Prefix:
    """Prompts that were read: keys and values by layer, and which places are no padding.

    Attributes:
        layers: Keys and values.
        valid_mask: False for padding, which stands in front.
    """

    layers: tuple[tuple[Tensor, Tensor], ...]
    valid_mask: Bool[Tensor, "rows tokens"]

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """Return how many places there are, padding included; the name is transformers'."""
        del layer_idx
        return self.valid_mask.shape[1]

    def update(self, key_states: Tensor, value_states: Tensor, layer_idx: int) -> Any:
        """Return a layer's keys and values with new ones behind; nothing is kept."""
        keys, values = self.layers[layer_idx]
        return torch.cat([keys, key_states], dim=2), torch.cat([values, value_states], dim=2)

    def pick(self, rows: Int[Tensor, " picked"]) -> "Prefix":
        """Return some rows, repeated where asked."""
        layers = tuple((k.index_select(0, rows), v.index_select(0, rows)) for k, v in self.layers)
        return Prefix(layers, self.valid_mask.index_select(0, rows))


@torch.no_grad()
def read_prompts(model: UniF2aceForFaces, texts: Sequence[Sequence[int]]) -> Prefix:
    """Read [t2i sot text eot] of every text once; an empty one is the unconditional prompt."""
    rows = pad_left([trim_text(text, model.config) for text in texts], model.config)
    rows = rows.to(model.device)
    cache = DynamicCache()
    valid_mask = rows != model.config.special_id("pad")
    model.encode(rows, attention_mask=valid_mask, cache=cache)
    layers = tuple((layer.keys, layer.values) for layer in cast(list[Any], cache.layers))
    return Prefix(layers, valid_mask)


@torch.no_grad()
def score_image(
    model: UniF2aceForFaces,
    codes: Int[Tensor, "rows codes"],
    prefix: Prefix,
    *,
    is_hidden_only: bool = False,
) -> Float[Tensor, "rows codes code_ids"]:
    """Score the codes of images under prompts; ``num_code_ids`` stands for a hidden code.

    With ``is_hidden_only`` known codes are not scored: zeros stand there.
    """
    ids = image_ids(codes, model.config)
    seen = torch.cat([prefix.valid_mask, torch.ones_like(ids, dtype=torch.bool)], dim=1)
    encoded = model.encode(
        ids,
        attention_mask=seen[:, None, None],
        cache=prefix,
        is_drawing=torch.ones(len(ids), dtype=torch.bool, device=ids.device),
    )
    states = encoded.hidden[:, 1:-1]
    if not is_hidden_only:
        return model.score_codes(states)
    hidden = codes == model.config.num_code_ids
    logits = states.new_zeros((*codes.shape, model.config.num_code_ids))
    logits[hidden] = model.score_codes(states[hidden])
    return logits


@torch.no_grad()
def draw_codes(
    model: UniF2aceForFaces,
    texts: Sequence[Sequence[int]],
    *,
    settings: Unmasking | None = None,
    seeds: Sequence[int] = (),
    start: Int[Tensor, "rows codes"] | None = None,
    redraw_mask: Bool[Tensor, "rows codes"] | None = None,
) -> Int[Tensor, "rows codes"]:
    """Draw one image for each text.

    A row depends on its own text and seed alone, whatever else is in the batch, up to rounding.

    Args:
        model: In evaluation mode.
        texts: Ids of the text tokenizer, without specials.
        settings: How to draw.
        seeds: One for each text; 0, 1, ... when empty.
        start: Codes to keep, for editing.
        redraw_mask: True where ``start`` is to be drawn anew.

    Raises:
        BadInput: The numbers of texts, seeds and codes differ.
        BadModel: The scores are no numbers.
    """
    settings = settings or Unmasking()
    seeds = list(seeds) or list(range(len(texts)))
    _check_rows(model, texts, seeds, start, redraw_mask)
    if not texts:
        return torch.empty((0, model.config.num_codes), dtype=torch.long)
    hidden_code = model.config.num_code_ids
    codes = torch.full((len(texts), model.config.num_codes), hidden_code, device=model.device)
    if start is not None and redraw_mask is not None:
        codes = start.to(model.device).masked_fill(redraw_mask.to(model.device), hidden_code)
    generators = [torch.Generator(model.device).manual_seed(seed) for seed in seeds]
    scorer = _Scorer(model, texts, settings)
    num_hidden = (codes == hidden_code).sum(dim=1, keepdim=True)
    temperature = settings.temperature
    for step in range(settings.num_steps):
        logits = scorer.score(codes, step)
        if step == 0 and not bool(logits.isfinite().all()):
            raise BadModel("the model scores with what is no number", hint="train it again")
        progress = (step + 1) / settings.num_steps
        is_cumulative = settings.cooling == "cumulative"
        temperature = (temperature if is_cumulative else settings.temperature) * (1 - progress)
        logits = logits / settings.token_temperature
        sampled, confidence = sample_codes(logits, codes, hidden_code, temperature, generators)
        if step == settings.num_steps - 1:
            return sampled
        stays = count_hidden(num_hidden, progress)
        codes = hide_least_sure(sampled, confidence, codes == hidden_code, stays, hidden_code)
    raise AssertionError("unreachable: there is at least one step")


def sample_codes(
    logits: Float[Tensor, "rows codes code_ids"],
    codes: Int[Tensor, "rows codes"],
    hidden_code: int,
    temperature: float,
    generators: Sequence[torch.Generator],
) -> tuple[Int[Tensor, "rows codes"], Float[Tensor, "rows codes"]]:
    """Sample every hidden code, and say how sure each is; known codes are surest.

    Confidence is the log-probability plus Gumbel noise times the temperature.
    """
    probs = logits.softmax(dim=-1)
    drawn, noise = [], []
    for row, generator in zip(probs, generators, strict=True):
        drawn.append(torch.multinomial(row, 1, generator=generator)[:, 0])
        uniform = torch.zeros_like(row[:, 0]).uniform_(0, 1, generator=generator)
        noise.append(-_log(-_log(uniform)))
    is_hidden = codes == hidden_code
    sampled = torch.where(is_hidden, torch.stack(drawn), codes)
    of_sampled = probs.gather(-1, sampled.unsqueeze(-1)).squeeze(-1)
    surest = torch.finfo(of_sampled.dtype).max
    of_sampled = torch.where(is_hidden, of_sampled, surest)
    return sampled, _log(of_sampled) + temperature * torch.stack(noise)


def hide_least_sure(
    sampled: Int[Tensor, "rows codes"],
    confidence: Float[Tensor, "rows codes"],
    is_hidden: Bool[Tensor, "rows codes"],
    stays_hidden: Int[Tensor, "rows 1"],
    hidden_code: int,
) -> Int[Tensor, "rows codes"]:
    """Hide the least sure codes again; at least one of a row is revealed, and one stays hidden."""
    most = (is_hidden.sum(dim=1, keepdim=True) - 1).clamp(min=0)
    number = torch.minimum(stays_hidden, most).clamp(min=1)
    cut = confidence.sort(dim=1).values.gather(1, number)
    return sampled.masked_fill((confidence < cut) & is_hidden, hidden_code)


def count_hidden(num_hidden: Int[Tensor, "rows 1"], progress: float) -> Int[Tensor, "rows 1"]:
    """Return how many of the codes hidden at first stay hidden, by the cosine schedule.

    In 32 bits, as the public samplers compute it: other widths round some steps otherwise.
    """
    ratio = torch.cos(torch.tensor(progress) * math.pi * 0.5)
    return (num_hidden * ratio.to(num_hidden.device)).floor().long()


def region_mask(
    box_unit: tuple[float, float, float, float], grid_side: int
) -> Bool[Tensor, " codes"]:
    """Return the codes that a box (left, top, right, bottom in 0..1) touches.

    Raises:
        BadInput: The box is empty or leaves the picture.
    """
    left, top, right, bottom = box_unit
    if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
        raise BadInput(f"region: expected 0 <= left < right <= 1 and top < bottom, got {box_unit}")
    edges = torch.arange(grid_side) / grid_side
    size = 1 / grid_side
    columns = (edges + size > left) & (edges < right)
    rows = (edges + size > top) & (edges < bottom)
    return (rows.unsqueeze(1) & columns.unsqueeze(0)).flatten()


@torch.no_grad()
def find_affected(
    model: UniF2aceForFaces,
    codes: Int[Tensor, "rows codes"],
    before: Sequence[Sequence[int]],
    after: Sequence[Sequence[int]],
    *,
    share: float = 0.25,
    seed: int = 0,
) -> Bool[Tensor, "rows codes"]:
    """Find the codes that a changed description makes least likely: those to draw anew.

    Two halves of each image are hidden in turn, and each hidden code scored under both texts.

    Args:
        model: In evaluation mode.
        codes: Of the pictures as they are.
        before: What describes them, as ids.
        after: What shall describe them.
        share: How many of the codes to choose, 0 to 1.
        seed: Of the halves.
    """
    if not 0 < share <= 1:
        raise BadInput(f"share: expected more than 0 and at most 1, got {share}")
    generator = torch.Generator().manual_seed(seed)
    half = torch.rand(codes.shape[1], generator=generator).argsort() * 2 < codes.shape[1]
    prefixes = [read_prompts(model, texts) for texts in (before, after)]
    falls = torch.zeros(codes.shape, device=codes.device, dtype=torch.float32)
    for part in (half.to(codes.device), ~half.to(codes.device)):
        hidden = codes.masked_fill(part, model.config.num_code_ids)
        log_probs = [
            score_image(model, hidden, prefix).float().log_softmax(-1) for prefix in prefixes
        ]
        fall = (log_probs[0] - log_probs[1]).gather(-1, codes.unsqueeze(-1)).squeeze(-1)
        falls = torch.where(part, fall, falls)
    number = max(1, round(share * codes.shape[1]))
    chosen = falls.topk(number, dim=1).indices
    return torch.zeros_like(codes, dtype=torch.bool).scatter(1, chosen, value=True)


class _Scorer:
    """Prompts read once, and every step's guided logits."""

    def __init__(
        self, model: UniF2aceForFaces, texts: Sequence[Sequence[int]], settings: Unmasking
    ) -> None:
        self.model, self.settings = model, settings
        distinct = list(dict.fromkeys(tuple(text) for text in texts))
        self.rows = torch.tensor([distinct.index(tuple(t)) for t in texts], device=model.device)
        self.bare = len(distinct)  # the row of the unconditional prompt
        wanted = [*distinct, ()] if settings.guidance > 0 else distinct
        self.prefixes = read_prompts(model, wanted)
        self.picked: dict[bool, Prefix] = {}

    def score(self, codes: Tensor, step: int) -> Tensor:
        is_guided = self.settings.is_guided(step)
        rows = self.rows
        if is_guided:
            rows = torch.cat([rows, torch.full_like(rows, self.bare)])
            codes = torch.cat([codes, codes])
        if step == 0:
            logits = self._score_distinct(codes, rows)
        else:
            if is_guided not in self.picked:
                self.picked[is_guided] = self.prefixes.pick(rows)
            prefix = self.picked[is_guided]
            logits = score_image(self.model, codes, prefix, is_hidden_only=True)
        if not is_guided:
            return logits
        told, bare = logits.chunk(2)
        return (1 + self.settings.guidance) * told - self.settings.guidance * bare

    def _score_distinct(self, codes: Tensor, rows: Tensor) -> Tensor:
        """Score equal rows once: at first all images of one prompt are."""
        keys = torch.cat([rows.unsqueeze(1), codes], dim=1)
        distinct, places = torch.unique(keys, dim=0, return_inverse=True)
        prefix = self.prefixes.pick(distinct[:, 0])
        logits = score_image(self.model, distinct[:, 1:], prefix, is_hidden_only=True)
        return logits.index_select(0, places)


def _check_rows(
    model: UniF2aceForFaces,
    texts: Sequence[Sequence[int]],
    seeds: Sequence[int],
    start: Tensor | None,
    redraw_mask: Tensor | None,
) -> None:
    if len(seeds) != len(texts):
        raise BadInput(f"seeds: expected one for each of {len(texts)} texts, got {len(seeds)}")
    if (start is None) != (redraw_mask is None):
        raise BadInput("editing needs both the codes and which of them to draw anew")
    shape = (len(texts), model.config.num_codes)
    for name, given in (("start", start), ("redraw_mask", redraw_mask)):
        if given is not None and tuple(given.shape) != shape:
            raise BadInput(f"{name}: expected {shape[0]}x{shape[1]}, got {tuple(given.shape)}")


def _log(values: Tensor) -> Tensor:
    return values.clamp(min=1e-20).log()
