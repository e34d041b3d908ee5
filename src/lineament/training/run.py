"""Run a recipe: all its stages, resumed where they stopped."""

import json
import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback
from transformers.utils.logging import disable_progress_bar

from lineament.config import settings_from_dict
from lineament.training.best import KeepBest, Score
from lineament.training.checkpoint import find_checkpoint, lay_anew, restore_state
from lineament.training.ending import DONE, finish_run, finish_stage
from lineament.training.examples import ExampleSource, Sources
from lineament.training.features import drop_features, keep_features
from lineament.training.folder import (
    check_folder,
    claim_folder,
    is_first_process,
    stage_folder,
    training_arguments,
)
from lineament.training.freeze import freeze, parameter_groups
from lineament.training.guard import (
    SpikeGuard,
    StageClock,
    StopSignal,
    WeightAverage,
    catch_stop_signals,
    limit_kernel_cache,
)
from lineament.training.journal import Journal
from lineament.training.muon import refuse_shards
from lineament.training.objectives import open_objective
from lineament.training.processes import any_process
from lineament.training.recipe import Recipe
from lineament.training.rehearsal import check_recipe, rehearse
from lineament.training.shard import claim_shards, open_mesh, reshard, shard_learner
from lineament.training.stage_data import open_sources, open_stream, open_validation
from lineament.training.stage_run import StageRun
from lineament.training.start import adapt_model
from lineament.training.stream import Stream
from lineament.training.tensorboard import CURVES, CurveWriter
from lineament.training.trained_on import TRAINED_ON, write_trained_on
from lineament.training.trainer import StageTrainer
from lineament.training.unified_family import Family, open_family
from lineament.training.validation import validate

logger = logging.getLogger(__name__)
BEST = "best"
BuildModel = Callable[[Recipe, Mapping[str, Sequence[ExampleSource]]], tuple[Any, Any]]


@dataclass(frozen=True, slots=True)
class RunResult:
    """How a run ended.

    Attributes:
        status: ``done``, or ``stopped`` when it can be resumed.
        folder: The last model, when done.
        num_steps: Steps of all stages so far.
        seconds: Time spent in all stages so far.
        num_skipped: Samples and dialogues that could not be used in all stages so far, in all
            processes; of what is held out, each counts once.
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
    stop: StopSignal
    deadline: float
    resume: bool
    evaluate: Score | None
    evaluate_every: int
    use_shards: bool

    @property
    def family(self) -> Family:
        """How models of the recipe's kind begin."""
        return open_family(self.recipe.model)

    @property
    def is_asked(self) -> bool:
        """Whether a signal or the time of this call says to stop."""
        return self.stop.is_set or time.monotonic() >= self.deadline

    def folder(self, number: int) -> Path:
        """Return a stage's folder."""
        return self.out / stage_folder(number, self.recipe.stages[number])

    def load(self, folder: Path) -> tuple[Any, Any]:
        """Read a model that this run has written."""
        model, processor = self.family.load(self.recipe.model, folder)
        lay_anew(model)
        return model, processor


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
    began: float | None = None,
    evaluate: Score | None = None,
    evaluate_every: int = 0,
) -> RunResult:
    """Train all stages of a recipe, one after the other.

    On SIGTERM, or an interrupt, it saves behind the current step and can be resumed; a second
    interrupt aborts it.

    Under a launcher such as torchrun every process calls this; each has a copy of the model, or
    its shard where ``accelerate launch`` asks for FSDP. What is written is the same either way.

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
        pause_minutes: Stop after so long, to be resumed; 0 never does. At least one step is done.
        began: When that time began, by `time.monotonic`; with this call where it is not said.
        evaluate: Takes model and processor, and returns a score; the best model by it is kept
            in ``best``.
        evaluate_every: Steps between scores; 0 scores at the end of every stage alone.

    Raises:
        BadInput: The recipe cannot be run, or the folder holds another run.
        LineamentError: Training diverged.
    """
    out = Path(out)
    # As a file would give it: keys of free mappings are texts, tuples in them lists.
    recipe = settings_from_dict(Recipe, json.loads(recipe.model_dump_json()))
    check_folder(recipe, out, resume=resume)
    began = time.monotonic() if began is None else began
    is_writer = is_first_process()
    curves = CurveWriter(out / CURVES) if recipe.use_tensorboard and is_writer else None
    limit_kernel_cache()
    disable_progress_bar()  # of single files; whoever runs this shows the whole run's
    with (
        catch_stop_signals() as stop,
        claim_shards() as use_shards,
        closing(Journal(out, is_writer=is_writer, curves=curves)) as journal,
    ):
        if use_shards:
            refuse_shards(recipe)
        runner = Runner(
            recipe,
            out,
            sources or {},
            callbacks,
            on_progress,
            journal,
            stop,
            began + 60 * pause_minutes if pause_minutes else math.inf,
            resume,
            evaluate,
            evaluate_every,
            use_shards,
        )
        return _run_stages(runner, build_model)


