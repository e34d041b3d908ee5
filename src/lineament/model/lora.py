"""LoRA through PEFT, and MoE-LoRA: several low-rank experts on one layer, with a router."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import Any, Literal

import torch
from jaxtyping import Float, Int
from peft import LoraConfig, inject_adapter_in_model
from peft.tuners.lora import LoraLayer
from torch import Tensor, nn
from torch.nn import functional

from lineament.errors import BadInput, BadModel
from lineament.model.experts import Routing, balance_loss, route_tokens

ADAPTER = "default"
SETTINGS = "lora.json"


@dataclass(frozen=True, slots=True)
class LoraSettings:
    """Which layers are adapted, and how.

    Attributes:
        targets: Globs over the names of linear layers.
        rank: Rank of each adapter.
        alpha: An adapter's output is multiplied by alpha / rank.
        dropout: In front of each adapter.
        experts: Adapters of each layer; above 1 a router chooses among them.
        top_k: How many are used at a time.
        route_by: What is routed: every token by what it holds, or every token by its task.
        tasks: Names of the tasks, for ``route_by="task"``.
    """

    targets: tuple[str, ...]
    rank: int = 16
    alpha: float = 32.0
    dropout: float = 0.0
    experts: int = 1
    top_k: int = 2
    route_by: Literal["token", "task"] = "token"
    tasks: tuple[str, ...] = ()


class ExpertStack(nn.Module):
    """One matrix for each expert, as one weight."""

    def __init__(self, num_experts: int, dim_in: int, dim_out: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(num_experts, dim_in, dim_out))


class MoeLoraLinear(nn.Module, LoraLayer):
    """A linear layer plus the chosen of its low-rank experts, as PEFT knows LoRA layers.

    All experts' inner products are computed, since together they are one narrow matrix product,
    and those that were not chosen are multiplied by zero. It starts as the layer it adapts.
    """

    adapter_layer_names = ("lora_A", "lora_B", "lora_router")
    base_layer: nn.Module
    lora_dropout: nn.ModuleDict

    def __init__(
        self,
        base_layer: nn.Module,
        adapter_name: str,
        config: LoraConfig,
        r: int = 0,
        lora_alpha: float = 1,
        num_experts: int = 4,
        top_k: int = 2,
        num_tasks: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        LoraLayer.__init__(self, base_layer, **kwargs)
        self._active_adapter = adapter_name
        self.num_experts, self.top_k = num_experts, min(top_k, num_experts)
        self.num_tasks = num_tasks
        self.lora_router = nn.ModuleDict({})
        self.task_ids: Tensor | None = None  # of the tokens that come next, by `set_task_ids`
        self.balance: Tensor | None = None
        self.update_layer(adapter_name, r, lora_alpha, config)

    def update_layer(
        self, adapter_name: str, r: int, lora_alpha: float, config: LoraConfig, **kwargs: Any
    ) -> None:
        """Add one adapter: its experts and its router."""
        del kwargs
        self.r[adapter_name], self.lora_alpha[adapter_name] = r, lora_alpha
        self.scaling[adapter_name] = lora_alpha / r
        rate = config.lora_dropout
        dim_in, dim_out = self.in_features, self.out_features
        assert dim_in is not None
        assert dim_out is not None
        self.lora_dropout[adapter_name] = nn.Dropout(rate) if rate else nn.Identity()
        self.lora_A[adapter_name] = ExpertStack(self.num_experts, dim_in, r)
        self.lora_B[adapter_name] = ExpertStack(self.num_experts, r, dim_out)
        self.lora_router[adapter_name] = nn.Linear(
            self.num_tasks or dim_in, self.num_experts, bias=False
        )
        self.reset_lora_parameters(adapter_name, init_lora_weights=True)
        self._move_adapter_to_device_of_base_layer(adapter_name)
        self.set_adapter(self.active_adapters)

    def reset_lora_parameters(self, adapter_name: str, init_lora_weights: Any) -> None:
        """Start as no change: what goes up from the inner products is zero."""
        del init_lora_weights
        assert self.in_features is not None
        with torch.no_grad():
            nn.init.normal_(_weight(self.lora_A[adapter_name]), std=self.in_features**-0.5)
            nn.init.zeros_(_weight(self.lora_B[adapter_name]))
            nn.init.normal_(_weight(self.lora_router[adapter_name]), std=0.02)

    def forward(
        self, x: Float[Tensor, "*batch dim_in"], *args: Any, **kwargs: Any
    ) -> Float[Tensor, "*batch dim_out"]:
        """Apply the layer and its active experts."""
        result = self.base_layer(x, *args, **kwargs)
        if self.disable_adapters:
            return result
        for name in self.active_adapters:
            if name not in self.lora_A:
                continue
            down, up = _weight(self.lora_A[name]), _weight(self.lora_B[name])
            rows = self.lora_dropout[name](x).to(down.dtype)
            inner = rows @ down.permute(1, 0, 2).flatten(1)
            gates = self._gate(name, x).unsqueeze(-1).to(inner.dtype)
            inner = (inner.unflatten(-1, (self.num_experts, -1)) * gates).flatten(-2)
            result = result + (inner @ up.flatten(0, 1)).to(result.dtype) * self.scaling[name]
        return result

    def merge(self, safe_merge: bool = False, adapter_names: list[str] | None = None) -> None:
        """Refuse: which experts are used depends on the input.

        Raises:
            BadInput: Always.
        """
        del safe_merge, adapter_names
        raise BadInput(
            "experts of MoE-LoRA cannot be merged into one weight",
            hint="keep the adapters, or train with experts=1",
        )

    def unmerge(self) -> None:
        """Nothing is ever merged."""

    def _gate(
        self, name: str, x: Float[Tensor, "*batch dim_in"]
    ) -> Float[Tensor, "*batch experts"]:
        """Return every token's gates, zero for the experts it does not use."""
        weight = _weight(self.lora_router[name]).float()
        if self.num_tasks:
            logits = self._task_logits(weight, x)
        else:
            with torch.autocast(x.device.type, enabled=False):
                logits = functional.linear(x.detach().float(), weight)
        routing = route_tokens(logits.flatten(0, -2), self.top_k)
        if self.training:
            self.balance = balance_loss(routing)
        return _scatter_gates(routing).view_as(logits)

    def _task_logits(self, weight: Tensor, x: Tensor) -> Tensor:
        """Look up each token's task; without tasks, every task counts alike."""
        if self.task_ids is None:
            return weight.mean(dim=1).expand(*x.shape[:-1], -1)
        return weight.T[self.task_ids].expand(*x.shape[:-1], -1)


