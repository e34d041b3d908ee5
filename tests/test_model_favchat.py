"""FaVChat as a whole: the network's oracles of papers/favchat.md section 10."""

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForImageTextToText

from lineament.errors import BadInput
from lineament.model.experts import ExpertUse
from lineament.model.favchat import FaVChatForConditionalGeneration
from lineament.model.favchat_config import FaVChatConfig
from lineament.model.media import Streams
from test_model_toys import (  # noqa: F401
    _one_thread,
    toy_batch,
    toy_config,
    toy_model,
    toy_processor,
    toy_visual,
)

STREAM_INPUTS = {
    "use_general": "pixel_values",
    "use_face": "face_pixel_values",
    "use_landmarks": "landmarks",
}
LANGUAGE_MODELS = {
    "llama": {
        "model_type": "llama",
        "vocab_size": 320,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "max_position_embeddings": 512,
    },
    "gpt2": {  # learned positions
        "model_type": "gpt2",
        "vocab_size": 320,
        "n_embd": 32,
        "n_layer": 2,
        "n_head": 2,
        "n_positions": 512,
        "tie_word_embeddings": True,
        "bos_token_id": 0,
        "eos_token_id": 0,
    },
}


def answer(model, batch, num_tokens=6, **kwargs):
    return model.generate(
        **batch,
        max_new_tokens=num_tokens,
        min_new_tokens=num_tokens,
        do_sample=False,
        pad_token_id=0,
        **kwargs,
    )


def test_language_model_loss_reaches_every_encoders_first_block():
    model = toy_model().train()
    model(**toy_batch(model.config, with_labels=True)).loss.backward()
    media = model.media
    for weight in (
        media.face_encoder.tower.encoder.layers[0].mlp.fc1.weight,
        media.general_encoder.tower.encoder.layers[0].mlp.fc1.weight,
        media.landmark_stream.read.weight,
        media.adapter.mixture.router.weight,
    ):
        assert weight.grad.abs().sum() > 0


def test_loss_is_the_language_models_plus_weighted_router_losses():
    model = toy_model(balance_weight=0.5, router_z_weight=0.25)
    output = model(**toy_batch(model.config, with_labels=True))
    expected = output.lm_loss + 0.5 * output.balance_loss + 0.25 * output.router_z_loss
    torch.testing.assert_close(output.loss, expected)


def test_split_batches_of_one_step_add_up_to_the_whole_batchs_loss():
    model = toy_model()
    batch = toy_batch(model.config, with_labels=True)
    num_items = (batch["labels"] != -100).sum()
    whole = model(**batch)
    halves = [model(**batch, num_items_in_batch=2 * num_items).loss for _ in range(2)]
    torch.testing.assert_close(sum(halves), whole.loss)


@pytest.mark.parametrize("name", STREAM_INPUTS)
def test_every_stream_changes_the_logits(name):
    model = toy_model()
    batch = toy_batch(model.config)
    before = model(**batch).logits
    changed = batch | {STREAM_INPUTS[name]: torch.zeros_like(batch[STREAM_INPUTS[name]])}
    assert (model(**changed).logits - before).abs().max() > 1e-4
    assert (model(**batch, **{name: False}).logits - before).abs().max() > 1e-4


def test_zeroing_face_features_changes_the_logits():
    model = toy_model()
    batch = toy_batch(model.config)
    before = model(**batch).logits
    model.media.face_encoder.register_forward_hook(lambda *args: torch.zeros_like(args[2]))
    assert (model(**batch).logits - before).abs().max() > 1e-4


@pytest.mark.parametrize("fusion", ["moe", "add", "concat"])
@pytest.mark.parametrize("name", STREAM_INPUTS)
def test_switched_off_stream_gives_logits_independent_of_its_input(name, fusion):
    model = toy_model(fusion=fusion)
    batch = toy_batch(model.config)
    noise = torch.randn_like(batch[STREAM_INPUTS[name]])
    off = {name: False}
    before = model(**batch, **off).logits
    assert torch.equal(model(**(batch | {STREAM_INPUTS[name]: noise}), **off).logits, before)
    absent = {k: v for k, v in batch.items() if k != STREAM_INPUTS[name]}
    assert torch.equal(model(**absent).logits, before)


@pytest.mark.parametrize("name", STREAM_INPUTS)
def test_a_stream_can_be_left_out_of_the_model(name):
    model = toy_model(**{name: False})
    whole = toy_model()
    assert model.num_parameters() < whole.num_parameters()
    batch = toy_batch(model.config)
    given = toy_batch(whole.config)[STREAM_INPUTS[name]]
    changed = {STREAM_INPUTS[name]: torch.randn_like(given)}
    assert torch.equal(model(**(batch | changed)).logits, model(**batch).logits)


