"""The page of a run, parsed: bars and dots where their numbers are, axes that hold the data."""

import math
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from lineament.evaluation.item import Item, ItemSet, Visual
from lineament.evaluation.page import write_run_page
from lineament.evaluation.page_plots import find_axis
from lineament.evaluation.result import Figure, Result, Scores

RECALL = {"happy": 0.8, "sad": 0.4, "angry": 0.0}
CONFUSION = {
    "classes": ["happy", "sad", "angry"],
    "columns": ["happy", "sad", "angry", "none"],
    "rows": [[8, 1, 0, 1], [3, 2, 0, 0], [1, 2, 0, 2]],
}
AGES = {"classes": ["20-29", "30-39"], "columns": ["20-29", "30-39", "none"],
        "rows": [[1, 3, 0], [0, 5, 0]]}  # fmt: skip
LABELS = {
    "appearance/Male": {"f1": 0.9, "prior": 0.6, "num_items": 20, "num_positives": 9},
    "appearance/Bald": {"f1": 0.3, "prior": 0.1, "num_items": 20, "num_positives": 1},
    "action/nod": {"f1": math.nan, "prior": 0.0, "num_items": 20, "num_positives": 0},
}
GROUPS = {
    "Expression": {"num_items": 8, "accuracy": 75.0, "balanced_accuracy": 62.5, "prior": 25.0},
    "Counting": {"num_items": 3, "accuracy": 50.0, "balanced_accuracy": None, "prior": 100.0},
}
FAMILIES = {"hair": {"num_claims": 5, "recall": 0.2, "prior": 0.4}}
GAPS = {
    "sex": {
        "smile": {
            "gap": 0.25,
            "by_value": {
                "female": {"num_items": 30, "num_positives": 12, "value": 0.9},
                "male": {"num_items": 31, "num_positives": 13, "value": 0.65},
                "other": {"num_items": 2, "num_positives": 1, "value": None},
            },
        },
        "beard": {
            "gap": None,
            "by_value": {"male": {"num_items": 31, "num_positives": 13, "value": 0.7}},
        },
    }
}
FIGURES = {
    "uar": Figure(40.0, 30.0, 55.0, 20, prior=33.3, unit="percent"),
    "skill": Figure(-0.4, -0.55, -0.2, 20, prior=0.0),
    "smile": Figure(0.8, 0.7, 0.9, 20, extra={"by_phrasing": [0.8, 0.6, 0.75]}),
    "cider": Figure(2.4, 1.9, 3.1, 20, prior=0.3),
    "fid": Figure(60.0, num_items=20),
}
TABLES = {
    "confusion": CONFUSION, "recall": RECALL, "age_confusion": AGES, "by_label": LABELS,
    "by_group": GROUPS, "by_family": FAMILIES, "gaps": GAPS,
    "phrasings": {"uar": [40.0, 44.0, 36.0], "range": 8.0}, "age_by_phrasing": [0.5, 0.7],
}  # fmt: skip


@dataclass
class Element:
    """One element of a page."""

    tag: str
    attributes: dict[str, str]
    text: str = ""
    children: list["Element"] = field(default_factory=list)

    def find_all(self, tag: str, **attributes: str) -> list["Element"]:
        own = [] if self.tag != tag else [self]
        own = [e for e in own if attributes.items() <= e.attributes.items()]
        return own + [e for child in self.children for e in child.find_all(tag, **attributes)]

    @property
    def all_text(self) -> str:
        return self.text + "".join(child.all_text for child in self.children)

    def number(self, name: str) -> float:
        return float(self.attributes[name])


class Parser(HTMLParser):
    """Reads a page into a tree; what is opened must be closed in order."""

    SINGLE = ("meta", "img")

    def __init__(self):
        super().__init__()
        self.root = Element("root", {})
        self.open = [self.root]

    def handle_starttag(self, tag, attrs):
        element = Element(tag, {key: value or "" for key, value in attrs})
        self.open[-1].children.append(element)
        if tag not in self.SINGLE:
            self.open.append(element)

    def handle_startendtag(self, tag, attrs):
        self.open[-1].children.append(Element(tag, {key: value or "" for key, value in attrs}))

    def handle_endtag(self, tag):
        assert self.open.pop().tag == tag

    def handle_data(self, data):
        self.open[-1].text += data


def read_page(path: Path) -> dict[str, Element]:
    """Return the sections of a page by their headings."""
    parser = Parser()
    parser.feed(path.read_text(encoding="utf-8"))
    assert parser.open == [parser.root]
    sections = parser.root.find_all("section")
    return {section.find_all("h2")[0].text: section for section in sections}


def write_toy_page(folder: Path, tables=None, about=None) -> dict[str, Element]:
    items = tuple(Item(f"i{n}", f"{n}.png", "Is it <so>?", "yes_no", True, "g") for n in range(3))
    found = ItemSet(items, lambda _: Visual(np.full((1, 8, 8, 3), 90, np.uint8)))
    scores = Scores(FIGURES, tables=TABLES if tables is None else tables, wrong_ids=("i0", "i1"))
    about = {"headline": "uar", "zero_shot": None, **(about or {})}
    result = Result("toy", "double & co", scores, 3, 0.5, about)
    return read_page(write_run_page(folder / "index.html", result, found, {"i0": "No."}))


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    return write_toy_page(tmp_path_factory.mktemp("page"))


