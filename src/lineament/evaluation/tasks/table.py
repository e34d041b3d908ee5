"""The table of tasks by name."""

from collections.abc import Mapping

from lineament.errors import BadInput
from lineament.evaluation.tasks.counterfactual import Counterfactual
from lineament.evaluation.tasks.first_light import FirstLight
from lineament.evaluation.tasks.rendered import RenderedFaces
from lineament.evaluation.tasks.scenes import SCENE_TASKS
from lineament.evaluation.tasks.task import Task
from lineament.vocabulary import nearest_hint

_ALL: tuple[Task, ...] = (FirstLight(), RenderedFaces(), Counterfactual(), *SCENE_TASKS)
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
