"""Decoding: the same tokens as ``generate``, with kept prefixes, drafts, batches and seeds."""

from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from lineament.errors import BadInput
from lineament.model.drafting import NgramDrafter
from lineament.model.lean import find_lean
from lineament.model.sampling import PrefixDecoder, Sampling, decode_batch
from test_model_toys import _one_thread, toy_batch, toy_model  # noqa: F401

NUM_TOKENS = 24
LANGUAGE_MODELS: dict[str, dict[str, Any]] = {
    "qwen3": {
        "model_type": "qwen3", "vocab_size": 97, "hidden_size": 32, "intermediate_size": 48,
        "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
        "head_dim": 8, "max_position_embeddings": 512,
    },
    "qwen2": {  # biases on queries, keys and values
        "model_type": "qwen2", "vocab_size": 97, "hidden_size": 32, "intermediate_size": 48,
        "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
        "max_position_embeddings": 512,
    },
    "llama": {
        "model_type": "llama", "vocab_size": 97, "hidden_size": 32, "intermediate_size": 48,
        "num_hidden_layers": 2, "num_attention_heads": 2, "max_position_embeddings": 512,
    },
    "gpt2": {  # learned positions
        "model_type": "gpt2", "vocab_size": 97, "n_embd": 32, "n_layer": 2, "n_head": 2,
        "n_positions": 512, "bos_token_id": 0, "eos_token_id": 0,
    },
    "mistral": {  # a sliding window, shorter than the text
        "model_type": "mistral", "vocab_size": 97, "hidden_size": 32, "intermediate_size": 48,
        "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 1,
        "head_dim": 16, "sliding_window": 8, "max_position_embeddings": 512,
    },
}  # fmt: skip


def random_model(kind: str) -> Any:
    torch.manual_seed(0)
    config = dict(LANGUAGE_MODELS[kind])
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(**config)).eval()
    for name, weight in model.named_parameters():  # so that the text does not repeat itself
        is_scale = weight.ndim == 1 and not name.endswith("bias")
        torch.nn.init.normal_(weight, 1.0 if is_scale else 0.0, 0.5 if weight.ndim > 1 else 0.1)
    model.generation_config.eos_token_id = None  # `generate` would never say it
    return model


def plain_greedy(model: Any, token_ids: list[int], count: int = NUM_TOKENS, **inputs: Any):
    ids = torch.tensor([token_ids])
    said = model.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        max_new_tokens=count,
        min_new_tokens=count,
        do_sample=False,
        pad_token_id=0,
        **inputs,
    )
    return said[0, len(token_ids) :].tolist()


class WrongDrafter:
    """Guesses always, and nearly always wrongly."""

    def start(self, token_ids):
        self.count = len(token_ids)

    def add(self, token_ids):
        self.count += len(token_ids)

    def draft(self, count):
        return [(self.count * 7 + place) % 97 for place in range(count)]


class KnowingDrafter:
    """Guesses what is going to be said, but for every fourth token."""

    def __init__(self, answer):
        self.answer = answer

    def start(self, token_ids):
        self.place = 0

    def add(self, token_ids):
        self.place += len(token_ids)

    def draft(self, count):
        return [
            token if (self.place + step) % 4 else (token + 1) % 97
            for step, token in enumerate(self.answer[self.place : self.place + count])
        ]


@pytest.mark.parametrize("name", LANGUAGE_MODELS)
def test_greedy_tokens_equal_those_of_generate(name: str):
    model = random_model(name)
    prompt = [5, 9, 33, 2, 71]
    expected = plain_greedy(model, prompt)
    assert len(set(expected)) > 5
    decoder = PrefixDecoder(model, stop_token_ids=[])
    assert decoder.decode(prompt, max_new_tokens=NUM_TOKENS) == expected


