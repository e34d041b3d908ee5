"""YouTube Faces: tracked faces in folders of frames, without labels; facts come from a store."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import final

from lineament.annotation import Annotation, Subject
from lineament.errors import BadInput
from lineament.records.sources.rows import read_lines, require_inside
from lineament.records.sources.source import NO_LABEL, UNREADABLE, Dropped, require_split
from lineament.records.sources.stored import FACE_PX, StoredFacts, join_facts, require_folder

FRAMES = "frame_images_DB"
FPS = 24.0  # as the authors cut the videos


@final
class YouTubeFaces:
    """``frame_images_DB/<person>/<clip>/*.jpg`` and ``<person>.labeled_faces.txt`` beside it.

    The lists give the face's box in every frame, so its size and how long it is in view are
    known. Names of people are folder names only: the split key is a hash, and no text has them.
    """

    name = "youtube-faces"
    licence = "non-commercial research only"
    splits = ("all",)
    needs_folder = True

    def read(self, folder: Path, split: str = "all") -> Iterator[Annotation | Dropped]:
        """Yield every clip of which something is stored."""
        require_split(self, split)
        lists = sorted(require_folder(folder, FRAMES).glob("*.labeled_faces.txt"))
        if not lists:
            raise BadInput(f"{folder / FRAMES}: holds no .labeled_faces.txt")
        stored = StoredFacts(folder)
        for path in lists:
            person = path.name.removesuffix(".labeled_faces.txt")
            clips, dropped = _read_boxes(path)
            yield from dropped
            for clip, sides in clips.items():
                yield self._annotate_clip(person, clip, sides, stored)

    def _annotate_clip(
        self, person: str, clip: str, sides: list[float], stored: StoredFacts
    ) -> Annotation | Dropped:
        try:
            media = require_inside(f"{FRAMES}/{person}/{clip}")
        except ValueError as error:
            return Dropped(clip, UNREADABLE, str(error))
        seconds = round(len(sides) / FPS, 3)
        labels = Annotation(
            media=media,
            subjects=(Subject("face 0", "face", 0.0, seconds, len(sides)),),
            duration_seconds=seconds,
            num_frames=len(sides),
            fps=FPS,
            licence=self.licence,
            split_key=f"ytf-{hashlib.blake2b(person.encode(), digest_size=8).hexdigest()}",
            extra={FACE_PX: median(sides)},
        )
        found = stored.find(media)
        if found is None or not found.facts:
            return Dropped(media, NO_LABEL, "nothing stored")
        return join_facts(labels, found)


def _read_boxes(path: Path) -> tuple[dict[str, list[float]], list[Dropped]]:
    """Read rows of path, ignored, x, y, width, height, ...: sides of faces by clip."""
    clips: dict[str, list[float]] = {}
    dropped: list[Dropped] = []
    for number, line in read_lines(path):
        if isinstance(line, Dropped):
            dropped.append(line)
            continue
        fields = line.strip().split(",")
        if fields == [""]:
            continue
        try:
            _, clip, _ = fields[0].replace("\\", "/").split("/")
            clips.setdefault(clip, []).append(max(float(fields[4]), float(fields[5])))
        except (ValueError, IndexError) as error:
            dropped.append(Dropped(f"{path.name}, line {number}", UNREADABLE, str(error)))
    return clips, dropped
