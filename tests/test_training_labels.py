"""Labels: the stage brings the names that are learned, and what each counts."""

import pytest
import torch

from lineament.errors import BadInput
from lineament.training.chat_tiny_labels import FAINT_TABLE, LABEL_TABLE, LABEL_WEIGHTS, LABELS
from lineament.training.label_objective import NUM_AGES, LabelLearner, LabelObjective, find_table
from lineament.training.labels import LabelSet, LabelTable
from lineament.training.recipe import Mix, Stage
from test_model_toys import _one_thread, toy_model, toy_processor  # noqa: F401

OWN = LabelTable(LabelSet.of({"smile", "beard"}), {"smile": 9.0})


def label_stage(**changes) -> Stage:
    return Stage(name="labels", objective="labels", data=(Mix(source="-"),), **changes)


def test_a_stage_learns_chat_tinys_names_unless_it_brings_its_own():
    assert find_table(label_stage()) is LABEL_TABLE
    assert LABEL_TABLE.labels is LABELS
    weights = dict(zip(LABELS.names, LABEL_TABLE.name_weights, strict=True))
    assert weights == {name: LABEL_WEIGHTS.get(name, 1.0) for name in LABELS.names}
    model = toy_model()
    objective = LabelObjective(
        model, toy_processor(model.config), label_stage(labels="test_training_labels:OWN")
    )
    assert objective.table is OWN
    learner = objective.learner()
    named = dict(zip(OWN.labels.names, learner.name_weights.tolist(), strict=True))
    assert named == {"smile": 9.0, "beard": 1.0}


@pytest.mark.parametrize("place", ["nowhere:TABLE", "lineament.training.labels:NONE", "", "plain"])
def test_a_table_that_is_not_there_is_named(place):
    with pytest.raises(BadInput, match=r"stages\.labels\.labels: .* is no table of labels"):
        find_table(label_stage(labels=place))


def test_names_of_weight_nothing_pull_at_nothing():
    one = LabelTable(OWN.labels, {"smile": 9.0}, other_weight=0.0)
    names = one.labels.names
    learner = LabelLearner(toy_model(), torch.tensor(one.name_weights), {})
    logits = torch.zeros(2, len(names) + NUM_AGES, requires_grad=True)
    states = torch.tensor([[1] * len(names), [0] * len(names)])
    total, (losses, which, ages) = learner._score(logits, states, torch.tensor([[2, 3], [-1, -1]]))
    assert [names[place] for place in which] == ["smile"]
    assert (len(losses), len(ages)) == (1, 1)
    total.backward()
    pulled = logits.grad.abs().sum(0).nonzero()[:, 0].tolist()
    assert pulled == [names.index("smile"), *range(len(names), len(names) + NUM_AGES)]


def test_faint_marks_are_learned_alone():
    weights = dict(zip(LABELS.names, FAINT_TABLE.name_weights, strict=True))
    assert {name for name, weight in weights.items() if weight} == {"male"}
