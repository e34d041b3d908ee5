"""Write everything in README and docs that the code or a result already says.

With --check nothing is written: the exit code is 1 if anything is out of date.
"""

import argparse
import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "lineament"
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "benchmarks")]
from ablation_table import write_markdown  # noqa: E402
from drawing_figures import write_drawing  # noqa: E402
from readme_figures import RESULTS, read_result, write_figures  # noqa: E402
from scene_figures import write_counts, write_mixture, write_scene_model  # noqa: E402
from shipped_table import write_table  # noqa: E402
from test_architecture import ROOMS  # noqa: E402

BLOCK = "(<!-- begin {} -->\n).*?(<!-- end {} -->)"


def first_line(path: Path) -> str:
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return docstring.splitlines()[0].rstrip(".")


def write_rooms() -> str:
    """The house in short: a line a room, in the order of their imports."""
    lines = [room_line(room) for room in ROOMS]
    return "\n".join(["```text", "src/lineament/", *filter(None, lines), "```"]) + "\n"


def write_tree() -> str:
    """The house: rooms in the order of their imports, files in that of theirs."""
    lines = ["```text", "src/lineament/"]
    for room in ROOMS:
        if line := room_line(room):
            lines += [line, *folder_lines(SOURCE / room, 4)]
    return "\n".join([*lines, "```"]) + "\n"


def room_line(room: str) -> str:
    """The line of a file or folder of that name; empty where there is none yet."""
    folder, file = SOURCE / room, SOURCE / f"{room}.py"
    if file.exists():
        return tree_line(file.name, file, 2)
    start = folder / "__init__.py"
    return tree_line(f"{room}/", start, 2) if start.exists() else ""


def folder_lines(folder: Path, indent: int) -> list[str]:
    """A line for each file of a folder, then its folders with theirs."""
    lines = [tree_line(path.name, path, indent) for path in order_files(folder)]
    for start in sorted(folder.glob("*/__init__.py")):
        lines.append(tree_line(f"{start.parent.name}/", start, indent))
        lines += folder_lines(start.parent, indent + 2)
    return lines


def tree_line(name: str, path: Path, indent: int) -> str:
    return f"{' ' * indent}{name:<{34 - indent}}{first_line(path).replace('``', '`')}"


def order_files(folder: Path) -> list[Path]:
    """Order a room's files so that each imports only from those before it; names break ties."""
    files = {path.stem: path for path in sorted(folder.glob("*.py")) if path.stem != "__init__"}
    inner = r"\.".join(folder.relative_to(SOURCE).parts)
    needs = {
        stem: {
            match
            for match in re.findall(rf"lineament\.{inner}\.(\w+)", path.read_text(encoding="utf-8"))
            if match in files and match != stem
        }
        for stem, path in files.items()
    }
    ordered: list[str] = []
    while len(ordered) < len(files):
        ready = [s for s in files if s not in ordered and needs[s] <= set(ordered)]
        ordered.append(ready[0] if ready else next(s for s in files if s not in ordered))
    return [files[stem] for stem in ordered]


def write_results() -> str:
    """All figures with the commands that made them."""
    found = {path.stem: json.loads(path.read_text()) for path in sorted(RESULTS.glob("*.json"))}
    parts = [
        "# Results\n\nWritten by `make docs` from `benchmarks/results/*.json`. Each part says what "
        "was measured and names the command that did it. Times depend on the machine and on what "
        "else it was doing; ratios were taken side by side in one run.\n",
        "".join(f"- [{title_of(name)}](#{name.replace('_', '-')})\n" for name in found),
    ]
    for name, result in found.items():
        command = result.pop("command", "")
        about = describe_script(command)
        parts.append(f"## {title_of(name)}\n\n{about}`{command}`\n\n{table_of(result)}")
    return "\n".join(parts)


def title_of(name: str) -> str:
    return name.replace("_", " ")


def describe_script(command: str) -> str:
    """The first line of the script that a command runs; empty where it is none of ours."""
    found = re.search(r"benchmarks/\w+\.py", command)
    return f"{first_line(ROOT / found[0])}.\n\n" if found else ""


def table_of(result: dict) -> str:
    """Nested results as one table of dotted names."""
    rows = [f"| {name} | {value} |" for name, value in flatten(result)]
    return "\n".join(["| figure | value |", "|---|---|", *rows]) + "\n"


