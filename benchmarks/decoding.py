"""Time our decoding of a chat model against ``generate`` of transformers, token by token equal.

Ten questions about Carphone (the demo's) are answered in fp32 by each way in turn, in rounds
that interleave; a way's figure is the median over the rounds of its seconds for all answers,
reading the prompts included. No way keeps anything from one question to the next. Plain
decoding and exact drafting are reported apart, each against the best of ``generate`` with a
dynamic cache, with a static cache, and with ``prompt_lookup_num_tokens``.
An untrained model repeats itself or rambles: its drafting figure means nothing.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

ROOT = Path(__file__).resolve().parent.parent
RESULT = ROOT / "benchmarks" / "results" / "decoding.json"
sys.path.insert(0, str(ROOT / "scripts"))

MAX_NEW_TOKENS = 96
Way = Callable[[list[int]], list[int]]


def make_ways(chat: Any, media: Any) -> dict[str, Way]:
    """Return each way to answer a prompt about the clip."""
    from lineament.model.drafting import DraftTable, NgramDrafter
    from lineament.model.hub import find_folder
    from lineament.model.sampling import PrefixDecoder

    loaded = chat._loaded
    stop, placeholder = loaded.processor.end_token_id, loaded.processor.frame_token_id

    def generate(**options: Any) -> Way:
        def answer(prompt: list[int]) -> list[int]:
            ids = torch.tensor([prompt])
            said = loaded.model.generate(
                ids, attention_mask=torch.ones_like(ids), media=media, do_sample=False,
                max_new_tokens=MAX_NEW_TOKENS, eos_token_id=stop, pad_token_id=stop, **options,
            )[0, len(prompt) :].tolist()  # fmt: skip
            return said[:-1] if said and said[-1] == stop else said

        return answer

    def ours(drafter: Any) -> Way:
        decoder = PrefixDecoder(loaded.model, stop_token_ids=[stop], drafter=drafter)

        def answer(prompt: list[int]) -> list[int]:
            decoder.forget()
            return decoder.decode(prompt, media=media, max_new_tokens=MAX_NEW_TOKENS)

        return answer

    table = DraftTable.find(find_folder(loaded.name))
    return {
        "generate, dynamic cache": generate(),
        "generate, static cache": generate(cache_implementation="static"),
        "generate, prompt lookup": generate(prompt_lookup_num_tokens=10),
        "ours, plain": ours(None),
        "ours, drafting": ours(NgramDrafter(table, ignored_ids=[placeholder])),
    }


def time_ways(
    ways: dict[str, Way], prompts: list[list[int]], rounds: int
) -> dict[str, list[float]]:
    """Answer all prompts in every way, turn by turn; the first round only warms up."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    expected = [ways["generate, dynamic cache"](prompt) for prompt in prompts]
    for number in range(rounds + 1):
        for name, way in ways.items():
            began = time.perf_counter()
            said = [way(prompt) for prompt in prompts]
            if number:
                seconds[name].append(time.perf_counter() - began)
            if said != expected:
                sys.exit(f"{name}: other tokens than generate")
    return seconds


def keep_running(
    ways: dict[str, Way], prompts: list[list[int]]
) -> tuple[dict[str, Way], dict[str, str]]:
    """Leave out what cannot answer: prompt lookup guesses placeholders of the clip's tokens."""
    from lineament.errors import BadInput

    failed = {}
    for name, way in ways.items():
        try:
            for prompt in prompts:
                way(prompt)
        except BadInput as error:
            failed[name] = error.message
    return {name: way for name, way in ways.items() if name not in failed}, failed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="chat-tiny")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    from carphone import find_carphone
    from lineament.describe.chat import Chat
    from run_demo import QUESTIONS

    chat = Chat(arguments.model)
    opened = chat.open(find_carphone())
    read = [chat._read_prompt(opened, question, ()) for question in QUESTIONS]
    prompts = [prompt for prompt, _ in read]
    ways, failed = keep_running(make_ways(chat, read[0][1]), prompts)
    num_tokens = sum(len(ways["ours, plain"](prompt)) + 1 for prompt in prompts)
    seconds = time_ways(ways, prompts, arguments.rounds)
    medians = {name: statistics.median(runs) for name, runs in seconds.items()}
    best = min(value for name, value in medians.items() if name.startswith("generate"))
    result = {
        "command": f"python benchmarks/decoding.py --model {Path(arguments.model).name}",
        "rounds": arguments.rounds,
        "threads": arguments.threads,
        "num_tokens": num_tokens,
        "cannot run": failed,
        "median_seconds": {name: round(value, 4) for name, value in medians.items()},
        "milliseconds_a_token": {n: round(1e3 * v / num_tokens, 3) for n, v in medians.items()},
        "plain_times_faster": round(best / medians["ours, plain"], 3),
        "drafting_times_faster": round(best / medians["ours, drafting"], 3),
    }
    if arguments.model == "chat-tiny":  # what others give is for looking at
        RESULT.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
