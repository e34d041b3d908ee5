"""Gather what `lineament eval` measured of chat-tiny into benchmarks/results/chat_tiny.json.

lineament eval first-light --data DATA --model chat-tiny --blind --out RUN/first-light
lineament eval first-light --data DATA --model chat-tiny --without face --out RUN/without-face
lineament eval rendered --model chat-tiny --blind --count 100 --out RUN/rendered
python benchmarks/chat_tiny.py RUN
"""

import argparse
import json
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).resolve().parent / "results"
STREAMS = ("general", "face", "landmarks")


def read(folder: Path) -> dict[str, Any] | None:
    path = folder / "result.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def show(metric: dict[str, Any]) -> str:
    """Write a figure with its interval and its items."""
    text = f"{metric['value']:.3f}"
    if metric.get("low") is not None:
        text += f" [{metric['low']:.3f}, {metric['high']:.3f}]"
    if "num_positives" in metric:
        text += f", {metric['num_positives']} positives of {metric['num_items']}"
    elif "num_items" in metric:
        text += f", {metric['num_items']} items"
    return text


def gather(result: dict[str, Any], *others: tuple[str, dict[str, Any] | None]) -> dict[str, Any]:
    """Put the same metric of several runs side by side."""
    blind = (result.get("blind") or {}).get("metrics", {})
    rows: dict[str, Any] = {}
    for name, metric in result["metrics"].items():
        row: dict[str, Any] = {"model": show(metric)}
        if "prior" in metric:
            row["prior"] = metric["prior"]
        if blind.get(name, {}).get("value") is not None:
            row["blind"] = round(blind[name]["value"], 3)
        for title, other in others:
            if other is not None and name in other["metrics"]:
                row[title] = round(other["metrics"][name]["value"], 3)
        rows[name] = row
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    run = parser.parse_args().run
    result: dict[str, Any] = {"command": "python benchmarks/chat_tiny.py RUN"}
    first = read(run / "first-light")
    if first is not None:
        without = [(f"without {name}", read(run / f"without-{name}")) for name in STREAMS]
        result["real pictures"] = gather(first, *without)
        for name, row in (first.get("compared") or {}).items():
            result[f"against {name}"] = {
                key: show(metric) for key, metric in row.get("metrics", {}).items()
            }
            if "gain" in row:
                result[f"gain over {name}"] = row["gain"]
    rendered = read(run / "rendered")
    if rendered is not None:
        result["rendered clips"] = gather(rendered)
    (RESULTS / "chat_tiny.json").write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
