"""Where text and codes stand, and who may look at whom."""

import pytest
import torch

from lineament.errors import BadInput
from lineament.model.layout import (
    attend_mask,
    block_ids,
    drawing_batch,
    drawing_ids,
    join_batches,
    trim_text,
    understanding_batch,
    understanding_ids,
)
from lineament.model.unif2ace_config import UniF2aceConfig

TEXT, CODES, SIDE = 20, 6, 4


def layout_config(**changes) -> UniF2aceConfig:
    settings = {
        "text_vocab_size": TEXT,
        "num_code_ids": CODES,
        "num_codes": SIDE,
        "text_block": 9,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "hidden_size": 16,
        "num_attention_heads": 2,
    }
    return UniF2aceConfig(**(settings | changes))


PAD, SOI, EOI, T2I, MMU = TEXT, TEXT + 1, TEXT + 2, TEXT + 5, TEXT + 6
FIRST, MASK = TEXT + 10, TEXT + 10 + CODES


def test_ids_are_text_specials_codes_mask():
    config = layout_config()
    assert (config.special_id("pad"), config.special_id("lvg")) == (PAD, TEXT + 9)
    assert (config.first_code_id, config.mask_id, config.vocab_size) == (FIRST, MASK, MASK + 1)
    show_o = UniF2aceConfig()
    assert (show_o.vocab_size, show_o.mask_id, show_o.first_code_id) == (58498, 58497, 50305)


def test_a_drawing_row_is_padded_in_front_of_its_prompt():
    codes = torch.tensor([[0, 5, CODES, 3]])
    rows = drawing_ids([[7, 8]], codes, layout_config(), length=9)
    image = [SOI, FIRST, FIRST + 5, MASK, FIRST + 3, EOI]
    assert rows.tolist() == [[PAD] * 4 + [T2I, 1, 7, 8, 2, *image]]


def test_lengths_are_show_os():
    for num_codes, length in ((256, 387), (1024, 1155)):
        config = UniF2aceConfig(num_codes=num_codes)
        codes = torch.zeros(1, num_codes, dtype=torch.long)
        assert drawing_ids([[5]], codes, config, length=129).shape == (1, length)


def test_a_long_text_is_cut_and_keeps_its_end():
    ids = trim_text(list(range(300)), UniF2aceConfig())
    assert len(ids) == 129
    assert ids[:3] == [50300, 50256, 0]
    assert ids[-2:] == [125, 50256]  # 126 tokens of text survive


def test_the_ends_of_a_text_cannot_be_written_into_it():
    assert trim_text([7, 2, 1, 8], layout_config()) == [T2I, 1, 7, 8, 2]


@pytest.mark.parametrize("code", [-1, CODES + 1])
def test_codes_out_of_range_are_refused(code):
    with pytest.raises(BadInput, match="codes: expected 0 to 6"):
        drawing_ids([[7]], torch.full((1, SIDE), code), layout_config())


def test_an_image_is_one_block_and_text_is_causal():
    rows = drawing_ids([[7, 8]], torch.zeros(1, SIDE, dtype=torch.long), layout_config())
    assert block_ids(rows, layout_config()).tolist() == [[1, 2, 3, 4, 5] + [6] * 6]


def test_understanding_sees_everything_up_to_the_end_of_the_image():
    ids = understanding_ids(torch.zeros(SIDE, dtype=torch.long), [7, 8], layout_config())
    assert ids == [MMU, SOI, *[FIRST] * 4, EOI, 1, 7, 8]
    assert block_ids(torch.tensor([ids]), layout_config()).tolist() == [[1] * 7 + [2, 3, 4]]


def test_no_token_but_padding_itself_sees_padding():
    config = layout_config()
    rows = drawing_ids([[7]], torch.zeros(1, SIDE, dtype=torch.long), config, length=9)
    seen = attend_mask(rows, rows != PAD, config)[0, 0]
    pads = rows[0] == PAD
    assert not seen[~pads][:, pads].any()
    assert torch.equal(seen[pads], torch.eye(len(pads), dtype=torch.bool)[pads])


def test_the_mask_of_a_whole_row_is_the_published_one():
    config = layout_config()
    rows = drawing_ids([[7, 8]], torch.zeros(1, SIDE, dtype=torch.long), config)
    seen = attend_mask(rows, rows != PAD, config)[0, 0]
    length = rows.shape[1]
    expected = torch.ones(length, length, dtype=torch.bool).tril()
    expected[5:, 5:] = True  # soi to eoi see each other
    assert torch.equal(seen, expected)


def test_a_later_call_sees_all_that_was_read_and_is_not_padding():
    config = layout_config()
    past = torch.tensor([[False, True, True]])
    new = torch.tensor([[7, 8]])
    valid = torch.cat([past, torch.ones(1, 2, dtype=torch.bool)], dim=1)
    seen = attend_mask(new, valid, config)[0, 0]
    assert seen.int().tolist() == [[0, 1, 1, 1, 0], [0, 1, 1, 1, 1]]


def test_only_hidden_codes_are_learnt_when_drawing():
    config = layout_config(condition_dropout=0.0)
    codes = torch.tensor([[0, 1, 2, 3]])
    masked = torch.tensor([[True, False, True, False]])
    batch = drawing_batch([[7]], codes, masked, config)
    assert batch.input_ids[0, -5:-1].tolist() == [MASK, FIRST + 1, MASK, FIRST + 3]
    assert batch.labels[0, -5:-1].tolist() == [FIRST, -100, FIRST + 2, -100]
    assert (batch.labels[0, :-5] == -100).all()
    assert batch.labels[0, -1] == -100  # eoi is no target


def test_prompts_are_dropped_as_often_as_asked():
    config = layout_config(condition_dropout=0.3)
    codes = torch.zeros(2000, SIDE, dtype=torch.long)
    masked = torch.ones_like(codes, dtype=torch.bool)
    generator = torch.Generator().manual_seed(0)
    batch = drawing_batch([[7]] * 2000, codes, masked, config, generator=generator, length=9)
    dropped = ~(batch.input_ids == 7).any(dim=1)
    assert 0.26 < dropped.float().mean() < 0.34
    row = batch.input_ids[dropped][0, :9].tolist()
    assert row == [PAD] * 6 + [T2I, 1, 2]


def test_only_the_answer_and_its_end_are_learnt_when_understanding():
    codes = torch.zeros(1, SIDE, dtype=torch.long)
    batch = understanding_batch(codes, [[7, 8]], [[9, 10]], layout_config(), length=14)
    assert batch.input_ids[0, 7:].tolist() == [1, 7, 8, 9, 10, 2, PAD]
    assert batch.labels[0].tolist() == [-100] * 10 + [9, 10, 2, -100]


def test_both_tasks_stand_in_one_batch():
    config = layout_config()
    codes = torch.zeros(1, SIDE, dtype=torch.long)
    drawn = drawing_batch([[7]], codes, torch.ones(1, SIDE, dtype=torch.bool), config)
    understood = understanding_batch(codes, [[7]], [[9, 9, 9, 9]], config)
    both = join_batches([drawn, understood], config)
    assert both.input_ids.shape == both.labels.shape == (2, 14)
    assert both.input_ids[0, -4:].tolist() == [PAD] * 4
