"""The trainer: that of ``transformers``, with our order, losses, guards and checkpoints."""

import contextlib
import itertools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor
from torch.utils.data import SequentialSampler
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments

from lineament.model.experts import ExpertUse
from lineament.model.lora import write_lora_settings
from lineament.training.checkpoint import OPTIMISER, SCHEDULE, refuse_damaged
from lineament.training.freeze import frozen_modules, parameter_groups
from lineament.training.guard import rate_factor
from lineament.training.muon import Muon, split_matrices
from lineament.training.processes import largest
from lineament.training.shard import gather_full, is_sharded, save_whole, shard_like
from lineament.training.stage_run import StageRun, inner_model
from lineament.training.step import StageCallback
from lineament.training.stream import FAILED, CarryingCollator, CarryingStream

_NOT_FOR_MODEL = ("groups", "clip_kinds", "skipped", "num_samples", "num_items")


class StageTrainer(Trainer):
    """One stage: samples in the stream's order, losses from the learner, our checkpoints."""

    def __init__(
        self,
        run: StageRun,
        learner: nn.Module,
        arguments: TrainingArguments,
        stream: Any,
        collate: Callable[[Any], dict[str, Any]],
        callbacks: Sequence[TrainerCallback] = (),
    ) -> None:
        self.run = run
        self._is_sharded = is_sharded(learner)
        super().__init__(
            model=learner,
            args=arguments,
            data_collator=CarryingCollator(collate),
            train_dataset=CarryingStream(stream),
            callbacks=[StageCallback(run), *callbacks],
        )
        self.remove_callback(PrinterCallback)  # stdout is for data; the journal keeps the log
        self.loss_is_scaled_for_ga = True  # losses are divided by the labels of the whole step
        self._still: list[nn.Module] = frozen_modules(learner)
        if self._is_sharded:  # so that it is not wrapped or sharded again, nor its parts summed up
            self.is_distributed_loading_by_transformers = True
            object.__setattr__(learner, "_is_fsdp_managed_module", True)

    def _move_model_to_device(self, model: nn.Module, device: torch.device) -> None:
        if not self._is_sharded:  # shards lie where they belong
            super()._move_model_to_device(model, device)

    def create_optimizer(self, model: nn.Module | None = None) -> torch.optim.Optimizer:
        """Make the stage's optimiser with a rate for every group of weights."""
        if self.optimizer is None:
            trained = self.model if model is None else model
            stage = self.run.stage
            groups = parameter_groups(inner_model(trained), stage)
            is_muon = stage.optimizer == "muon"
            groups = split_matrices(groups) if is_muon else groups
            for group in groups:
                group.pop("names")
            if self.run.critic is not None:
                rate = max(stage.learning_rates.values())
                weights = list(self.run.critic.parameters())
                groups.append({"params": weights, "lr": rate, "weight_decay": 0.0})
            epsilon = self.run.recipe.adam_epsilon
            self.optimizer = (
                Muon(groups, betas=stage.betas, eps=epsilon)
                if is_muon
                else torch.optim.AdamW(groups, betas=stage.betas, eps=epsilon, fused=True)
            )
        return self.optimizer

    def create_scheduler(
        self, num_training_steps: int, optimizer: torch.optim.Optimizer | None = None
    ) -> Any:
        """Let the rates follow the stage's clock."""
        del num_training_steps
        if self.lr_scheduler is None:
            run = self.run

            def factor(step: int) -> float:
                # Step 0 of a warm-up would have no rate at all.
                progress = run.clock.progress(step + 1 if run.stage.warmup else step)
                if run.stage.max_minutes:
                    progress = largest(progress)  # or processes would follow their own clocks
                return rate_factor(progress, run.stage)

            self.lr_scheduler = torch.optim.lr_scheduler.LambdaLR(
                optimizer or self.optimizer, factor
            )
            self._created_lr_scheduler = True
        return self.lr_scheduler

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        stream: Any = train_dataset or self.train_dataset
        return SequentialSampler(stream)

    def get_batch_samples(
        self, epoch_iterator: Iterator, num_batches: int, device: torch.device
    ) -> tuple[list, Tensor | int | None]:
        """Read the parts of one step and count its labels, over all processes.

        Raises:
            LineamentError: Its data cannot be used.
        """
        batches = list(itertools.islice(epoch_iterator, num_batches))
        for batch in batches:
            if FAILED in batch:
                raise batch[FAILED]
        if not batches:
            return batches, None
        total = torch.stack([batch["num_items"].to(device).float() for batch in batches]).sum()
        every: Any = self.accelerator.gather(total.reshape(1))
        return batches, every.sum().clamp(min=1e-9)

    def training_step(
        self, model: nn.Module, inputs: Any, num_items_in_batch: Any = None
    ) -> Tensor:
        """Compute one part of a step; a bad one is told to the guard."""
        loss = super().training_step(model, inputs, num_items_in_batch)
        self.run.last_loss += float(loss)
        return loss

    def compute_loss(
        self,
        model: nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """Divide the learner's summed loss by the labels of the whole step."""
        if model.training:
            for module in self._still:
                module.eval()
        outputs = model(**{k: v for k, v in inputs.items() if k not in _NOT_FOR_MODEL})
        num_items = inputs["num_items"]
        total = num_items if num_items_in_batch is None else num_items_in_batch
        loss = (outputs["loss_sum"] + outputs["extra"] * num_items) / total
        loss = loss * self.accelerator.num_processes  # which average their gradients
        self._note(inputs, outputs)
        return (loss, outputs) if return_outputs else loss

    def _note(self, inputs: dict[str, Any], outputs: dict[str, Any]) -> None:
        run = self.run
        run.step_losses.add(outputs["losses"], outputs["group_ids"], inputs["groups"])
        run.num_tokens += int(inputs["num_items"])
        if inputs["skipped"]:
            step = self.state.global_step + 1
            run.journal.note_skipped(inputs["skipped"], run.stage.name, step)
        expert_ids = outputs.get("expert_ids")
        if expert_ids is not None:
            experts = int(inner_model(self.model).config.num_experts)
            run.uses = run.uses or ExpertUse(experts)
            run.uses.add(expert_ids, run.stage.name)

    def compute_loss_context_manager(self) -> contextlib.ExitStack:
        """Work in 16 bits where the recipe says so."""
        stack = super().compute_loss_context_manager()
        if self.run.recipe.precision == "bf16":
            stack.enter_context(torch.autocast(self.args.device.type, torch.bfloat16))
        return stack

    def _clip_grad_norm(self, model: nn.Module) -> Any:
        norm: Any = super()._clip_grad_norm(model)
        if isinstance(norm, DTensor):
            norm = norm.full_tensor()
        self.run.last_norm = float(norm)
        return norm

    @contextlib.contextmanager
    def _defer_fsdp_gradient_reduction(self) -> Iterator[None]:
        learner: Any = self.model
        learner.set_requires_gradient_sync(False)
        try:
            yield
        finally:
            learner.set_requires_gradient_sync(True)

    def _save(self, output_dir: str | None = None, state_dict: dict | None = None) -> None:
        """Write the model inside the learner as ``transformers`` writes models."""
        folder = Path(output_dir or str(self.args.output_dir))
        model = inner_model(self.model)
        if state_dict is None:
            save_whole(model, self.run.processor, folder)
            return
        if not self.args.should_save:
            return
        state_dict = {k.removeprefix("model."): v for k, v in state_dict.items()}
        model.save_pretrained(folder, state_dict=state_dict)
        write_lora_settings(model, folder)
        if self.run.processor is not None:
            self.run.processor.save_pretrained(folder)

    def _save_optimizer_and_scheduler(self, output_dir: str) -> None:
        """Write what the optimiser knows in one piece, as a run without shards does."""
        if not self._is_sharded:
            super()._save_optimizer_and_scheduler(output_dir)
            return
        assert self.optimizer is not None
        assert self.lr_scheduler is not None
        state = gather_full(self.optimizer.state_dict())
        if self.args.should_save:
            torch.save(state, Path(output_dir) / OPTIMISER)
            torch.save(self.lr_scheduler.state_dict(), Path(output_dir) / SCHEDULE)

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        """Give every process its part of what the optimiser knew.

        Raises:
            BadModel: The checkpoint is damaged.
        """
        if checkpoint is None:
            return
        with refuse_damaged(Path(checkpoint), OPTIMISER, SCHEDULE):
            if self._is_sharded:
                self._load_shards(checkpoint)
            else:
                super()._load_optimizer_and_scheduler(checkpoint)

    def _load_rng_state(self, checkpoint: str | None) -> None:
        if checkpoint is None:
            return
        number = f"_{self.args.process_index}" if self.args.world_size > 1 else ""
        with refuse_damaged(Path(checkpoint), f"rng_state{number}.pth"):
            super()._load_rng_state(checkpoint)

    def _load_shards(self, checkpoint: str) -> None:
        assert self.optimizer is not None
        assert self.lr_scheduler is not None
        state = torch.load(Path(checkpoint) / OPTIMISER, map_location="cpu", weights_only=True)
        weights = [weight for group in self.optimizer.param_groups for weight in group["params"]]
        for number, values in state["state"].items():
            for name, value in values.items():
                if name != "step":
                    values[name] = shard_like(value, weights[number])
        self.optimizer.load_state_dict(state)
        schedule = torch.load(Path(checkpoint) / SCHEDULE, map_location="cpu", weights_only=True)
        self.lr_scheduler.load_state_dict(schedule)

    def _load_from_checkpoint(
        self, resume_from_checkpoint: str, model: nn.Module | None = None
    ) -> None:
        """Leave the weights alone: the run has built the model from the checkpoint already."""
