"""FERV39K: one emotion per clip, from the lists of its set-ups; facts beside it from a store."""

from collections.abc import Iterator
from pathlib import Path
from typing import final

from lineament.annotation import Annotation, Fact, Subject
from lineament.records.sources.rows import read_lines, require_file, require_inside
from lineament.records.sources.source import DUPLICATE, UNREADABLE, Dropped, require_split
from lineament.records.sources.stored import StoredFacts, join_facts, require_folder
from lineament.vocabulary import read_label_sets, read_vocabulary

LISTS = {"train": "train_All.csv", "test": "test_All.csv"}
CLIPS = "2_ClipsforFaceCrop"


@final
class Ferv39k:
    """``4_setups/All_scenes/{train,test}_All.csv``: ``<scene>/<Emotion>/<number> <Emotion>``.

    The frames of a clip lie in ``2_ClipsforFaceCrop/<scene>/<Emotion>/<number>``. Emotion is
    closed: one of seven was chosen. Who is in a clip nobody tells, so a clip is its own split key.
    """

    name = "ferv39k"
    licence = "non-commercial research only"
    splits = ("all", "train", "test")
    needs_folder = True

    def read(self, folder: Path, split: str = "all") -> Iterator[Annotation | Dropped]:
        """Yield every clip of the split, with what is stored of it."""
        require_split(self, split)
        lists = require_folder(folder, "4_setups", "All_scenes")
        stored = StoredFacts(folder)
        seen: set[str] = set()
        for part in LISTS if split == "all" else (split,):
            for number, line in read_lines(require_file(lists, LISTS[part])):
                if isinstance(line, Dropped):
                    yield line
                elif line.strip():
                    yield self._read_line(line, f"{LISTS[part]}, line {number}", seen, stored)

    def _read_line(
        self, line: str, where: str, seen: set[str], stored: StoredFacts
    ) -> Annotation | Dropped:
        clip, _, label = line.strip().replace(",", " ").rpartition(" ")
        emotion = read_label_sets().emotions["ferv39k_7"].get(label)
        if emotion is None:
            return Dropped(where, UNREADABLE, f"unknown emotion {label[:40]!r}")
        if clip in seen:
            return Dropped(clip, DUPLICATE)
        seen.add(clip)
        try:
            media = require_inside(f"{CLIPS}/{clip.strip()}")
        except ValueError as error:
            return Dropped(where, UNREADABLE, str(error))
        labels = Annotation(
            media=media,
            subjects=(Subject("face 0"),),
            facts=(Fact(emotion, True),),
            closed=frozenset(entry.id for entry in read_vocabulary().of_family("emotion")),
            licence=self.licence,
            split_key=f"ferv39k-{clip.strip()}",
        )
        return join_facts(labels, stored.find(media))
