"""London / webmorph portraits: self-reported age and sex, neutral and smiling."""

from collections.abc import Iterator
from pathlib import Path
from typing import final

from lineament.annotation import Annotation, Fact, Subject
from lineament.records.sources.ffhq_scores import age_bands
from lineament.records.sources.pixels import has_media
from lineament.records.sources.rows import read_csv_rows, require_file
from lineament.records.sources.source import (
    MEDIA_MISSING,
    NO_LABEL,
    NOT_ADULT,
    UNREADABLE,
    Dropped,
    require_split,
)

ADULT_YEARS = 18
# The column with ethnicity is for balance and audit; it is not read.
COLUMNS = ("image", "person", "expression", "age", "gender", "licence")


@final
class London:
    """``labels.csv`` and ``images``; all of it is a dev part, so nothing trains on it.

    Args:
        keeps_absent: Yield rows whose pictures are not there, too: to a test they are wrong.
    """

    name = "london"
    licence = "CC BY 4.0"
    splits = ("dev",)
    needs_folder = True

    def __init__(self, *, keeps_absent: bool = False) -> None:
        self.keeps_absent = keeps_absent

    def read(self, folder: Path, split: str = "dev") -> Iterator[Annotation | Dropped]:
        """Yield every portrait that has a label and a picture."""
        require_split(self, split)
        for row in read_csv_rows(require_file(folder, "labels.csv"), COLUMNS):
            if isinstance(row, Dropped):
                yield row
            elif not self.keeps_absent and not has_media(row["image"], folder):
                yield Dropped(row["image"], MEDIA_MISSING)
            else:
                yield _annotate_row(row)


def _annotate_row(row: dict[str, str]) -> Annotation | Dropped:
    media = row["image"]
    facts: list[Fact] = []
    closed: set[str] = set()
    if row["gender"] in ("male", "female"):
        facts.append(Fact("male", row["gender"] == "male"))
    if row["age"]:
        try:
            age = float(row["age"])
        except ValueError:
            return Dropped(media, UNREADABLE, f"age {row['age']!r}")
        if age < ADULT_YEARS:
            return Dropped(media, NOT_ADULT, f"age {age:g}")
        facts.append(Fact("age_years", age))
        bands = age_bands(age)
        facts += [Fact(name, True) for name, value in bands.items() if value]
        closed |= set(bands)
    if row["expression"] in ("neutral", "smiling"):
        # Sitters were asked to smile or to look neutral; what they felt nobody asked.
        name = "smile" if row["expression"] == "smiling" else "neutral"
        facts.append(Fact(name, True))
        closed |= {"smile"} | ({"neutral"} if name == "neutral" else set())
    if not facts:
        return Dropped(media, NO_LABEL)
    return Annotation(
        media=media,
        subjects=(Subject("face 0"),),
        facts=tuple(facts),
        closed=frozenset(closed),
        licence=row["licence"] or London.licence,
        split_key=row["person"],
    )
