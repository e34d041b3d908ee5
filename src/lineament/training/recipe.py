"""Recipes: a whole training run as one typed value."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from lineament.config import Settings
from lineament.errors import BadInput

Schedule = Literal["cosine", "linear", "constant"]
Precision = Literal["fp32", "bf16"]
Rate = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]
Memory = Annotated[float, Field(ge=0, lt=1)]


class Mix(Settings):
    """One source of examples and its share of a stage.

    Attributes:
        source: Folder of a built data set, or the name of a source.
        weight: Share of the samples, relative to the other sources of the stage.
        kinds: Only these kinds of records; all when empty.
        levels: Only these levels; all when empty.
        quality_share: Only the best records by their quality score, as a fraction of all.
        split: Which split to read; a data set that was built from another one is refused, and
            of one built from all of them only records of this one are read.
        limit: At most so many examples; 0 takes all.
        options: More settings of a named source.
    """

    source: str
    weight: float = Field(default=1.0, gt=0)
    kinds: tuple[str, ...] = ()
    levels: tuple[int, ...] = ()
    quality_share: float = Field(default=1.0, gt=0, le=1)
    split: str = "train"
    limit: int = Field(default=0, ge=0)
    options: dict[str, Any] = Field(default={})


class Lora(Settings):
    """Low-rank adapters instead of full weights; several with a router for ``experts`` above 1.

    Attributes:
        targets: Globs over the names of linear layers.
        rank: Rank of each adapter.
        alpha: Scale; an adapter's output is multiplied by alpha / rank.
        dropout: In front of each adapter.
        experts: Adapters of each layer.
        top_k: How many of them are used at a time.
        route_by: What is routed: every token by what it holds, or by its kind of task.
        tasks: Kinds of records that have a route of their own, for ``route_by="task"``.
        balance_weight: Weight of the load balancing loss.
    """

    targets: tuple[str, ...]
    rank: int = Field(default=16, ge=1)
    alpha: float = 32.0
    dropout: float = Field(default=0.0, ge=0, lt=1)
    experts: int = Field(default=1, ge=1)
    top_k: int = Field(default=2, ge=1)
    route_by: Literal["token", "task"] = "token"
    tasks: tuple[str, ...] = ()
    balance_weight: float = Field(default=0.01, ge=0)


class Stage(Settings):
    """What is trained on what, for how long.

    Attributes:
        name: Names folders and rows of the log.
        trainable: Globs over parameter names; everything else is frozen.
        learning_rates: Peak rates by glob; of several that match, the last one counts.
        data: What is mixed.
        num_samples: Examples to draw; a number of steps may be given instead.
        num_steps: Optimiser steps; 0 where samples are given.
        batch_size: Examples of one optimiser step, over all processes.
        accumulate: Parts in which a step's examples are computed, to save memory.
        row_tokens: Packing budget: samples share rows of at most so many tokens; 0 pads every
            sample to the longest instead.
        share_prefix: Whether all dialogues about one clip read the same clip tokens, each blind
            to the others; otherwise every dialogue brings the clip's tokens again.
        objective: What is learned; see `OBJECTIVES`.
        labels: Table of the names that the objective ``labels`` learns, as ``module:name``.
        losses: Weights of an image tokenizer's losses that differ from those of
            ``model.processor`` in this stage.
        warmup: Share of the stage in which the rate rises to its peak.
        schedule: How the rate falls from there.
        final_rate: Where a falling rate ends, as a share of the peak.
        weight_decay: Of matrices; never of biases, norms and embeddings.
        optimizer: ``adamw``, or ``muon`` for the matrices inside the network, with AdamW for all
            else; see `lineament.training.muon`. Not over shards.
        betas: Adam's two memories.
        max_grad_norm: Longer gradients are cut to this length.
        drop_streams: How often a clip's general, face or landmarks stream is hidden.
        lora: Adapters that stand in for the weights they adapt.
        validation: Held-out data whose loss is reported by kind and level.
        validate_every: Steps between validations; 0 validates at the end alone.
        validation_samples: Examples of each validation.
        save_every: Steps between checkpoints.
        max_minutes: The stage ends after so many minutes, its rate falling by time; a run
            with it cannot be repeated bit by bit.
        ema: Memory of a running average of the weights, which is saved in their place; 0 is off.
        cache_features: Folder in which frozen encoders' features are kept; empty keeps none. It
            pays where the same pictures come again unchanged.
        cache_gib: Most that they may take on disk.
        use_checkpointing: Whether activations are computed twice to save memory.
        num_threads: Of torch in this stage; 0 is the recipe's. Where data want a core of their
            own, fewer are faster.
    """

    name: str
    trainable: tuple[str, ...] = ("*",)
    learning_rates: dict[str, Rate] = Field(default={"*": 1e-4})
    data: tuple[Mix, ...]
    num_samples: int = Field(default=0, ge=0)
    num_steps: int = Field(default=0, ge=0)
    batch_size: int = Field(default=8, ge=1)
    accumulate: int = Field(default=1, ge=1)
    row_tokens: int = Field(default=1024, ge=0)
    share_prefix: bool = True
    objective: str = "answers"
    labels: str = "lineament.training.chat_tiny_labels:LABEL_TABLE"
    losses: dict[str, float] = Field(default={})
    warmup: float = Field(default=0.03, ge=0, le=1)
    schedule: Schedule = "cosine"
    final_rate: float = Field(default=0.0, ge=0, le=1)
    weight_decay: float = Field(default=0.0, ge=0)
    optimizer: Literal["adamw", "muon"] = "adamw"
    betas: tuple[Memory, Memory] = (0.9, 0.95)
    max_grad_norm: float = Field(default=1.0, gt=0)
    drop_streams: dict[Literal["general", "face", "landmarks"], Share] = Field(default={})
    lora: Lora | None = None
    validation: tuple[Mix, ...] = ()
    validate_every: int = Field(default=0, ge=0)
    validation_samples: int = Field(default=64, ge=1)
    save_every: int = Field(default=500, ge=1)
    max_minutes: float = Field(default=0.0, ge=0)
    ema: float = Field(default=0.0, ge=0, lt=1)
    cache_features: str = ""
    cache_gib: float = Field(default=20.0, gt=0)
    use_checkpointing: bool = False
    num_threads: int = Field(default=0, ge=0)

    @property
    def total_steps(self) -> int:
        """Optimiser steps, from samples where steps are not given."""
        return self.num_steps or -(-self.num_samples // self.batch_size)

    @model_validator(mode="after")
    def _check(self) -> "Stage":
        """Refuse settings of which one has no effect.

        Raises:
            BadInput: Naming them.
        """
        where = f"stages.{self.name}"
        if self.num_steps and self.num_samples:
            raise BadInput(
                f"{where}: num_steps ({self.num_steps}) and num_samples ({self.num_samples}) "
                "are both set",
                hint=f"--set {where}.num_steps=0 goes by samples, "
                f"--set {where}.num_samples=0 by steps",
            )
        if self.lora is not None:
            _check_routes(self.lora, f"{where}.lora")
        return self


class Model(Settings):
    """Where a run starts.

    Attributes:
        family: What kind of model it is: one that chats about clips, an image tokenizer, or one
            that draws and understands; see `unified_family`.
        start: A trained model's folder or name, also that of a Qwen2.5-VL or Qwen3-VL as
            ``transformers`` saves it; a new model when empty.
        size: Which of our configurations a new model has: ``tiny``, ``full``, or ``llava``,
            ``qwen2.5-vl`` and ``qwen3-vl`` for those of LLaVA-1.5-7B, Qwen2.5-VL-7B and
            Qwen3-VL-8B as starts.
        changes: What differs from that configuration, or from that of ``start``.
        processor: What differs from the processor that fits the model.
        tokenizer: Folder or name of a tokenizer; empty learns one from the first stage's text.
        vocab_size: Of a tokenizer that is learned.
        tokenizer_examples: How many examples it is learned from.
        fit_landmarks: Examples whose landmarks give the mean and scale; 0 leaves both alone.
        parts: Weights to put in: ``face_encoder``, ``general_encoder``, ``language_model`` to a
            folder or file; of drawing models ``image_tokenizer`` and ``eyes``, which stand
            beside the network.
    """

    family: Literal["favchat", "image-tokenizer", "unif2ace"] = "favchat"
    start: str = ""
    size: Literal["tiny", "full", "llava", "qwen2.5-vl", "qwen3-vl"] = "tiny"
    changes: dict[str, Any] = Field(default={})
    processor: dict[str, Any] = Field(default={})
    tokenizer: str = ""
    vocab_size: int = Field(default=4096, ge=300)
    tokenizer_examples: int = Field(default=2000, ge=1)
    fit_landmarks: int = Field(default=0, ge=0)
    parts: dict[str, str] = Field(default={})


class Evaluation(Settings):
    """By which task of ``lineament eval`` the best model of a run is kept, in ``best``.

    Attributes:
        task: Its name; empty keeps none. What counts is its headline.
        data: Folder of its data; empty where its media are drawn.
        every: Steps between scores; 0 scores at the end of every stage alone.
        count: Media asked about; 0 takes all.
    """

    task: str = ""
    data: str = ""
    every: int = Field(default=0, ge=0)
    count: int = Field(default=0, ge=0)


class Recipe(Settings):
    """A whole run.

    Attributes:
        name: Names the run.
        seed: Decides first weights, order of data and dropout.
        model: Where it starts.
        stages: What is done, in order.
        precision: Of the arithmetic; weights stay in 32 bits.
        num_workers: Processes that prepare data; the result does not depend on it.
        num_threads: Of torch; 0 leaves its own choice.
        log_every: Steps between rows of the log.
        use_tensorboard: Whether to write TensorBoard files as well.
        use_plots: Whether to draw ``losses.png`` at the end.
        spike_factor: A step is left out when its gradient is so many times longer than usual.
        max_bad_steps: So many left-out steps in a row stop the run.
        adam_epsilon: Adam's epsilon.
        prepare: Function, as ``module:name``, that makes what the stages read: it gets the
            recipe, the run's folder and a report, and returns the recipe to run.
        data: Folder of the real data that `prepare` reads.
        evaluation: By which task the best model is kept.
    """

    name: str
    seed: int = Field(default=0, ge=0, lt=2**32)
    model: Model = Model()
    stages: tuple[Stage, ...] = Field(min_length=1)
    precision: Precision = "fp32"
    num_workers: int = Field(default=0, ge=0)
    num_threads: int = Field(default=0, ge=0)
    log_every: int = Field(default=10, ge=1)
    use_tensorboard: bool = False
    use_plots: bool = False
    spike_factor: float = Field(default=20.0, gt=1)
    max_bad_steps: int = Field(default=5, ge=1)
    adam_epsilon: float = Field(default=1e-8, ge=0)
    prepare: str = ""
    data: str = ""
    evaluation: Evaluation = Evaluation()


def _check_routes(lora: Lora, where: str) -> None:
    """Refuse experts that cannot be chosen, and routes that lead nowhere.

    Raises:
        BadInput: Naming the field.
    """
    if lora.top_k > lora.experts > 1:
        raise BadInput(f"{where}.top_k: {lora.top_k} of {lora.experts} experts")
    if lora.route_by == "task" and lora.experts == 1:
        raise BadInput(
            f"{where}.route_by: one adapter needs no route", hint=f"--set {where}.experts=4"
        )
    if lora.route_by == "task" and not lora.tasks:
        raise BadInput(
            f"{where}.tasks: none, and route_by is 'task'",
            hint="the kinds of records that have a route of their own",
        )
    if lora.route_by != "task" and lora.tasks:
        raise BadInput(
            f"{where}.tasks: has no effect with route_by {lora.route_by!r}",
            hint=f"--set {where}.route_by=task",
        )
