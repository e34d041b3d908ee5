"""Every identity of docs/diffusion.md, in 64 bits, and the oracles of papers/unif2ace.md."""

import math
from itertools import permutations, product

import pytest
import torch
from torch.nn.functional import cross_entropy

from lineament.model.diffusion import (
    IGNORED_CODE,
    Cosine,
    LogLinear,
    MaskedCodes,
    count_masked,
    d3diff_loss,
    gamma_from_sigma,
    log_survival_odds,
    mask_each,
    mask_fixed_count,
    masked_loss,
    published_bracket,
    published_score,
    sample_masks,
    score_entropy,
    score_loss,
)
from test_model_toys import _one_thread  # noqa: F401

V = 7
COSINE = Cosine()


def doubles(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, dtype=torch.float64, generator=generator)


def example(batch=3, num_codes=12, seed=0):
    logits = doubles(batch, num_codes, V, seed=seed).requires_grad_()
    codes = torch.randint(0, V, (batch, num_codes), generator=torch.Generator().manual_seed(seed))
    masks = mask_fixed_count(num_codes, torch.tensor([1, 5, 12])[:batch])
    return logits, codes, masks


@pytest.mark.parametrize("gamma", [0.999, 0.9, 0.5, 0.1, 1e-3])
def test_score_k_times_p_gives_k_times_cross_entropy_with_its_gradient(gamma):
    logits = doubles(4, V).requires_grad_()
    codes, gammas = torch.tensor([0, 3, 6, 3]), torch.full((4,), gamma, dtype=torch.float64)
    k = (1 - gamma) / gamma
    log_score = logits.log_softmax(-1) + log_survival_odds(gammas).unsqueeze(-1)
    entropy = score_entropy(log_score, codes, gammas)
    likelihood = k * cross_entropy(logits, codes, reduction="none")
    torch.testing.assert_close(entropy, likelihood, atol=1e-12 * max(1, k), rtol=1e-12)
    (of_entropy,) = torch.autograd.grad(entropy.sum(), logits, retain_graph=True)
    (of_likelihood,) = torch.autograd.grad(likelihood.sum(), logits)
    torch.testing.assert_close(of_entropy, of_likelihood, atol=1e-12 * max(1, k), rtol=1e-12)


@pytest.mark.parametrize("gamma", [0.999, 0.9, 0.5, 0.1, 1e-3])
def test_the_published_score_adds_a_bracket_without_gradient(gamma):
    logits = doubles(4, V).requires_grad_()
    codes, gammas = torch.tensor([0, 3, 6, 3]), torch.full((4,), gamma, dtype=torch.float64)
    k = (1 - gamma) / gamma
    entropy = score_entropy(published_score(logits.log_softmax(-1), gammas), codes, gammas)
    likelihood = k * cross_entropy(logits, codes, reduction="none")
    expected = likelihood + published_bracket(gammas)
    torch.testing.assert_close(entropy, expected, atol=1e-12 / gamma, rtol=1e-12)
    (of_entropy,) = torch.autograd.grad(entropy.sum(), logits, retain_graph=True)
    (of_likelihood,) = torch.autograd.grad(likelihood.sum(), logits)
    torch.testing.assert_close(of_entropy, of_likelihood, atol=1e-12 / gamma, rtol=1e-9)


def test_the_bracket_has_its_known_values_and_stays_between_zero_and_one():
    gammas = torch.tensor([0.9, 0.5, 0.1], dtype=torch.float64)
    expected = torch.tensor([0.74416, 0.30685, 0.05176], dtype=torch.float64)
    torch.testing.assert_close(published_bracket(gammas), expected, atol=5e-6, rtol=0)
    many = published_bracket(torch.linspace(1e-6, 1 - 1e-9, 10_001, dtype=torch.float64))
    assert 0 <= many.min() <= many.max() <= 1


def test_the_bracket_under_sedds_weight_diverges_towards_all_masked():
    gammas = 1 - torch.tensor([1e-2, 1e-4, 1e-6], dtype=torch.float64)
    rate = COSINE.hazard(gammas) * gammas / (1 - gammas)  # sigma'
    weighted = rate * published_bracket(gammas)
    assert weighted[2] > 90 * weighted[0] > 0
    assert (rate * log_survival_odds(gammas).exp() <= math.pi / 2).all()


