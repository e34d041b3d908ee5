"""Where drawing models start: codes that share bits begin alike."""

import pytest
import torch

from lineament.model.image_tokenizer import bits_from_codes
from lineament.training.unified_start import lay_bits
from test_unif2ace import toy_unif2ace

BITS = 5


@pytest.mark.parametrize("part", ["embed", "head"])
def test_codes_begin_as_sums_of_their_bits(part):
    model = toy_unif2ace(num_code_ids=2**BITS)
    weight = getattr(model, part).weight
    codes = slice(model.config.first_code_id, model.config.mask_id)
    before = weight.detach().clone()
    lay_bits(model, BITS)
    rows = weight[codes].detach()
    bits = bits_from_codes(torch.arange(2**BITS).view(-1, 1, 1), BITS).flatten(1)
    apart = (bits.unsqueeze(0) != bits.unsqueeze(1)).sum(-1)
    distance = torch.cdist(rows, rows)
    mean = [float(distance[apart == number].mean()) for number in range(BITS + 1)]
    assert mean == sorted(mean)
    opposite = rows + rows.flip(0)  # all bits are turned around
    assert float(opposite.abs().max()) < 1e-5
    assert float(rows.std() / before[codes].std()) == pytest.approx(1.0, abs=0.35)
    outside = torch.ones(len(weight), dtype=torch.bool)
    outside[codes] = False
    assert torch.equal(weight.detach()[outside], before[outside])


def test_codes_that_are_no_bits_are_left_alone():
    model = toy_unif2ace(num_code_ids=2**BITS)
    before = model.embed.weight.detach().clone()
    lay_bits(model, BITS + 1)
    assert torch.equal(model.embed.weight.detach(), before)
