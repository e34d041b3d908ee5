"""The papers' own sentences: what each claims, their figure, and ours from result files."""

import csv
import functools
import json
import math
import re
import time
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from importlib import resources
from pathlib import Path
from typing import Any

from lineament.errors import BadInput
from lineament.evaluation.result import clean_json, round_figure
from lineament.report import Page, Section, table_html, write_page
from lineament.vocabulary import nearest_hint

PREFIX = "paper:"
RESULTS = Path("benchmarks") / "results"
NOTE = (
    "Ours are read from result files when this page is made. They are figures of small models on "
    "other data unless a row says otherwise, and no claim to have repeated a paper. Sentences of "
    "motivation, and claims to be the first, are left out."
)
_FIGURE = re.compile(
    r"^\s*(-?\d+(?:\.\d+)?(?:e-?\d+)?)(?:\s*\[(-?\d+(?:\.\d+)?),\s*(-?\d+(?:\.\d+)?)\])?"
)


@dataclass(frozen=True, slots=True)
class Theirs:
    """A figure that a paper gives."""

    name: str
    value: float
    source: str


@dataclass(frozen=True, slots=True)
class Ours:
    """A figure of this project, or where it would stand.

    Attributes:
        name: What was measured.
        file: The result file, below the folder of results.
        place: Where in it, in words.
        value: The figure; None while the file or the entry is missing.
        low: Lower end of its interval, where the file has one.
        high: Upper end.
        text: The entry as it stands there.
    """

    name: str
    file: str
    place: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    text: str = ""

    @property
    def is_measured(self) -> bool:
        """Whether there is a figure."""
        return self.value is not None


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence that can be tested.

    Attributes:
        says: What it claims, in our words.
        theirs: The paper's figures; none where the abstract and tables give none.
        ours: Ours, measured or not.
        needs: What is missing where ours are not measured.
        caution: Why the two may not compare.
    """

    says: str
    theirs: tuple[Theirs, ...]
    ours: tuple[Ours, ...]
    needs: str
    caution: str = ""

    @property
    def status(self) -> str:
        """Say whether ours is measured, and otherwise what that needs."""
        measured = sum(own.is_measured for own in self.ours)
        if measured == len(self.ours):
            return "ours is measured"
        return (
            f"in part; the rest needs {self.needs}" if measured else f"not run, needs {self.needs}"
        )


@dataclass(frozen=True, slots=True)
class Paper:
    """A paper's sentences with both sides' figures."""

    name: str
    title: str
    sentences: tuple[Sentence, ...]
    results: Path
    seconds: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON shape of ``lineament eval``, with the sentences beside it."""
        measured = [own for row in self.sentences for own in row.ours if own.is_measured]
        metrics = {
            f"{number}/{own.name}": {"value": own.value, "low": own.low, "high": own.high}
            for number, row in enumerate(self.sentences, start=1)
            for own in row.ours
            if own.is_measured
        }
        rows = [
            {
                "says": row.says,
                "status": row.status,
                "theirs": [
                    {"name": t.name, "value": t.value, "source": t.source} for t in row.theirs
                ],
                "ours": [
                    {
                        "name": own.name, "value": own.value, "low": own.low, "high": own.high,
                        "file": own.file, "place": own.place, "text": own.text,
                    }
                    for own in row.ours
                ],
                "needs": row.needs,
                "caution": row.caution,
            }
            for row in self.sentences
        ]  # fmt: skip
        return clean_json({
            "task": f"{PREFIX}{self.name}", "model": "result files", "title": self.title,
            "num_items": len(self.sentences), "num_measured": len(measured), "metrics": metrics,
            "seconds": round(self.seconds, 3), "results": str(self.results), "sentences": rows,
        })  # fmt: skip


def read_paper(name: str, results: Path) -> Paper:
    """Read a paper's sentences and look our figures up.

    Args:
        name: ``favchat``, ``unif2ace`` or ``rs-gpt4v``, with or without ``paper:`` before it.
        results: The folder of result files.

    Raises:
        BadInput: There is no such paper, or a result file is damaged.
    """
    started = time.perf_counter()
    name = name.removeprefix(PREFIX)
    table = _read_table()
    if name not in table:
        raise BadInput(
            f"unknown paper {name!r}",
            hint=nearest_hint(name, table, otherwise=f"papers: {', '.join(table)}"),
        )
    if not results.is_dir():
        raise BadInput(f"{results}: no folder of result files", hint="say where: --data DIR")
    sentences = tuple(_read_sentence(row, results) for row in table[name]["sentences"])
    seconds = time.perf_counter() - started
    return Paper(name, table[name]["title"], sentences, results, seconds)


def find_results(folder: Path | None = None) -> Path:
    """Return the folder of result files: the one given, or the repository's own."""
    if folder is not None:
        return folder
    return RESULTS if RESULTS.is_dir() else Path(__file__).resolve().parents[3] / RESULTS


def list_papers() -> tuple[str, ...]:
    """Return the names of the papers."""
    return tuple(_read_table())


