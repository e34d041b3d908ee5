"""The figures of aerial scenes, out of benchmarks/results, for the docs and scene-tiny's card."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from lineament.records.sources.scenes.tally import TallyRow, write_tally
from lineament.records.write.scenes.principles import Principles
from readme_figures import read_result, write_rows
from scenes_check import Found
from scenes_mixture import write_principles

TRUTH = {
    "count": "how many", "existence": "is there", "relation": "is one so to another",
    "grounding": "box, IoU of 0.5 and more", "multi_turn": "conversations that end rightly",
    "local_precision": "local descriptions: claims that hold",
    "local_recall": "local descriptions: share of the scene told",
    "global_precision": "global descriptions: claims that hold",
    "global_recall": "global descriptions: share of the scene told",
}  # fmt: skip


def write_counts() -> str:
    """The adaption's counts from the real files, beside the published ones."""
    result = read_result("scenes_counts")
    if result is None:
        return "Not measured yet: `python benchmarks/scenes_counts.py --data RS`.\n"
    heads = ("source", "part", "pictures", "published", "pairs", "published", "rows left out")
    rows = [
        (f"`{row['source']}`", f"`{row['split']}`",
         f"{row['pictures']:,}", _number(row["published_pictures"]),
         f"{row['pairs']:,}", _number(row["published_pairs"]), _named(row["dropped"]))
        for row in result["rows"] if row["published_pairs"]
    ]  # fmt: skip
    return f"`{result['command']}`:\n\n{write_rows(heads, rows)}"


def write_mixture() -> str:
    """The whole composition, real rows and fixture rows apart, and the six principles."""
    result = read_result("scenes_mixture")
    if result is None:
        return "Not run yet: `python benchmarks/scenes_mixture.py DATA OUT --real RS`.\n"
    parts = [f"`{result['command']}`"]
    for split in ("train", "test"):
        part = result[split]
        tally = write_tally([TallyRow(**row) for row in part["rows"]], split)
        known = {k: v for k, v in part["second_check"].items() if k in Found.__dataclass_fields__}
        found = Found(**{**known, "kinds": Counter(known["kinds"])})
        principles = write_principles(Principles(**part["principles"]), found)
        parts.append(f"**{split}**, built in {part['seconds']:.0f} s\n\n{tally}\n{principles}")
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"


def write_scene_model() -> str:
    """What scene-tiny answers on drawn scenes of unseen seeds, and what the study found."""
    parts = [
        say_truth(read_result("scenes_truth")),
        say_real(read_result("scenes_real")),
        say_study(read_result("scenes_study")),
    ]
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"


def say_truth(result: Mapping[str, Any] | None) -> str:
    """Return the figures of `benchmarks/scenes_truth.py` as a table."""
    if result is None:
        return "No model has been measured yet: `python benchmarks/scenes_truth.py MODEL`."
    heads = ("asked", "right [95 %]", "prior", "blind", "items")
    rows = [
        (said, _figure(row), _share(row.get("prior")), _share(row.get("blind")),
         f"{row['items']:,}")
        for name, said in TRUTH.items() if (row := result["figures"].get(name))
    ]  # fmt: skip
    return (
        f"`{result['command']}`: {result['scenes']} drawn scenes of unseen seeds. The prior is the "
        "best constant answer (of descriptions, those of another scene); blind is the same model "
        f"before a grey picture.\n\n{write_rows(heads, rows)}"
    )


def say_real(result: Mapping[str, Any] | None) -> str:
    """Return what was answered rightly about real pictures as a table, in percent."""
    if not result or not result["rows"]:
        return "Not measured on real pictures."
    heads = ("on real pictures, %", "part", "right [95 %]", "prior", "blind", "items")
    rows = [
        (f"{row['task']}, {row['figure'].replace('_', ' ').replace('/', ' ')}", row["part"],
         f"{row['value']:.1f} [{row['low']:.1f}, {row['high']:.1f}]", _percent(row["prior"]),
         _percent(row["blind"]), f"{row['items']:,}")
        for row in result["rows"]
    ]  # fmt: skip
    return f"`{result['command']}`:\n\n{write_rows(heads, rows)}"


def say_study(result: Mapping[str, Any] | None) -> str:
    """Return the comparison of `benchmarks/scenes_study.py`, a table for a question and length."""
    if result is None:
        return "The study has not been run yet: `python benchmarks/scenes_study.py BASE`."
    parts = [
        f"`{result['command']}`: means over seeds with 95 % intervals of Student's distribution, "
        "and what the first arm is ahead by, seed by seed. An interval that holds 0 says only "
        "that these runs do not tell the arms apart."
    ]
    for steps, length in result["lengths"].items():
        parts.append(
            f"**{length['runs']} runs of {steps}**, measured on "
            f"{_listed(length['scenes a run'])} scenes each:"
        )
        parts += [_say_question(asked, arms) for asked, arms in length["questions"].items()]
    return "\n\n".join(part.rstrip("\n") for part in parts)


def _say_question(asked: str, arms: Mapping[str, Mapping[str, Any]]) -> str:
    """Return a row for each figure: every arm's, what comparing gives, and the blind guess."""
    shown = dict.fromkeys(n for c in arms.values() for n in c if n != "seeds" and "," not in n)
    first, *others = arms
    heads = (asked, *arms, *(f"{first} ahead of {other} by" for other in others), "prior")
    rows = [
        (name.replace("_", " "), *(str(cells.get(name, "–")) for cells in arms.values()),
         *(str(arms[o].get(f"reference minus this, {name}", "–")) for o in others),
         _share(arms[first].get(f"{name}, blind")))
        for name in shown
    ]  # fmt: skip
    return write_rows(heads, rows)


def _figure(row: Mapping[str, Any]) -> str:
    return f"{row['value']:.3f} [{row['low']:.3f}, {row['high']:.3f}]"


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"


def _number(value: int) -> str:
    return f"{value:,}" if value else "–"


def _named(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in counts.items()) or "none"


def _listed(values: Sequence[object]) -> str:
    return ", ".join(map(str, values))