def read_axis(svg: Element) -> tuple[float, float]:
    """Return pixels at 0 and pixels of one unit, by the marks and their numbers alone."""
    ticks = [line.number("x1") for line in svg.find_all("line", **{"class": "tick"})]
    texts = {text.number("x"): text.text for text in svg.find_all("text")}
    marks = {x: float(texts[x]) for x in ticks}
    (first, low), *_, (last, high) = marks.items()
    unit = (last - first) / (high - low)
    return first - low * unit, unit


def read_bars(section: Element) -> dict[str, float]:
    """Return the value of each bar by its length on the axis."""
    (svg,) = section.find_all("svg")
    zero, unit = read_axis(svg)
    found = {}
    for bar in svg.find_all("rect", **{"class": "bar"}):
        name = bar.find_all("title")[0].text.rsplit(":", 1)[0]
        assert bar.number("x") == pytest.approx(zero, abs=0.2)
        found[name] = bar.number("width") / unit
    return found


def read_dots(svg: Element) -> dict[str, float]:
    zero, unit = read_axis(svg)
    return {
        dot.find_all("title")[0].text.rsplit(":", 1)[0]: (dot.number("cx") - zero) / unit
        for dot in svg.find_all("circle")
    }


def read_priors(svg: Element) -> list[float]:
    zero, unit = read_axis(svg)
    lines = svg.find_all("line", **{"class": "prior"})
    return [(line.number("x1") - zero) / unit for line in lines]


def test_bars_of_classes_are_as_long_as_their_recall(page):
    assert read_bars(page["Recall by class"]) == pytest.approx(RECALL, abs=1e-3)
    # Where a table tells no recall, the confusion matrix does.
    ages = read_bars(page["Recall by class: age"])
    assert ages == pytest.approx({"20-29": 0.25, "30-39": 1.0}, abs=1e-3)


def test_labels_groups_and_families_are_drawn_with_their_priors(page):
    labels = read_bars(page["F1 by label"])
    assert labels == pytest.approx({"appearance/Male": 0.9, "appearance/Bald": 0.3}, abs=1e-3)
    (svg,) = page["F1 by label"].find_all("svg")
    assert read_priors(svg) == pytest.approx([0.6, 0.1, 0.0], abs=1e-3)
    assert "action/nod" in svg.all_text  # named though it has no score
    assert "n 20" in svg.all_text
    groups = page["Balanced accuracy by group of questions, in percent"]
    assert read_bars(groups) == pytest.approx({"Expression": 62.5}, abs=0.1)
    families = page["Recall by family of attributes"]
    assert read_bars(families) == pytest.approx({"hair": 0.2}, abs=1e-3)
    assert read_priors(families.find_all("svg")[0]) == pytest.approx([0.4], abs=1e-3)


def test_figures_stand_where_they_are_even_beyond_nought_and_one(page):
    shares, percent, beyond = page["Figures"].find_all("svg")
    assert read_dots(shares) == pytest.approx({"skill": -0.4, "smile": 0.8}, abs=1e-2)
    assert read_dots(percent) == pytest.approx({"uar": 40.0}, abs=0.2)
    assert read_dots(beyond) == pytest.approx({"cider": 2.4}, abs=1e-2)
    for svg in (shares, percent, beyond):
        zero, unit = read_axis(svg)
        left, right = zero + unit * 0, max(t.number("x1") for t in svg.find_all("line"))
        assert left <= right
        ends = [e for line in svg.find_all("line", **{"class": "interval"})
                for e in (line.number("x1"), line.number("x2"))]  # fmt: skip
        ticks = [line.number("x1") for line in svg.find_all("line", **{"class": "tick"})]
        assert min(ticks) <= min(ends) <= max(ends) <= max(ticks)
    interval = beyond.find_all("line", **{"class": "interval"})[0]
    zero, unit = read_axis(beyond)
    ends = [(interval.number(end) - zero) / unit for end in ("x1", "x2")]
    assert ends == pytest.approx([1.9, 3.1], abs=1e-2)


def test_gaps_between_groups_are_dots_and_a_table(page):
    section = page["Group gaps, for audit only"]
    (svg,) = section.find_all("svg")
    assert read_dots(svg) == pytest.approx({"smile, female": 0.9, "smile, male": 0.65}, abs=1e-3)
    (bridge,) = svg.find_all("line", **{"class": "gap"})
    _, unit = read_axis(svg)
    assert (bridge.number("x2") - bridge.number("x1")) / unit == pytest.approx(0.25, abs=1e-3)
    colours = [dot.attributes["fill"] for dot in svg.find_all("circle")]
    assert len(set(colours)) == 2
    legend = section.find_all("p", **{"class": "legend"})[0]
    keys = [span.attributes["style"] for span in legend.find_all("span")]
    assert keys[:2] == [f"color:{colour}" for colour in colours]
    rows = [[cell.text for cell in row.find_all("td")] for row in section.find_all("tr")]
    assert ["smile", "0.250", "female: 0.900 (n 30); male: 0.650 (n 31); other:  (n 2)"] in rows
    assert ["beard", "", "male: 0.700 (n 31)"] in rows  # one group has no gap, and no dot


