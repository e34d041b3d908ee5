"""What trains and how fast: globs over parameter names, and the optimiser's groups."""

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from torch import Tensor, nn

from lineament.config import nearest_hint
from lineament.errors import BadInput
from lineament.model.lora import lora_names
from lineament.training.recipe import Stage

_UNDECAYED = ("bias", "norm", "embed", "position", "gain", "class_embedding")


def freeze(model: nn.Module, stage: Stage) -> list[str]:
    """Let only what a stage names be trained, and return the names of that.

    A weight with several names, as tied embeddings have, trains when any of them matches. A
    stage's own adapters always train.

    Raises:
        BadInput: A glob matches nothing.
    """
    names = [name for name, _ in model.named_parameters(remove_duplicate=False)]
    chosen = match_globs(names, stage.trainable, where=f"stages.{stage.name}.trainable")
    if stage.lora is not None:
        chosen |= set(lora_names(names))
    parameters: Mapping[str, nn.Parameter] = dict(model.named_parameters(remove_duplicate=False))
    trainable_ids = {id(parameters[name]) for name in chosen}
    for parameter in model.parameters():
        parameter.requires_grad_(id(parameter) in trainable_ids)
    return [name for name, parameter in model.named_parameters() if parameter.requires_grad]


def frozen_modules(model: nn.Module) -> list[nn.Module]:
    """Find the largest modules without anything to train: they run as in evaluation."""
    found: list[nn.Module] = []

    def visit(module: nn.Module) -> None:
        parameters = list(module.parameters())
        if parameters and not any(parameter.requires_grad for parameter in parameters):
            found.append(module)
        else:
            for child in module.children():
                visit(child)

    visit(model)
    return found


def match_globs(names: Iterable[str], globs: Iterable[str], *, where: str) -> set[str]:
    """Return the names that any glob matches.

    Raises:
        BadInput: A glob matches none.
    """
    names = list(names)
    chosen: set[str] = set()
    for glob in globs:
        matched = {name for name in names if fnmatchcase(name, glob)}
        if not matched:
            raise BadInput(f"{where}: {glob!r} matches no weight", hint=_hint_glob(glob, names))
        chosen |= matched
    return chosen


def learning_rate_of(name: str, rates: Mapping[str, float]) -> float | None:
    """Return the peak rate of a weight: that of the last glob that matches."""
    found = [rate for glob, rate in rates.items() if fnmatchcase(name, glob)]
    return found[-1] if found else None


def parameter_groups(model: nn.Module, stage: Stage) -> list[dict[str, Any]]:
    """Put what trains into groups of one learning rate and weight decay.

    Raises:
        BadInput: A glob of the learning rates matches nothing, or a weight has no rate.
    """
    names = [name for name, _ in model.named_parameters(remove_duplicate=False)]
    match_globs(names, stage.learning_rates, where=f"stages.{stage.name}.learning_rates")
    groups: dict[tuple[float, float], dict[str, Any]] = {}
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        rate = learning_rate_of(name, stage.learning_rates)
        if rate is None:
            raise BadInput(
                f"stages.{stage.name}.learning_rates: {name} trains, but no glob gives its rate",
                hint='add "*": 1e-4 as the first one',
            )
        decay = stage.weight_decay if is_decayed(name, parameter) else 0.0
        group = groups.setdefault(
            (rate, decay), {"params": [], "names": [], "lr": rate, "weight_decay": decay}
        )
        group["params"].append(parameter)
        group["names"].append(name)
    return list(groups.values())


def is_decayed(name: str, parameter: Tensor) -> bool:
    """Say whether weight decay applies: to matrices that are no embeddings."""
    return parameter.ndim >= 2 and not any(word in name.lower() for word in _UNDECAYED)


def _hint_glob(glob: str, names: list[str]) -> str:
    """Point at the nearest beginning of a name."""
    depth = glob.count(".") + 1
    beginnings = sorted({".".join(name.split(".")[:depth]) for name in names})
    plain = glob.replace("*", "").strip(".")
    return nearest_hint(
        plain, beginnings, otherwise=f"names begin with {', '.join(beginnings[:8])}"
    )