def test_score_entropy_is_zero_only_at_the_true_score():
    gammas = torch.full((50,), 0.3, dtype=torch.float64)
    codes = torch.randint(0, V, (50,))
    assert (score_entropy(doubles(50, V), codes, gammas) > 0).all()
    truth = torch.full((50, V), -80.0, dtype=torch.float64)
    truth.scatter_(1, codes.unsqueeze(1), log_survival_odds(gammas).unsqueeze(1))
    torch.testing.assert_close(score_entropy(truth, codes, gammas), torch.zeros_like(gammas))


@pytest.mark.parametrize("head", ["normalised", "free"])
@pytest.mark.parametrize("schedule", [COSINE, LogLinear()])
def test_score_loss_is_sedds_weighted_entropy_of_the_heads_score(head, schedule):
    logits, codes, _ = example()
    masks = mask_fixed_count(12, torch.tensor([1, 5, 11]))
    gamma = masks.gamma.double().unsqueeze(1).expand(3, 12)
    free = logits - math.log(V)
    a = logits.log_softmax(-1) if head == "normalised" else free
    entropy = score_entropy(a + log_survival_odds(gamma).unsqueeze(-1), codes, gamma)
    sigma_rate = schedule.hazard(gamma) * gamma / (1 - gamma)
    expected = (sigma_rate * entropy * masks.masked).sum() / 3
    found = score_loss(logits, codes, masks, schedule, head=head)
    assert found.item() == pytest.approx(expected.item(), rel=1e-5)  # computed in 32 bits


def test_a_free_head_pushes_where_a_normalised_one_does_not():
    logits, codes, masks = example()
    for head, moves in (("normalised", False), ("free", True)):
        shifted = logits + 1.0  # a softmax cannot see this
        before = score_loss(logits, codes, masks, COSINE, head=head).item()
        after = score_loss(shifted, codes, masks, COSINE, head=head).item()
        assert (abs(after - before) > 1e-2) == moves


def test_an_image_masked_whole_has_a_finite_loss_under_both_heads_and_schedules():
    logits, codes, _ = example(1)
    masks = mask_fixed_count(12, torch.tensor([12]))
    for schedule in (COSINE, LogLinear()):
        for head in ("normalised", "free"):
            assert score_loss(logits, codes, masks, schedule, head=head).isfinite()
    assert score_loss(logits, codes, masks, COSINE).item() == 0


def test_alpha_zero_is_masked_cross_entropy_bit_by_bit():
    logits, codes, masks = example()
    losses = d3diff_loss(logits, codes, masks, COSINE, alpha=0.0)
    labels = masks.labels(codes)
    expected = cross_entropy(logits.float().flatten(0, 1), labels.flatten(), ignore_index=-100)
    assert losses.loss.item() == masked_loss(logits, codes, masks.masked).item()
    assert losses.loss.item() == pytest.approx(expected.item(), rel=1e-6)
    assert losses.score.item() == 0


def test_the_two_are_one_cross_entropy_with_a_weight():
    logits, codes, masks = example()
    losses = d3diff_loss(logits, codes, masks, COSINE, alpha=0.01)
    each = cross_entropy(logits.flatten(0, 1), codes.flatten(), reduction="none").view(3, 12)
    hazard = COSINE.hazard(masks.gamma.double()).unsqueeze(1)
    weight = 1 / masks.masked.sum() + 0.01 * hazard / 3
    expected = (weight * each * masks.masked).sum().item()
    assert losses.loss.item() == pytest.approx(expected, rel=1e-5)
    torch.testing.assert_close(losses.loss, losses.masked + 0.01 * losses.score)
    alone = d3diff_loss(logits, codes, masks, COSINE, alpha=0.01, use_masked=False)
    torch.testing.assert_close(alone.loss, 0.01 * losses.score)


def test_kept_positions_get_no_gradient_and_masked_ones_do():
    logits, codes, masks = example()
    d3diff_loss(logits, codes, masks, COSINE).loss.backward()
    assert (logits.grad[~masks.masked] == 0).all()
    assert (logits.grad[masks.masked].abs().sum(-1) > 0).all()