def test_a_frame_without_a_face_does_not_depend_on_its_crop():
    model = toy_model()
    batch = toy_batch(model.config)
    batch["face_mask"] = torch.tensor([[True, False, True]])
    before = model(**batch).logits
    batch["face_pixel_values"][:, 1] = 9.0
    assert torch.equal(model(**batch).logits, before)


def test_a_batch_without_any_face_still_calls_the_face_encoder():
    model = toy_model().train()
    batch = toy_batch(model.config, with_labels=True)
    batch["face_mask"] = torch.zeros_like(batch["face_mask"])
    model(**batch).loss.backward()
    gradient = model.media.face_encoder.tower.encoder.layers[0].mlp.fc1.weight.grad
    assert gradient is not None
    assert (gradient == 0).all()


@pytest.mark.parametrize("padding_side", ["left", "right"])
@pytest.mark.parametrize("language_model", ["qwen3", "llama", "gpt2"])
def test_a_sample_in_a_padded_batch_equals_the_sample_alone(padding_side, language_model):
    changes = {}
    if language_model in LANGUAGE_MODELS:
        changes["text_config"] = LANGUAGE_MODELS[language_model]
    model = toy_model(**changes)
    processor = toy_processor(model.config)
    conversations = [
        [{"role": "user", "content": "Smiling?"}],
        [{"role": "user", "content": "What colour is the hair of the person in the clip?"}],
    ]
    visuals = [toy_visual(2, seed=1), toy_visual(4, seed=2)]
    batch = processor(conversations, visuals, padding_side=padding_side)
    logits = model(**batch).logits
    for row, (conversation, visual) in enumerate(zip(conversations, visuals, strict=True)):
        alone = model(**processor(conversation, visual)).logits[0]
        real = logits[row][batch["attention_mask"][row].bool()]
        torch.testing.assert_close(real, alone, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("text_gate", [False, True])
def test_generating_with_cache_equals_generating_without(text_gate):
    model = toy_model(text_gate=text_gate)
    batch = toy_batch(model.config)
    assert torch.equal(answer(model, batch), answer(model, batch, use_cache=False))


def test_token_by_token_with_cache_equals_one_pass():
    model = toy_model()
    batch = toy_batch(model.config)
    whole = model(**batch).logits
    visual_tokens = encode(model, batch).visual_tokens
    cache, steps, num_placed = None, [], 0
    for index, token_id in enumerate(batch["input_ids"][0]):
        piece = {}
        if token_id == model.config.frame_token_id:
            piece["visual_tokens"] = visual_tokens[:, num_placed : num_placed + 1]
            num_placed += 1
        output = model(
            input_ids=batch["input_ids"][:, index : index + 1],
            attention_mask=batch["attention_mask"][:, : index + 1],
            past_key_values=cache,
            use_cache=True,
            **piece,
        )
        cache = output.past_key_values
        steps.append(output.logits)
    torch.testing.assert_close(torch.cat(steps, dim=1), whole, atol=1e-5, rtol=1e-5)


def test_a_second_question_reuses_the_clip_and_the_prefix():
    model = toy_model()
    processor = toy_processor(model.config)
    visual = toy_visual()
    first, second = (
        processor([{"role": "user", "content": question}], visual)
        for question in ("Is she smiling?", "Is he wearing glasses?")
    )
    media = encode(model, first)
    calls = []
    model.media.register_forward_hook(lambda *_: calls.append(1))
    text = {k: second[k] for k in ("input_ids", "attention_mask")}
    from_tokens = answer(model, text | {"media": media})
    assert not calls
    assert torch.equal(from_tokens, answer(model, second))

    prefix = int((text["input_ids"][0] == model.config.frame_token_id).nonzero()[-1]) + 2
    assert torch.equal(first["input_ids"][:, :prefix], text["input_ids"][:, :prefix])
    cache = model(
        input_ids=text["input_ids"][:, :prefix],
        visual_tokens=media.visual_tokens,
        use_cache=True,
    ).past_key_values
    assert torch.equal(answer(model, text | {"media": media}, past_key_values=cache), from_tokens)


def test_a_prefix_that_ends_inside_the_clip_is_completed():
    model = toy_model()
    batch = toy_batch(model.config)
    media = encode(model, batch)
    whole = answer(model, batch)
    is_frame = batch["input_ids"][0] == model.config.frame_token_id
    cut = int(is_frame.nonzero()[4])
    cache = model(
        input_ids=batch["input_ids"][:, :cut],
        visual_tokens=media.visual_tokens[:, :4],
        use_cache=True,
    ).past_key_values
    text = {k: batch[k] for k in ("input_ids", "attention_mask")}
    assert torch.equal(answer(model, text | {"media": media}, past_key_values=cache), whole)


def test_generate_encodes_the_clip_once():
    model = toy_model()
    calls = []
    model.media.register_forward_hook(lambda *_: calls.append(1))
    answer(model, toy_batch(model.config), use_cache=False)
    answer(model, toy_batch(model.config), num_beams=2)
    assert len(calls) == 2


@pytest.mark.parametrize(
    "method",
    [
        {"cache_implementation": "static", "disable_compile": True},
        {"prompt_lookup_num_tokens": 3},
        {"num_beams": 1, "num_return_sequences": 1},
    ],
)
def test_every_way_of_decoding_gives_the_same_tokens(method):
    model = toy_model()
    batch = toy_batch(model.config)
    assert torch.equal(answer(model, batch, **method), answer(model, batch))


def test_generate_obeys_the_switches():
    model = toy_model()
    batch = toy_batch(model.config)
    off = answer(model, batch, use_face=False)
    batch["face_pixel_values"] = torch.randn_like(batch["face_pixel_values"])
    assert torch.equal(answer(model, batch, use_face=False), off)


def test_text_without_a_clip_is_answered():
    model = toy_model()
    batch = toy_processor(model.config)([{"role": "user", "content": "Hello?"}])
    assert answer(model, batch).shape[1] == batch["input_ids"].shape[1] + 6


def test_the_gate_reads_the_question_and_never_the_answer():
    model = toy_model(text_gate=True)
    batch = toy_batch(model.config, with_labels=True)
    is_label = batch["labels"] != -100
    args = batch["input_ids"], batch["attention_mask"], batch["labels"]
    before = model.embed_prompt(*args)
    other_answer = batch["input_ids"].masked_fill(is_label, 7)
    assert torch.equal(model.embed_prompt(other_answer, *args[1:]), before)
    other_question = batch["input_ids"].clone()
    other_question[0, int(is_label[0].nonzero()[0]) - 8] = 7
    assert not torch.equal(model.embed_prompt(other_question, *args[1:]), before)


def test_wrong_number_of_placeholders_is_refused():
    model = toy_model()
    batch = toy_batch(model.config)
    batch["input_ids"][0, -1] = model.config.frame_token_id
    with pytest.raises(BadInput, match=r"expected \[15\] frame placeholders, 5 for each"):
        model(**batch)
    text = {k: batch[k] for k in ("input_ids", "attention_mask")}
    with pytest.raises(BadInput, match="but no frames"):
        model(**text)


def test_frame_attention_is_what_the_answer_gave_to_each_frames_tokens():
    model = toy_model()
    batch = toy_batch(model.config, with_labels=True)
    media = encode(model, batch)
    answer_mask = batch["labels"] != -100
    usual = model.language_model.config._attn_implementation
    shares = model.frame_attention(batch["input_ids"], answer_mask, media)
    assert model.language_model.config._attn_implementation == usual

    model.language_model.set_attn_implementation("eager")
    attentions = model(**batch, output_attentions=True).attentions
    first = int(answer_mask[0].nonzero()[0]) - 1
    num_answer = int(answer_mask.sum())
    frame_tokens = (batch["input_ids"][0] == model.config.frame_token_id).nonzero()[:, 0]
    expected = torch.zeros(3)
    for layer in attentions:
        for index, position in enumerate(frame_tokens):
            expected[index // 5] += layer[0, :, first : first + num_answer, position].sum()
    torch.testing.assert_close(shares[0], expected / expected.sum())


def test_frame_attention_of_padded_frames_is_zero():
    model = toy_model()
    processor = toy_processor(model.config)
    conversation = [
        {"role": "user", "content": "Smiling?"},
        {"role": "assistant", "content": "Yes, she is."},
    ]
    batch = processor([conversation] * 2, [toy_visual(2), toy_visual(4)], with_labels=True)
    shares = model.frame_attention(
        batch["input_ids"], batch["labels"] != -100, encode(model, batch), batch["attention_mask"]
    )
    assert shares.shape == (2, 4)
    assert (shares[0, 2:] == 0).all()
    torch.testing.assert_close(shares.sum(dim=1), torch.ones(2))


def test_experts_in_use_are_reported_by_source():
    model = toy_model()
    output = model(**toy_batch(model.config))
    assert output.expert_ids.shape == (1, 15, 2)
    use = ExpertUse(model.config.num_experts)
    use.add_rows(output.expert_ids, ["rendered"])
    assert sum(use.counts()["rendered"]) == 3 * 4 * 2  # landmark tokens have no expert


@pytest.mark.parametrize("is_tied", [True, False])
def test_saved_and_loaded_model_gives_equal_logits(tmp_path, is_tied):
    text_config = toy_config().text_config.to_dict() | {"tie_word_embeddings": is_tied}
    model = toy_model(text_config=text_config, face_match="positions", text_gate=True)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(torch.randn_like(weight) * 0.01)
        model.media.landmark_stream.mean.fill_(0.25)
    batch = toy_batch(model.config)
    expected = model(**batch).logits
    model.save_pretrained(tmp_path)
    for loader in (
        FaVChatForConditionalGeneration,
        AutoModelForCausalLM,
        AutoModelForImageTextToText,
    ):
        loaded, report = loader.from_pretrained(tmp_path, output_loading_info=True)
        assert not any(report[k] for k in ("missing_keys", "unexpected_keys", "mismatched_keys"))
        assert torch.equal(loaded.eval()(**batch).logits, expected)
        head = loaded.get_output_embeddings().weight
        assert (head is loaded.get_input_embeddings().weight) == is_tied
    assert type(AutoConfig.from_pretrained(tmp_path)) is FaVChatConfig


def test_gradient_checkpointing_gives_the_same_gradients():
    model = toy_model().train()
    batch = toy_batch(model.config, with_labels=True)
    gradients = []
    for is_on in (False, True):
        if is_on:
            model.activation_checkpointing_enable()
        model.zero_grad()
        model(**batch, use_cache=False).loss.backward()
        gradients.append({n: p.grad for n, p in model.named_parameters() if p.grad is not None})
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradients[1][name], gradient, msg=name)


def test_only_the_face_towers_own_last_norm_gets_no_gradient():
    model = toy_model().train()
    model(**toy_batch(model.config, with_labels=True)).loss.backward()
    unused = {name for name, weight in model.named_parameters() if weight.grad is None}
    assert unused == {f"media.face_encoder.tower.post_layernorm.{k}" for k in ("weight", "bias")}


def test_face_that_starts_at_zero_keeps_the_first_logits():
    model = toy_model(face_starts_at_zero=True, landmark_tokens=0)
    batch = toy_batch(model.config)
    with_all = model(**batch).logits
    general_alone = model(**batch, use_face=False, use_landmarks=False).logits
    assert torch.equal(with_all, general_alone)
    assert not torch.equal(model(**batch, use_general=False).logits, with_all)


def test_face_that_starts_at_zero_still_learns():
    model = toy_model(face_starts_at_zero=True, landmark_tokens=0).train()
    batch = toy_batch(model.config, with_labels=True)
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    for _ in range(2):
        optimizer.zero_grad()
        model(**batch).loss.backward()
        optimizer.step()
    assert model.media.face_encoder.tower.embeddings.patch_embedding.weight.grad.abs().sum() > 0


@pytest.mark.parametrize("fusion", ["moe", "add", "concat"])
def test_sixteen_bits_work_as_weights_and_under_autocast(fusion):
    model = toy_model(fusion=fusion).train()
    batch = toy_batch(model.config, with_labels=True)
    expected = model(**batch).logits
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output = model(**batch)
    output.loss.backward()
    halved = model.to(torch.bfloat16)(**batch)
    for logits in (output.logits, halved.logits):  # rounding may send a token elsewhere
        assert logits.dtype == torch.bfloat16
        assert (logits.float() - expected).abs().mean() < 0.02 * expected.abs().max()


def test_clips_packed_into_one_row_equal_clips_in_rows_of_their_own():
    model = toy_model()
    batches = [toy_batch(model.config, num_frames=n, seed=n) for n in (2, 3)]
    logits = torch.cat([model(**batch).logits for batch in batches], dim=1)
    lengths = [batch["input_ids"].shape[1] for batch in batches]
    packed = model(
        input_ids=torch.cat([batch["input_ids"] for batch in batches], dim=1),
        position_ids=torch.cat([torch.arange(n) for n in lengths]).unsqueeze(0),
        visual_tokens=torch.cat([encode(model, b).visual_tokens for b in batches], dim=1),
        use_cache=False,
    ).logits
    torch.testing.assert_close(packed, logits, atol=1e-5, rtol=1e-5)


def test_resizing_the_vocabulary_keeps_the_model_whole():
    model = toy_model()
    batch = toy_batch(model.config)
    before = model(**batch).logits
    model.resize_token_embeddings(328)
    assert model.config.text_config.vocab_size == 328
    torch.testing.assert_close(model(**batch).logits[..., :320], before)


def test_landmarks_can_be_added_instead_of_appended():
    model = toy_model(landmark_tokens=0)
    assert model.config.tokens_per_frame == 4
    batch = toy_batch(model.config)
    before = model(**batch).logits
    assert not torch.equal(model(**batch, use_landmarks=False).logits, before)


def test_landmarks_alone_make_a_model():
    model = toy_model(use_general=False, use_face=False, landmark_tokens=2)
    assert model.config.tokens_per_frame == 2
    assert model(**toy_batch(model.config)).logits.isfinite().all()


def encode(model, batch, streams=None):
    media = {k: v for k, v in batch.items() if k not in ("input_ids", "attention_mask", "labels")}
    with torch.no_grad():
        return model.encode_media(**media, streams=streams or Streams())
