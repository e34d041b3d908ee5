"""FairFace adults: apparent sex and age of faces in zip shards."""

from collections.abc import Iterator
from pathlib import Path
from typing import final

from lineament.annotation import Annotation, Fact, Subject
from lineament.records.sources.pixels import has_media
from lineament.records.sources.rows import read_csv_rows, require_file
from lineament.records.sources.source import (
    MEDIA_MISSING,
    NOT_ADULT,
    UNREADABLE,
    Dropped,
    require_split,
)

ADULT_YEARS = 18
DEV_SHARD = "8"
# The column with ancestry is for balance and audit; it is not read.
COLUMNS = ("image", "shard", "age_low", "age_high", "gender")
_BANDS = {
    20: "young",
    30: "young",
    40: "middle_aged",
    50: "middle_aged",
    60: "elderly",
    70: "elderly",
}
# From 30 and from 50 a group reaches up to its band's border, where bands are not sure.
_SURE_BANDS = frozenset((20, 70))


@final
class FairFace:
    """``labels.csv`` and ``images-0.zip`` to ``images-9.zip``; shard 8 is the dev part."""

    name = "fairface"
    licence = "CC BY 4.0"
    splits = ("all", "train", "dev")
    needs_folder = True

    def read(self, folder: Path, split: str = "all") -> Iterator[Annotation | Dropped]:
        """Yield every adult whose shard is there."""
        require_split(self, split)
        has_shard: dict[str, bool] = {}
        for row in read_csv_rows(require_file(folder, "labels.csv"), COLUMNS):
            if isinstance(row, Dropped):
                yield row
                continue
            shard = row["shard"]
            if split != "all" and (shard == DEV_SHARD) != (split == "dev"):
                continue
            media = f"images-{shard}.zip/{row['image']}.jpg"
            if shard not in has_shard:
                has_shard[shard] = has_media(media, folder)
            if not has_shard[shard]:
                yield Dropped(media, MEDIA_MISSING)
                continue
            try:
                yield _annotate_row(row, media)
            except ValueError as error:
                yield Dropped(media, UNREADABLE, str(error))


def _annotate_row(row: dict[str, str], media: str) -> Annotation | Dropped:
    low = int(row["age_low"])
    high = int(row["age_high"]) if row["age_high"] else 79
    if low < ADULT_YEARS:
        return Dropped(media, NOT_ADULT, f"apparent age from {low}")
    if row["gender"] not in ("male", "female"):
        raise ValueError(f"gender {row['gender']!r}")
    facts = [
        Fact("male", row["gender"] == "male"),
        Fact("age_years", (low + high + 1) / 2),
        Fact(_BANDS.get(low // 10 * 10, "elderly"), True),
    ]
    closed = {"male", *(("young", "middle_aged", "elderly") if low in _SURE_BANDS else ())}
    return Annotation(
        media=media,
        subjects=(Subject("face 0"),),
        facts=tuple(facts),
        closed=frozenset(closed),
        licence=FairFace.licence,
        split_key=f"fairface-{row['image']}",
        extra={"age_low": low, "age_high": high},
    )
