"""Discrete diffusion with an absorbing MASK: process, schedules, and D3Diff, as pure functions.

Symbols of docs/diffusion.md: gamma is the chance that a code is masked, N the number of codes
of an image, n how many of them are masked, V the number of different codes. Times run either
way; only gamma and the size of its rate appear in losses.
"""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional

Head = Literal["normalised", "free"]
IGNORED_CODE = -100


@dataclass(frozen=True, slots=True)
class Cosine:
    """MaskGIT's schedule: gamma = cos(pi t / 2); all masked at t = 0, clean at t = 1."""

    def mask_ratio(self, t: Float[Tensor, "*times"]) -> Float[Tensor, "*times"]:
        """Return gamma."""
        return torch.cos(t * math.pi / 2)

    def hazard(self, gamma: Float[Tensor, "*times"]) -> Float[Tensor, "*times"]:
        """Return |gamma'| / gamma; 0 when all is masked, without bound when clean."""
        return (math.pi / 2) * (1 - gamma.square()).clamp(min=0).sqrt() / gamma


@dataclass(frozen=True, slots=True)
class LogLinear:
    """SEDD's schedule: gamma = (1 - floor) t; clean at t = 0, nearly all masked at t = 1."""

    floor: float = 1e-3

    def mask_ratio(self, t: Float[Tensor, "*times"]) -> Float[Tensor, "*times"]:
        """Return gamma, which is 1 - exp(-sigma) with sigma = -log(1 - (1 - floor) t)."""
        return (1 - self.floor) * t

    def hazard(self, gamma: Float[Tensor, "*times"]) -> Float[Tensor, "*times"]:
        """Return |gamma'| / gamma, which is 1 / t."""
        return (1 - self.floor) / gamma


Schedule = Cosine | LogLinear


@dataclass(frozen=True, slots=True)
class MaskedCodes:
    """Codes with some of them hidden.

    Attributes:
        masked: True where a code is hidden.
        gamma: What the losses take as chance of being masked: with fixed counts exactly n / N.
    """

    masked: Bool[Tensor, "batch codes"]
    gamma: Float[Tensor, " batch"]

    def hide(self, codes: Int[Tensor, "batch codes"], mask_id: int) -> Int[Tensor, "batch codes"]:
        """Write MASK over the hidden codes."""
        return codes.masked_fill(self.masked, mask_id)

    def labels(self, codes: Int[Tensor, "batch codes"]) -> Int[Tensor, "batch codes"]:
        """Return the hidden codes, and `IGNORED_CODE` elsewhere."""
        return codes.masked_fill(~self.masked, IGNORED_CODE)


def count_masked(num_codes: int, gamma: Float[Tensor, "*times"]) -> Int[Tensor, "*times"]:
    """Return how many codes are masked at gamma with fixed counts: rounded, at least 1."""
    return (num_codes * gamma).round().long().clamp(1, num_codes)


def mask_fixed_count(
    num_codes: int, counts: Int[Tensor, " batch"], generator: torch.Generator | None = None
) -> MaskedCodes:
    """Hide exactly ``counts[i]`` codes of image i, all choices equally likely."""
    device = counts.device
    noise = torch.rand(len(counts), num_codes, generator=generator, device=device)
    ranks = noise.argsort(dim=1).argsort(dim=1)
    return MaskedCodes(ranks < counts.unsqueeze(1), counts.float() / num_codes)


def mask_each(
    num_codes: int, gamma: Float[Tensor, " batch"], generator: torch.Generator | None = None
) -> MaskedCodes:
    """Hide every code of image i with chance ``gamma[i]``, on its own."""
    noise = torch.rand(len(gamma), num_codes, generator=generator, device=gamma.device)
    return MaskedCodes(noise < gamma.unsqueeze(1), gamma)


def sample_masks(
    batch: int,
    num_codes: int,
    schedule: Schedule,
    generator: torch.Generator | None = None,
    *,
    device: torch.device | str = "cpu",
) -> MaskedCodes:
    """Hide codes at random times, with counts fixed by the time (MaskGIT, Show-o)."""
    t = torch.rand(batch, generator=generator, device=device)
    return mask_fixed_count(num_codes, count_masked(num_codes, schedule.mask_ratio(t)), generator)


def gamma_from_sigma(sigma: Float[Tensor, "*times"]) -> Float[Tensor, "*times"]:
    """Return 1 - exp(-sigma), exact for small sigma."""
    return -torch.expm1(-sigma)


def log_survival_odds(gamma: Float[Tensor, "*times"]) -> Float[Tensor, "*times"]:
    """Return log k with k = (1 - gamma) / gamma = 1 / (exp(sigma) - 1)."""
    return torch.log1p(-gamma) - torch.log(gamma)


def score_entropy(
    log_score: Float[Tensor, "*places vocab"],
    codes: Int[Tensor, "*places"],
    gamma: Float[Tensor, "*places"],
) -> Float[Tensor, "*places"]:
    """Return the score entropy of a masked position as SEDD states it, never below 0.

    sum_y s_y - k log s_x0 + k (log k - 1), zero only at s = k onehot(x0). For tests and for
    reading; training uses `score_loss`, which never builds s.
    """
    log_k = log_survival_odds(gamma)
    k = log_k.exp()
    of_truth = log_score.gather(-1, codes.unsqueeze(-1)).squeeze(-1)
    return log_score.exp().sum(dim=-1) - k * of_truth + k * (log_k - 1)


