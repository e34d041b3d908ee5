"""Prompts read together: the same answers, whoever stands beside them or leaves at once."""

from queue import SimpleQueue

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from lineament.serving.batch import JOINED_TOKENS, Batch
from lineament.serving.prefixes import PrefixCache
from lineament.serving.rows import Row

END = 1


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    config = AutoConfig.for_model(
        "qwen3", vocab_size=80, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=2, num_key_value_heads=1, head_dim=16, max_position_embeddings=512,
    )  # fmt: skip
    return AutoModelForCausalLM.from_config(config).eval()


def write(model, prompts: list[list[int]], stops=frozenset((END,)), num_left: int = 6):
    """Answer all prompts in one batch, and return what each was told and the number of passes."""
    batch = Batch(model, stops, PrefixCache(10**6))
    rows = [
        Row(list(prompt), len(prompt), num_left, lambda scores: int(scores.argmax()), lambda: False)
        for prompt in prompts
    ]
    calls: list[int] = []
    read = batch._network.read  # pyright: ignore[reportPrivateUsage]

    def counted(embeds, **options):
        calls.append(len(embeds))
        return read(embeds, **options)

    batch._network.read = counted  # pyright: ignore[reportPrivateUsage]
    with torch.inference_mode():
        for row in rows:
            batch.open(row)
        while len(batch):
            batch.advance()
    return [told(row.told) for row in rows], calls


def told(queue: SimpleQueue) -> list[int]:
    said: list[int] = []
    while (piece := queue.get_nowait()) is not None:
        assert isinstance(piece, list), piece
        said += piece
    return said


def some_prompts(*lengths: int) -> list[list[int]]:
    generator = torch.Generator().manual_seed(3)
    return [torch.randint(2, 80, (n,), generator=generator).tolist() for n in lengths]


def test_short_prompts_are_read_in_one_pass_and_answered_as_alone(model):
    prompts = some_prompts(5, 17, 9, 30)
    alone = [write(model, [prompt])[0][0] for prompt in prompts]
    together, calls = write(model, prompts)
    assert together == alone
    assert calls[0] == 4


def test_long_prompts_are_read_alone_and_do_not_hold_short_ones_back(model):
    prompts = some_prompts(5, JOINED_TOKENS + 40, 12, 300, 7)
    alone = [write(model, [prompt])[0][0] for prompt in prompts]
    together, calls = write(model, prompts)
    assert together == alone
    assert calls[0] == 1


def test_who_has_nothing_to_say_leaves_the_others_right(model):
    prompts = some_prompts(5, 17, 9, 30, 11)
    alone = [write(model, [prompt], stops=frozenset())[0][0] for prompt in prompts]
    for place in range(len(prompts)):
        stops = frozenset((alone[place][0],))
        wanted = [
            said[: next((n for n, token in enumerate(said) if token in stops), len(said))]
            for said in alone
        ]
        assert wanted[place] == []
        assert write(model, prompts, stops=stops)[0] == wanted
