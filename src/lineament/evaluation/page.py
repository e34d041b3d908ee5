"""The report of a run: a page with figures and intervals, plots, gaps and worst examples."""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from lineament.errors import LineamentError
from lineament.evaluation.item import Item, ItemSet
from lineament.evaluation.page_tables import draw_tables
from lineament.evaluation.result import Figure, Result
from lineament.evaluation.tasks.chance import Chance
from lineament.report import COLOURS, Page, Section, picture_html, table_html, write_page

NUM_EXAMPLES = 12
_WIDTH, _LEFT, _LINE = 900, 250, 22


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
    tables = result.scores.tables
    sections += draw_tables(tables)
    for name, table in tables.items():
        if name.endswith("confusion"):
            sections.append(Section(name.replace("_", " ").capitalize(), confusion_html(table)))
    if tables.get("gaps"):
        sections.append(Section("Group gaps, for audit only", gaps_html(tables["gaps"])))
    sections.append(Section("Worst examples", examples_html(result, found, answers)))
    sections.append(Section("What this rests on", about_html(result)))
    lead = f"{result.model}: {result.num_items} items, {result.seconds:.1f} s"
    return write_page(path, Page(f"Evaluation: {result.task}", lead, sections))


def draw_figures(figures: Mapping[str, Figure]) -> str:
    """Draw every figure with a known interval as a dot on its line, and its prior as a tick."""
    rows = [(n, f) for n, f in figures.items() if f.value == f.value and f.low == f.low]
    if not rows:
        return ""
    height = 8 + _LINE * len(rows) + 26
    scale = _WIDTH - _LEFT - 20
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" '
        'aria-label="figures with intervals" class="timeline">'
    ]
    for tenth in range(0, 11, 2):
        x = _LEFT + tenth / 10 * scale
        parts.append(
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="4" y2="{height - 24}" '
            'stroke="currentColor" stroke-opacity="0.15"/>'
            f'<text x="{x:.1f}" y="{height - 8}" text-anchor="middle" font-size="11" '
            f'fill="currentColor">{tenth / 10:g}</text>'
        )
    for place, (name, figure) in enumerate(rows):
        parts.append(_draw_line(name, figure, 8 + place * _LINE + _LINE / 2, scale))
    return "\n".join((*parts, "</svg>"))


def _draw_line(name: str, figure: Figure, y: float, scale: float) -> str:
    unit = 100.0 if figure.unit == "percent" else 1.0

    def x(value: float) -> float:
        return _LEFT + min(max(value / unit, 0.0), 1.0) * scale

    tick = ""
    if figure.prior is not None:
        place = x(figure.prior)
        tick = (
            f'<line x1="{place:.1f}" x2="{place:.1f}" y1="{y - 8}" y2="{y + 8}" '
            f'stroke="{COLOURS[1]}" stroke-width="2"><title>prior {figure.prior:.3f}</title></line>'
        )
    return (
        f'<text x="{_LEFT - 10}" y="{y + 4}" text-anchor="end" font-size="13" '
        f'fill="currentColor">{escape(name)}</text>'
        f'<line x1="{x(figure.low):.1f}" x2="{x(figure.high):.1f}" y1="{y}" y2="{y}" '
        f'stroke="{COLOURS[0]}" stroke-width="4" stroke-opacity="0.45"/>{tick}'
        f'<circle cx="{x(figure.value):.1f}" cy="{y}" r="5" fill="{COLOURS[0]}">'
        f"<title>{escape(name)}: {figure.value:.3f}</title></circle>"
    )


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
    for row in about["judges"]:
        if row["malformed"]:
            heads = (f"no grade of {row['judge']}", "why")
            parts.append(table_html(heads, list(row["malformed"].items())))
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


def gaps_html(gaps: Mapping[str, Any]) -> str:
    """Return scores by audit label; the labels are the data set's and are never told."""
    parts = ["<p>Labels are the data sets' own. They serve this audit and nothing else.</p>"]
    for label, groups in gaps.items():
        rows = []
        for group, entry in groups.items():
            values = "; ".join(
                f"{value}: {show(cell['value'])} (n {cell['num_items']})"
                for value, cell in entry["by_value"].items()
            )
            rows.append((group, show(entry["gap"]), values))
        parts.append(f"<h3>{escape(label)}</h3>")
        parts.append(table_html(("metric", "largest minus smallest", "by value"), rows))
    return "".join(parts)


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
    """Return everything else that is on record."""
    skipped = (
        "published", "blind", "compared", "failures", "notes", "judges", "judge_agreement",
    )  # fmt: skip
    rows = [(key, value) for key, value in result.about.items() if key not in skipped]
    notes = "".join(f"<li>{escape(note)}</li>" for note in result.about.get("notes", ()))
    failures = [(name, why) for name, why in (result.about.get("failures") or {}).items()]
    listed = table_html(("failed item", "why"), failures) if failures else ""
    return table_html(("", ""), rows) + f"<ul>{notes}</ul>" + listed


def show(value: float | None) -> str:
    """Write a figure with three places, or nothing."""
    return "" if value is None or value != value else f"{value:.3f}"


def none_as_empty(value: object) -> object:
    """Write nothing where nothing is known."""
    return "" if value is None else value


def show_interval(figure: Figure) -> str:
    """Write the interval, or nothing."""
    return f"{figure.low:.3f} to {figure.high:.3f}" if figure.low == figure.low else ""
