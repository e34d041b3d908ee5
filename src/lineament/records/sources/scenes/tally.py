"""What a built mixture holds, by task and source, real rows and fixture rows told apart."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from lineament.records.sources.scenes.blend import FIXTURE_LICENCE
from lineament.records.sources.scenes.mixture import (
    PAPER_TEST,
    PAPER_TRAIN,
    WRITTEN_TEST,
    WRITTEN_TRAIN,
    Mixture,
)
from lineament.records.store import RecordStore

REAL, FIXTURE = "real", "fixture"
WRITTEN = "written"  # the task of what is written, not adapted
_TASKS: Mapping[str, str] = {
    "image_caption": "caption", "vqa": "vqa", "grounding": "grounding",
    "region_caption": "region", "scene_class": "class",
    "blank_caption": "caption", "lost_noun": "vqa", "repeated_question": "vqa",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class TallyRow:
    """Pictures and pairs of one task and source, beside those published.

    Attributes:
        task: What the records are for.
        source: Whose labels or pictures.
        origin: ``real`` or ``fixture``.
        pictures: With at least one record; a picture counts once a task.
        pairs: Questions with their answers.
        paper_pictures: Published, or left over from the published totals.
        paper_pairs: The same of pairs.
    """

    task: str
    source: str
    origin: str
    pictures: int
    pairs: int
    paper_pictures: int = 0
    paper_pairs: int = 0


def tally_store(store: RecordStore, mixture: Mixture, split: str) -> list[TallyRow]:
    """Count a built mixture and put the published numbers beside."""
    pairs: Counter[tuple[str, str, str]] = Counter()
    pictures: dict[tuple[str, str, str], set[str]] = {}
    columns = ("kind", "media", "turns", "provenance")
    for batch in store.batches(columns):
        for row in batch.to_pylist():
            told = row["provenance"]
            origin = FIXTURE if told["licence"] == FIXTURE_LICENCE else REAL
            written = row["kind"].startswith("scene_") and row["kind"] not in _TASKS
            task = WRITTEN if written else _TASKS.get(row["kind"], row["kind"])
            key = (task, told["source"], origin)
            pairs[key] += len(row["turns"]) // 2
            place = f"{row['media']}#{row['kind'] == 'scene_dialogue'}" if written else row["media"]
            pictures.setdefault(key, set()).add(place)
    paper = published_counts(mixture, split)
    rows = [
        TallyRow(*key, len(pictures[key]), count, *paper.get(key[:2], (0, 0)))
        for key, count in pairs.items()
    ]
    order = {key: number for number, key in enumerate(paper)}
    return sorted(rows, key=lambda row: order.get((row.task, row.source), len(order)))


def published_counts(mixture: Mixture, split: str) -> dict[tuple[str, str], tuple[int, int]]:
    """Return pictures and pairs by task and source as published; what is written comes last."""
    found: dict[tuple[str, str], tuple[int, int]] = {}
    for one in mixture.ingredients:
        counts = one.train if split == "train" else one.test
        if one.is_in_paper and counts != (0, 0):
            found[one.task, one.source.removesuffix("-regions")] = counts
    found[WRITTEN, "dior-rsvg"] = WRITTEN_TRAIN if split == "train" else WRITTEN_TEST
    return found


def write_tally(rows: list[TallyRow], split: str) -> str:
    """Return the rows as a table in Markdown, with sums of real rows, of fixtures, and of all."""
    total = PAPER_TRAIN if split == "train" else PAPER_TEST
    lines = [
        "| task | source | rows | pictures | pairs | published pictures | published pairs |",
        "|---|---|---|--:|--:|--:|--:|",
    ]
    lines += [
        f"| {row.task} | {row.source} | {row.origin} | {row.pictures:,} | {row.pairs:,} "
        f"| {row.paper_pictures:,} | {row.paper_pairs:,} |"
        for row in rows
    ]
    for origin in (REAL, FIXTURE):
        own = [row for row in rows if row.origin == origin]
        lines.append(
            f"| sum | {len(own)} of {len(rows)} | {origin} | {sum(r.pictures for r in own):,} "
            f"| {sum(r.pairs for r in own):,} | | |"
        )
    lines.append(
        f"| **sum** | | all | {sum(r.pictures for r in rows):,} | {sum(r.pairs for r in rows):,} "
        f"| {total[0]:,} | {total[1]:,} |"
    )
    return "\n".join(lines) + "\n"
