"""UniF2ace's trunk: attention written out, and what a place of the image knows of itself."""

import pytest
import torch
from torch.nn import functional

from lineament.model.layout import image_ids, pad_left, trim_text
from lineament.model.trunk import attend_plainly
from lineament.model.unif2ace import UniF2aceForFaces
from test_model_toys import _one_thread  # noqa: F401
from test_unif2ace import CODES, SIDE, toy_unif2ace_config


def _heads(seed: int) -> tuple[torch.Tensor, ...]:
    torch.manual_seed(seed)
    return tuple(torch.randn(3, 2, 7, 4, dtype=torch.float64, requires_grad=True) for _ in "qkv")


def _hidden_picture(model: UniF2aceForFaces) -> dict[str, torch.Tensor]:
    """Return a prompt and a picture of which all codes are hidden."""
    text = pad_left([trim_text([3, 4, 5], model.config)], model.config)
    codes = image_ids(torch.full((1, SIDE), CODES), model.config)
    return {"input_ids": torch.cat([text, codes], dim=1)}


@pytest.mark.parametrize("kind", ["none", "flags", "numbers"])
def test_attention_written_out_equals_torch_with_its_gradients(kind):
    mask = torch.rand(3, 1, 7, 7) < 0.6
    mask |= torch.eye(7, dtype=torch.bool)
    given = {"none": None, "flags": mask}.get(kind, torch.randn(3, 1, 7, 7, dtype=torch.float64))
    mine, theirs = _heads(0), _heads(0)
    one = attend_plainly(*mine, given)
    other = functional.scaled_dot_product_attention(*theirs, attn_mask=given)
    torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-7)
    weights = torch.randn_like(one)
    (one * weights).sum().backward()
    (other * weights).sum().backward()
    for part, peer in zip(mine, theirs, strict=True):
        torch.testing.assert_close(part.grad, peer.grad, rtol=1e-5, atol=1e-6)


def test_a_row_that_sees_nothing_gives_numbers():
    out = attend_plainly(*_heads(1), torch.zeros(3, 1, 7, 7, dtype=torch.bool))
    assert out.isfinite().all()


def test_training_and_drawing_give_the_same_logits():
    model = UniF2aceForFaces(toy_unif2ace_config(use_place_embedding=True)).eval()
    batch = _hidden_picture(model)
    learned = model(**batch).logits
    with torch.no_grad():
        drawn = model(**batch).logits
    torch.testing.assert_close(learned, drawn, rtol=1e-4, atol=1e-5)


def test_a_place_has_a_vector_of_its_own_only_where_asked_for():
    plain = UniF2aceForFaces(toy_unif2ace_config())
    assert not any("place_embed" in name for name, _ in plain.named_parameters())
    model = UniF2aceForFaces(toy_unif2ace_config(use_place_embedding=True)).eval()
    batch = _hidden_picture(model)
    with torch.no_grad():
        before = model(**batch).logits
        assert model.place_embed is not None
        model.place_embed.weight[4] += torch.randn(model.config.hidden_size)
        after = model(**batch).logits
    ids = batch["input_ids"]
    first = int((ids[0] == model.config.mask_id).nonzero()[0])
    # Text stands before the image and its opening token, and sees neither.
    torch.testing.assert_close(before[:, : first - 1], after[:, : first - 1])
    assert not torch.allclose(before[:, first + 4], after[:, first + 4], atol=1e-3)
