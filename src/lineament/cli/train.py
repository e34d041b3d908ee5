"""``lineament train``: run a recipe, or go on with one."""

import importlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from lineament.cli.progress import show_progress
from lineament.config import nearest_hint, override, read_recipe, require_known
from lineament.errors import BadInput, MissingExtra

if TYPE_CHECKING:
    from lineament.training.best import Score
    from lineament.training.recipe import Recipe
    from lineament.training.run import RunResult

STOPPED = 143  # what a process that SIGTERM ended returns
ABORTED = 130  # what one that was interrupted returns


def train(
    recipe: Annotated[str, typer.Argument(help="Name of a recipe, or a recipe.json.")],
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder of the run; --show needs none.")
    ] = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option("--set", help="Change a value, such as stages.0.num_steps=10."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Resume the run in this folder.")
    ] = False,
    pause_minutes: Annotated[
        float, typer.Option(min=0, help="Stop after this time, to be resumed; 0: never.")
    ] = 0.0,
    show: Annotated[
        bool, typer.Option("--show", help="Print the whole recipe as JSON and exit.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Train a model by a recipe; --resume continues a stopped run."""
    chosen = override(find_recipe(recipe), assignments or [])
    if show:
        print(chosen.model_dump_json(indent=2))
        return
    if out is None:
        raise BadInput("--out: not set", hint="name the folder that the run is written to")
    try:
        result = prepare_and_run(chosen, out, resume=resume, pause_minutes=pause_minutes)
    except KeyboardInterrupt:
        began = (out / "recipe.json").is_file()
        left = "--resume goes on from the last checkpoint" if began else "nothing was trained"
        Console(stderr=True).print(f"aborted; {left}")
        raise typer.Exit(ABORTED) from None
    row = {
        "recipe": chosen.name,
        "status": result.status,
        "steps": result.num_steps,
        "seconds": result.seconds,
        "skipped": result.num_skipped,
        "out": str(result.folder if result.status == "done" else out),
    }
    if as_json:
        print(json.dumps(row))
    elif result.status == "done":
        print(f"{row['out']}: {result.num_steps} steps in {result.seconds:g} s")
    if result.status == "stopped":
        Console(stderr=True).print(f"stopped at step {result.num_steps}; --resume goes on")
        raise typer.Exit(STOPPED)


def prepare_and_run(
    recipe: "Recipe", out: Path, *, resume: bool, pause_minutes: float
) -> "RunResult":
    """Make what a recipe reads, and run it; what can be refused before that is."""
    began = time.monotonic()
    try:
        from lineament.training.folder import check_name
        from lineament.training.guard import limit_kernel_cache
        from lineament.training.run import run_recipe
    except ModuleNotFoundError as error:
        raise MissingExtra(str(error.name), "model") from None
    check_name(recipe, out, resume=resume)
    if recipe.model.family != "image-tokenizer" and recipe.model.size != "tiny":
        show_cost(recipe)
    limit_kernel_cache()  # preparing multiplies, too
    if recipe.prepare:
        recipe = prepare_data(recipe, out)
    total = sum(stage.total_steps for stage in recipe.stages)
    with show_progress(f"Training {recipe.name}", total) as advance:
        return run_recipe(
            recipe,
            out,
            resume=resume,
            sources=Lookup(),
            on_progress=_StepCounter(recipe, advance),
            pause_minutes=pause_minutes,
            began=began,
            evaluate=find_score(recipe),
            evaluate_every=recipe.evaluation.every,
        )


def show_cost(recipe: "Recipe") -> None:
    """Print what a full-size run takes, before it begins."""
    from lineament.training.estimate import estimate_recipe

    console = Console(stderr=True, soft_wrap=True, highlight=False)
    for cost in estimate_recipe(recipe):
        console.print(str(cost))


def find_score(recipe: "Recipe") -> "Score | None":
    """Return what scores a model by the task that a recipe names; None where it names none.

    Raises:
        BadInput: There is no such task, or its data are not there.
    """
    wanted = recipe.evaluation
    if not wanted.task:
        return None
    from lineament.describe.scene_model import sees_scenes
    from lineament.evaluation.loaded import LoadedAnswerer
    from lineament.evaluation.run import run_task
    from lineament.evaluation.tasks.table import TASKS
    from lineament.evaluation.tasks.task import Options
    from lineament.model.hub import LoadedModel

    require_known(wanted.task, TASKS, "evaluation.task")
    task, folder = TASKS[wanted.task], Path(wanted.data)
    options = Options(limit=wanted.count or None, count=wanted.count or None)
    task.read_items(folder, options)  # before hours of training, not behind them

    def score(model: Any, processor: Any) -> float:
        loaded = LoadedModel(recipe.name, model, processor)
        finder: dict[str, Any] = {"make_finder": None} if is_scenes(model) else {}
        result, _, _ = run_task(task, LoadedAnswerer(loaded, **finder), folder, options=options)
        return float(result.scores.figures[task.headline].value)

    def is_scenes(model: Any) -> bool:
        return sees_scenes(model.config.to_dict())

    return score


def prepare_data(recipe: "Recipe", out: Path) -> "Recipe":
    """Make what a recipe's stages read; what is there already is used.

    Of several processes of one run the first makes it, and the others wait and find it there.
    """
    from filelock import FileLock

    out.mkdir(parents=True, exist_ok=True)
    with (
        FileLock(out / ".preparing.lock"),
        Console(stderr=True).status(f"Preparing {recipe.name}") as status,
    ):

        def report(part: str, count: int) -> None:
            status.update(f"Preparing {part}: {count}")

        return load_attribute(recipe.prepare)(recipe, out, report)


class _StepCounter:
    """Turn a stage's steps into how far the whole run is."""

    def __init__(self, recipe: "Recipe", advance: Callable[[float], None]) -> None:
        self.advance, self.first_step = advance, {}
        done = 0
        for stage in recipe.stages:
            self.first_step[stage.name] = done
            done += stage.total_steps

    def __call__(self, stage: str, step: int, loss: float) -> None:
        del loss
        self.advance(self.first_step[stage] + step)


def find_recipe(name: str) -> "Recipe":
    """Return a recipe by name, or read it from a file that a run has saved.

    Raises:
        BadInput: There is no such recipe.
    """
    from lineament.recipes import RECIPES
    from lineament.training.recipe import Recipe

    if name in RECIPES:
        return load_attribute(RECIPES[name])()
    path = Path(name)
    if path.is_dir() and (path / "recipe.json").is_file():
        path = path / "recipe.json"
    if path.is_file():
        return read_recipe(Recipe, path)
    known = ", ".join(sorted(RECIPES))
    raise BadInput(
        f"{name}: neither a recipe nor a file",
        hint=nearest_hint(name, RECIPES, otherwise=f"recipes: {known}"),
    )


def load_attribute(place: str) -> Any:
    """Import ``module:name``.

    Raises:
        BadInput: There is no such module, or nothing of the name in it.
    """
    module, _, name = place.partition(":")
    try:
        return getattr(importlib.import_module(module), name)
    except (ModuleNotFoundError, AttributeError, ValueError) as error:
        missing = getattr(error, "name", None) if isinstance(error, ModuleNotFoundError) else module
        if missing and not module.startswith(str(missing)):  # what it needs is not installed
            raise
        raise BadInput(f"{place!r}: cannot be imported", hint="module:name") from None


class Lookup(Mapping[str, Any]):
    """Sources by name, each imported when it is asked for."""

    def __init__(self) -> None:
        from lineament.recipes import SOURCES

        self._places: Mapping[str, str] = SOURCES

    def __getitem__(self, name: str) -> Any:
        return load_attribute(self._places[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)