def _read_sentence(row: Mapping[str, Any], results: Path) -> Sentence:
    theirs = tuple(Theirs(t["name"], float(t["value"]), t["source"]) for t in row.get("theirs", ()))
    ours = tuple(read_ours(entry, results) for entry in row["ours"])
    return Sentence(row["says"], theirs, ours, row["needs"], row.get("caution", ""))


def read_ours(entry: Mapping[str, Any], results: Path) -> Ours:
    """Look one figure up in its result file; what is missing has no value.

    A path goes through objects by key and through lists by ``key=value,...``. A ``.csv`` file is
    asked for the mean of a column over the rows that fit.

    Raises:
        BadInput: The file is there, but damaged.
    """
    file = results / entry["file"]
    if file.suffix == ".csv":
        place = f"{entry['column']}, {', '.join(f'{k} {v}' for k, v in entry['where'].items())}"
        found: Any = _read_column(file, entry) if file.is_file() else None
    else:
        place = " / ".join(entry["path"])
        found = _follow(_load(file), entry["path"]) if file.is_file() else None
    value, low, high, text = read_figure(found)
    return Ours(entry["name"], entry["file"], place, value, low, high, text)


def read_figure(found: Any) -> tuple[float | None, float | None, float | None, str]:
    """Return figure, interval and text of an entry: a number, a text, or an object with a value."""
    if isinstance(found, Mapping):
        known = (found.get("value"), found.get("low"), found.get("high"))
        value, low, high = (None if v is None else float(v) for v in known)
        return value, low, high, "" if value is None else f"{value:.10g}"
    if isinstance(found, bool) or found is None:
        return None, None, None, ""
    if isinstance(found, int | float):
        return round_figure(float(found)), None, None, f"{found:.10g}"
    match = _FIGURE.match(str(found))
    if match is None:
        return None, None, None, str(found)
    value, low, high = (None if part is None else float(part) for part in match.groups())
    return value, low, high, str(found)


def _load(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput(f"{file}: is no result file ({error})", hint="measure it again") from None


def _follow(found: Any, path: Sequence[str]) -> Any:
    for step in path:
        if isinstance(found, Mapping):
            found = found.get(step)
        elif isinstance(found, list):
            wanted = dict(part.split("=", 1) for part in step.split(","))
            found = next((row for row in found if _fits(row, wanted)), None)
        else:
            return None
    return found


def _fits(row: Mapping[str, Any], wanted: Mapping[str, str]) -> bool:
    return all(str(row.get(key)) == value for key, value in wanted.items())


def _read_column(file: Path, entry: Mapping[str, Any]) -> float | None:
    try:
        with file.open(encoding="utf-8", newline="") as lines:
            rows = list(csv.DictReader(lines))
    except (OSError, ValueError, csv.Error) as error:
        raise BadInput(f"{file}: is no result file ({error})", hint="measure it again") from None
    chosen = [row for row in rows if _fits(row, entry["where"])]
    try:
        values = [float(row[entry["column"]]) for row in chosen if row.get(entry["column"])]
    except ValueError as error:
        raise BadInput(f"{file}: {entry['column']} is no number ({error})") from None
    return math.fsum(values) / len(values) if values else None


def write_paper_page(path: Path, paper: Paper) -> Path:
    """Write the page: one part for each sentence, both sides' figures in it."""
    sections = [Section("What this is", f"<p>{escape(NOTE)}</p>")]
    for number, row in enumerate(paper.sentences, start=1):
        rows = [("theirs", t.name, f"{t.value:.10g}", "", t.source) for t in row.theirs]
        rows += [
            ("ours", own.name, show_value(own), show_ends(own), f"{own.file}: {own.place}")
            for own in row.ours
        ]
        caution = f"<p>{escape('Caution: ' + row.caution)}</p>" if row.caution else ""
        table = table_html(("whose", "what", "figure", "95 %", "where it stands"), rows)
        state = f"<p>{escape(row.status[0].upper() + row.status[1:])}.</p>"
        sections.append(Section(f"{number}. {row.says}", table + state + caution))
    measured = sum(row.status == "ours is measured" for row in paper.sentences)
    lead = (
        f"{len(paper.sentences)} sentences that can be tested, {measured} with our figures in full"
    )
    return write_page(path, Page(f"{paper.title}: both sides' figures", lead, sections))


def show_value(own: Ours) -> str:
    """Write a figure as its file has it."""
    if not own.is_measured:
        return "not run"
    text = re.sub(r"\s*\[[^\]]*\]", "", own.text)
    return text or f"{own.value:.10g}"


def show_ends(own: Ours) -> str:
    """Write an interval, or nothing."""
    return "" if own.low is None or own.high is None else f"{own.low:g} to {own.high:g}"


@functools.cache
def _read_table() -> Mapping[str, Any]:
    text = (resources.files("lineament.evaluation") / "papers.toml").read_text("utf-8")
    return tomllib.loads(text)
