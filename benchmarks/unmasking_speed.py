"""Drawing by unmasking against a Show-o-style sampler, same weights, same random numbers.

The other side does what Show-o's sampler does: prompts padded to 129 positions, both prompts of
guidance read again at every step together with the image, a dense mask, all ids scored at all
positions, guidance mixed before cutting. Random weights; a trunk of 100 million.
Rounds are interleaved; the median of each side counts. On a CPU processor time is measured, which
other work on the machine disturbs least; on an accelerator the time on the wall.
"""

import argparse
import json
import math
import os
import statistics
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from lineament.model.layout import attend_mask, drawing_ids
from lineament.model.unif2ace import UniF2aceForFaces
from lineament.model.unif2ace_config import UniF2aceConfig
from lineament.model.unmasking import Unmasking, draw_codes

RESULT = Path(__file__).resolve().parent / "results" / "unmasking_speed.json"
PROMPT_TOKENS = 40
# The share of Show-o's ids that keeps the output layer's cost in proportion to its 1.2B trunk.
TEXT_IDS_IN_PROPORTION = 1600


@torch.no_grad()
def draw_like_showo(
    model: UniF2aceForFaces,
    texts: Sequence[Sequence[int]],
    *,
    steps: int = 16,
    guidance: float = 1.75,
    temperature: float = 1.0,
    seeds: Sequence[int] = (),
) -> torch.Tensor:
    """Draw as Show-o's public sampler does; random numbers row by row, so that rows compare."""
    config = model.config
    hidden = torch.full((len(texts), config.num_codes), config.num_code_ids, device=model.device)
    ids = drawing_ids(texts, hidden, config, length=config.text_block)
    bare = drawing_ids([[]] * len(texts), hidden, config, length=config.text_block)
    both = torch.cat([ids, bare]) if guidance > 0 else ids
    seen = attend_mask(both, both != config.special_id("pad"), config)
    lowest = torch.finfo(model.dtype).min
    mask = torch.zeros(seen.shape, dtype=model.dtype, device=model.device)
    mask = mask.masked_fill(~seen, lowest)
    generators = [torch.Generator(model.device).manual_seed(seed) for seed in seeds]
    codes, first, span = hidden, config.first_code_id, slice(-config.num_codes - 1, -1)
    for step in range(steps):
        if guidance > 0:
            bare = torch.cat([bare[:, : config.text_block], ids[:, config.text_block :]], dim=1)
            logits = model(torch.cat([ids, bare]), attention_mask=mask).logits
            told, untold = logits.chunk(2)
            logits = (1 + guidance) * told - guidance * untold
        else:
            logits = model(ids, attention_mask=mask).logits
        logits = logits[:, span, first : config.mask_id]
        probs = logits.softmax(dim=-1)
        unknown = codes == config.num_code_ids
        drawn, noise = [], []
        for row, generator in zip(probs, generators, strict=True):
            drawn.append(torch.multinomial(row, 1, generator=generator)[:, 0])
            uniform = torch.zeros_like(row[:, 0]).uniform_(0, 1, generator=generator)
            noise.append(-(-uniform.clamp(min=1e-20).log()).clamp(min=1e-20).log())
        sampled = torch.where(unknown, torch.stack(drawn), codes)
        ratio = 1.0 * (step + 1) / steps
        mask_ratio = torch.cos(torch.tensor(ratio) * math.pi * 0.5)
        chosen = probs.gather(-1, sampled.unsqueeze(-1)).squeeze(-1)
        chosen = torch.where(unknown, chosen, torch.finfo(chosen.dtype).max)
        stays = (config.num_codes * mask_ratio).floor().unsqueeze(0).to(model.device)
        stays = torch.minimum(unknown.sum(dim=-1, keepdim=True) - 1, stays).clamp(min=1)
        temperature = temperature * (1.0 - ratio)
        confidence = chosen.clamp(min=1e-20).log() + temperature * torch.stack(noise)
        cut = confidence.sort(dim=-1).values.gather(1, stays.long())
        masking = confidence < cut
        codes = torch.where(masking, config.num_code_ids, sampled)
        ids[:, span] = codes + first
    return sampled


