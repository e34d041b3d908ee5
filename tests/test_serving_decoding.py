"""Answers decoded together: the same tokens as alone, with prefixes, drafts, seeds and leaving."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch

from lineament.errors import BadInput
from lineament.model.drafting import NgramDrafter
from lineament.model.sampling import PrefixDecoder, Sampling
from lineament.serving.decoding import JointDecoder
from lineament.serving.network import LeanRows, PlainRows, choose_network
from lineament.serving.prefixes import BLOCK_TOKENS, PrefixCache
from lineament.serving.slots import Slots
from lineament.serving.ticket import ServerStopped
from serving_toys import wait_until
from test_model_toys import _one_thread, toy_batch, toy_model  # noqa: F401
from test_sampling import LANGUAGE_MODELS, NUM_TOKENS, plain_greedy, random_model

PROMPTS = [
    [5, 9, 33, 2, 71],
    [8],
    [5, 9, 33, 2, 71, 17, 4],
    list(range(20, 60)),
    [90, 3],
]


def decode_together(decoder: JointDecoder, asked: Sequence[dict[str, Any]]) -> list[list[int]]:
    """Ask for all answers at once, each from a thread of its own."""

    def decode(options: dict[str, Any]) -> list[int]:
        options = {"max_new_tokens": NUM_TOKENS} | options
        return list(decoder.stream(options.pop("prompt"), **options))

    with ThreadPoolExecutor(len(asked)) as pool:
        return list(pool.map(decode, asked))


@pytest.mark.parametrize("name", LANGUAGE_MODELS)
def test_tokens_decoded_together_equal_those_of_generate_alone(name: str):
    model = random_model(name)
    expected = [plain_greedy(model, prompt) for prompt in PROMPTS]
    for make_drafter in (lambda: None, NgramDrafter):
        decoder = JointDecoder(model, stop_token_ids=[], max_rows=3, make_drafter=make_drafter)
        assert decode_together(decoder, [{"prompt": p} for p in PROMPTS]) == expected
        assert decoder.figures.num_rows > decoder.figures.num_passes  # they did share passes
        decoder.close()


@pytest.mark.parametrize("name", ["qwen3", "qwen2", "llama"])
def test_lean_network_scores_like_the_model_itself(name: str):
    model = random_model(name)
    scores = []
    for kind in (LeanRows, PlainRows):
        network = kind(model, slots := Slots())
        for _ in range(2):
            slots.open_row()
        embeds = model.get_input_embeddings()(torch.tensor([[5, 9, 33], [2, 71, 8]]))
        with torch.inference_mode():
            first = network.read(embeds, first_row=0, starts=[0, 0], num_logits=3)
            # The second row has only two real tokens: its third is overwritten.
            again = network.read(embeds[:, :2], first_row=0, starts=[3, 2], num_logits=2)
        scores.append(torch.cat([first, again], dim=1))
    assert type(choose_network(model, Slots())) is LeanRows
    torch.testing.assert_close(*scores, atol=2e-4, rtol=1e-4)


def favchat_asked(model: Any, seeds: Sequence[int]) -> list[dict[str, Any]]:
    asked = []
    for seed in seeds:
        batch = toy_batch(model.config, num_frames=2 + seed, seed=seed)
        raw = {k: v for k, v in batch.items() if k not in ("input_ids", "attention_mask")}
        media = model.encode_media(**raw)
        asked.append({"prompt": batch["input_ids"][0].tolist(), "media": media, "root": str(seed)})
    return asked


def test_clips_decoded_together_answer_as_each_alone():
    model = toy_model()
    asked = favchat_asked(model, [0, 1, 2])
    alone = PrefixDecoder(model, stop_token_ids=[])
    expected = [alone.decode(a["prompt"], media=a["media"], max_new_tokens=16) for a in asked]
    decoder = JointDecoder(model, stop_token_ids=[], make_drafter=NgramDrafter)
    for _ in range(2):  # the second time from what was kept
        assert decode_together(decoder, [a | {"max_new_tokens": 16} for a in asked]) == expected
    assert decoder.figures.num_reused >= sum(len(a["prompt"]) - BLOCK_TOKENS for a in asked)
    decoder.close()


def test_a_seed_gives_the_same_answer_alone_and_in_company():
    model = random_model("qwen3")
    alone = PrefixDecoder(model, stop_token_ids=[])
    samplings = [Sampling(0.0), Sampling(0.9, seed=3), Sampling(0.9, seed=4), Sampling(1.5, 0.7, 5)]
    expected = [
        alone.decode(PROMPTS[0], max_new_tokens=NUM_TOKENS, sampling=chosen) for chosen in samplings
    ]
    assert len({tuple(tokens) for tokens in expected}) == len(samplings)
    decoder = JointDecoder(model, stop_token_ids=[], make_drafter=NgramDrafter)
    asked = [{"prompt": PROMPTS[0], "sampling": chosen} for chosen in samplings]
    assert decode_together(decoder, asked) == expected
    decoder.close()


def test_stop_tokens_end_an_answer_and_the_others_go_on():
    model = random_model("llama")
    expected = [plain_greedy(model, prompt) for prompt in PROMPTS]
    stop = expected[0][6]
    decoder = JointDecoder(model, stop_token_ids=[stop])
    for whole, told in zip(
        expected, decode_together(decoder, [{"prompt": p} for p in PROMPTS]), strict=True
    ):
        assert told == (whole[: whole.index(stop)] if stop in whole else whole)
    decoder.close()


def test_answers_up_to_the_last_position_do_not_disturb_the_others():
    model = random_model("gpt2")  # which fails on positions that it has not learned
    long = [(7 * number) % 97 for number in range(500)]
    expected = [plain_greedy(model, long, 12), plain_greedy(model, PROMPTS[0], 40)]
    decoder = JointDecoder(model, stop_token_ids=[], make_drafter=NgramDrafter)
    asked = [{"prompt": p, "max_new_tokens": 40} for p in (long, PROMPTS[0])]
    assert decode_together(decoder, asked) == expected
    decoder.close()


def test_a_prompt_longer_than_one_round_is_read_in_parts():
    model = random_model("qwen2")
    long = [(11 * number) % 97 for number in range(400)]
    expected = [plain_greedy(model, long), plain_greedy(model, PROMPTS[0])]
    decoder = JointDecoder(model, stop_token_ids=[])
    assert decode_together(decoder, [{"prompt": long}, {"prompt": PROMPTS[0]}]) == expected
    decoder.close()


def test_texts_that_begin_alike_are_read_once():
    model = random_model("llama")
    decoder = JointDecoder(model, stop_token_ids=[])
    first = [(5 * number) % 97 for number in range(40)]
    second = [*first[:36], 1, 2, 3]
    reused: list[int] = []
    options: dict[str, Any] = {"max_new_tokens": 4, "on_reused": reused.append}
    said = list(decoder.stream(first, **options))
    assert list(decoder.stream(first, root="another clip", **options)) == said
    assert list(decoder.stream(second, **options)) == plain_greedy(model, second, 4)
    # The next turn of a conversation goes on behind the answer.
    turn = [*first, *said, 9, 9, 9, 9, 9, 9]
    assert list(decoder.stream(turn, **options)) == plain_greedy(model, turn, 4)
    assert reused == [0, 0, 32, 32]
    decoder.close()


def test_nothing_is_kept_where_no_bytes_are_allowed():
    model = random_model("llama")
    decoder = JointDecoder(model, stop_token_ids=[], prefix_bytes=0)
    list(decoder.stream(PROMPTS[3], max_new_tokens=2))
    assert len(decoder.prefixes) == 0
    decoder.close()


@torch.inference_mode()
def test_prefixes_stay_within_their_bytes_and_the_oldest_go():
    model = random_model("llama")
    network = PlainRows(model, slots := Slots())
    slots.open_row()
    texts = [[(step + number) % 97 for number in range(32)] for step in range(4)]
    embeds = model.get_input_embeddings()(torch.tensor([texts[0]]))
    network.read(embeds, first_row=0, starts=[0], num_logits=1)
    size = slots.read_tokens(0, 0, BLOCK_TOKENS).nbytes
    cache = PrefixCache(5 * size)
    for step, text in enumerate(texts):
        cache.store(slots, 0, str(step), text)
        assert cache.load(slots, 0, "0", [*texts[0], 1]) == 32  # the first one stays in use
        assert cache.num_bytes <= 5 * size
    found = [cache.load(slots, 0, str(step), [*text, 1]) for step, text in enumerate(texts)]
    # The third lost its second half before its first, which alone is still of use.
    assert found == [32, 0, 16, 32]


def test_whoever_leaves_makes_room_for_the_next():
    model = random_model("qwen3")
    decoder = JointDecoder(model, stop_token_ids=[], max_rows=1)
    endless = decoder.stream(PROMPTS[0], max_new_tokens=400)
    next(endless)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(lambda: list(decoder.stream(PROMPTS[1], max_new_tokens=NUM_TOKENS)))
        endless.close()  # type: ignore[attr-defined]
        assert waiting.result(60) == plain_greedy(model, PROMPTS[1])
    wait_until(lambda: decoder.num_rows == 0)
    is_over = [False]
    stream = decoder.stream(PROMPTS[0], max_new_tokens=400, is_over=lambda: is_over[0])
    next(stream)
    is_over[0] = True
    assert len(list(stream)) < 398
    decoder.close()


def test_a_failed_pass_ends_its_answers_and_not_the_decoder(monkeypatch):
    model = random_model("llama")
    decoder = JointDecoder(model, stop_token_ids=[])
    with monkeypatch.context() as broken:
        broken.setattr(decoder._batch, "_step", lambda: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            list(decoder.stream(PROMPTS[0], max_new_tokens=4))
    assert list(decoder.stream(PROMPTS[0], max_new_tokens=4)) == plain_greedy(model, PROMPTS[0], 4)
    with pytest.raises(KeyError):
        decoder.compute(lambda: {}["nothing"])
    assert decoder.compute(lambda: 7) == 7
    decoder.close()


def test_a_closed_decoder_says_so():
    decoder = JointDecoder(random_model("llama"), stop_token_ids=[])
    stream = decoder.stream(PROMPTS[0], max_new_tokens=400)
    next(stream)
    decoder.close()
    with pytest.raises(ServerStopped):
        list(stream)
    with pytest.raises(ServerStopped):
        list(decoder.stream(PROMPTS[0]))
    with pytest.raises(ServerStopped):
        decoder.compute(lambda: 1)


def test_prompts_that_do_not_fit_are_refused():
    model = toy_model()
    decoder = JointDecoder(model, stop_token_ids=[])
    for prompt, message in (([], "0 tokens"), ([5] * 512, "512 tokens"), ([3], "placeholders")):
        with pytest.raises(BadInput, match=message):
            decoder.stream(prompt)
    decoder.close()
