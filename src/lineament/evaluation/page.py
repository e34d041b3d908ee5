"""The report of a run: a page with figures and intervals, plots, gaps and worst examples."""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from lineament.errors import LineamentError
from lineament.evaluation.basis import say_basis
from lineament.evaluation.item import Item, ItemSet
from lineament.evaluation.page_tables import (
    CONFUSION,
    draw_figures,
    draw_parts,
    draw_tables,
    gaps_html,
)
from lineament.evaluation.result import Figure, Result
from lineament.evaluation.tasks.chance import Chance
from lineament.report import Page, Section, picture_html, table_html, write_page

NUM_EXAMPLES = 12
SHOWN_FAILURES = 20  # result.json holds all


def write_run_page(path: Path, result: Result, found: ItemSet, answers: Mapping[str, str]) -> Path:
    """Write the page of one run."""
    sections = [Section("Figures", draw_figures(result.scores.figures) + figures_html(result))]
    if (blind := result.about.get("blind")) is not None:
        sections.append(Section("Against the same model without sight", compared_html(blind)))
    compared = result.about.get("compared") or {}
    for name, other in compared.items():
        sections.append(Section(f"Against {name}", compared_html(other)))
    if not compared.keys() - {Chance.name}:
        sections.append(Section("Against others", "<p>No peer was run: not tested here.</p>"))
    if result.about.get("published"):
        sections.append(Section("Published by others", published_html(result)))
    if result.about.get("judges"):
        sections.append(Section("Judges", judges_html(result.about)))
    if malformed := malformed_html(result):
        sections.append(Section("Replies without a grade", malformed))
    tables = result.scores.tables
    sections += draw_tables(tables) + draw_parts(tables, result.scores.figures)
    for name, table in tables.items():
        if name.endswith(CONFUSION):
            sections.append(Section(name.replace("_", " ").capitalize(), confusion_html(table)))
    if tables.get("gaps"):
        sections.append(Section("Group gaps, for audit only", gaps_html(tables["gaps"])))
    sections.append(Section("Worst examples", examples_html(result, found, answers)))
    sections.append(Section("What this rests on", about_html(result)))
    lead = f"{result.model}: {result.num_items} items, {result.seconds:.1f} s"
    return write_page(path, Page(f"Evaluation: {result.task}", lead, sections))


def figures_html(result: Result) -> str:
    """Return the table of all figures."""
    heads = ("metric", "value", "95 % interval", "prior", "items", "positives", "denied", "agree",
             "yes-bias", "unread")  # fmt: skip
    rows = []
    for name, figure in result.scores.figures.items():
        extra = figure.extra
        rows.append(
            (
                name, show(figure.value), show_interval(figure), show(figure.prior),
                figure.num_items or "", none_as_empty(figure.num_positives),
                show(extra.get("denied")), show(extra.get("agreement")),
                show(extra.get("yes_bias")), extra.get("num_unread", ""),
            )
        )  # fmt: skip
    return table_html(heads, rows)


def compared_html(other: Mapping[str, Any]) -> str:
    """Return the table of another answerer's figures with the paired differences."""
    rows = []
    for name, figure in other["metrics"].items():
        gap = other["difference"].get(name)
        ends = "" if gap is None else f"{show(gap['low'])} to {show(gap['high'])}"
        value = "" if gap is None else show(gap["value"])
        rows.append((name, show(figure["value"]), value, ends))
    heads = ("metric", other["model"], "this model minus it", "95 % interval")
    return table_html(heads, rows)


def published_html(result: Result) -> str:
    """Return published figures beside ours."""
    figures = result.scores.figures
    rows = [
        (
            row["metric"], row["system"], show(row["value"]),
            show(figures[row["metric"]].value) if row["metric"] in figures else "not measured",
            row["source"], row["caution"],
        )
        for row in result.about["published"]
    ]  # fmt: skip
    return table_html(("metric", "system", "published", "here", "source", "caution"), rows)


def judges_html(about: Mapping[str, Any]) -> str:
    """Return who graded, with what and when, what could not be graded, and who agrees."""
    rows = [
        (
            row["judge"], row.get("prompt_id", row.get("rule", "")), row.get("date", ""),
            row["num_judged"], row["num_malformed"],
        )
        for row in about["judges"]
    ]  # fmt: skip
    parts = [table_html(("judge", "prompt or rule", "date", "graded", "no grade"), rows)]
    parts += [
        list_first(row["malformed"], (f"no grade of {row['judge']}", "why"))
        for row in about["judges"]
    ]
    pairs = [
        (
            " and ".join(row["judges"]), row["num_items"], show(row["kappa"]),
            show(row["spearman"]), show(row["mean_difference"]),
        )
        for row in about.get("judge_agreement", ())
    ]  # fmt: skip
    if pairs:
        heads = ("two judges", "items", "kappa", "rank correlation", "mean difference")
        parts.append(table_html(heads, pairs))
    return "".join(parts)


