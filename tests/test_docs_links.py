"""What the pages point to is there: files, headings, commands and their options, modules."""

import ast
import importlib
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

from lineament.cli.app import app

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "weights").rglob("*.md"),
        ROOT / "benchmarks" / "RESULTS.md",
    ]
)
PROMPT = re.compile(r"^\s*\$ (?:\.venv/bin/)?(lineament .+)$", re.MULTILINE)
QUOTED = re.compile(r"`(lineament [^`]+)`")
PLACE = re.compile(
    r"`((?:benchmarks|tests|scripts|docs|src|weights)/[\w./-]+\.(?:py|md|toml|json|sh|yaml))`"
)


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def without_code(text: str) -> str:
    return re.sub(r"```.*?```", "", text, flags=re.DOTALL)


def anchor_of(heading: str) -> str:
    """Return the anchor of a heading as GitHub writes it."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def find_broken_links(page: Path) -> list[str]:
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", without_code(page.read_text(encoding="utf-8"))):
        if link.startswith(("http://", "https://")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists():
            broken.append(link)
        elif anchor:
            text = without_code(target.read_text(encoding="utf-8"))
            headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
            broken += [] if anchor in map(anchor_of, headings) else [link]
    return broken


def find_wrong_commands(text: str) -> list[str]:
    """Return the commands of a text that do not exist, or not with these options."""
    wrong = []
    for line in [*PROMPT.findall(text), *QUOTED.findall(text)]:
        words = shlex.split(line, comments=True)[1:]
        command: Any = typer.main.get_command(app)
        while words and hasattr(command, "commands"):
            command = command.commands.get(words.pop(0))
        known = {"--help"} | {o for p in getattr(command, "params", ()) for o in p.opts}
        options = {word.partition("=")[0] for word in words if word.startswith("--")}
        if command is None or options - known:
            wrong.append(line)
    return wrong


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_leads_to_a_file_and_a_heading(page: Path):
    assert find_broken_links(page) == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_command_shown_exists_with_its_options(page: Path):
    assert find_wrong_commands(page.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_file_named_is_there(page: Path):
    places = PLACE.findall(without_code(page.read_text(encoding="utf-8")))
    assert [place for place in places if not (ROOT / place).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_import_shown_works(page: Path):
    blocks = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    found = [node for block in blocks for node in ast.walk(ast.parse(block))]
    for node in found:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("lineament"):
            module = importlib.import_module(node.module or "")
            assert all(hasattr(module, name.name) for name in node.names), node.module


def test_broken_links_and_wrong_commands_are_noticed(tmp_path: Path):
    page = tmp_path / "page.md"
    page.write_text("# A head\n\n[a](#a-head) [b](#no-head) [c](none.md) [d](page.md#a-head)\n")
    assert find_broken_links(page) == ["#no-head", "none.md"]
    text = (
        "`lineament fly` `lineament data stats DIR` `lineament data fly`\n$ lineament eval x --no\n"
    )
    assert set(find_wrong_commands(text)) == {
        "lineament fly", "lineament data fly", "lineament eval x --no",
    }  # fmt: skip