@pytest.mark.parametrize("name", LANGUAGE_MODELS)
def test_drafting_changes_no_token(name: str):
    model = random_model(name)
    prompt = [5, 9, 33, 2, 71]
    expected = plain_greedy(model, prompt)
    for drafter, most in (
        (WrongDrafter(), NUM_TOKENS),
        (KnowingDrafter(expected), NUM_TOKENS // 2),
        (NgramDrafter(), NUM_TOKENS),
    ):
        decoder = PrefixDecoder(model, stop_token_ids=[], drafter=drafter)
        assert decoder.decode(prompt, max_new_tokens=NUM_TOKENS) == expected
        assert decoder.num_passes <= most
        assert len(decoder.decode(prompt, max_new_tokens=3)) == 3


def test_lean_network_is_used_only_where_it_is_the_same():
    found = {name for name in LANGUAGE_MODELS if find_lean(random_model(name)) is not None}
    assert found == {"qwen3", "qwen2", "llama"}
    model = random_model("qwen3")
    model.model.layers[0].register_forward_hook(lambda *_: None)
    assert find_lean(model) is None
    assert find_lean(random_model("qwen3").to(torch.bfloat16)) is None


def test_lean_logits_are_those_of_the_network():
    for name in ("qwen3", "qwen2", "llama"):
        model = random_model(name)
        ids = torch.tensor([5, 9, 33, 2, 71, 8])
        decoder = PrefixDecoder(model, stop_token_ids=[])
        ours = torch.cat([decoder._read([5, 9, 33], 3), decoder._read([2, 71, 8], 3)])
        with torch.no_grad():
            theirs = model(ids[None]).logits[0]
        torch.testing.assert_close(ours.clone(), theirs, atol=2e-4, rtol=1e-4)


def test_favchat_decodes_a_clip_as_generate_does():
    model = toy_model()
    batch = toy_batch(model.config)
    expected = model.generate(
        **batch, max_new_tokens=9, min_new_tokens=9, do_sample=False, pad_token_id=0
    )[0, batch["input_ids"].shape[1] :].tolist()
    raw = {k: v for k, v in batch.items() if k not in ("input_ids", "attention_mask")}
    media = model.encode_media(**raw)
    prompt = batch["input_ids"][0].tolist()
    decoder = PrefixDecoder(model, stop_token_ids=[], drafter=NgramDrafter(ignored_ids=[3]))
    assert decoder.decode(prompt, media=media, max_new_tokens=9) == expected


def test_second_question_reads_only_what_is_new_and_answers_the_same():
    model = toy_model()
    batch = toy_batch(model.config)
    raw = {k: v for k, v in batch.items() if k not in ("input_ids", "attention_mask")}
    media = model.encode_media(**raw)
    first = batch["input_ids"][0].tolist()
    place = len(first) - 12
    second = [*first[:place], 50, 60, 70, 80]
    fresh = PrefixDecoder(model, stop_token_ids=[])
    expected = fresh.decode(second, media=media, max_new_tokens=6)
    assert fresh.num_reused == 0
    kept = PrefixDecoder(model, stop_token_ids=[])
    kept.decode(first, media=media, max_new_tokens=6)
    assert kept.decode(second, media=media, max_new_tokens=6) == expected
    assert kept.num_reused == place
    # Cut inside the clip's own tokens: what is left of the clip is read again.
    visual_place = first.index(3) + 2
    third = [*first[:visual_place], *first[visual_place:place], 90]
    kept._truncate(visual_place)
    fresh.forget()
    assert kept.decode(third, media=media, max_new_tokens=6) == fresh.decode(
        third, media=media, max_new_tokens=6
    )


def test_another_clip_is_read_anew():
    model = toy_model()
    prompts, medias = [], []
    for seed in (0, 1):
        batch = toy_batch(model.config, seed=seed)
        raw = {k: v for k, v in batch.items() if k not in ("input_ids", "attention_mask")}
        medias.append(model.encode_media(**raw))
        prompts.append(batch["input_ids"][0].tolist())
    decoder = PrefixDecoder(model, stop_token_ids=[])
    decoder.decode(prompts[0], media=medias[0], max_new_tokens=4)
    decoder.decode(prompts[1], media=medias[1], max_new_tokens=4)
    assert decoder.num_reused == 0


def test_answers_left_unfinished_do_not_disturb_the_next():
    model = random_model("qwen3")
    decoder = PrefixDecoder(model, stop_token_ids=[])
    stream = decoder.stream([5, 9, 33, 2, 71], max_new_tokens=NUM_TOKENS)
    next(stream)
    stream.close()
    expected = plain_greedy(model, [5, 9, 33, 4])
    assert decoder.decode([5, 9, 33, 4], max_new_tokens=NUM_TOKENS) == expected


def test_stop_tokens_end_the_answer_and_are_left_out():
    model = random_model("qwen3")
    expected = plain_greedy(model, [5, 9, 33])
    stop = expected[6]
    until = expected[: expected.index(stop)]
    for drafter in (None, KnowingDrafter(expected)):
        decoder = PrefixDecoder(model, stop_token_ids=[stop], drafter=drafter)
        assert decoder.decode([5, 9, 33], max_new_tokens=NUM_TOKENS) == until


def test_same_seed_says_the_same_with_and_without_drafts():
    model = random_model("qwen3")
    warm = Sampling(temperature=1.5, top_p=0.9, seed=3)
    plain = PrefixDecoder(model, stop_token_ids=[]).decode([5, 9], sampling=warm)
    drafter = KnowingDrafter(plain)
    drafted = PrefixDecoder(model, stop_token_ids=[], drafter=drafter)
    assert drafted.decode([5, 9], sampling=warm) == plain
    assert drafted.num_passes < len(plain)
    other = Sampling(temperature=1.5, top_p=0.9, seed=4)
    assert PrefixDecoder(model, stop_token_ids=[]).decode([5, 9], sampling=other) != plain


def test_smallest_top_p_is_greedy():
    model = random_model("qwen3")
    decoder = PrefixDecoder(model, stop_token_ids=[])
    narrow = Sampling(temperature=2.0, top_p=1e-6)
    said = decoder.decode([5, 9, 33], max_new_tokens=NUM_TOKENS, sampling=narrow)
    assert said == plain_greedy(model, [5, 9, 33])


@pytest.mark.parametrize("changes", [{"temperature": -1.0}, {"top_p": 0.0}, {"top_p": 1.5}])
def test_impossible_sampling_is_refused(changes: dict[str, float]):
    with pytest.raises(BadInput, match=next(iter(changes))):
        Sampling(**changes)


@pytest.mark.parametrize("name", ["qwen3", "gpt2"])
def test_batch_of_padded_prompts_answers_each_as_alone(name: str):
    model = random_model(name)
    prompts = [[5, 9, 33, 2, 71], [8, 4], [1, 2, 3, 4, 5, 6, 7]]
    longest = max(map(len, prompts))
    padded = torch.tensor([[0] * (longest - len(p)) + p for p in prompts])
    mask = torch.tensor([[0] * (longest - len(p)) + [1] * len(p) for p in prompts])
    alone = [plain_greedy(model, prompt, 10) for prompt in prompts]
    said = decode_batch(model, padded, mask, stop_token_ids=[], max_new_tokens=10)
    assert said == alone
    stop = alone[0][4]
    said = decode_batch(model, padded, mask, stop_token_ids=[stop], max_new_tokens=10)
    assert said == [a[: a.index(stop)] if stop in a else a for a in alone]


def test_batch_of_clips_answers_each_as_alone():
    model = toy_model()
    rows = [toy_batch(model.config, seed=seed) for seed in (0, 1)]
    batch = {name: torch.cat([row[name] for row in rows]) for name in rows[0]}
    raw = {k: v for k, v in batch.items() if k not in ("input_ids", "attention_mask")}
    said = decode_batch(
        model, batch["input_ids"], batch["attention_mask"], stop_token_ids=[],
        media=model.encode_media(**raw), max_new_tokens=5,
    )  # fmt: skip
    for row, ours in zip(rows, said, strict=True):
        theirs = model.generate(
            **row, max_new_tokens=5, min_new_tokens=5, do_sample=False, pad_token_id=0
        )
        assert ours == theirs[0, row["input_ids"].shape[1] :].tolist()


def test_prompts_that_leave_no_room_are_refused():
    model = random_model("qwen3")
    decoder = PrefixDecoder(model, stop_token_ids=[])
    with pytest.raises(BadInput, match="512 tokens"):
        decoder.decode([1] * 512)
    assert len(decoder.decode([1] * 510, max_new_tokens=50)) == 2
    with pytest.raises(BadInput, match="0 tokens"):
        decoder.decode([])
    ones = torch.ones(1, 512, dtype=torch.long)
    with pytest.raises(BadInput, match="no room"):
        decode_batch(model, ones, ones, stop_token_ids=[])


def test_placeholders_without_a_clip_are_refused():
    model = toy_model()
    with pytest.raises(BadInput, match="no frames"):
        PrefixDecoder(model, stop_token_ids=[]).decode([1, 3, 3, 5])
