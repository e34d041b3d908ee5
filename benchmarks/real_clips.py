"""Ask ten questions about every real clip at hand; count what fails. Nothing is judged here.

Writes benchmarks/results/real_clips.json and all answers beside it, to be read.
"""

import argparse
import json
import time
from pathlib import Path

from forty_questions import QUESTIONS
from lineament.describe.chat import Chat
from lineament.errors import LineamentError

RESULTS = Path(__file__).resolve().parent / "results"
SUFFIXES = (".mp4", ".mpg", ".avi", ".mkv", ".mov", ".webm")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clips", type=Path, help="folder with clips, searched to its depth")
    parser.add_argument("--model", default="chat-tiny")
    options = parser.parse_args()
    chat = Chat(options.model)
    clips = sorted(path for path in options.clips.rglob("*") if path.suffix in SUFFIXES)
    errors: list[str] = []
    lines: list[str] = []
    began = time.perf_counter()
    for clip in clips:
        lines.append(str(clip.relative_to(options.clips)))
        for question in QUESTIONS:
            try:
                lines.append(f"    {question} {chat.ask(clip, question)}")
            except LineamentError as error:
                errors.append(f"{clip.name}: {question}: {error.message}")
    result = {
        "command": "python benchmarks/real_clips.py CLIPS",
        "clips": len(clips),
        "questions": len(clips) * len(QUESTIONS),
        "errors": len(errors),
        "seconds": round(time.perf_counter() - began, 1),
    }
    (RESULTS / "real_clips.json").write_text(json.dumps(result, indent=1) + "\n")
    (RESULTS / "real_clips_answers.txt").write_text("\n".join([*lines, *errors]) + "\n")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
