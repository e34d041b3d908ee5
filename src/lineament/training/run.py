"""Run a recipe: all its stages, resumed where they stopped."""

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback
from transformers.utils.logging import disable_progress_bar

from lineament.config import settings_from_dict
from lineament.training.checkpoint import find_checkpoint, restore_state
from lineament.training.ending import DONE, finish_stage, link_final
from lineament.training.examples import ExampleSource, Sources
from lineament.training.features import drop_features, keep_features
from lineament.training.folder import (
    check_stage,
    claim_folder,
    is_first_process,
    stage_folder,
    training_arguments,
)
from lineament.training.freeze import freeze, parameter_groups
from lineament.training.guard import SpikeGuard, StageClock, WeightAverage, catch_stop_signals
from lineament.training.journal import Journal, plot_losses, write_loss_table
from lineament.training.mixes import open_mix
from lineament.training.objectives import open_objective
from lineament.training.recipe import Mix, Recipe, Stage
from lineament.training.stage_run import StageRun
from lineament.training.start import adapt_model
from lineament.training.stream import Order, Stream
from lineament.training.trainer import StageTrainer
from lineament.training.unified_family import open_family
from lineament.training.validation import validate

logger = logging.getLogger(__name__)
BuildModel = Callable[[Recipe, Mapping[str, Sequence[ExampleSource]]], tuple[Any, Any]]


@dataclass(frozen=True, slots=True)
class RunResult:
    """How a run ended.

    Attributes:
        status: ``done``, or ``stopped`` when it can be resumed.
        folder: The last model, when done.
        num_steps: Steps of all stages so far.
        seconds: Time spent in all stages so far.
        num_skipped: Samples that could not be used, in this process.
    """

    status: str
    folder: Path
    num_steps: int
    seconds: float
    num_skipped: int


@dataclass(frozen=True)
class Runner:
    """What all stages of a run share; see `run_recipe`."""

    recipe: Recipe
    out: Path
    sources: Sources
    callbacks: Sequence[TrainerCallback]
    on_progress: Callable[[str, int, float], None] | None
    journal: Journal
    stop: Any
    pause_minutes: float

    def open_sources(self, stage: Stage, mixes: Sequence[Mix]) -> list[ExampleSource]:
        """Open a stage's data."""
        where = f"stages.{stage.name}"
        return [open_mix(mix, self.sources, where=where) for mix in mixes]


def run_recipe(
    recipe: Recipe,
    out: Path | str,
    *,
    resume: bool = False,
    sources: Sources | None = None,
    build_model: BuildModel | None = None,
    callbacks: Sequence[TrainerCallback] = (),
    on_progress: Callable[[str, int, float], None] | None = None,
    pause_minutes: float = 0.0,
) -> RunResult:
    """Train all stages of a recipe, one after the other.

    Args:
        recipe: What to do.
        out: Folder of the run: ``recipe.json``, ``log.jsonl``, a folder for every stage with
            its checkpoints and its final model, and ``model``.
        resume: Go on with a run that stopped; a folder without one is started.
        sources: What names in the recipe's mixes stand for.
        build_model: Makes model and processor instead of `start_model`; gets the recipe and
            the first stage's opened sources by name.
        callbacks: More callbacks of ``transformers``, such as one that evaluates.
        on_progress: Told stage, step and loss behind every step.
        pause_minutes: Stop after so long, to be resumed; 0 never does.

    Raises:
        BadInput: The recipe cannot be run, or the folder holds another run.
        LineamentError: Training diverged.
    """
    out = Path(out)
    # As a file would give it: keys of free mappings are texts, tuples in them lists.
    recipe = settings_from_dict(Recipe, json.loads(recipe.model_dump_json()))
    claim_folder(recipe, out, resume=resume)
    disable_progress_bar()  # of single files; whoever runs this shows the whole run's
    with catch_stop_signals() as stop:
        runner = Runner(
            recipe,
            out,
            sources or {},
            callbacks,
            on_progress,
            Journal(out, is_writer=is_first_process()),
            stop,
            pause_minutes,
        )
        return _run_stages(runner, build_model)


def _run_stages(runner: Runner, build_model: BuildModel | None) -> RunResult:
    recipe, model, processor = runner.recipe, None, None
    num_steps, seconds = 0, 0.0
    for number, stage in enumerate(recipe.stages):
        folder = runner.out / stage_folder(number, stage)
        if (folder / DONE).is_file():
            row = json.loads((folder / DONE).read_text(encoding="utf-8"))
            num_steps, seconds = num_steps + row["steps"], seconds + row["seconds"]
            continue
        checkpoint = find_checkpoint(folder) if folder.is_dir() else None
        if checkpoint is not None:
            model, processor = open_family(recipe.model).load(recipe.model, checkpoint)
        elif model is None:
            model, processor = _start(runner, number, build_model)
        run, steps = _run_stage(runner, number, model, processor, checkpoint)
        num_steps, seconds = num_steps + steps, seconds + run.clock.seconds
        if run.is_paused:
            return _result(runner, "stopped", num_steps, seconds)
    last = len(recipe.stages) - 1
    if is_first_process():
        final = runner.out / stage_folder(last, recipe.stages[last]) / "final"
        link_final(final, runner.out / "model")
        write_loss_table(runner.journal.path, runner.out / "losses.csv")
        if recipe.use_plots:
            plot_losses(runner.journal.path, runner.out / "losses.png")
    return _result(runner, "done", num_steps, seconds)


