"""The table of tasks by name."""

from collections.abc import Mapping

from lineament.errors import BadInput
from lineament.evaluation.drawings import Drawings
from lineament.evaluation.tasks.attributes import ATTRIBUTE_TASKS
from lineament.evaluation.tasks.choices import CHOICE_TASKS
from lineament.evaluation.tasks.counterfactual import Counterfactual
from lineament.evaluation.tasks.dfec import DFEC
from lineament.evaluation.tasks.expressions import EXPRESSION_TASKS
from lineament.evaluation.tasks.first_light import FirstLight
from lineament.evaluation.tasks.floodnet import FloodNet
from lineament.evaluation.tasks.rendered import RenderedFaces
from lineament.evaluation.tasks.scenes import SCENE_TASKS
from lineament.evaluation.tasks.task import Task
from lineament.evaluation.tasks.told import TOLD_TASKS
from lineament.evaluation.tasks.vrsbench import VRSBENCH_TASKS
from lineament.vocabulary import nearest_hint

_ALL: tuple[Task, ...] = (
    FirstLight(), RenderedFaces(), Counterfactual(), Drawings(), *EXPRESSION_TASKS, DFEC,
    *ATTRIBUTE_TASKS, *CHOICE_TASKS, *TOLD_TASKS, *SCENE_TASKS, FloodNet(), *VRSBENCH_TASKS,
)  # fmt: skip
TASKS: Mapping[str, Task] = {task.name: task for task in _ALL}


def require_task(name: str) -> Task:
    """Return a task by its name.

    Raises:
        BadInput: There is none; the nearest known name is the hint.
    """
    if name not in TASKS:
        known = ", ".join(TASKS)
        raise BadInput(
            f"unknown task {name!r}", hint=nearest_hint(name, TASKS, otherwise=f"tasks: {known}")
        )
    return TASKS[name]
