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
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "lineament"
RESULTS = ROOT / "benchmarks" / "results"
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "benchmarks")]
from ablation_table import write_markdown  # noqa: E402
from shipped_table import write_table  # noqa: E402
from test_architecture import ROOMS  # noqa: E402

BLOCK = "(<!-- begin {} -->\n).*?(<!-- end {} -->)"


def first_line(path: Path) -> str:
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return docstring.splitlines()[0].rstrip(".")


def write_tree() -> str:
    """The house: rooms in the order of their imports, files in that of theirs."""
    lines = ["```text", "src/lineament/"]
    for room in ROOMS:
        folder, file = SOURCE / room, SOURCE / f"{room}.py"
        if file.exists():
            lines.append(tree_line(file.name, file, 2))
        elif (folder / "__init__.py").exists():
            lines.append(tree_line(f"{room}/", folder / "__init__.py", 2))
            lines += [tree_line(path.name, path, 4) for path in order_files(folder)]
    return "\n".join([*lines, "```"]) + "\n"


def tree_line(name: str, path: Path, indent: int) -> str:
    return f"{' ' * indent}{name:<{24 - indent}}{lower_first(first_line(path))}"


def lower_first(text: str) -> str:
    return text if text[1:2].isupper() else text[:1].lower() + text[1:]


def order_files(folder: Path) -> list[Path]:
    """Order a room's files so that each imports only from those before it; names break ties."""
    files = {path.stem: path for path in sorted(folder.glob("*.py")) if path.stem != "__init__"}
    needs = {
        stem: {
            match
            for match in re.findall(
                rf"lineament\.{folder.name}\.(\w+)", path.read_text(encoding="utf-8")
            )
            if match in files and match != stem
        }
        for stem, path in files.items()
    }
    ordered: list[str] = []
    while len(ordered) < len(files):
        ready = [s for s in files if s not in ordered and needs[s] <= set(ordered)]
        ordered.append(ready[0] if ready else next(s for s in files if s not in ordered))
    return [files[stem] for stem in ordered]


def read_result(name: str) -> dict | None:
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else None


def write_figures() -> str:
    """The few figures the README shows; all stand in benchmarks/RESULTS.md."""
    rows: list[tuple[str, str, str]] = []
    if events := read_result("events"):
        total = events["all"]
        rows.append(
            ("events on real clips, marked by eye: F1 at IoU 0.3", str(total["f1"]),
             f"{events['marked']} events, {events['clips']} clips")
        )  # fmt: skip
    if reader := read_result("reader"):
        for name, whose in (("sentences", "another hand"), ("sentences_fresh", "a third hand")):
            if row := reader.get(name):
                rows.append(
                    (f"claims read from sentences of {whose}: precision, recall",
                     f"{row['precision']:.3f}, {row['recall']:.3f}",
                     f"{row['sentences']} sentences, {row['claims']} claims")
                )  # fmt: skip
        planted = reader["contradictions"]
        rows.append(
            ("planted contradictions found", f"{planted['found'] / planted['planted']:.3f}",
             f"{planted['planted']} planted")
        )  # fmt: skip
    if rendered := read_result("rendered"):
        rows.append(
            ("rendered faces found; landmark error over eye distance",
             f"{rendered['found']:.3f}; {rendered['landmark_error']:.3f}",
             f"{rendered['pictures']} pictures")
        )  # fmt: skip
    if drawing := read_result("render_speed"):
        rows.append(
            ("shaded frames drawn a second at 128 px on one core, set-up included",
             str(drawing["shaded 128 px"]["frames_per_second"]), f"{drawing['clips']} clips")
        )  # fmt: skip
    if rendered:
        kinds = [rendered["actions"][kind] for kind in ("blink", "open_mouth", "turn")]
        drawn, found = (sum(row[key] for row in kinds) for key in ("drawn", "recovered"))
        rows.append(
            ("drawn blinks, mouth openings and turns found again by `annotate`",
             f"{found / drawn:.3f}", f"{drawn} drawn, {rendered['clips']} clips")
        )  # fmt: skip
    if (chat := read_result("chat_tiny")) and (real := chat.get("real pictures")):
        for title, name in (
            ("ten attributes on FFHQ", "ffhq/balanced_accuracy"),
            ("apparent sex on FairFace", "fairface/male"),
            ("happy or neutral on LFW", "lfw/happy"),
            ("smiling on the London portraits", "london/smile"),
        ):
            row = real[name]
            figure, _, items = row["model"].partition("], ")
            rows.append(
                (f"`chat-tiny` asked in words, balanced accuracy: {title}",
                 f"{figure}], blind {row['blind']}", items)
            )  # fmt: skip
    if speed := read_result("annotate_speed"):
        ratio = speed["times_faster"]
        rows.append(
            ("`annotate` against a plain loop in one process, in two",
             f"{ratio['loop, 1 process, 1 face']:.2f}x, {ratio['loop, 2 processes, 1 face']:.2f}x",
             f"a clip of {speed['clip_seconds']:.0f} s, {speed['runs']} runs")
        )  # fmt: skip
    lines = ["| what | figure | measured on |", "|---|---|---|"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)]) + "\n"


def write_results() -> str:
    """All figures with the commands that made them."""
    parts = [
        "# Results\n\nWritten by `make docs` from `benchmarks/results/*.json`; each block names "
        "the command that made it.\n"
    ]
    for path in sorted(RESULTS.glob("*.json")):
        result = json.loads(path.read_text())
        command = result.pop("command", "")
        parts.append(f"## {path.stem.replace('_', ' ')}\n\n`{command}`\n\n{table_of(result)}")
    return "\n".join(parts)


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

    overview = help_of()
    names = re.findall(r"^  (\w+)  ", overview.split("Commands:")[1], re.MULTILINE)
    parts = ["# Commands\n\nWritten by `make docs` from `--help`.\n", f"```text\n{overview}\n```\n"]
    parts += [f"## lineament {name}\n\n```text\n{help_of(name)}\n```\n" for name in names]
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
        shown = ["not told" if cell is None else f"{cell:,}" for cell in cells]
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
    result = read_result("shipped_models")
    if result is None:
        return "Not measured yet: `python benchmarks/shipped_models.py --data DATA --out RUN`.\n"
    return f"Measured by `{result['command']}`.\n\n{write_table(result)}"


BLOCKS: dict[str, dict[str, Callable[[], str]]] = {
    "README.md": {"tree": write_tree, "figures": write_figures},
    "docs/evaluation.md": {"shipped models": write_shipped},
    "docs/data-engine.md": {"fixture builds": write_fixture_builds},
    "docs/experiments.md": {"ablations": write_ablations},
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