def _run_stage(
    runner: Runner, number: int, model: Any, processor: Any, checkpoint: Path | None
) -> tuple[StageRun, int]:
    recipe, stage = runner.recipe, runner.recipe.stages[number]
    folder = runner.out / stage_folder(number, stage)
    num_threads = stage.num_threads or recipe.num_threads
    if num_threads:
        torch.set_num_threads(num_threads)
    objective, stream = prepare_stage(runner, number, model, processor)
    learner = objective.learner()
    run = StageRun(
        recipe=recipe,
        stage=stage,
        number=number,
        journal=runner.journal,
        clock=StageClock(stage),
        guard=SpikeGuard(recipe.spike_factor, recipe.max_bad_steps),
        stop=runner.stop,
        processor=processor,
        on_progress=runner.on_progress,
        average=WeightAverage(model, stage.ema) if stage.ema else None,
        pause_seconds=60 * runner.pause_minutes,
        critic=getattr(learner, "critic", None),
    )
    held_out = open_validation(runner, number, objective)
    if held_out is not None:
        run.validate = partial(
            validate,
            learner,
            objective,
            held_out,
            batch_size=max(1, stage.batch_size // stage.accumulate),
        )
    step = 0
    if checkpoint is not None:
        restore_state(run, checkpoint)
        step = int(checkpoint.name.split("-")[1])
    runner.journal.cut(stage.name, step)
    arguments = training_arguments(recipe, stage, folder)
    trainer = StageTrainer(run, learner, arguments, stream, objective.collate, runner.callbacks)
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    steps = trainer.state.global_step
    if not run.is_paused:
        finish_stage(run, trainer, model, processor, folder, steps)
    return run, steps


def prepare_stage(runner: Runner, number: int, model: Any, processor: Any) -> tuple[Any, Stream]:
    """Freeze, open the data, and try a few samples: everything that can be wrong, early.

    Raises:
        BadInput: Naming the stage and the field.
    """
    recipe, stage = runner.recipe, runner.recipe.stages[number]
    check_stage(stage, number)
    adapt_model(model, stage.lora, seed=recipe.seed * 1000 + number)
    freeze(model, stage)
    parameter_groups(model, stage)
    if recipe.model.family == "favchat":
        drop_features(model)
    if stage.cache_features:
        keep_features(model, stage.cache_features, limit_gib=stage.cache_gib)
    if stage.use_checkpointing:
        model.activation_checkpointing_enable({"use_reentrant": False})
    objective = open_objective(stage, model, processor)
    sources = runner.open_sources(stage, stage.data)
    count = stage.total_steps * stage.batch_size
    weights = [mix.weight for mix in stage.data]
    order = Order([len(source) for source in sources], weights, count, recipe.seed * 1000 + number)
    stream = Stream(sources, order, objective.encode)
    stream[0]
    return objective, stream


def open_validation(runner: Runner, number: int, objective: Any) -> Stream | None:
    """Return a stage's held-out samples, the same ones every time."""
    stage = runner.recipe.stages[number]
    if not stage.validation:
        return None
    sources = runner.open_sources(stage, stage.validation)
    count = min(stage.validation_samples, sum(len(source) for source in sources))
    weights = [mix.weight for mix in stage.validation]
    order = Order([len(source) for source in sources], weights, count, seed=0)
    return Stream(sources, order, objective.encode)


def _start(runner: Runner, number: int, build_model: BuildModel | None) -> tuple[Any, Any]:
    """Return the model a stage begins with: the last stage's, or a new one."""
    recipe = runner.recipe
    if number:
        before = recipe.stages[number - 1]
        final = runner.out / stage_folder(number - 1, before) / "final"
        return open_family(recipe.model).load(recipe.model, final)
    stage = recipe.stages[0]
    check_stage(stage, 0)
    sources = runner.open_sources(stage, stage.data)
    torch.manual_seed(recipe.seed)
    if build_model is not None:
        names = {mix.source: [] for mix in stage.data}
        for mix, source in zip(stage.data, sources, strict=True):
            names[mix.source].append(source)
        return build_model(recipe, names)
    return open_family(recipe.model).start(recipe.model, sources, recipe.seed)


def _result(runner: Runner, status: str, num_steps: int, seconds: float) -> RunResult:
    return RunResult(
        status, runner.out / "model", num_steps, round(seconds, 3), runner.journal.num_skipped
    )