def test_wordings_are_drawn_in_their_units(page):
    shares, percent = page["By wording"].find_all("svg")
    expected = {
        "smile, wording 1": 0.8, "smile, wording 2": 0.6, "smile, wording 3": 0.75,
        "age within one group, wording 1": 0.5, "age within one group, wording 2": 0.7,
    }  # fmt: skip
    assert read_dots(shares) == pytest.approx(expected, abs=1e-3)
    scores = dict(zip((f"uar, wording {n}" for n in (1, 2, 3)), (40.0, 44.0, 36.0), strict=True))
    assert read_dots(percent) == pytest.approx(scores, abs=0.1)


def test_the_confusion_matrix_holds_its_numbers_shaded_by_row(page):
    for heading, table in (("Confusion", CONFUSION), ("Age confusion", AGES)):
        rows = page[heading].find_all("tr")
        heads = [cell.text for cell in rows[0].find_all("th")]
        assert heads == ["", *table["columns"]]
        for row, name, counts in zip(rows[1:], table["classes"], table["rows"], strict=True):
            assert [cell.text for cell in row.find_all("th")] == [name]
            cells = row.find_all("td")
            assert [int(cell.text) for cell in cells] == counts
            shades = [float(re.findall(r"[\d.]+", c.attributes["style"])[-1]) for c in cells]
            expected = [count / sum(counts) for count in counts]
            assert shades == pytest.approx(expected, abs=0.006)


def test_the_page_says_what_it_rests_on_and_how_many_failures_more_there_are(tmp_path):
    failures = {f"i{n}": f"gone {n}" for n in range(45)}
    pair = {"judges": ["claims", "m"], "num_items": 7, "kappa": 0.5, "spearman": math.nan,
            "mean_difference": -0.1}  # fmt: skip
    judges = [{"judge": name, "num_judged": 7, "num_malformed": 0, "malformed": {},
               "prompt_id": "judges 1 ab", "date": "2026-01-02"}
              for name in ("claims", "m")]  # fmt: skip
    about = {
        "prompts": "toy 3 abc", "normalise": "plain", "failures": failures, "judges": judges,
        "judge_agreement": [pair], "num_failures": 45,
    }  # fmt: skip
    section = write_toy_page(tmp_path, {}, about)["What this rests on"]
    told = [line.text for line in section.find_all("p")]
    assert told[0].startswith("zero_shot: null, nobody said")
    assert told[1:5] == [
        "prompts: toy 3 abc", "normalise: plain", "judge: claims, judges 1 ab, 2026-01-02",
        "judge: m, judges 1 ab, 2026-01-02",
    ]  # fmt: skip
    assert told[5] == (
        "judges claims and m: kappa 0.500, rank correlation none, mean difference -0.100, n 7"
    )
    assert told[-1] == "25 more are in result.json."
    listed = [row for row in section.find_all("tr") if "gone" in row.all_text]
    assert len(listed) == 20


def test_examples_are_escaped_and_a_run_without_tables_has_no_empty_plots(tmp_path):
    sections = write_toy_page(tmp_path, {})
    captions = [c.text for c in sections["Worst examples"].find_all("figcaption")]
    assert captions == [
        "Is it <so>? It is: True. Said: No.",
        "Is it <so>? It is: True. Said: no answer",
    ]
    assert not {"Recall by class", "F1 by label", "Group gaps, for audit only"} & set(sections)
    assert all(svg.find_all("circle") for s in sections.values() for svg in s.find_all("svg"))


@pytest.mark.parametrize(
    ("values", "start", "stop", "ends"),
    [
        ([0.2, 0.9], 0.0, 1.0, (0.0, 1.0)),
        ([-0.47], 0.0, 1.0, (-0.5, 1.0)),
        ([10.0], 0.0, 1.0, (0.0, 10.0)),
        ([3.1, math.nan], 0.0, 1.0, (0.0, 4.0)),
        ([12.0, 99.9], 0.0, 100.0, (0.0, 100.0)),
        ([-31.0], 0.0, 100.0, (-50.0, 100.0)),
        ([], 0.0, 1.0, (0.0, 1.0)),
    ],
)
def test_an_axis_has_round_ends_that_hold_every_value(values, start, stop, ends):
    axis = find_axis(values, start, stop)
    assert (axis.start, axis.stop) == pytest.approx(ends)
    assert 4 <= len(axis.ticks) <= 7
    assert axis.ticks[0] == axis.start
    assert axis.ticks[-1] == pytest.approx(axis.stop)
