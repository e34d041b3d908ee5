"""The LLaVA recipes on a data set of the published size: one epoch, tempered, without flaws."""

import numpy as np
import pytest

from lineament.recipes.llava_rs import (
    KINDS,
    WRITTEN,
    count_shares,
    llava_rs_full,
    llava_rs_lora,
    llava_rs_moe_lora,
)
from lineament.records.sources.scenes.adapt import KIND_OF, KIND_OF_FLAW
from lineament.records.sources.scenes.blend import RS_GPT4V_WRITTEN
from lineament.records.sources.scenes.mixture import PAPER_TRAIN, RS_GPT4V

pytest.importorskip("torch")

RECIPES = (llava_rs_full, llava_rs_lora, llava_rs_moe_lora)


def spread(total, places):
    """Yield how many of a total fall on each place, evenly."""
    for number in range(places):
        yield (number + 1) * total // places - number * total // places


def records_of(task):
    """Yield picture and pairs of every record of a task, the data set being as large as published.

    Captions, phrases and boxes are records of their own, sixteen questions share one, and what is
    written about a picture is a description and a conversation.
    """
    if task == WRITTEN:
        written = RS_GPT4V_WRITTEN["train"]
        for number in range(written.num_pictures):
            plan = written.plan(number)
            yield from ((f"dior/{number}", 1) for _ in range(plan.num_descriptions))
            if plan.num_rounds:
                yield f"dior/{number}", plan.num_rounds
        return
    for one in RS_GPT4V.ingredients:
        if one.is_in_paper and one.task == task:
            for number, pairs in enumerate(spread(one.train[1], one.train[0])):
                each = 16 if task == "vqa" else 1
                for first in range(0, pairs, each):
                    yield f"{one.source}/{number}", min(each, pairs - first)


@pytest.fixture(scope="module")
def drawn():
    """Return by task: examples there are, examples drawn, pairs there are, pairs drawn."""
    from lineament.training.built import group_rows
    from lineament.training.stream import Order

    stage = llava_rs_full().stages[0]
    tasks = {mix.kinds: task for task, kinds in KINDS.items() for mix in stage.data
             if mix.kinds == kinds}  # fmt: skip
    lengths, pairs = [], []
    for mix in stage.data:
        media, sizes = zip(*records_of(tasks[mix.kinds]), strict=True)
        per_example = mix.options["dialogues_per_example"]
        lengths.append(len(group_rows(media, range(len(media)), per_example)))
        pairs.append(sum(sizes))
    order = Order(lengths, [mix.weight for mix in stage.data], stage.num_samples, seed=0)
    counts = np.bincount(order.sources, minlength=len(lengths))
    return {
        tasks[mix.kinds]: (lengths[i], int(counts[i]), pairs[i], counts[i] * pairs[i] / lengths[i])
        for i, mix in enumerate(stage.data)
    }


@pytest.mark.slow
def test_a_data_set_of_the_published_size_is_trained_on_for_one_epoch(drawn):
    there = sum(pairs for _, _, pairs, _ in drawn.values())
    assert there == PAPER_TRAIN[1]
    epochs = sum(seen for _, _, _, seen in drawn.values()) / there
    assert epochs == pytest.approx(1.0, abs=0.01)
    # No task comes so often that it is learned by heart, none is hardly seen.
    for examples, count, _, _ in drawn.values():
        assert 0.5 < count / examples < 3


@pytest.mark.slow
def test_the_recipe_knows_how_many_examples_a_data_set_of_that_size_has(drawn):
    shares = count_shares()
    for task, (examples, _, pairs, _) in drawn.items():
        assert shares[task].pairs == pairs
        assert shares[task].examples == pytest.approx(examples, rel=0.02)


@pytest.mark.slow
def test_pairs_are_shared_by_the_square_root_of_the_sources_sizes(drawn):
    sizes = {
        task: [one.train[1] for one in RS_GPT4V.ingredients if one.is_in_paper and one.task == task]
        for task in drawn
    }
    sizes[WRITTEN] = [71_532]
    roots = {task: sum(size**0.5 for size in found) for task, found in sizes.items()}
    total = sum(seen for _, _, _, seen in drawn.values())
    for task, (_, _, _, seen) in drawn.items():
        assert seen / total == pytest.approx(roots[task] / sum(roots.values()), rel=0.03)
    # As they come, questions would be 71 of 100 pairs.
    assert drawn["vqa"][3] / total < 0.5


@pytest.mark.parametrize("make", RECIPES)
def test_labels_with_a_flaw_are_not_trained_on_and_all_others_are(make):
    (stage,) = make().stages
    kinds = [kind for mix in stage.data for kind in mix.kinds]
    assert len(kinds) == len(set(kinds))
    flawed = set(KIND_OF_FLAW.values())
    assert set(kinds) & flawed == {"repeated_question"}  # which the paper's numbers count
    assert set(KIND_OF.values()) - {"scene_class"} <= set(kinds)
    assert stage.total_steps * stage.batch_size >= stage.num_samples


def test_the_experts_are_chosen_token_by_token_and_cost_what_the_single_adapter_costs():
    (alone,), (several,) = llava_rs_lora().stages, llava_rs_moe_lora().stages
    assert alone.lora is not None
    assert several.lora is not None
    assert (several.lora.route_by, several.lora.top_k, several.lora.tasks) == ("token", 2, ())
    assert several.lora.balance_weight == 0.01
    assert several.lora.rank * several.lora.experts == alone.lora.rank
    assert alone.lora.alpha / alone.lora.rank == several.lora.alpha / several.lora.rank


def test_examples_with_many_questions_fit_their_row():
    """A third record of sixteen questions would be left out, or cut what another one has."""
    (stage,) = llava_rs_full().stages
    (questions,) = (mix for mix in stage.data if mix.kinds == KINDS["vqa"])
    # RSVQA-HR's longest wordings: 40 tokens to a question with its answer, 576 to a picture.
    assert 576 + 16 * 40 * questions.options["dialogues_per_example"] <= stage.row_tokens
