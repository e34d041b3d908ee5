"""Drawing by unmasking: equal to a Show-o-style sampler, counts, guidance, seeds, editing."""

import importlib.util
from pathlib import Path

import pytest
import torch

import lineament.model.unmasking as unmasking
from lineament.errors import BadInput
from lineament.model.layout import drawing_ids
from lineament.model.showo import upcycle
from lineament.model.unmasking import (
    Unmasking,
    count_hidden,
    draw_codes,
    find_affected,
    hide_least_sure,
    read_prompts,
    region_mask,
    sample_codes,
    score_image,
)
from test_model_toys import _one_thread  # noqa: F401
from test_unif2ace import CODES, SIDE, toy_codes, toy_unif2ace

DENSE = {"use_token_experts": False, "use_sequence_experts": False}
TEXTS = [[5, 6, 7], [8], [9, 9, 9, 9, 9, 9], [8]]


@pytest.fixture(scope="session")
def showo_style():
    path = Path(__file__).resolve().parents[1] / "benchmarks" / "unmasking_speed.py"
    spec = importlib.util.spec_from_file_location("unmasking_speed", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.draw_like_showo


def double_model(**changes):
    """Return a model in 64 bits whose logits are far from even."""
    model = toy_unif2ace(num_codes=64, **changes).double()
    with torch.no_grad():
        model.head.weight.mul_(4)
    return model


@pytest.mark.parametrize("experts", [DENSE, {}])
@pytest.mark.parametrize("guidance", [0.0, 1.75])
@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_exact_changes_give_the_codes_of_a_showo_style_sampler(
    showo_style, experts, guidance, temperature
):
    model = double_model(**experts)
    for steps in (1, 5, 12):
        settings = Unmasking(steps, guidance, temperature, "cumulative", 1.0)
        codes = draw_codes(model, TEXTS, settings=settings, seeds=[3, 1, 4, 1])
        expected = showo_style(
            model,
            TEXTS,
            steps=steps,
            guidance=guidance,
            temperature=temperature,
            seeds=[3, 1, 4, 1],
        )
        assert torch.equal(codes, expected)
        assert torch.equal(codes[1], codes[3])  # same text, same seed


def test_guidance_on_some_steps_is_not_the_same(showo_style):
    model = double_model()
    settings = Unmasking(8, 3.0, 1.0, "cumulative", 1.0, guided_until=0.3)
    codes = draw_codes(model, TEXTS, settings=settings)
    exact = showo_style(model, TEXTS, steps=8, guidance=3.0, seeds=[0, 1, 2, 3])
    assert not torch.equal(codes, exact)
    assert [settings.is_guided(step) for step in range(8)] == [True] * 3 + [False] * 5


def test_a_cached_prompt_gives_the_logits_of_the_whole_sequence():
    model = toy_unif2ace()
    codes = toy_codes(4).masked_fill(torch.rand(4, SIDE) < 0.5, CODES)
    logits = score_image(model, codes, read_prompts(model, TEXTS))
    whole = model(drawing_ids(TEXTS, codes, model.config, length=12)).logits
    first = model.config.first_code_id
    expected = whole[:, -SIDE - 1 : -1, first:-1]
    torch.testing.assert_close(logits, expected, atol=1e-5, rtol=1e-5)


def test_newly_revealed_counts_are_the_published_ones():
    hidden = torch.tensor([[256]])
    left = [256, *(int(count_hidden(hidden, (s + 1) / 16)) for s in range(15)), 0]
    revealed = [before - after for before, after in zip(left, left[1:], strict=False)]
    assert revealed == [2, 3, 7, 8, 11, 13, 15, 16, 19, 20, 22, 23, 23, 25, 24, 25]
    assert sum(revealed) == 256


def test_the_least_sure_are_hidden_again_and_known_codes_never():
    confidence = torch.tensor([[0.1, 0.4, 0.2, 0.3]])
    is_hidden = torch.tensor([[False, True, True, True]])
    sampled = torch.tensor([[1, 2, 3, 4]])
    stays = torch.tensor([[2]])
    surest = confidence.masked_fill(~is_hidden, 99.0)
    hidden = hide_least_sure(sampled, surest, is_hidden, stays, 9)
    assert hidden.tolist() == [[1, 2, 9, 9]]


def test_at_least_one_code_is_revealed_and_one_stays_hidden():
    confidence, sampled = torch.rand(1, 4), torch.zeros(1, 4, dtype=torch.long)
    everything = torch.ones(1, 4, dtype=torch.bool)
    for asked, left in ((9, 3), (0, 1)):
        hidden = hide_least_sure(sampled, confidence, everything, torch.tensor([[asked]]), 9)
        assert (hidden == 9).sum() == left


def test_no_hidden_code_is_left_whatever_the_number_of_steps():
    model = toy_unif2ace()
    for steps in (1, 2, 3, 20):
        codes = draw_codes(model, [[5]], settings=Unmasking(steps))
        assert ((codes >= 0) & (codes < CODES)).all()


def test_one_step_is_one_parallel_draw():
    model = double_model()
    codes = draw_codes(model, [[5]], settings=Unmasking(1, 0.0, token_temperature=1.0), seeds=[7])
    hidden = torch.full((1, 64), CODES)
    logits = score_image(model, hidden, read_prompts(model, [[5]]))
    generator = torch.Generator().manual_seed(7)
    expected = torch.multinomial(logits[0].softmax(-1), 1, generator=generator)[:, 0]
    assert torch.equal(codes[0], expected)


def test_seeds_are_reproducible_and_rows_do_not_depend_on_their_batch():
    model = double_model()
    alone = draw_codes(model, [[5, 6, 7]], seeds=[11])
    again = draw_codes(model, [[5, 6, 7]], seeds=[11])
    among = draw_codes(model, [[8], [5, 6, 7], [9, 9]], seeds=[1, 11, 2])
    other = draw_codes(model, [[5, 6, 7]], seeds=[12])
    assert torch.equal(alone, again)
    assert torch.equal(alone[0], among[1])
    assert not torch.equal(alone, other)


def test_guidance_of_zero_is_the_conditional_model():
    model = double_model()
    plain = draw_codes(model, TEXTS, settings=Unmasking(6, 0.0))
    never = draw_codes(model, TEXTS, settings=Unmasking(6, 2.0, guided_until=0.0))
    assert torch.equal(plain, never)


def test_cooling_as_maskgit_or_show_o_gives_other_codes():
    model = double_model()
    linear, cumulative = (
        draw_codes(model, TEXTS, settings=Unmasking(8, temperature=1.0, cooling=cooling))
        for cooling in ("linear", "cumulative")
    )
    assert not torch.equal(linear, cumulative)


def test_without_noise_the_likeliest_are_kept():
    logits = torch.tensor([[[5.0, 0.0], [1.0, 0.0], [9.0, 0.0]]])
    codes = torch.tensor([[2, 2, 1]])  # the last one is known
    sampled, confidence = sample_codes(logits, codes, 2, 0.0, [torch.Generator().manual_seed(0)])
    assert sampled[0, 2] == 1
    assert confidence[0, 2] > confidence[0, 0] > confidence[0, 1]


def test_editing_keeps_every_code_outside_the_region():
    model = toy_unif2ace()
    start = toy_codes(2)
    redraw = torch.zeros(2, SIDE, dtype=torch.bool)
    redraw[0, :4] = True
    redraw[1, 8] = True
    edited = draw_codes(model, [[5], [6]], seeds=[1, 2], start=start, redraw_mask=redraw)
    assert torch.equal(edited[~redraw], start[~redraw])
    others = [
        draw_codes(model, [[5], [6]], seeds=[s, s], start=start, redraw_mask=redraw)
        for s in range(3, 8)
    ]
    assert any(not torch.equal(edited, other) for other in others)


def test_editing_nothing_changes_nothing():
    start = toy_codes(1)
    nothing = torch.zeros_like(start, dtype=torch.bool)
    assert torch.equal(draw_codes(toy_unif2ace(), [[5]], start=start, redraw_mask=nothing), start)


def test_a_region_is_the_codes_its_box_touches():
    mask = region_mask((0.0, 0.5, 0.26, 1.0), 4).view(4, 4)
    assert mask.int().tolist() == [[0] * 4, [0] * 4, [1, 1, 0, 0], [1, 1, 0, 0]]
    assert region_mask((0.0, 0.0, 1.0, 1.0), 3).all()
    assert region_mask((0.4, 0.4, 0.41, 0.41), 2).tolist() == [True, False, False, False]
    for box in ((0.5, 0.0, 0.5, 1.0), (-0.1, 0.0, 0.5, 1.0), (0.0, 0.0, 1.1, 1.0)):
        with pytest.raises(BadInput, match="region"):
            region_mask(box, 4)


def test_the_codes_that_a_new_description_contradicts_are_found():
    model = toy_unif2ace()
    codes = toy_codes(2)
    found = find_affected(model, codes, [[5], [6]], [[7, 7], [8]], share=1 / 3)
    assert found.sum(1).tolist() == [3, 3]
    assert torch.equal(found, find_affected(model, codes, [[5], [6]], [[7, 7], [8]], share=1 / 3))
    with pytest.raises(BadInput, match="share"):
        find_affected(model, codes, [[5], [6]], [[7], [8]], share=0.0)


def test_a_code_that_only_the_old_text_allows_is_the_one_found(monkeypatch):
    logits = {5: torch.zeros(1, SIDE, CODES), 7: torch.zeros(1, SIDE, CODES)}
    logits[7][0, 4, 0] = -9.0
    monkeypatch.setattr(unmasking, "read_prompts", lambda _, texts: texts[0][0])
    monkeypatch.setattr(unmasking, "score_image", lambda _, __, first_word: logits[first_word])
    codes = torch.zeros(1, SIDE, dtype=torch.long)
    found = find_affected(toy_unif2ace(), codes, [[5]], [[7]], share=1 / SIDE)
    assert found.nonzero().tolist() == [[0, 4]]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: Unmasking(0), "^steps: expected 1 to 1024, got 0"),
        (lambda m: Unmasking(guidance=-1.0), "guidance: expected 0 to 100"),
        (lambda m: Unmasking(temperature=float("nan")), "temperature: expected"),
        (lambda m: Unmasking(token_temperature=0.0), "token_temperature: expected"),
        (lambda m: draw_codes(m, [[5]], seeds=[1, 2]), "seeds: expected one for each of 1"),
        (lambda m: draw_codes(m, [[5]], start=toy_codes(1)), "editing needs both"),
        (
            lambda m: draw_codes(m, [[5]], start=toy_codes(2), redraw_mask=toy_codes(2) > 0),
            "start: expected 1x9",
        ),
    ],
)
def test_impossible_settings_are_refused(call, message):
    with pytest.raises(BadInput, match=message):
        call(toy_unif2ace())


def test_no_texts_give_no_codes():
    assert draw_codes(toy_unif2ace(), []).shape == (0, SIDE)


def test_a_grown_model_draws_what_its_dense_one_draws():
    dense = double_model(**DENSE)
    grown = upcycle(dense, sequence_gain_start=0.0)
    assert torch.equal(draw_codes(grown, TEXTS), draw_codes(dense, TEXTS))