def make_model(text_ids: int, layers: int, width: int, dtype: torch.dtype) -> UniF2aceForFaces:
    torch.manual_seed(0)
    config = UniF2aceConfig(
        text_vocab_size=text_ids,
        bos_token_id=1,
        eos_token_id=2,
        hidden_size=width,
        intermediate_size=4 * width,
        num_hidden_layers=layers,
        num_attention_heads=width // 64,
    )
    return UniF2aceForFaces(config).to(dtype).eval()


def time_rounds(sides: dict, rounds: int, *, is_cpu: bool) -> tuple[dict[str, list[float]], bool]:
    """Time every side once a round, in turn; say whether the exact side gave the same codes."""
    clock = time.process_time if is_cpu else time.perf_counter
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    codes: dict[str, torch.Tensor] = {}
    for _ in range(rounds):
        for name, draw in sides.items():
            began = clock()
            codes[name] = draw()
            if not is_cpu:
                torch.cuda.synchronize()
            seconds[name].append(clock() - began)
    return seconds, torch.equal(codes["Show-o-style"], codes["exact"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--layers", type=int, default=8)
    parser.add_argument("--width", type=int, default=1024)
    parser.add_argument("--steps", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--text-ids", type=int, default=TEXT_IDS_IN_PROPORTION)
    parser.add_argument("--dtype", default="float32", choices=["float32", "bfloat16", "float64"])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--out", type=Path, default=RESULT)
    arguments = parser.parse_args()
    dtype = getattr(torch, arguments.dtype)
    model = make_model(arguments.text_ids, arguments.layers, arguments.width, dtype)
    model = model.to(arguments.device)
    generator = torch.Generator().manual_seed(1)
    texts = torch.randint(
        3, arguments.text_ids, (arguments.batch, PROMPT_TOKENS), generator=generator
    ).tolist()
    seeds, steps = list(range(arguments.batch)), arguments.steps
    exact = Unmasking(steps, 1.75, 1.0, "cumulative", 1.0)  # as Show-o
    seldom_guided = replace(exact, guided_until=0.3)
    fewer = replace(seldom_guided, num_steps=max(1, steps * 3 // 4))
    settings = {
        "exact": exact,
        "guidance on the first 30 % of steps": seldom_guided,
        "that, and three quarters of the steps": fewer,
    }
    sides = {"Show-o-style": lambda: draw_like_showo(model, texts, steps=steps, seeds=seeds)}
    for name, setting in settings.items():
        sides[name] = lambda s=setting: draw_codes(model, texts, settings=s, seeds=seeds)
    draw_codes(model, texts, settings=Unmasking(1), seeds=seeds)  # warm up
    draw_like_showo(model, texts, steps=1, seeds=seeds)
    seconds, same = time_rounds(sides, arguments.rounds, is_cpu=arguments.device == "cpu")
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    result = {
        "command": "python benchmarks/unmasking_speed.py",
        "trunk_parameters": sum(w.numel() for w in model.trunk.parameters()),
        "ids": model.config.vocab_size,
        "steps": steps,
        "batch": arguments.batch,
        "dtype": arguments.dtype,
        "device": arguments.device,
        "clock": "processor time" if arguments.device == "cpu" else "wall",
        "threads": torch.get_num_threads(),
        "load_average": round(os.getloadavg()[0], 1),
        "same_codes_in_this_dtype": same,
        "median_seconds": {name: round(value, 3) for name, value in medians.items()},
        "times_faster": {
            name: round(medians["Show-o-style"] / value, 2) for name, value in medians.items()
        },
        "all_seconds": {name: [round(v, 3) for v in values] for name, values in seconds.items()},
    }
    arguments.out.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
