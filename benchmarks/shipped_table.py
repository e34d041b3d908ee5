"""Figures of the shipped models as one table, every baseline beside them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

NOT_TESTED = "not tested here"
HEADS = ("model", "task", "figure", "value [95 %]", "items", "prior", "random", "blind", "peers")


def require_figures(known: Mapping[str, Any], names: Sequence[str], task: str) -> None:
    """Refuse to show figures that a task does not give on its items.

    Raises:
        BadInput: A name is unknown; the nearest known one is the hint.
    """
    from lineament.errors import BadInput
    from lineament.vocabulary import nearest_hint

    for name in names:
        if name not in known:
            raise BadInput(
                f"{task} gives no figure {name!r} on these items",
                hint=nearest_hint(name, known, otherwise=f"it gives: {', '.join(known)}"),
            )


def gather(result: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Take the figures that are shown out of a result, all baselines beside each.

    Args:
        result: What `run_task` gives, as JSON.
        names: The figures beside the headline.

    Raises:
        BadInput: The result has not all of them.
    """
    headline = result["headline"]
    require_figures(result["metrics"], (headline, *names), result["task"])
    figures = {name: find_figure(result, name) for name in (headline, *names)}
    figures |= dict(list_gains(result))
    figures |= dict(list_frames(result))
    figures |= dict(list_sensitivities(result))
    return {
        "headline": headline, "num_items": result["num_items"], "seconds": result["seconds"],
        "identity": result["identity"], "items_hash": result["items_hash"],
        "num_failures": result["num_failures"], "num_unread": result["num_unread"],
        "figures": figures,
    }  # fmt: skip


def find_figure(result: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return one figure with its baselines; its value is None where there is nothing to score."""
    metric = result["metrics"][name]
    compared = dict(result.get("compared") or {})
    random = compared.pop("random", None)
    peers = {key: value_of(other, name) for key, other in compared.items()}
    return keep_ends(metric) | {
        "items": metric.get("num_items", result["num_items"]),
        "prior": metric.get("prior"),
        "random": value_of(random, name),
        "blind": value_of(result.get("blind"), name),
        "peers": peers or NOT_TESTED,
    }


def keep_ends(metric: Mapping[str, Any]) -> dict[str, Any]:
    unit = {"unit": metric["unit"]} if metric.get("unit") else {}
    return {"value": metric["value"], "low": metric["low"], "high": metric["high"]} | unit


def value_of(side: Mapping[str, Any] | None, name: str) -> float | None:
    """Return the other side's value of a metric."""
    return ((side or {}).get("metrics", {}).get(name) or {}).get("value")


def list_gains(result: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield what sight gains in the headline: the paired difference to the blind copy."""
    blind = result.get("blind") or {}
    gain = (blind.get("difference") or {}).get(result["headline"])
    if gain is not None and gain["value"] is not None:
        unit = result["metrics"][result["headline"]].get("unit")
        yield (
            f"{result['headline']}, less the blind copy's on the same items",
            keep_ends({**gain, "unit": unit}) | {"items": blind.get("num_items"), "prior": 0.0},
        )


def list_frames(result: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the headline with fewer frames and with frames out of order, and what changed then."""
    headline = result["headline"]
    tables = result.get("tables", {})
    shuffled = tables.get("shuffled") or {}
    rows = {
        f"{headline}, {count} frame{'' if count == '1' else 's'}": row
        for count, row in (tables.get("frames") or {}).get("counts", {}).items()
    }
    if "shuffled" in shuffled:
        rows[f"{headline}, frames out of order"] = shuffled["shuffled"]
    # Clips alone are asked about again: these are other items than the headline's, so what the
    # blind and chance have on those does not belong here. The blind answer alike in any order.
    whole = tables.get("frames") or shuffled
    blind = (whole.get("blind") or {}).get(headline) or {}
    for name, row in rows.items():
        metric = row["metrics"].get(headline)
        if metric is not None and metric["value"] is not None:
            yield (
                name,
                keep_ends(metric)
                | {"items": row["num_items"], "prior": metric.get("prior")}
                | {"random": None, "blind": blind.get("value"), "peers": NOT_TESTED},
            )
    changed = (shuffled.get("shuffled") or {}).get("changed", {})
    if (metric := changed.get("changed/timed minus lasting")) is not None:
        yield "answers changed by order, timed minus lasting", keep_ends(metric) | {
            "items": metric.get("num_items"), "prior": 0.0, "peers": NOT_TESTED,
        }  # fmt: skip


def list_sensitivities(result: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the mean range over wordings, the yes-bias, and the largest gap between groups."""
    ranges = {
        side: mean_range(other)
        for side, other in (
            ("value", result), ("random", (result.get("compared") or {}).get("random")),
            ("blind", result.get("blind")),
        )
    }  # fmt: skip
    if ranges["value"] is not None:
        yield "range over three wordings, mean over names (0 is best)", ranges | {"prior": 0.0}
    if "yes_bias" in result["metrics"]:
        yield "yes-bias (0 is best)", find_figure(result, "yes_bias")
    for label, groups in (result.get("tables", {}).get("gaps") or {}).items():
        known = {group: entry["gap"] for group, entry in groups.items() if entry["gap"] is not None}
        if known:
            widest = max(known, key=known.__getitem__)
            yield f"largest gap by {label}, for audit: {widest}", {"value": known[widest]}


def mean_range(side: Mapping[str, Any] | None) -> float | None:
    """Return the mean over names of how far the wordings of a question lie apart."""
    metrics = (side or {}).get("metrics", {}).values()
    found = [metric["phrasing_range"] for metric in metrics if "phrasing_range" in metric]
    known = [one for one in found if one is not None]
    return round(sum(known) / len(known), 6) if known else None


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
        parts.append(f"Not part of this run: {names}.\n")
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
