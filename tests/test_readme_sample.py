"""The sample at the top of the README is what the command prints."""

import shlex
import sys
from pathlib import Path

import pytest

from lineament.cli.app import run

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "scripts"))

from carphone import find_carphone  # noqa: E402


def test_the_sample_of_check_is_what_it_prints(capsys):
    try:
        clip = find_carphone()
    except FileNotFoundError:
        pytest.skip("the Carphone clip is not installed: pip install 'lineament[demo]'")
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    sample = text.split("$ lineament check ", 1)[1].split("```", 1)[0]
    command, printed = sample.split("\n", 1)
    words = shlex.split(command.replace("carphone.mp4", shlex.quote(str(clip))))
    run(["check", *words])
    said = capsys.readouterr().out.strip().splitlines()
    assert [line.rstrip() for line in said] == printed.strip().splitlines()