def flatten(value: object, prefix: str = "") -> list[tuple[str, object]]:
    if isinstance(value, dict):
        return [
            row
            for key, inner in value.items()
            for row in flatten(inner, f"{prefix} · {key}" if prefix else str(key))
        ]
    if isinstance(value, list):
        return [(prefix, ", ".join(map(str, value)))]
    return [(prefix, "–" if value is None else value)]


def write_commands() -> str:
    """Help text of every command, as the command prints it."""
    lineament = str(Path(sys.executable).with_name("lineament"))
    environment = os.environ | {"COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb"}

    def help_of(*words: str) -> str:
        command = [lineament, *words, "--help"]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
        return "\n".join(line.rstrip() for line in done.stdout.strip().splitlines())

    def names_of(text: str) -> list[str]:
        return re.findall(r"^  (\w+)  ", text.split("Commands:")[-1], re.MULTILINE)

    overview = help_of()
    parts = ["# Commands\n\nWritten by `make docs` from `--help`.\n", f"```text\n{overview}\n```\n"]
    for name in names_of(overview):
        text = help_of(name)
        parts.append(f"## lineament {name}\n\n```text\n{text}\n```\n")
        for inner in names_of(text) if "\nCommands:" in text else ():
            heading = f"### lineament {name} {inner}"
            parts.append(f"{heading}\n\n```text\n{help_of(name, inner)}\n```\n")
    return "\n".join(parts)


def write_vocabulary() -> str:
    """Every name with its family, kind and meaning."""
    from lineament.vocabulary import read_vocabulary

    vocabulary = read_vocabulary()
    parts = [
        "# Vocabulary\n\nWritten by `make docs` from the tables in `src/lineament/vocabulary`.\n"
    ]
    for family, title in vocabulary.families.items():
        rows = []
        for name in vocabulary.of_family(family):
            value = {
                "flag": "yes or no",
                "number": f"number, {name.unit}",
                "relation": "another subject",
            }.get(name.kind, ", ".join(name.choices))
            opposite = f" Opposite: `{name.negative}`." if name.negative else ""
            rows.append(f"| `{name.id}` | {value} | {name.means}{opposite} |")
        head = f"## {title}\n\nFamily `{family}`.\n\n| name | value | means |\n|---|---|---|\n"
        parts.append(head + "\n".join(rows) + "\n")
    return "\n".join(parts)


def write_rules() -> str:
    """The rules from landmarks to timed facts, and how each fared."""
    from lineament.faces.rules import RULES, describe_rule
    from lineament.faces.validation import read_measurements

    measured = read_measurements()
    lines = [
        "# Rules: from landmarks to timed facts\n",
        "Written by `make docs` from `faces/rules.py` and `faces/validation.toml`. The last "
        "columns say what was measured and on what: events marked by eye on real clips, and "
        "events drawn in rendered ones.\n",
        "| name | holds when | validated on | real | rendered |",
        "|---|---|---|---|---|",
    ]
    for rule in RULES:
        entry = measured.get(rule.name, {})
        lines.append(
            f"| `{rule.name}` | {describe_rule(rule)} | {entry.get('validated', 'none')} | "
            f"{entry.get('real', '–')} | {entry.get('rendered', '–')} |"
        )
    return "\n".join(lines) + "\n"


def write_ablations() -> str:
    """What short runs say of the papers' claims."""
    result = read_result("ablations")
    if result is None:
        return "Not run yet: `make ablations`.\n"
    return write_markdown(result["arms"]) + "\n![ablations](pictures/ablations.png)\n"


FIXTURE_ROWS = {
    "annotations": "clips or pictures kept", "descriptions": "summaries or captions",
    "questions": "questions with answers", "tokens_a_description": "tokens a description",
    "facts_a_description": "facts a description", "names": "attributes covered",
}  # fmt: skip


