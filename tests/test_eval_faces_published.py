"""Published figures of the face tasks: there with their source, or a reason why there are none."""

from pathlib import Path

import pytest

from lineament.errors import BadInput
from lineament.evaluation.tasks.attributes import ATTRIBUTE_TASKS
from lineament.evaluation.tasks.choices import CHOICE_TASKS
from lineament.evaluation.tasks.counterfactual import Counterfactual
from lineament.evaluation.tasks.expressions import EXPRESSION_TASKS
from lineament.evaluation.tasks.first_light import FirstLight
from lineament.evaluation.tasks.rendered import RenderedFaces
from lineament.evaluation.tasks.task import Options
from lineament.evaluation.tasks.told import TOLD_TASKS
from test_eval_faces_attributes import MAKERS as ATTRIBUTE_MAKERS
from test_eval_faces_choices import MAKERS as CHOICE_MAKERS
from test_eval_faces_expressions import MAKERS as EXPRESSION_MAKERS

NOTES = Path(__file__).resolve().parents[2] / "shared" / "papers"
FACE_TASKS = (
    FirstLight(), RenderedFaces(), Counterfactual(), *EXPRESSION_TASKS, *ATTRIBUTE_TASKS,
    *CHOICE_TASKS, *TOLD_TASKS,
)  # fmt: skip
# Papers write fractions without the zero in front, and "about" figures without decimals.
SPELLINGS = ("{:.2f}", "{:.3f}", "{:.1f}", "{:.0f}")


@pytest.mark.parametrize("task", FACE_TASKS, ids=lambda task: task.name)
def test_each_task_has_published_figures_or_says_why_it_has_none(task):
    if task.published:
        for figure in task.published:
            assert figure.source
            assert figure.caution
            assert figure.metric
        assert not getattr(task, "unpublished", "")
    else:
        assert len(task.unpublished.split()) > 5


@pytest.mark.parametrize(
    "task", [*ATTRIBUTE_TASKS, *CHOICE_TASKS, *EXPRESSION_TASKS], ids=lambda task: task.name
)
def test_published_figures_stand_beside_a_figure_of_the_task_in_its_unit(task, tmp_path):
    makers = ATTRIBUTE_MAKERS | CHOICE_MAKERS | EXPRESSION_MAKERS
    name = getattr(task, "layout", task.name)
    split = "fold-1" if "fold-1" in task.splits else ""
    found = task.read_items(makers[name](tmp_path / name), Options(split=split))
    figures = task.score(found.items, {}).figures
    for published in task.published:
        scale = 100 if figures[published.metric].unit == "percent" else 1
        assert scale / 10 < published.value < scale
    said = [note for note in found.notes if note.startswith("No published figure")]
    assert bool(said) is not bool(task.published)


@pytest.mark.skipif(not NOTES.is_dir(), reason=f"the notes are not here: {NOTES}")
@pytest.mark.parametrize(
    "task", [*ATTRIBUTE_TASKS, *CHOICE_TASKS, *EXPRESSION_TASKS], ids=lambda task: task.name
)
def test_published_figures_are_those_of_the_notes(task):
    text = "".join((NOTES / f"{name}.md").read_text() for name in ("favchat", "unif2ace"))
    for published in task.published:
        spelt = {form.format(published.value).removeprefix("0") for form in SPELLINGS}
        assert any(value in text for value in spelt), published


@pytest.mark.parametrize(
    "task",
    [*(task for task in ATTRIBUTE_TASKS if task.form == "yes_no"), *CHOICE_TASKS, *TOLD_TASKS],
    ids=lambda task: task.name,
)
def test_all_wordings_are_refused_where_there_is_one(task, tmp_path):
    with pytest.raises(BadInput, match=f"{task.name} has one wording") as error:
        task.read_items(tmp_path, Options(with_phrasings=True))
    assert "--phrasings" in error.value.hint