def test_permuting_the_codebook_changes_nothing():
    logits, codes, masks = example()
    order = torch.randperm(V)
    renamed = torch.empty_like(order)
    renamed[order] = torch.arange(V)
    before = d3diff_loss(logits, codes, masks, COSINE).loss
    after = d3diff_loss(logits[..., order], renamed[codes], masks, COSINE).loss
    torch.testing.assert_close(after, before)


def test_cosine_is_the_mask_ratio_and_not_the_kept_one():
    t = torch.tensor([0.0, 1 / 3, 2 / 3, 1.0], dtype=torch.float64)
    expected = torch.tensor([1.0, math.sqrt(3) / 2, 0.5, 0.0], dtype=torch.float64)
    torch.testing.assert_close(COSINE.mask_ratio(t), expected)


@pytest.mark.parametrize("schedule", [COSINE, LogLinear()])
def test_the_hazard_is_the_rate_over_the_ratio(schedule):
    t = torch.linspace(0.05, 0.95, 19, dtype=torch.float64).requires_grad_()
    gamma = schedule.mask_ratio(t)
    (rate,) = torch.autograd.grad(gamma.sum(), t)
    torch.testing.assert_close(schedule.hazard(gamma.detach()), rate.abs() / gamma.detach())


def test_cosine_hazard_is_bounded_by_the_smallest_count():
    gamma = torch.tensor([1.0, 1 / 256], dtype=torch.float64)
    hazard = COSINE.hazard(gamma)
    assert hazard[0] == 0
    assert 402 < hazard[1] < 403
    t = torch.tensor([0.37], dtype=torch.float64)
    tangent = math.pi / 2 * torch.tan(math.pi * t / 2)
    torch.testing.assert_close(COSINE.hazard(COSINE.mask_ratio(t)), tangent)


def test_log_linear_is_sedds():
    t = torch.tensor([1e-3, 0.4, 1.0], dtype=torch.float64)
    sigma = -torch.log1p(-(1 - 1e-3) * t)
    schedule = LogLinear()
    torch.testing.assert_close(schedule.mask_ratio(t), gamma_from_sigma(sigma))
    k = 1 / torch.expm1(sigma)
    torch.testing.assert_close(log_survival_odds(schedule.mask_ratio(t)).exp(), k)
    sigma_rate = (1 - 1e-3) / (1 - (1 - 1e-3) * t)
    torch.testing.assert_close(schedule.hazard(schedule.mask_ratio(t)), sigma_rate * k)


def test_a_uniform_predictor_pays_the_log_of_the_vocabulary_for_each_code():
    t = (torch.arange(400_000, dtype=torch.float64) + 0.5) / 400_000
    gamma = COSINE.mask_ratio(t)
    per_image = (COSINE.hazard(gamma) * gamma).mean() * 256 * math.log(8192)
    assert per_image.item() == pytest.approx(2306.79, abs=0.02)
    assert gamma.mean().item() == pytest.approx(2 / math.pi, abs=1e-6)


@pytest.mark.parametrize(("cap", "expected"), [(None, 2302.79), (20.0, 2212.55), (10.0, 2122.81)])
def test_fixed_counts_change_the_uniform_predictors_price_as_known(cap, expected):
    t = (torch.arange(200_000, dtype=torch.float64) + 0.5) / 200_000
    counts = count_masked(256, COSINE.mask_ratio(t))
    per_count = torch.zeros(257, dtype=torch.float64)
    for n in counts.unique().tolist():  # the loss itself, once for each count that occurs
        masks = mask_fixed_count(256, torch.tensor([n]))
        logits, codes = torch.zeros(1, 256, 2), torch.zeros(1, 256, dtype=torch.long)
        loss = score_loss(logits, codes, masks, COSINE, weight_cap=cap)
        per_count[n] = loss.double() * math.log(8192) / math.log(2)
    assert per_count[counts].mean().item() == pytest.approx(expected, abs=0.05)


def test_masks_have_exactly_their_counts_and_every_place_the_same_chance():
    generator = torch.Generator().manual_seed(3)
    counts = torch.full((4000,), 3)
    masks = mask_fixed_count(10, counts, generator)
    assert (masks.masked.sum(1) == 3).all()
    assert (masks.gamma == 0.3).all()
    assert (masks.masked.float().mean(0) - 0.3).abs().max() < 0.03


