"""LoRA and MoE-LoRA: start as nothing, learn, merge where that is exact, save and load."""

import pytest
import torch
from peft import LoraConfig, get_peft_model, get_peft_model_state_dict
from torch import nn

from lineament.errors import BadInput
from lineament.model.lora import (
    LoraSettings,
    MoeLoraLinear,
    add_lora,
    find_lora,
    lora_names,
    merge_lora,
    moe_layers,
    read_lora_settings,
    set_task_ids,
    take_balance_loss,
    task_numbers,
    write_lora_settings,
)
from test_model_toys import _one_thread, toy_batch, toy_model  # noqa: F401

TARGETS = ("language_model.*.q_proj", "language_model.*.v_proj")


def disturb(model: nn.Module) -> None:
    """Give every adapter weights that change something."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if ".lora_" in name:
                parameter.add_(0.3 * torch.randn_like(parameter))


@pytest.mark.parametrize("experts", [1, 4])
def test_adapters_start_as_no_change_and_then_change_something(experts):
    model = toy_model()
    batch = toy_batch(model.config)
    before = model(**batch).logits
    layers = add_lora(model, LoraSettings(TARGETS, rank=4, experts=experts))
    assert len(layers) == 4
    assert torch.equal(model.eval()(**batch).logits, before)
    disturb(model)
    assert (model(**batch).logits - before).abs().max() > 1e-4


def test_merged_weights_give_the_adapted_models_logits():
    model = toy_model()
    batch = toy_batch(model.config)
    names = set(model.state_dict())
    add_lora(model, LoraSettings(TARGETS, rank=4))
    disturb(model)
    adapted = model.eval()(**batch).logits
    merge_lora(model)
    assert find_lora(model) is None
    assert set(model.state_dict()) == names
    torch.testing.assert_close(model(**batch).logits, adapted, atol=1e-5, rtol=1e-5)


def test_experts_refuse_to_be_merged():
    model = toy_model()
    add_lora(model, LoraSettings(TARGETS, experts=3))
    with pytest.raises(BadInput, match="cannot be merged"):
        merge_lora(model)


def make_layer(num_experts=4, top_k=2, num_tasks=0, dim_in=6, dim_out=5):
    torch.manual_seed(3)
    config = LoraConfig(r=2, lora_alpha=4)
    layer = MoeLoraLinear(
        nn.Linear(dim_in, dim_out), "default", config, 2, 4, num_experts, top_k, num_tasks
    )
    disturb(nn.ModuleDict({"inner": nn.ModuleDict({"x": layer})}))
    return layer.eval()


def test_experts_equal_a_loop_over_tokens():
    layer = make_layer()
    x = torch.randn(3, 7, 6)
    expected = layer.base_layer(x).clone()
    router = layer.lora_router["default"].weight
    down, up = layer.lora_A["default"].weight, layer.lora_B["default"].weight
    for row in range(3):
        for token in range(7):
            chosen, ids = (router @ x[row, token]).topk(2)
            for gate, expert in zip(chosen.softmax(0), ids, strict=True):
                expected[row, token] += 2.0 * gate * (x[row, token] @ down[expert] @ up[expert])
    torch.testing.assert_close(layer(x), expected)


def test_one_expert_is_ordinary_lora():
    layer = make_layer(num_experts=1, top_k=2)
    x = torch.randn(4, 6)
    down, up = layer.lora_A["default"].weight[0], layer.lora_B["default"].weight[0]
    torch.testing.assert_close(layer(x), layer.base_layer(x) + 2.0 * (x @ down @ up))


def test_identical_experts_make_the_router_irrelevant():
    layer = make_layer()
    with torch.no_grad():
        for stack in (layer.lora_A["default"], layer.lora_B["default"]):
            stack.weight.copy_(stack.weight[:1].expand_as(stack.weight))
    x = torch.randn(4, 6)
    before = layer(x)
    with torch.no_grad():
        layer.lora_router["default"].weight.normal_()
    torch.testing.assert_close(layer(x), before)


def test_balance_loss_is_one_for_a_uniform_router_and_taken_once():
    model = toy_model()
    add_lora(model, LoraSettings(TARGETS, experts=4, top_k=4))
    with torch.no_grad():
        for layer in moe_layers(model):
            layer.lora_router["default"].weight.zero_()
    model.train()(**toy_batch(model.config))
    loss = take_balance_loss(model)
    assert loss is not None
    assert loss.item() == pytest.approx(1.0)
    assert take_balance_loss(model) is None


def test_tasks_choose_their_own_experts():
    layer = make_layer(num_experts=4, top_k=1, num_tasks=3)
    with torch.no_grad():
        layer.lora_router["default"].weight.copy_(torch.eye(4)[:, :3] * 9)
    x = torch.randn(1, 2, 6)
    layer.task_ids = torch.tensor([[1, 2]])
    out = layer(x)
    down, up = layer.lora_A["default"].weight, layer.lora_B["default"].weight
    for token, expert in enumerate((1, 2)):
        own = layer.base_layer(x[0, token]) + 2.0 * (x[0, token] @ down[expert] @ up[expert])
        torch.testing.assert_close(out[0, token], own)
    layer.task_ids = None
    assert torch.isfinite(layer(x)).all()


def test_kinds_get_their_tasks_numbers():
    settings = LoraSettings(TARGETS, experts=2, route_by="task", tasks=("timed", "list"))
    assert task_numbers(["list", "other", "timed"], settings).tolist() == [2, 0, 1]
    model = toy_model()
    add_lora(model, settings)
    ids = torch.zeros(1, toy_batch(model.config)["input_ids"].shape[1], dtype=torch.long)
    set_task_ids(model, ids)
    assert torch.isfinite(model(**toy_batch(model.config)).logits).all()


def test_only_adapters_need_a_gradient_and_all_get_one():
    model = toy_model()
    add_lora(model, LoraSettings(TARGETS, experts=3, top_k=2))
    trained = [name for name, p in model.named_parameters() if p.requires_grad]
    assert lora_names(trained) == trained
    disturb(model)
    model.train()(**toy_batch(model.config, with_labels=True)).loss.backward()
    parameters = dict(model.named_parameters())
    assert all(parameters[name].grad is not None for name in trained)
    assert sum(parameters[name].grad.abs().sum() > 0 for name in trained) == len(trained)


def test_peft_itself_takes_the_layer():
    config = LoraConfig(r=2, lora_alpha=4, target_modules=["0"])
    config._register_custom_module({nn.Linear: MoeLoraLinear})
    model = get_peft_model(nn.Sequential(nn.Linear(4, 4), nn.ReLU()), config)
    names = get_peft_model_state_dict(model)
    assert {name.split(".lora_")[1].split(".")[0] for name in names} == {"A", "B", "router"}
    with model.disable_adapter():
        assert torch.isfinite(model(torch.randn(2, 4))).all()


def test_settings_come_back_from_a_folder(tmp_path):
    model = toy_model()
    assert read_lora_settings(tmp_path) is None
    settings = LoraSettings(TARGETS, rank=3, experts=2, route_by="task", tasks=("a",))
    add_lora(model, settings)
    write_lora_settings(model, tmp_path)
    assert read_lora_settings(tmp_path) == settings


def test_globs_that_match_no_layer_are_refused():
    with pytest.raises(BadInput, match="matches no linear layer"):
        add_lora(toy_model(), LoraSettings(("language_model.*.qproj",)))
