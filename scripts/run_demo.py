"""The demo: annotate the Carphone clip (a real man talking in a car), check a text, ask about it.

The questions need a trained model: ``chat-tiny`` of ``lineament-weights``, or one given by
``--model``. Without one, the demo annotates and checks only, and says so.
"""

import argparse
import json
import sys
from html import escape
from pathlib import Path

from carphone import find_carphone

ROOT = Path(__file__).resolve().parent.parent
TEXT = (
    "A man talks to the camera. He blinks and opens his mouth. He never closes his eyes for long. "
    "There are two people in the clip. He may be wearing a tie."
)
QUESTIONS = (
    "Is this a man or a woman?",
    "Is he wearing glasses?",
    "What colour is his hair?",
    "Is he wearing a hat?",
    "Does he have a beard?",
    "What is he wearing around his neck?",
    "Is he talking?",
    "Does he move his head?",
    "How many people are there?",
    "Describe the person.",
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="chat-tiny", help="an installed model, or a folder")
    parser.add_argument("--out", type=Path, default=ROOT / "demo" / "report")
    arguments = parser.parse_args()
    try:
        clip = find_carphone()
    except FileNotFoundError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    code = annotate_and_check(clip, arguments.out) or ask_questions(
        clip, arguments.model, arguments.out
    )
    if code == 0:
        pages = sorted(arguments.out.rglob("index.html"))
        print(f"\nOpen {' and '.join(str(page) for page in pages)}.")
    return code


def annotate_and_check(clip: Path, report: Path) -> int:
    """Run the two commands that need no model."""
    from lineament.cli.app import run

    print(f"$ lineament annotate {clip.name} --report {report}\n", flush=True)
    code = run(["annotate", str(clip), "--report", str(report)])
    print(f'\n$ lineament check "{TEXT}" --against {clip.name}\n', flush=True)
    check = ["check", TEXT, "--against", str(clip), "--report", str(report / "check")]
    return code or run(check)


def ask_questions(clip: Path, model: str, report: Path) -> int:
    """Ask ten questions, print the answers with what they rest on, and write them to a page."""
    from lineament.cli.chat import load_chat, tell_answer
    from lineament.errors import BadModel, MissingExtra

    print(f'\n$ lineament chat {clip.name} "{QUESTIONS[0]}" ... --model {model}\n', flush=True)
    try:
        chat = load_chat(model, "model")
    except (BadModel, MissingExtra) as error:
        print(f"No questions were asked: {error.message}.\n({error.hint})")
        return 0
    answers = []
    for question in QUESTIONS:
        print(question)
        answers.append(tell_answer(chat, clip, question, all_facts=False))
    write_page(answers, report / "chat")
    return 0


def write_page(answers: list, folder: Path) -> None:
    """Write the answers as a page, and as JSON beside it."""
    from lineament.cli.chat import describe_evidence
    from lineament.report import Page, Section, write_page

    page = Page(title="Ten questions about Carphone", lead="Answers, and what they rest on.")
    for answer in answers:
        lines = "".join(f"<li>{escape(line)}</li>" for line in describe_evidence(answer))
        page.sections.append(Section(answer.question, f"<p>{escape(answer)}</p><ul>{lines}</ul>"))
    folder.mkdir(parents=True, exist_ok=True)
    rows = [answer.to_dict() for answer in answers]
    (folder / "answers.json").write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    write_page(folder / "index.html", page)


if __name__ == "__main__":
    sys.exit(main())
