"""Statistics of a built data set: counts, lengths, facts, levels, and the six principles."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lineament.errors import MissingExtra
from lineament.records.form import DESCRIPTION_KINDS
from lineament.records.record import LEVELS, REASONING, is_denial
from lineament.records.store import RecordStore

DIALOGUE_KIND = "conversation"
RELATION_KINDS = frozenset(("comparison", "choose", "count", "cues", "list", "which"))
UNANSWERABLE = "unanswerable"
ABOUT = ("source", "split", "writer", "seed", "limit", "licence")
MAX_WORDINGS = 100_000  # kept per kind; what comes after only counts
_TOKEN = re.compile(r"\w+|[^\w\s]")


@dataclass(slots=True)
class Statistics:
    """What a pass over all rows counted.

    Attributes:
        about: From the manifest: source, split, writer, ...
        counts: Totals.
        kinds: Records by kind.
        levels: Records by level.
        names: Records that claim a name.
        lengths: For each kind, how many answers have how many tokens (words and marks).
        facts: How many descriptions state how many different names.
        wordings: For each kind, how often each question is asked.
        quality: Records by tenth of quality.
        dropped: From the manifest.
        verdicts: From the manifest.
    """

    about: dict[str, Any] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    levels: Counter[int] = field(default_factory=Counter)
    names: Counter[str] = field(default_factory=Counter)
    lengths: dict[str, Counter[int]] = field(default_factory=dict)
    facts: Counter[int] = field(default_factory=Counter)
    wordings: dict[str, Counter[str]] = field(default_factory=dict)
    quality: Counter[int] = field(default_factory=Counter)
    dropped: dict[str, int] = field(default_factory=dict)
    verdicts: dict[str, int] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON of ``lineament data stats``."""
        return {
            **self.about,
            "annotations": self.counts["annotations"],
            "records": self.counts["records"],
            "turns": self.counts["turns"],
            "kinds": dict(sorted(self.kinds.items())),
            "levels": {LEVELS[level]: self.levels[level] for level in LEVELS},
            "tokens_an_answer": {kind: _mean(self.lengths[kind]) for kind in sorted(self.lengths)},
            "facts_a_description": _mean(self.facts),
            "names_covered": len(self.names),
            "names": dict(self.names.most_common()),
            "quality_tenths": {str(tenth / 10): self.quality[tenth] for tenth in range(11)},
            "dropped": self.dropped,
            "verdicts": self.verdicts,
            "principles": self.principles(),
        }

    def principles(self) -> dict[str, float]:
        """Return RS-GPT4V's six principles as figures (arXiv 2406.12479; the measures are ours).

        Each is a share between 0 and 1 except richness, which is facts a description.
        """
        records = max(self.counts["records"], 1)
        judged = sum(self.verdicts.values())
        questions = max(self.counts["turns"], 1)
        return {
            "unity": self.counts["valid"] / records,
            "diversity": 1.0 - self._commonest_share(),
            "correctness": self.verdicts.get("supported", 0) / judged if judged else 0.0,
            "complexity": self.counts["complex"] / records,
            "richness": _mean(self.facts),
            "robustness": self.counts["robust"] / questions,
        }

    def fewest_wordings(self) -> int:
        """Return how many wordings the kind with the fewest has."""
        return min((len(counts) for counts in self.wordings.values()), default=0)

    def _commonest_share(self) -> float:
        """Return the largest share that one wording has of a kind's questions."""
        return max(
            (max(counts.values()) / counts.total() for counts in self.wordings.values()),
            default=0.0,
        )


def _mean(counts: Mapping[int, int]) -> float:
    total = sum(counts.values())
    return round(sum(value * count for value, count in counts.items()) / total, 2) if total else 0.0


def count_store(store: RecordStore) -> Statistics:
    """Count over every row of a store, a thousand at a time.

    Raises:
        BadStore: A shard is damaged.
    """
    manifest = store.manifest
    about = {key: value for key, value in manifest.about.items() if key in ABOUT}
    stats = Statistics(about=about, dropped=dict(manifest.dropped))
    stats.verdicts = dict(manifest.about.get("report", {}).get("verdicts", {}))
    media: str | None = None
    for batch in store.batches():
        for row in batch.to_pylist():
            _count_row(stats, row)
            stats.counts["annotations"] += row["media"] != media
            media = row["media"]
    return stats