def add_lora(model: nn.Module, settings: LoraSettings) -> list[str]:
    """Put adapters on the layers that are named, in place, and return those layers' names.

    Raises:
        BadInput: A glob matches no linear layer.
    """
    names = [name for name, module in model.named_modules() if isinstance(module, nn.Linear)]
    chosen: set[str] = set()
    for glob in settings.targets:
        matched = {name for name in names if fnmatchcase(name, glob)}
        if not matched:
            raise BadInput(
                f"lora.targets: {glob!r} matches no linear layer",
                hint=f"the last one is {names[-1]}" if names else "the model has none",
            )
        chosen |= matched
    config = LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,  # pyright: ignore[reportArgumentType]
        lora_dropout=settings.dropout,
        target_modules=sorted(chosen),
    )
    if settings.experts > 1:
        make = partial(
            MoeLoraLinear,
            num_experts=settings.experts,
            top_k=settings.top_k,
            num_tasks=len(settings.tasks) + 1 if settings.route_by == "task" else 0,
        )
        config._register_custom_module({nn.Linear: make})  # pyright: ignore[reportArgumentType]
    inject_adapter_in_model(config, model, ADAPTER)
    object.__setattr__(model, "lora_settings", settings)
    return sorted(chosen)


def find_lora(model: nn.Module) -> LoraSettings | None:
    """Return how a model is adapted, if it is."""
    return getattr(model, "lora_settings", None)


def merge_lora(model: nn.Module) -> nn.Module:
    """Add adapters to the weights they adapt, and take the adapters out, in place.

    Raises:
        BadInput: The adapters are experts, which depend on the input.
    """
    for name, module in list(model.named_modules()):
        if not isinstance(module, LoraLayer):
            continue
        module.merge(safe_merge=True)
        parent = model.get_submodule(name.rpartition(".")[0])
        setattr(parent, name.rpartition(".")[2], module.get_base_layer())
    object.__setattr__(model, "lora_settings", None)
    model.__dict__.pop("peft_config", None)  # or PEFT would take the next adapters for a second set
    return model


def moe_layers(model: nn.Module) -> Iterator[MoeLoraLinear]:
    """Yield all layers with low-rank experts."""
    return (module for module in model.modules() if isinstance(module, MoeLoraLinear))


def set_task_ids(model: nn.Module, task_ids: Int[Tensor, "rows tokens"] | None) -> None:
    """Tell all layers which task each of the next tokens belongs to; 0 is an unknown one."""
    for layer in moe_layers(model):
        layer.task_ids = task_ids


def task_numbers(kinds: Sequence[str], settings: LoraSettings) -> Tensor:
    """Return the number of each kind among the tasks, 0 for one that is not there."""
    numbers: Mapping[str, int] = {task: i for i, task in enumerate(settings.tasks, start=1)}
    return torch.tensor([numbers.get(kind, 0) for kind in kinds])


def take_balance_loss(model: nn.Module) -> Float[Tensor, ""] | None:
    """Return the mean balance loss of all layers since the last call, 1.0 for even use."""
    losses = []
    for layer in moe_layers(model):
        if layer.balance is not None:
            losses.append(layer.balance)
            layer.balance = None
    return torch.stack(losses).mean() if losses else None


def write_lora_settings(model: nn.Module, folder: Path) -> None:
    """Write how a model is adapted beside its weights; nothing when it is not."""
    settings = find_lora(model)
    if settings is not None:
        text = json.dumps(asdict(settings), indent=2)
        (folder / SETTINGS).write_text(text + "\n", encoding="utf-8")


def read_lora_settings(folder: Path) -> LoraSettings | None:
    """Read how a saved model is adapted.

    Raises:
        BadModel: The file is damaged.
    """
    path = folder / SETTINGS
    if not path.is_file():
        return None
    try:
        row = json.loads(path.read_text(encoding="utf-8"))
        lists = {name: tuple(row[name]) for name in ("targets", "tasks")}
        return LoraSettings(**(row | lists))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadModel(f"{path}: cannot be read ({error})") from None


def lora_names(names: Iterable[str]) -> list[str]:
    """Return the adapters' weights among names."""
    return [name for name in names if ".lora_" in name]


def _weight(layer: nn.Module) -> Tensor:
    weight = layer.weight
    assert isinstance(weight, Tensor)
    return weight


def _scatter_gates(routing: Routing) -> Float[Tensor, "tokens experts"]:
    return torch.zeros_like(routing.logits).scatter(1, routing.expert_ids, routing.gates)
