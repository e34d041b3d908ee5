"""UniF2ace: parity, trunks, caches, losses of both tasks, saving, and its two sizes."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    PhiConfig,
    PhiForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from lineament.errors import BadInput, BadModel
from lineament.model.diffusion import Cosine, d3diff_loss, mask_fixed_count
from lineament.model.hub import load_showo
from lineament.model.image_tokenizer import ImageTokenizer, image_tokenizer_tiny_config
from lineament.model.layout import (
    drawing_batch,
    drawing_ids,
    join_batches,
    pad_left,
    understanding_batch,
    understanding_ids,
)
from lineament.model.showo import unif2ace_from_causal_lm
from lineament.model.unif2ace import UniF2aceForFaces
from lineament.model.unif2ace_config import (
    UniF2aceConfig,
    unif2ace_full_config,
    unif2ace_tiny_config,
)
from test_image_tokenizer import parity  # noqa: F401
from test_model_toys import _one_thread  # noqa: F401

TEXT, CODES, SIDE = 40, 16, 9


def toy_unif2ace_config(**changes) -> UniF2aceConfig:
    settings = {
        "text_vocab_size": TEXT,
        "num_code_ids": CODES,
        "num_codes": SIDE,
        "text_block": 12,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "use_token_experts": True,
        "expert_dim": 8,
        "use_sequence_experts": True,
        "sequence_gain_start": 1.0,
        "clip_dim": 12,
        "face_dim": 10,
        "noise_dim": 8,
    }
    return UniF2aceConfig(**(settings | changes))


def toy_unif2ace(seed: int = 0, **changes) -> UniF2aceForFaces:
    torch.manual_seed(seed)
    model = UniF2aceForFaces(toy_unif2ace_config(**changes)).eval()
    with torch.no_grad():  # biases, norms and heads that matter
        for weight in model.parameters():
            weight.add_(0.1 * torch.randn_like(weight))
    return model


def toy_codes(batch: int, seed: int = 0) -> torch.Tensor:
    return torch.randint(0, CODES, (batch, SIDE), generator=torch.Generator().manual_seed(seed))


def toy_training_batch(config, *, drawn: int = 2, understood: int = 2):
    parts = []
    if drawn:
        masks = mask_fixed_count(SIDE, torch.tensor([3, 7])[:drawn])
        texts = [[5, 6, 7], [8]][:drawn]
        parts.append(drawing_batch(texts, toy_codes(drawn), masks.masked, config))
    if understood:
        questions, answers = [[5, 6], [9]][:understood], [[7, 8, 7], [10]][:understood]
        parts.append(understanding_batch(toy_codes(understood, 1), questions, answers, config))
    return join_batches(parts, config)


@pytest.mark.shared
def test_logits_equal_those_of_the_public_implementation(parity):  # noqa: F811
    model = load_showo(parity)
    expected = load_file(parity / "expected.safetensors")
    output = model(input_ids=expected["input_ids"], attention_mask=expected["additive_mask"])
    torch.testing.assert_close(output.logits, expected["logits"], atol=1e-4, rtol=0)
    assert model.config.first_code_id == 210


def damaged(folder: Path, source: Path, change) -> Path:
    weights = load_file(source / "showo.safetensors")
    change(weights)
    save_file(weights, folder / "showo.safetensors")
    (folder / "config.json").write_text((source / "config.json").read_text())
    return folder


@pytest.mark.shared
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: w.pop("showo.model.layers.1.mlp.fc2.bias"), "weights do not fit"),
        (lambda w: w.pop("showo.model.layers.0.self_attn.q_layernorm.weight"), "no Show-o"),
        (lambda w: w.update({"showo.model.embed_tokens.weight": torch.zeros(9, 64)}), "9 ids"),
        (lambda w: w.clear(), "no Show-o checkpoint"),
    ],
)
def test_damaged_checkpoints_are_refused_in_one_line(parity, tmp_path, change, message):  # noqa: F811
    with pytest.raises(BadModel, match=message) as caught:
        load_showo(damaged(tmp_path, parity, change))
    assert "\n" not in caught.value.message


def test_a_folder_without_a_checkpoint_is_refused(tmp_path):
    with pytest.raises(BadModel, match=r"none of showo\.safetensors"):
        load_showo(tmp_path)
    save_file({"showo.x": torch.zeros(1)}, tmp_path / "showo.safetensors")
    with pytest.raises(BadModel, match=r"config\.json: cannot be read"):
        load_showo(tmp_path)


def causal_lms():
    sizes = {
        "vocab_size": TEXT,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "max_position_embeddings": 64,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": None,
    }
    grouped = sizes | {"num_key_value_heads": 2}
    return {
        "phi": lambda: PhiForCausalLM(PhiConfig(**sizes, qk_layernorm=True)),
        "llama": lambda: LlamaForCausalLM(LlamaConfig(**grouped)),
        "qwen3": lambda: Qwen3ForCausalLM(
            Qwen3Config(**grouped, head_dim=16, tie_word_embeddings=True)
        ),
    }


@pytest.mark.parametrize("kind", ["phi", "llama", "qwen3"])
def test_any_trunk_keeps_its_logits_over_text(kind):
    torch.manual_seed(0)
    causal_lm = causal_lms()[kind]().eval()
    with torch.no_grad():
        for weight in causal_lm.parameters():
            weight.add_(0.1 * torch.randn_like(weight))
    model = unif2ace_from_causal_lm(causal_lm, num_code_ids=CODES, num_codes=SIDE).eval()
    input_ids = torch.randint(3, TEXT, (2, 11))
    expected = causal_lm(input_ids).logits
    logits = model(input_ids).logits
    assert logits.shape[-1] == model.config.vocab_size
    torch.testing.assert_close(logits[..., :TEXT], expected, atol=1e-5, rtol=1e-5)


def test_other_trunks_are_refused_by_name():
    class Other:
        config = type("C", (), {"model_type": "gpt2", "vocab_size": 5})()

    with pytest.raises(BadInput, match="expected a phi, llama or qwen3 model, got gpt2"):
        unif2ace_from_causal_lm(Other(), num_code_ids=4, num_codes=4)


def test_text_never_sees_the_image_it_asks_for():
    model = toy_unif2ace()
    one = drawing_ids([[5, 6]], toy_codes(1), model.config)
    other = drawing_ids([[5, 6]], toy_codes(1, 9), model.config)
    logits = [model(ids).logits for ids in (one, other)]
    torch.testing.assert_close(logits[0][:, :5], logits[1][:, :5])
    assert not torch.allclose(logits[0][:, 5:], logits[1][:, 5:])


def test_padding_and_place_change_nothing():
    model = toy_unif2ace()
    codes = toy_codes(1)
    short = model(drawing_ids([[5, 6]], codes, model.config)).logits
    padded = model(drawing_ids([[5, 6]], codes, model.config, length=12)).logits
    torch.testing.assert_close(padded[:, -short.shape[1] :], short, atol=1e-5, rtol=1e-5)


def test_reading_in_parts_with_a_cache_equals_reading_at_once():
    model = toy_unif2ace()
    ids = torch.tensor([understanding_ids(toy_codes(1)[0], [5, 6, 7, 8], model.config)])
    whole = model(ids).logits
    first = model(ids[:, :-3], use_cache=True)
    rest = model(ids[:, -3:], past_key_values=first.past_key_values)
    parts = torch.cat([first.logits, rest.logits], dim=1)
    torch.testing.assert_close(parts, whole, atol=1e-5, rtol=1e-5)


def test_generation_with_a_cache_equals_reading_all_again_each_time():
    model = toy_unif2ace()
    rows = [
        understanding_ids(toy_codes(1, seed)[0], text, model.config)
        for seed, text in ((0, [5, 6, 7]), (1, [8]))
    ]
    ids = pad_left(rows, model.config)
    features = {"clip_features": torch.randn(2, 16, 12), "face_features": torch.randn(2, 10)}
    answer = model.generate(
        ids,
        attention_mask=(ids != model.config.special_id("pad")).long(),
        max_new_tokens=6,
        min_new_tokens=6,
        do_sample=False,
        **features,
    )
    again = ids
    for _ in range(6):
        logits = model(again, **features).logits[:, -1]
        logits[:, 2] = -torch.inf  # min_new_tokens
        logits[:, TEXT:] = -torch.inf  # an answer is text
        again = torch.cat([again, logits.argmax(-1, keepdim=True)], dim=1)
    assert torch.equal(answer, again)


def test_the_loss_of_drawing_is_d3diff_over_the_codes_alone():
    model = toy_unif2ace(condition_dropout=0.0)
    config = model.config
    masks = mask_fixed_count(SIDE, torch.tensor([3, 7]))
    codes = toy_codes(2)
    batch = drawing_batch([[5, 6, 7], [8]], codes, masks.masked, config)
    output = model(batch.input_ids, labels=batch.labels)
    logits = model(batch.input_ids).logits[:, -SIDE - 1 : -1, config.first_code_id : -1]
    expected = d3diff_loss(logits, codes, masks, Cosine())
    torch.testing.assert_close(output.masked_loss, expected.masked)
    torch.testing.assert_close(output.score_loss, expected.score)
    routers = config.balance_weight * output.balance_loss
    routers = routers + config.router_z_weight * output.router_z_loss
    torch.testing.assert_close(output.loss, expected.loss + routers)
    assert output.logits is None


def test_the_loss_of_understanding_is_next_token_cross_entropy_of_the_answer():
    model = toy_unif2ace()
    batch = toy_training_batch(model.config, drawn=0)
    output = model(batch.input_ids, labels=batch.labels)
    logits = model(batch.input_ids).logits[:, :-1].flatten(0, 1)
    expected = torch.nn.functional.cross_entropy(logits, batch.labels[:, 1:].flatten())
    torch.testing.assert_close(output.understanding_loss, expected)
    assert output.masked_loss.item() == output.score_loss.item() == 0


def test_tasks_in_one_batch_have_the_losses_they_have_apart():
    model = toy_unif2ace(condition_dropout=0.0)
    both = toy_training_batch(model.config)
    together = model(both.input_ids, labels=both.labels)
    drawn = toy_training_batch(model.config, understood=0)
    torch.manual_seed(0)
    alone = model(both.input_ids[:2], labels=both.labels[:2])
    torch.testing.assert_close(together.masked_loss, alone.masked_loss)
    understood = model(both.input_ids[2:], labels=both.labels[2:])
    torch.testing.assert_close(together.understanding_loss, understood.understanding_loss)
    assert drawn.input_ids.shape[1] <= both.input_ids.shape[1]


def test_text_without_a_picture_has_its_own_loss_and_weight():
    model = toy_unif2ace(text_weight=0.5, balance_weight=0.0, router_z_weight=0.0)
    ids = torch.tensor([[1, 5, 6, 7, 2]])
    output = model(ids, labels=ids)
    logits = model(ids).logits[0, :-1]
    expected = torch.nn.functional.cross_entropy(logits, ids[0, 1:])
    torch.testing.assert_close(output.text_loss, expected)
    torch.testing.assert_close(output.loss, 0.5 * expected)


@pytest.mark.parametrize("head", ["normalised", "free"])
def test_the_study_of_losses_needs_settings_alone(head):
    model = toy_unif2ace(
        alpha=0.1, use_masked_loss=False, score_head=head, balance_weight=0.0, router_z_weight=0.0
    )
    batch = toy_training_batch(model.config, understood=0)
    output = model(batch.input_ids, labels=batch.labels)
    torch.testing.assert_close(output.loss, 0.1 * output.score_loss)


def test_a_few_steps_learn_both_tasks():
    torch.manual_seed(0)
    model = UniF2aceForFaces(toy_unif2ace_config(condition_dropout=0.0)).train()
    batch = toy_training_batch(model.config)
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    first = model(batch.input_ids, labels=batch.labels)
    for _ in range(25):
        optimizer.zero_grad()
        model(batch.input_ids, labels=batch.labels).loss.backward()
        optimizer.step()
    last = model(batch.input_ids, labels=batch.labels)
    assert last.masked_loss < 0.5 * first.masked_loss
    assert last.understanding_loss < 0.5 * first.understanding_loss


def test_gradient_checkpointing_changes_no_gradient():
    gradients = []
    for is_on in (False, True):
        model = toy_unif2ace(condition_dropout=0.0).train()
        if is_on:
            model.gradient_checkpointing_enable()
        masked = torch.tensor([[True] * 3 + [False] * 6])
        batch = drawing_batch([[5]], toy_codes(1), masked, model.config)
        model(batch.input_ids, labels=batch.labels).loss.backward()
        gradients.append(model.trunk.blocks[0].attention.query.weight.grad.clone())
    torch.testing.assert_close(*gradients)


@pytest.mark.parametrize("changes", [{}, {"tie_word_embeddings": True, "head_bias": False}])
def test_saving_and_loading_keeps_every_weight(tmp_path, changes):
    model = toy_unif2ace(**changes)
    model.save_pretrained(tmp_path)
    loaded, report = UniF2aceForFaces.from_pretrained(tmp_path, output_loading_info=True)
    assert not report["missing_keys"]
    assert not report["unexpected_keys"]
    ids = drawing_ids([[5]], toy_codes(1), model.config)
    for name, weight in model.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], weight), name
    logits = loaded.eval()(ids).logits  # other alignment in memory, other last bits
    torch.testing.assert_close(logits, model(ids).logits, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"norm": "batch"}, "norm: expected one of layer, rms"),
        ({"activation": "relu"}, "activation: expected one of"),
        ({"schedule": "linear"}, "schedule: expected one of"),
        ({"score_head": "half"}, "score_head: expected one of"),
        ({"num_codes": 10}, "num_codes: expected a square"),
        ({"num_key_value_heads": 3}, "num_key_value_heads: expected a divisor of 4"),
        ({"num_experts_per_token": 9}, "num_experts_per_token: expected 1 to num_experts"),
        ({"sequence_top_k": 5}, "sequence_top_k: expected 1 to 4"),
        ({"text_block": 3}, "text_block: expected 4"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(changes, message):
    with pytest.raises(BadInput, match=message):
        toy_unif2ace_config(**changes)


def test_calling_without_ids_is_refused():
    with pytest.raises(BadInput, match="expected input_ids"):
        toy_unif2ace()()


def test_full_size_builds_on_the_meta_device_with_the_reported_size():
    with torch.device("meta"):
        dense = UniF2aceForFaces(UniF2aceConfig())
        model = UniF2aceForFaces(unif2ace_full_config())
    assert dense.num_parameters() == pytest.approx(1.448e9, rel=1e-3)  # as Show-o is published
    guides = sum(weight.numel() for weight in model.guides.parameters())
    assert model.num_parameters() - guides == pytest.approx(1.85e9, rel=0.01)
    assert model.config.text_block + SPAN == 512


SPAN = 256 + 2


def test_the_tiny_size_fits_with_its_tokenizer_into_forty_megabytes():
    with torch.device("meta"):
        model = UniF2aceForFaces(unif2ace_tiny_config())
        tokenizer = ImageTokenizer(image_tokenizer_tiny_config())
    assert tokenizer.config.num_code_ids == model.config.num_code_ids
    assert tokenizer.config.grid_side == model.config.grid_side
    assert 2 * (model.num_parameters() + tokenizer.num_parameters()) <= 40e6