def published_score(
    log_probs: Float[Tensor, "*places vocab"], gamma: Float[Tensor, "*places"]
) -> Float[Tensor, "*places vocab"]:
    """Return the log of UniF2ace's score, p(x0 | xt) / q(xt | x0), at masked positions."""
    return log_probs - gamma.log().unsqueeze(-1)


def published_bracket(gamma: Float[Tensor, "*places"]) -> Float[Tensor, "*places"]:
    """Return what the published score adds to k times cross-entropy: 1 + k log(1 - gamma).

    It lies in 0..1 and holds no parameter, so it is left out of every loss: weighted as SEDD
    weights, its expectation diverges towards all masked, and at all masked it is 0 times
    infinity.
    """
    return 1 + log_survival_odds(gamma).exp() * torch.log1p(-gamma)


def masked_loss(
    logits: Float[Tensor, "batch codes vocab"],
    codes: Int[Tensor, "batch codes"],
    masked: Bool[Tensor, "batch codes"],
) -> Float[Tensor, ""]:
    """Return cross-entropy, averaged over the masked codes of the whole batch."""
    entropy = _cross_entropies(logits, codes, masked)
    return entropy.sum() / max(1, len(entropy))


def score_loss(
    logits: Float[Tensor, "batch codes vocab"],
    codes: Int[Tensor, "batch codes"],
    masks: MaskedCodes,
    schedule: Schedule,
    *,
    head: Head = "normalised",
    weight_cap: float | None = None,
) -> Float[Tensor, ""]:
    """Return the diffusion-weighted denoising score entropy: summed over codes, mean over images.

    With s = k exp(a) the weighted entropy is |gamma'|/gamma (sum_y exp(a_y) - a_x0 - 1), finite
    up to all masked. A normalised head has a = log softmax, so the sum is 1 and cross-entropy
    is left; a free head has a = logits - log V, and its sum is active.

    Args:
        logits: Over the codes alone, MASK and text left out.
        codes: The truth.
        masks: Which are hidden.
        schedule: Whose rate weights the times.
        head: What the logits are.
        weight_cap: Upper limit of |gamma'|/gamma; None for no limit.
    """
    if head == "normalised":
        entropy = _cross_entropies(logits, codes, masks.masked)
    else:
        chosen, truth = logits[masks.masked].float(), codes[masks.masked]
        log_ratio = chosen - math.log(chosen.shape[-1])
        of_truth = log_ratio.gather(-1, truth.unsqueeze(-1)).squeeze(-1)
        entropy = log_ratio.exp().sum(dim=-1) - of_truth - 1
    return _weigh_by_hazard(entropy, masks, schedule, weight_cap)


@dataclass(frozen=True, slots=True)
class D3DiffLosses:
    """The sum and its two parts."""

    loss: Float[Tensor, ""]
    masked: Float[Tensor, ""]
    score: Float[Tensor, ""]


def d3diff_loss(
    logits: Float[Tensor, "batch codes vocab"],
    codes: Int[Tensor, "batch codes"],
    masks: MaskedCodes,
    schedule: Schedule,
    *,
    alpha: float = 0.01,
    use_masked: bool = True,
    head: Head = "normalised",
    weight_cap: float | None = None,
) -> D3DiffLosses:
    """Return UniF2ace's dual discrete diffusion: masked likelihood plus alpha times score entropy.

    Both read the same categorical head. In effect each masked code's cross-entropy weighs
    1 / N_masked + alpha |gamma'|/gamma / batch (docs/diffusion.md).

    Args:
        logits: As in `score_loss`.
        codes: The truth.
        masks: Which are hidden.
        schedule: Whose rate weights the times.
        alpha: Weight of the score part; with 0 it is not computed.
        use_masked: False leaves the masked part out, for the study of losses.
        head: As in `score_loss`.
        weight_cap: As in `score_loss`.
    """
    entropy = _cross_entropies(logits, codes, masks.masked)
    masked = entropy.sum() / max(1, len(entropy))
    loss = masked if use_masked else torch.zeros_like(masked)
    score = torch.zeros_like(masked)
    if alpha:
        if head == "normalised":  # the same entropies, weighed otherwise: half the softmaxes
            score = _weigh_by_hazard(entropy, masks, schedule, weight_cap)
        else:
            score = score_loss(logits, codes, masks, schedule, head=head, weight_cap=weight_cap)
        loss = loss + alpha * score
    return D3DiffLosses(loss, masked, score)


def _cross_entropies(
    logits: Float[Tensor, "batch codes vocab"],
    codes: Int[Tensor, "batch codes"],
    masked: Bool[Tensor, "batch codes"],
) -> Float[Tensor, " hidden"]:
    """Return the cross-entropy of each masked code, row by row."""
    return functional.cross_entropy(logits[masked].float(), codes[masked], reduction="none")


def _weigh_by_hazard(
    entropy: Float[Tensor, " hidden"],
    masks: MaskedCodes,
    schedule: Schedule,
    weight_cap: float | None,
) -> Float[Tensor, ""]:
    """Weigh each masked code by its picture's |gamma'|/gamma; a mean over pictures."""
    hazard = schedule.hazard(masks.gamma.to(entropy.dtype))
    if weight_cap is not None:
        hazard = hazard.clamp(max=weight_cap)
    rows = masks.masked.nonzero(as_tuple=True)[0]
    return (hazard[rows] * entropy).sum() / max(1, len(masks.masked))
