"""Figures of the shipped models as one table, every baseline beside them."""

from collections.abc import Mapping, Sequence
from typing import Any

NOT_TESTED = "not tested here"
HEADS = ("model", "task", "figure", "value [95 %]", "items", "prior", "random", "blind", "peers")


def write_table(result: Mapping[str, Any]) -> str:
    """Write the figures as a table in Markdown, and what was not run below it."""
    lines = [f"| {' | '.join(HEADS)} |", f"|{'---|' * len(HEADS)}"]
    absent, missing = [], []
    for model, tasks in result["models"].items():
        if isinstance(tasks, str):
            absent.append(f"`{model}`: {tasks}")
            continue
        for task, row in tasks.items():
            if isinstance(row, str):
                missing.append(f"`{task}` of `{model}`: {row.removeprefix('not run: ')}")
                continue
            for name, figure in row["figures"].items():
                shown = f"**{name}**" if name == row["headline"] else name
                cells = (f"`{model}`", f"`{task}`", shown, *write_cells(figure))
                lines.append(f"| {' | '.join(cells)} |")
    parts = ["\n".join(lines) + "\n"]
    if result.get("count"):
        parts.append(f"At most {result['count']} media of a task were asked about.\n")
    if absent:
        parts.append(f"Models without figures: {'; '.join(absent)}.\n")
    if missing:
        parts.append(f"Not run: {'; '.join(missing)}.\n")
    if result.get("without_data"):
        names = ", ".join(f"`{name}`" for name in result["without_data"])
        parts.append(f"Not run, since their media are not at hand: {names}.\n")
    return "\n".join(parts)


def write_cells(figure: Mapping[str, Any]) -> Sequence[str]:
    digits = 1 if figure.get("unit") == "percent" else 3
    value = show(figure["value"], digits)
    if figure.get("low") is not None:
        value += f" [{show(figure['low'], digits)}, {show(figure['high'], digits)}]"
    peers = figure.get("peers", NOT_TESTED)
    if not isinstance(peers, str):
        peers = ", ".join(f"{name} {show(own, digits)}" for name, own in peers.items())
    beside = [show(figure.get(side), digits) for side in ("prior", "random", "blind")]
    return (value, str(figure.get("items") or "–"), *beside, peers)


def show(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"