def malformed_html(result: Result) -> str:
    """Return what a judge's replies were of no use for, by figure."""
    told = {row["judge"] for row in result.about.get("judges", ())}  # these have a list already
    return "".join(
        list_first(figure.extra.get("malformed", {}), (f"{name}: what was asked about", "why"))
        for name, figure in result.scores.figures.items()
        if figure.extra.get("judge") not in told
    )


def confusion_html(table: Mapping[str, Any]) -> str:
    """Return a confusion matrix whose cells are shaded by their share of the row."""
    head = "".join(f"<th>{escape(str(name))}</th>" for name in ("", *table["columns"]))
    body = []
    for name, row in zip(table["classes"], table["rows"], strict=True):
        total = max(sum(row), 1)
        cells = "".join(
            f'<td style="background:rgba(59,111,182,{count / total:.2f})">{count}</td>'
            for count in row
        )
        body.append(f"<tr><th>{escape(str(name))}</th>{cells}</tr>")
    return (
        f'<div class="wide"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(body)}</tbody></table></div><p>Rows are true, columns are said.</p>"
    )


def examples_html(result: Result, found: ItemSet, answers: Mapping[str, str]) -> str:
    """Return pictures of what was answered wrong, spread over the groups."""
    items = {item.id: item for item in found.items}
    figures = []
    for item in choose_examples([items[i] for i in result.scores.wrong_ids if i in items]):
        try:
            visual = found.open_media(item.media)
        except LineamentError:
            continue
        said = answers.get(item.id, "no answer")
        caption = f"{item.question} It is: {item.truth}. Said: {said[:120]}"
        middle = visual.frames[len(visual.frames) // 2]
        figures.append(picture_html(middle, caption, max_side_px=280))
    if not figures:
        return "<p>None.</p>"
    return f'<div class="frames">{"".join(figures)}</div>'


def choose_examples(items: Sequence[Item], count: int = NUM_EXAMPLES) -> list[Item]:
    """Take the worst of each group by turns, and no picture twice."""
    by_group: dict[str, list[Item]] = {}
    for item in items:
        by_group.setdefault(item.group, []).append(item)
    chosen: list[Item] = []
    seen: set[str] = set()
    queues = list(by_group.values())
    while queues and len(chosen) < count:
        queues = [queue for queue in queues if queue]
        for queue in queues:
            item = queue.pop(0)
            if item.media not in seen and len(chosen) < count:
                seen.add(item.media)
                chosen.append(item)
    return chosen


def about_html(result: Result) -> str:
    """Return what the figures rest on: in words first, then everything else on record."""
    skipped = (
        "published", "blind", "compared", "failures", "notes", "judges", "judge_agreement",
    )  # fmt: skip
    told = "".join(f"<p>{escape(line)}</p>" for line in say_basis(result))
    rows = [(key, value) for key, value in result.about.items() if key not in skipped]
    notes = "".join(f"<li>{escape(note)}</li>" for note in result.about.get("notes", ()))
    listed = list_first(result.about.get("failures") or {}, ("failed item", "why"))
    return told + table_html(("", ""), rows) + f"<ul>{notes}</ul>" + listed


def list_first(rows: Mapping[str, Any], heads: tuple[str, str]) -> str:
    """Return a table of the first rows, and how many more there are."""
    if not rows:
        return ""
    listed = table_html(heads, list(rows.items())[:SHOWN_FAILURES])
    more = len(rows) - SHOWN_FAILURES
    return listed + (f"<p>{more} more are in result.json.</p>" if more > 0 else "")


def show(value: float | None) -> str:
    """Write a figure with three places, or nothing."""
    return "" if value is None or value != value else f"{value:.3f}"


def none_as_empty(value: object) -> object:
    """Write nothing where nothing is known."""
    return "" if value is None else value


def show_interval(figure: Figure) -> str:
    """Write the interval, or nothing."""
    return f"{figure.low:.3f} to {figure.high:.3f}" if figure.low == figure.low else ""
