"""Time `lineament chat`: a cold start on a clip of three seconds, and the second question.

The cold start is a fresh process, from the command to its end, one question, the median of the
runs. The second question is timed in a warm process (the model is loaded and has answered about
another clip): time to the first token of the first question about a clip, looking at the clip
included, over that of a second one.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import torch

ROOT = Path(__file__).resolve().parent.parent
RESULT = ROOT / "benchmarks" / "results" / "chat_latency.json"
GRID = ROOT.parent / "shared" / "data" / "face" / "clips" / "grid"
QUESTIONS = ("Is the person smiling?", "What colour is the hair?")


def time_cold_start(model: str, clip: Path, runs: int) -> list[float]:
    """Run the command in fresh processes."""
    lineament = str(Path(sys.executable).with_name("lineament"))
    seconds = []
    for _ in range(runs):
        began = time.perf_counter()
        command = [lineament, "chat", str(clip), QUESTIONS[0], "--model", model, "--json"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        seconds.append(time.perf_counter() - began)
    return seconds


def time_first_token(chat: Any, clip: Path, question: str) -> float:
    """Ask and stop the clock at the first token."""
    began = time.perf_counter()
    opened = chat.open(clip)
    prompt, media = chat._read_prompt(opened, question, ())
    next(chat.decoder.stream(prompt, media=media), None)
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="chat-tiny")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--skip-cold", action="store_true", help="time the second question alone")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    clips = sorted(GRID.glob("*.mpg"))[: arguments.runs + 1]
    if len(clips) < 2:
        sys.exit("the real clips are not here: nothing was measured")
    from lineament.describe.chat import Chat
    from lineament.describe.visual import keep_finder

    cold = [] if arguments.skip_cold else time_cold_start(arguments.model, clips[0], arguments.runs)
    chat = Chat(arguments.model, make_finder=keep_finder())
    time_first_token(chat, clips[0], QUESTIONS[0])
    pairs = [[time_first_token(chat, clip, q) for q in QUESTIONS] for clip in clips[1:]]
    first, second = (statistics.median(times) for times in zip(*pairs, strict=True))
    result = {
        "command": f"python benchmarks/chat_latency.py --model {Path(arguments.model).name}",
        "cold_start_seconds": round(statistics.median(cold), 3) if cold else None,
        "cold_start_all_seconds": [round(value, 3) for value in cold],
        "first_question_seconds": round(first, 4),
        "second_question_seconds": round(second, 4),
        "second_times_faster": round(first / second, 2),
    }
    if arguments.model == "chat-tiny":
        RESULT.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