def _run_stages(runner: Runner, build_model: BuildModel | None) -> RunResult:
    recipe, model, processor = runner.recipe, None, None
    num_steps, seconds = 0, 0.0
    numbers = range(len(recipe.stages))
    done = [runner.folder(number) / DONE for number in numbers]
    left = [number for number in numbers if not done[number].is_file()]
    opened = check_recipe(recipe, runner.sources, left)
    for number in numbers:
        if number not in left:
            row = json.loads(done[number].read_text(encoding="utf-8"))
            num_steps, seconds = num_steps + row["steps"], seconds + row["seconds"]
            continue
        folder = runner.folder(number)
        checkpoint = find_checkpoint(folder) if folder.is_dir() else None
        if checkpoint is not None:
            model, processor = runner.load(checkpoint)
        elif model is None:
            model, processor = _start(runner, number, build_model)
        if number == left[0]:
            rehearse(recipe, runner.sources, left, model, processor)
            claim_folder(recipe, runner.out, resume=runner.resume)
            if is_first_process():
                write_trained_on(recipe, opened, runner.out / TRAINED_ON)
            opened.clear()
        run, steps = _run_stage(runner, number, model, processor, checkpoint)
        num_steps, seconds = num_steps + steps, seconds + run.clock.seconds
        is_next = number != numbers[-1]
        if run.is_paused or (is_next and any_process([runner.is_asked])[0]):
            return _result(runner, "stopped", num_steps, seconds)
        if runner.use_shards:
            model = None  # the next stage begins with what this one has written
    if is_first_process():
        finish_run(recipe, runner.folder(len(numbers) - 1), runner.out, runner.journal.path)
    return _result(runner, "done", num_steps, seconds)


def _run_stage(
    runner: Runner, number: int, model: Any, processor: Any, checkpoint: Path | None
) -> tuple[StageRun, int]:
    recipe, stage = runner.recipe, runner.recipe.stages[number]
    folder = runner.folder(number)
    num_threads = stage.num_threads or recipe.num_threads
    if num_threads:
        torch.set_num_threads(num_threads)
    objective, stream = prepare_stage(runner, number, model, processor)
    learner = objective.learner()
    arguments = training_arguments(recipe, stage, folder)
    if runner.use_shards:
        _ = arguments.device  # which lets the processes find each other
        shard_learner(learner, open_mesh())
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
        deadline=runner.deadline,
        critic=getattr(learner, "critic", None),
    )
    held_out = open_validation(recipe, number, runner.sources, objective)
    if held_out is not None:
        part = max(1, stage.batch_size // stage.accumulate)

        def validate_whole() -> tuple[dict[str, Any], list[tuple[str, str]]]:
            skipped: list[tuple[str, str]] = []
            rows = validate(learner, objective, held_out, batch_size=part, skipped=skipped)
            reshard(learner)
            return rows, skipped

        run.validate = validate_whole
    step = 0
    if checkpoint is not None:
        restore_state(run, checkpoint)
        step = int(checkpoint.name.split("-")[1])
    runner.journal.cut(stage.name, step)
    callbacks = [*runner.callbacks]
    if runner.evaluate is not None:
        keep = KeepBest(
            runner.evaluate,
            processor,
            runner.out / BEST,
            every=runner.evaluate_every,
            load=runner.load,
            run=run,
        )
        callbacks.append(keep)
    trainer = StageTrainer(run, learner, arguments, stream, objective.collate, callbacks)
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
    adapt_model(model, stage.lora, seed=recipe.seed * 1000 + number)
    freeze(model, stage)
    parameter_groups(model, stage)
    if recipe.model.family == "favchat":
        drop_features(model)
    if stage.cache_features:
        keep_features(model, stage.cache_features, limit_gib=stage.cache_gib)
    if stage.use_checkpointing:
        model.activation_checkpointing_enable({"use_reentrant": False})
    elif model.is_activation_checkpointing:  # the stage before wanted it
        model.activation_checkpointing_disable()
    objective = open_objective(stage, model, processor)
    stream = open_stream(recipe, number, runner.sources, objective)
    stream[0]
    return objective, stream


def _start(runner: Runner, number: int, build_model: BuildModel | None) -> tuple[Any, Any]:
    """Return the model a stage begins with: the last stage's, or a new one."""
    recipe = runner.recipe
    if number:
        return runner.load(runner.folder(number - 1) / "final")
    stage = recipe.stages[0]
    sources = open_sources(stage, stage.data, runner.sources)
    torch.manual_seed(recipe.seed)
    if build_model is not None:
        names = {mix.source: [] for mix in stage.data}
        for mix, source in zip(stage.data, sources, strict=True):
            names[mix.source].append(source)
        model, processor = build_model(recipe, names)
    else:
        model, processor = runner.family.start(recipe.model, sources, recipe.seed)
    lay_anew(model)
    return model, processor


def _result(runner: Runner, status: str, num_steps: int, seconds: float) -> RunResult:
    return RunResult(
        status, runner.out / "model", num_steps, round(seconds, 3), runner.journal.num_skipped
    )