def _count_row(stats: Statistics, row: Mapping[str, Any]) -> None:
    kind, level, turns, claims = row["kind"], row["level"], row["turns"], row["claims"]
    stats.kinds[kind] += 1
    stats.levels[level] += 1
    is_valid = bool(row["id"]) and level in LEVELS and bool(turns) and len(turns) % 2 == 0
    stats.counts.update(records=1, turns=len(turns) // 2, valid=is_valid)
    stats.counts["complex"] += kind in RELATION_KINDS or level >= REASONING or len(turns) > 2
    names = {claim["name"] for claim in claims}
    stats.names.update(names)
    if kind in DESCRIPTION_KINDS:
        stats.facts[len(names)] += 1
    lengths = stats.lengths.setdefault(kind, Counter())
    lengths.update(len(_TOKEN.findall(turn["text"])) for turn in turns[1::2])
    denied = {claim["turn"] for claim in claims if is_denial(claim)}
    if kind not in DESCRIPTION_KINDS:
        stats.counts["robust"] += len(denied) + (kind == UNANSWERABLE)
    if turns:
        wordings = stats.wordings.setdefault(kind, Counter())
        question = turns[0]["text"]
        if question in wordings or len(wordings) < MAX_WORDINGS:
            wordings[question] += 1
    if row.get("quality") is not None:
        stats.quality[int(row["quality"] * 10)] += 1


def write_plots(stats: Statistics, folder: Path | str) -> list[Path]:
    """Write bar charts of kinds, levels, lengths, facts and quality as PNG files.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtra("matplotlib", "plot") from None
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    tokens: Counter[int] = Counter()
    for kind in DESCRIPTION_KINDS & stats.lengths.keys():
        tokens.update(stats.lengths[kind])
    charts: dict[str, tuple[str, Mapping[Any, int]]] = {
        "kinds": ("records by kind", dict(stats.kinds.most_common())),
        "levels": ("records by level", {LEVELS[n]: stats.levels[n] for n in LEVELS}),
        "lengths": ("tokens of a description", dict(sorted(tokens.items()))),
        "facts": ("names a description speaks of", dict(sorted(stats.facts.items()))),
        "names": ("records that speak of a name (30 commonest)", dict(stats.names.most_common(30))),
        "quality": ("records by quality", {n / 10: stats.quality[n] for n in range(11)}),
    }
    paths: list[Path] = []
    for name, (title, counts) in charts.items():
        figure = Figure(figsize=(8, 4), layout="constrained")
        axes = figure.add_subplot()
        axes.bar([str(key) for key in counts], list(counts.values()), color="#3b6fb6")
        axes.set_title(title)
        axes.tick_params(axis="x", rotation=60 if len(counts) > 6 else 0)
        if len(counts) > 40:
            axes.set_xticks(range(0, len(counts), len(counts) // 20))
        path = folder / f"{name}.png"
        FigureCanvasAgg(figure).print_png(path)
        paths.append(path)
    return paths


def write_card(stats: Statistics, folder: Path | str) -> Path:
    """Write a data card in Markdown: what it is, how it was made, figures, and what not to do."""
    row = stats.to_dict()
    lines = [f"# {row.get('source', 'Data set')}", "", "## What it is", ""]
    lines += _table(
        ("annotations", "records", "turns", "names_covered", "facts_a_description"), row
    )
    lines += ["", "## Where it comes from", ""]
    lines += _table(ABOUT, row)
    for title, key in (
        ("Kinds", "kinds"), ("Levels", "levels"), ("Tokens an answer", "tokens_an_answer"),
        ("Principles", "principles"), ("Left out", "dropped"), ("Verdicts", "verdicts"),
    ):  # fmt: skip
        lines += ["", f"## {title}", ""]
        lines += _table(tuple(row[key]), row[key])
    lines += [
        "", "## Use", "",
        "Attributes are apparent, as labelled; nothing here says who somebody is or where they",
        "come from. The licence of the labels and media holds for what is trained on them.", "",
    ]  # fmt: skip
    path = Path(folder) / "CARD.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def _table(keys: tuple[str, ...], row: Mapping[str, Any]) -> list[str]:
    if not keys:
        return ["None."]
    lines = ["| what | value |", "|---|---|"]
    for key in keys:
        value = row.get(key)
        shown = (
            f"{value:.3f}"
            if isinstance(value, float)
            else f"{value:,}"
            if isinstance(value, int)
            else str(value)
        )
        lines.append(f"| {key.replace('_', ' ')} | {shown.replace('|', '/')} |")
    return lines