def test_masks_on_their_own_have_their_chance():
    gamma = torch.tensor([0.2, 0.9])
    masks = mask_each(20_000, gamma, torch.Generator().manual_seed(1))
    torch.testing.assert_close(masks.masked.float().mean(1), gamma, atol=0.01, rtol=0)


def test_hiding_and_labels_split_the_codes():
    codes = torch.tensor([[4, 5, 6]])
    masks = MaskedCodes(torch.tensor([[True, False, True]]), torch.tensor([2 / 3]))
    assert masks.hide(codes, 9).tolist() == [[9, 5, 9]]
    assert masks.labels(codes).tolist() == [[4, IGNORED_CODE, 6]]


def test_counts_are_never_zero_and_never_too_many():
    gamma = torch.tensor([0.0, 1e-9, 0.5, 1.0])
    assert count_masked(256, gamma).tolist() == [1, 1, 128, 256]


def test_masks_of_one_seed_are_the_same_again():
    one = sample_masks(4, 16, COSINE, torch.Generator().manual_seed(5))
    other = sample_masks(4, 16, COSINE, torch.Generator().manual_seed(5))
    assert torch.equal(one.masked, other.masked)
    assert not torch.equal(one.masked, sample_masks(4, 16, COSINE).masked)


def test_nothing_masked_costs_nothing():
    logits, codes, _ = example()
    masks = MaskedCodes(torch.zeros(3, 12, dtype=torch.bool), torch.full((3,), 0.1))
    assert d3diff_loss(logits, codes, masks, COSINE).loss.item() == 0


class ToyDenoiser:
    """A table: for every partly masked pair of codes a distribution for each place."""

    def __init__(self, num_codes: int = 3, vocab: int = 3) -> None:
        self.num_codes, self.vocab = num_codes, vocab
        generator = torch.Generator().manual_seed(4)
        states = list(product(range(vocab + 1), repeat=num_codes))  # vocab stands for MASK
        noise = torch.randn(len(states), num_codes, vocab, generator=generator).double()
        self.table = dict(zip(states, 1.5 * noise, strict=True))

    def logits(self, truth, masked):
        state = tuple(self.vocab if m else int(c) for c, m in zip(truth, masked, strict=True))
        return self.table[state]


def test_the_score_loss_bounds_the_likelihood_and_the_masked_sum_bounds_the_score_loss():
    model = ToyDenoiser()
    truth = torch.tensor([0, 2, 1])
    orders = []
    for order in permutations(range(3)):  # the reverse process reveals codes in a random order
        masked, log_prob = [True] * 3, 0.0
        for place in order:
            log_prob += model.logits(truth, masked).log_softmax(-1)[place, truth[place]].item()
            masked[place] = False
        orders.append(log_prob)
    likelihood = torch.tensor(orders).exp().mean().log().item()

    expected_by_count = {}
    for n in (1, 2, 3):
        found = []
        for hidden in product((False, True), repeat=3):
            if sum(hidden) == n:
                each = cross_entropy(model.logits(truth, hidden), truth, reduction="none")
                found.append(each[torch.tensor(hidden)].sum().item())
        expected_by_count[n] = sum(found) / len(found)

    def mean_over_counts(gamma):
        return sum(
            math.comb(3, n) * gamma**n * (1 - gamma) ** (3 - n) * expected_by_count[n]
            for n in (1, 2, 3)
        )

    steps = 4000
    t = (torch.arange(steps, dtype=torch.float64) + 0.5) / steps
    gamma = COSINE.mask_ratio(t)
    hazard = COSINE.hazard(gamma)
    score_bound = sum(h * mean_over_counts(g) for h, g in zip(hazard, gamma, strict=True)) / steps
    over_orders = -sum(orders) / len(orders)
    assert float(score_bound) == pytest.approx(over_orders, rel=1e-3)
    assert -likelihood <= float(score_bound)

    few = COSINE.mask_ratio(torch.linspace(0, 1, 9, dtype=torch.float64)[:-1])  # 8 steps
    below = torch.cat([few[1:], torch.zeros(1, dtype=torch.float64)])
    shares = (few - below) / few  # what each step reveals: never more than all
    assert ((shares > 0) & (shares <= 1)).all()
    stepwise = sum(s * mean_over_counts(g) for s, g in zip(shares, few, strict=True))
    masked_sum = sum(mean_over_counts(g) for g in few)
    assert -likelihood <= stepwise <= masked_sum