def write_fixture_builds() -> str:
    """The papers' compositions from fixtures, beside what the papers tell."""
    result = read_result("build_recipes")
    if result is None:
        return "Not measured yet: `python benchmarks/build_recipes.py --folder KEPT`.\n"
    builds = result["builds"]
    heads = [head for name in builds for head in (f"`{name}`, fixtures", "its paper")]
    lines = [f"| | {' | '.join(heads)} |", f"|---|{'---|' * len(heads)}"]
    for key, title in FIXTURE_ROWS.items():
        cells = [
            build[side][key] for build in builds.values() for side in ("fixture_figures", "paper")
        ]
        shown = ["not stated" if cell is None else f"{cell:,}" for cell in cells]
        lines.append(f"| {title} | {' | '.join(shown)} |")
    for key, title in (("cpu_seconds", "processor seconds"), ("peak_mib", "most memory, MiB")):
        cells = [cell for build in builds.values() for cell in (f"{build[key]:,}", "–")]
        lines.append(f"| {title} | {' | '.join(cells)} |")
    kinds = [
        f"`{name}`: " + ", ".join(f"{kind} {count:,}" for kind, count in build["kinds"].items())
        for name, build in builds.items()
    ]
    claims = [
        f"`{name}`: "
        + ", ".join(f"{count:,} {verdict}" for verdict, count in build["verdicts"].items())
        for name, build in builds.items()
    ]
    return (
        "\n".join(lines)
        + f"\n\nKinds. {'; '.join(kinds)}.\n\nClaims, read back and checked. {'; '.join(claims)}.\n"
    )


def write_shipped() -> str:
    """What the shipped models reach in every task that runs here, baselines beside it."""
    from lineament.evaluation.tasks.table import TASKS

    result = read_result("shipped_models")
    if result is None:
        return "Not measured yet: `python benchmarks/shipped_models.py --data DATA --out RUN`.\n"
    answered = [tasks for tasks in result["models"].values() if not isinstance(tasks, str)]
    told = {task for tasks in answered for task in tasks} | set(result.get("without_data", ()))
    silent = [f"`{task}`" for task in TASKS if task not in told]
    rest = f"\nNot part of this run: {', '.join(silent)}.\n" if silent else ""
    return f"Measured by `{result['command']}`.\n\n{write_table(result)}{rest}"


def write_measured(*names: str) -> str:
    """Which of some benchmarks have figures, and which have none yet."""
    there = [name for name in names if read_result(name) is not None]
    missing = [f"`{name}.py`" for name in names if name not in there]
    page = "../benchmarks/RESULTS.md"
    links = [f"[{title_of(name)}]({page}#{name.replace('_', '-')})" for name in there]
    told = f"Figures: {', '.join(links)}.\n" if links else ""
    return told + (f"No figures yet: {', '.join(missing)}.\n" if missing else "")


BLOCKS: dict[str, dict[str, Callable[[], str]]] = {
    "README.md": {"rooms": write_rooms, "tree": write_tree, "figures": write_figures},
    "docs/evaluation.md": {"shipped models": write_shipped},
    "docs/data-engine.md": {
        "fixture builds": write_fixture_builds,
        "measured": partial(
            write_measured,
            "build_speed",
            "build_memory",
            "endpoint_speed",
            "endpoint_peer",
            "build_kill",
        ),
    },
    "docs/remote-sensing.md": {
        "counts": write_counts,
        "mixture": write_mixture,
        "scene-tiny": write_scene_model,
    },
    "docs/unif2ace.md": {"drawing": write_drawing},
    "docs/experiments.md": {"ablations": write_ablations},
    "docs/training.md": {"measured": partial(write_measured, "training_speed", "experts_speed")},
    "docs/serving.md": {
        "measured": partial(
            write_measured, "serving_load", "serving_overload", "chat_latency", "decoding"
        ),
    },
}
FILES: dict[str, Callable[[], str]] = {
    "benchmarks/RESULTS.md": write_results,
    "docs/commands.md": write_commands,
    "docs/vocabulary.md": write_vocabulary,
    "docs/rules.md": write_rules,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    is_check = parser.parse_args().check
    stale = []
    for name, write in FILES.items():
        stale += update(ROOT / name, write(), is_check)
    for name, blocks in BLOCKS.items():
        text = (ROOT / name).read_text(encoding="utf-8")
        for block, write in blocks.items():
            pattern = re.compile(BLOCK.format(block, block), re.DOTALL)
            if not pattern.search(text):
                sys.exit(f"{name} has no block {block!r}")
            content = write()
            text = pattern.sub(lambda m, c=content: m.group(1) + c + m.group(2), text)
        stale += update(ROOT / name, text, is_check)
    if is_check and stale:
        print(f"out of date: {', '.join(stale)}; run make docs")
        return 1
    return 0


def update(path: Path, text: str, is_check: bool) -> list[str]:
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return []
    if not is_check:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return [str(path.relative_to(ROOT))]


if __name__ == "__main__":
    sys.exit(main())
