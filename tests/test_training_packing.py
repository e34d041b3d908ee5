"""Packing: rows, masks, branches; packed losses equal those of padded rows."""

import pytest
import torch

from lineament.errors import BadInput
from lineament.model.processor import IGNORED_LABEL
from lineament.training.encoding import AnswerEncoder
from lineament.training.examples import Dialogue, Example
from lineament.training.objectives import Answers
from lineament.training.packing import attend_mask, pack_rows
from lineament.training.stream import Drawn
from test_model_toys import _one_thread, toy_model, toy_processor, toy_visual  # noqa: F401
from test_training_toys import toy_example, toy_stage


def losses_of(model, examples, **changes):
    """Return every label's loss, by example, dialogue and place."""
    stage = toy_stage(**changes)
    objective = Answers(model, toy_processor(model.config), stage)
    batch = objective.collate([Drawn(objective.encode(example)) for example in examples])
    learner = objective.learner().eval()
    outputs = learner(**{k: v for k, v in batch.items() if isinstance(v, torch.Tensor)})
    order = outputs["group_ids"].argsort(stable=True)
    return outputs["losses"][order], outputs["group_ids"][order], batch


def test_rows_hold_everything_once_and_never_too_much():
    lengths = [5, 9, 3, 3, 7, 1, 20]
    rows = pack_rows(lengths, 10)
    assert sorted(i for row in rows for i in row) == list(range(7))
    for row in rows:
        assert sum(lengths[i] for i in row) <= 10 or row == [6]
    assert pack_rows(lengths, 0) == [[i] for i in range(7)]


def test_mask_is_causal_blockwise_and_hides_branches_from_each_other():
    segments = torch.tensor([[0, 0, 0, 0, 1, -1]])
    branches = torch.tensor([[0, 1, 2, 2, 1, 0]])
    expected = [
        [1, 0, 0, 0, 0, 0],
        [1, 1, 0, 0, 0, 0],
        [1, 0, 1, 0, 0, 0],
        [1, 0, 1, 1, 0, 0],
        [0, 0, 0, 0, 1, 0],
        [0, 0, 0, 0, 0, 1],
    ]
    assert attend_mask(segments, branches)[0, 0].int().tolist() == expected


@pytest.mark.parametrize("fusion", ["moe", "concat"])
def test_packed_losses_equal_padded_ones(fusion):
    model = toy_model(fusion=fusion)
    examples = [toy_example(i) for i in range(5)]
    packed, groups, batch = losses_of(model, examples, row_tokens=300)
    padded, padded_groups, flat = losses_of(model, examples, row_tokens=0, share_prefix=False)
    assert torch.equal(groups, padded_groups)
    torch.testing.assert_close(packed, padded, atol=1e-5, rtol=1e-5)
    assert batch["input_ids"].numel() < 0.7 * flat["input_ids"].numel()


def test_packed_losses_equal_the_models_own_on_every_dialogue_alone():
    model = toy_model()
    example = toy_example(2)
    processor = toy_processor(model.config)
    losses, group_ids, _ = losses_of(model, [toy_example(1), example], row_tokens=400)
    for number, dialogue in enumerate(example.dialogues):
        batch = processor([dialogue.messages], [example.visual], with_labels=True)
        output = model(**batch)
        own = losses[group_ids == 2 + number].mean()
        torch.testing.assert_close(own, output.lm_loss, atol=1e-5, rtol=1e-5)


def test_clips_of_one_batch_do_not_leak_into_each_other():
    model = toy_model()
    first, second = toy_example(0), toy_example(4)
    changed = Example("other", second.dialogues, toy_visual(2, seed=99))
    before, groups, _ = losses_of(model, [first, second])
    after, _, _ = losses_of(model, [first, changed])
    is_first = groups < 2
    torch.testing.assert_close(before[is_first], after[is_first], atol=1e-6, rtol=1e-6)
    assert not torch.allclose(before[~is_first], after[~is_first], atol=1e-4)


def test_only_answers_are_learned():
    model = toy_model()
    processor = toy_processor(model.config)
    encoded = AnswerEncoder(processor, 500)(toy_example(3))
    (piece,) = encoded.pieces
    learned = piece.labels != IGNORED_LABEL
    assert torch.equal(piece.labels[learned], piece.token_ids[learned])
    text = processor.tokenizer.decode(piece.token_ids[learned])
    answers = [dialogue.messages[1]["content"] for dialogue in toy_example(3).dialogues]
    assert text == "".join(f"{answer}<|im_end|>" for answer in answers)
    assert (piece.token_ids == processor.frame_token_id).sum() == (
        model.config.tokens_per_frame * len(toy_example(3).visual.frames)
    )


def test_text_without_a_clip_is_packed_too():
    model = toy_model()
    plain = Example("plain", (Dialogue(toy_example(1).dialogues[0].messages, "text", 1),))
    both, groups, _ = losses_of(model, [plain, toy_example(1)])
    alone, _, _ = losses_of(model, [plain])
    torch.testing.assert_close(both[groups == 0], alone, atol=1e-5, rtol=1e-5)


def test_dialogues_that_do_not_fit_are_left_out_and_a_too_long_one_is_refused():
    processor = toy_processor(toy_model().config)
    whole = AnswerEncoder(processor, 10_000)(toy_example(3)).pieces[0]
    cut = AnswerEncoder(processor, len(whole) - 1)(toy_example(3)).pieces[0]
    assert cut.branch_ids.max() == whole.branch_ids.max() - 1
    with pytest.raises(BadInput, match="longer than 20"):
        AnswerEncoder(processor, 20)(toy_example(3))


def test_the_first_token_of_every_answer_counts_more_where_asked():
    processor = toy_processor(toy_model().config)
    messages = [
        {"role": "user", "content": "a?"},
        {"role": "assistant", "content": "Yes, so."},
        {"role": "user", "content": "b?"},
        {"role": "assistant", "content": "No."},
    ]
    example = Example("x", (Dialogue(messages, start_weight=5.0),))
    (piece,) = AnswerEncoder(processor, 500)(example).pieces
    is_label = piece.labels != IGNORED_LABEL
    starts = [n for n in range(1, len(piece)) if is_label[n] and not is_label[n - 1]]
    assert len(starts) == 2
    heavy = (piece.weights == 5.0).nonzero()[:, 0].tolist()
    assert heavy == starts


def test_weights_of_examples_and_dialogues_multiply_the_loss():
    model = toy_model()
    example = toy_example(1)
    heavy = Example("heavy", example.dialogues, example.visual, weight=2.0)
    objective = Answers(model, toy_processor(model.config), toy_stage())
    sums = []
    for one in (example, heavy):
        batch = objective.collate([Drawn(objective.encode(one))])
        outputs = objective.learner().eval()(
            **{k: v for k, v in batch.items() if isinstance(v, torch.Tensor)}
        )
        sums.append((outputs["loss_sum"], batch["num_items"]))
    torch.testing.assert_close(sums[1][0], 2 * sums[0][0])
    torch.testing.assert_close(sums[1][1], 2 * sums[0][1])
