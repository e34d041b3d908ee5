"""The figures of a drawing model, out of benchmarks/results, for its card and the docs."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from readme_figures import read_result, write_rows

SHEET = Path(__file__).resolve().parent.parent / "docs" / "pictures" / "drawn.jpg"


def write_drawing() -> str:
    """What draw-tiny draws and repeats, and how fast unmasking is, as far as measured."""
    speed = read_result("unmasking_speed")
    sheet = [
        "![Drawn faces by families of attributes](pictures/drawn.jpg)",
        "*Left photographs, right drawings; the seed of each is its place, and none was chosen.*",
    ]
    parts = [
        *(sheet if SHEET.exists() else ()),
        say_judge(read_result("judge_reader")),
        say_truth(read_result("draw_truth"), level=3),
        "### Nearest training pictures\n\n" + say_memorisation(read_result("memorisation")),
        "### Unmasking, side by side\n\n" + say_speed(speed),
    ]
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"


def say_judge(result: dict[str, Any] | None) -> str:
    """Return how well the reader of `benchmarks/judge_reader.py` reads rendered truth."""
    if result is None:
        return "The judge of the rendered style has not been trained: `benchmarks/judge_reader.py`."
    rows = result["attributes"]
    worst = min(rows, key=lambda name: rows[name]["value"])
    weak = ", ".join(f"`{name}` {row['value']:.3f}" for name, row in rows.items()
                     if row["value"] < 0.9)  # fmt: skip
    said = (
        f"The judge of the rendered style, on {result['num_tested']:,} rendered portraits of its "
        f"own: mean balanced accuracy {result['mean']:.3f}, worst `{worst}` {result['worst']:.3f}"
    )
    return f"{said}; below 0.9: {weak}." if weak else f"{said}."


def say_truth(result: dict[str, Any] | None, *, level: int = 3) -> str:
    """Return the figures of `benchmarks/draw_truth.py` as a table for each style."""
    if result is None:
        return "No shipped model has been judged by what it draws yet: `benchmarks/draw_truth.py`."
    parts = [
        "Balanced accuracy of what an attribute reader finds in drawings from "
        f"{result['num_captions']} captions a style; beside it the same reader on pictures whose "
        "truth is known, and the drawings read against another caption, which is chance."
    ]
    heads = ("attribute", "drawings", "reader alone", "another caption", "captions that ask for it")
    for style, table in result["styles"].items():
        rows = [
            (f"`{name}`", *(_number(row.get(key)) for key in ("drawings", "reader", "prior")),
             str(row["num_true"]))
            for name, row in table["attributes"].items()
        ]  # fmt: skip
        mean = ("**mean**", f"**{_number(table['mean'])}**", _mean(table, "reader"),
                _mean(table, "prior"), "")  # fmt: skip
        parts.append(f"{'#' * level} The {style} style\n\n" + write_rows(heads, [*rows, mean]))
    return "\n\n".join(part.rstrip("\n") for part in parts)


def say_memorisation(result: dict[str, Any] | None) -> str:
    """Return the figures of `benchmarks/memorisation.py`."""
    if result is None:
        return "Not measured: `benchmarks/memorisation.py`."
    rows = [
        (name, str(row["count"]), *(f"{row[key]:.3f}" for key in ("p01", "p10", "median")))
        for name, row in result["distances"].items()
    ]
    return (
        f"Cosine distance to the nearest of {result['num_training']:,} training pictures, by "
        f"{result['features']}, which hold no identity.\n\n"
        + write_rows(("pictures", "number", "nearest 1 %", "nearest 10 %", "median"), rows)
        + f"\n{result['share_nearer']:.1%} of the drawings are nearer to a training picture than "
        "the nearest hundredth of held-out real faces are."
    )


def say_speed(result: dict[str, Any] | None) -> str:
    """Return the figures of `benchmarks/unmasking_speed.py`."""
    if result is None:
        return "Not measured: `benchmarks/unmasking_speed.py`."
    medians = result["median_seconds"]
    plain = medians["Show-o-style"]
    rows = [
        (name, f"{seconds:.2f}", f"{plain / seconds:.2f}x") for name, seconds in medians.items()
    ]
    same = "the same codes" if result["same_codes_in_this_dtype"] else "other codes"
    return write_rows(("sampler", f"seconds, {result['clock']}", "against Show-o's"), rows) + (
        f"\nA trunk of {result['trunk_parameters'] / 1e6:.0f} million random weights, "
        f"{result['steps']} steps, {result['dtype']}, {result['device']}, {result['threads']} "
        f"threads. The exact changes give {same} here as the sampler they replace."
    )


def _mean(table: dict[str, Any], key: str) -> str:
    values: Sequence[float | None] = [row.get(key) for row in table["attributes"].values()]
    known = [value for value in values if value is not None]
    return _number(sum(known) / len(known) if known else None)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
