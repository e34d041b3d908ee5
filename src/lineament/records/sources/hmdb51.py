"""HMDB51: one action per clip, by folder; file names tell what is in view and how many people."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import final

from lineament.annotation import CLIP, Annotation, Fact, Subject
from lineament.errors import BadInput
from lineament.records.sources.rows import read_lines
from lineament.records.sources.source import NO_LABEL, UNREADABLE, Dropped, require_split
from lineament.records.sources.stored import StoredFacts, join_facts

# The actions that are words of ours; what else happens in a clip nobody says, so all stays open.
ACTIONS: Mapping[str, str] = {
    "chew": "chew", "drink": "drink", "eat": "eat", "kiss": "kiss", "laugh": "laugh",
    "smile": "smile", "smoke": "smoke", "talk": "talk",
}  # fmt: skip
# <title>_<action>_<body part>_<camera>_np<people>_<viewpoint>_<quality>_<number>.avi
_TAIL = re.compile(r"_(h|u|f|l)_(cm|nm)_np(\d+)_(fr|ri|le|ba)_(goo|med|bad)_\d+\.avi$")
PARTS = {"1": "train", "2": "test"}
LISTS = "testTrainMulti_7030_splits"


@final
class Hmdb51:
    """``<action>/*.avi``, and the lists of the first official split, where the user has them.

    Files with no face in view (lower body, from behind) are dropped.
    """

    name = "hmdb51"
    licence = "CC BY 4.0 (labels); film clips, for research"
    splits = ("all", "train", "test")
    needs_folder = True

    def read(self, folder: Path, split: str = "all") -> Iterator[Annotation | Dropped]:
        """Yield every clip in which a face can be, with what is stored of it."""
        require_split(self, split)
        if not folder.is_dir():
            raise BadInput(f"{folder}: no such folder", hint="give the data set's folder: --data")
        root = folder / "hmdb51_org" if (folder / "hmdb51_org").is_dir() else folder
        actions = sorted(p for p in root.iterdir() if p.is_dir() and p.name in _ALL_ACTIONS)
        if not actions:
            raise BadInput(f"{folder}: holds no folder of HMDB51's actions")
        stored = StoredFacts(folder)
        for path in actions:
            wanted = None if split == "all" else _read_parts(folder, path.name, split)
            for clip in sorted(path.glob("*.avi")):
                if wanted is None or clip.name in wanted:
                    media = clip.relative_to(folder).as_posix()
                    yield self._annotate_clip(media, clip.name, path.name, stored)

    def _annotate_clip(
        self, media: str, name: str, action: str, stored: StoredFacts
    ) -> Annotation | Dropped:
        tail = _TAIL.search(name)
        if tail is None:
            return Dropped(media, UNREADABLE, "the file's name is not as HMDB51 writes them")
        part, _, people, side, _ = tail.groups()
        if part == "l" or side == "ba":
            return Dropped(media, NO_LABEL, "no face in view")
        facts = []
        # With several people nobody tells who acts.
        if action in ACTIONS and int(people) == 1:
            facts.append(Fact(ACTIONS[action], True))
        if int(people) > 0:
            facts.append(Fact("num_people", float(people), subject=CLIP))
        labels = Annotation(
            media=media,
            subjects=(Subject("face 0"),),
            facts=tuple(facts),
            licence=self.licence,
            split_key=f"hmdb51-{name.split(f'_{action}_')[0]}",
        )
        found = stored.find(media)
        if found is None and not any(fact.subject != CLIP for fact in facts):
            return Dropped(media, NO_LABEL, f"{action}: no word of ours, and nothing stored")
        return join_facts(labels, found)


def _read_parts(folder: Path, action: str, split: str) -> frozenset[str]:
    path = folder / LISTS / f"{action}_test_split1.txt"
    if not path.is_file():
        raise BadInput(f"{path}: missing", hint="splits need the official lists; or --split all")
    rows = (line.split() for _, line in read_lines(path) if isinstance(line, str))
    return frozenset(row[0] for row in rows if len(row) == 2 and PARTS.get(row[1]) == split)


_ALL_ACTIONS = frozenset((
    "brush_hair", "cartwheel", "catch", "chew", "clap", "climb", "climb_stairs", "dive",
    "draw_sword", "dribble", "drink", "eat", "fall_floor", "fencing", "flic_flac", "golf",
    "handstand", "hit", "hug", "jump", "kick", "kick_ball", "kiss", "laugh", "pick", "pour",
    "pullup", "punch", "push", "pushup", "ride_bike", "ride_horse", "run", "shake_hands",
    "shoot_ball", "shoot_bow", "shoot_gun", "sit", "situp", "smile", "smoke", "somersault", "stand",
    "swing_baseball", "sword", "sword_exercise", "talk", "throw", "turn", "walk", "wave",
))  # fmt: skip
