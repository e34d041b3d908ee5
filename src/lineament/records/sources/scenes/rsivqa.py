"""RSIVQA: one question a line over pictures of five other sets."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple, final

from lineament.annotation import Annotation
from lineament.errors import BadInput
from lineament.records.record import Record
from lineament.records.sources.rows import find_file, read_lines, require_file
from lineament.records.sources.scenes.adapt import adapt_annotation
from lineament.records.sources.scenes.geotiff import measure_picture
from lineament.records.sources.scenes.label import (
    LOST_NOUN,
    NO_ANSWER,
    REPEATED,
    Label,
    Task,
    label_extra,
    picture_facts,
)
from lineament.records.sources.scenes.layout import (
    find_folder,
    find_picture,
    require_part,
    scene_facts,
)
from lineament.records.sources.source import UNREADABLE, Dropped, require_split

TRAIN_IDS = ("hrrsd_train_ids.txt", "train.txt")
_LOST = re.compile(r"\b(?:how many|of the) {2}", re.IGNORECASE)
_KINDS: tuple[tuple[str, str, Task], ...] = (
    ("how many", "count", "count"),
    ("does this picture contain", "presence", "existence"),
    ("what is the theme", "theme", "vqa"),
    ("what is the location", "location", "vqa"),
)


class Part(NamedTuple):
    """A file of questions.

    Attributes:
        path: Below the folder.
        family: Whose pictures they are about: the set that the picture must not leave a split of.
        suffix: What the picture ids lack.
    """

    path: str
    family: str
    suffix: str = ""


PARTS: Mapping[str, Part] = {
    "hrrsd": Part("HRRSD/opt_val_vqa.txt", "hrrsd", ".jpg"),
    "dota-train": Part("DOTA/dota_train_vqa2.txt", "dota", ".png"),
    "dota-val": Part("DOTA/dota_val_vqa2.txt", "dota", ".png"),
    "aid": Part("AID/rsicd_vqa.txt", "rsicd"),
    "sydney": Part("Sydney/sydney_vqa.txt", "sydney"),
    "ucm": Part("UCM/ucm_vqa.txt", "ucm"),
    "ucm-human": Part("UCM/ucm_res.txt", "ucm"),
}


@final
@dataclass(frozen=True, slots=True)
class Rsivqa:
    """The folder with ``HRRSD/``, ``DOTA/``, ...; ``train`` is HRRSD's own train part."""

    name: str = "rsivqa"
    licence: str = "none stated; citation asked"
    splits: tuple[str, ...] = ("train", *PARTS)
    needs_folder: bool = True

    def read(self, folder: Path, split: str = "train") -> Iterator[Annotation | Dropped]:
        """Yield a picture with all its questions, exact repetitions, marked as such, among them."""
        require_split(self, split)
        yield from require_part(self, folder, split, self._read_part(folder, split))

    def _read_part(self, folder: Path, split: str) -> Iterator[Annotation | Dropped]:
        marks = tuple(part.path.split("/")[0] for part in PARTS.values())
        place = find_folder(folder, *marks, inside=("RSIVQA", "rsivqa"))
        part = PARTS["hrrsd" if split == "train" else split]
        wanted = read_train_ids(place) if split == "train" else None
        asked: dict[str, list[Label]] = {}
        for number, line in read_lines(require_file(place, part.path)):
            at = f"{part.path}, line {number}"
            found = line if isinstance(line, Dropped) else read_row(line, at)
            if isinstance(found, Dropped):
                yield found
            elif found is not None and (wanted is None or found[0] in wanted):
                asked.setdefault(found[0], []).append(found[1])
        yield from self._annotate(asked, part, place, folder)

    def _annotate(
        self, asked: Mapping[str, list[Label]], part: Part, place: Path, root: Path
    ) -> Iterator[Annotation | Dropped]:
        for image, labels in asked.items():
            name = image if image.endswith(part.suffix) else image + part.suffix
            inside = ("images", part.path.split("/")[0], "")
            media = find_picture(place, name, inside=inside, root=root)
            themes = (label.answer for label in labels if label.type == "theme")
            yield Annotation(
                media=media,
                facts=(
                    *picture_facts(None, measure_picture(root, media).meters_per_pixel),
                    *(fact for theme in themes for fact in scene_facts(theme)),
                ),
                licence=self.licence,
                split_key=f"{part.family}/{name}",
                extra=label_extra(tuple(_mark_repeated(labels))),
            )

    def read_turns(self, folder: Path, split: str = "train") -> Iterator[Record | Dropped]:
        """Yield records of up to sixteen questions about one picture."""
        for item in self.read(folder, split):
            if isinstance(item, Dropped):
                yield item
            else:
                yield from adapt_annotation(item, {"source": self.name, "split": split})


def read_train_ids(place: Path) -> frozenset[str]:
    """Read which HRRSD pictures are HRRSD's own train part.

    Raises:
        BadInput: The list is in none of the usual places.
    """
    for folder in (place, place / "HRRSD", place / "HRRSD" / "ImageSets" / "Main"):
        path = find_file(folder, *TRAIN_IDS)
        if path is not None:
            lines = (line for _, line in read_lines(path) if isinstance(line, str))
            return frozenset(line.strip() for line in lines if line.strip())
    raise BadInput(
        f"{place}: holds no list of HRRSD's train pictures",
        hint=f"put {TRAIN_IDS[0]} (HRRSD's ImageSets/Main/train.txt) into {place / 'HRRSD'}",
    )


def read_row(line: str, at: str) -> tuple[str, Label] | Dropped | None:
    """Read ``<image>:<question>?<answer>``: first colon, last question mark.

    Returns:
        The picture's id and the label; a drop; or None for a blank line.
    """
    if not line.strip():
        return None
    image, colon, rest = line.rstrip("\r\n").partition(":")
    question, mark, answer = rest.rpartition("?")
    if not colon or not mark or not image.strip() or not question.strip():
        return Dropped(at, UNREADABLE, line.strip()[:80])
    if not answer.strip():
        return Dropped(at, NO_ANSWER, line.strip()[:80])
    question = question.lstrip(" ") + "?"
    kind, task = _kind_of(question)
    flaw = LOST_NOUN if _LOST.search(question) else ""
    return image.strip(), Label(task, question, answer, type=kind, row=at, flaw=flaw)


def _mark_repeated(labels: list[Label]) -> Iterator[Label]:
    """Yield the labels of a picture, those that were there before word for word with a flaw."""
    seen: set[tuple[str, str]] = set()
    for label in labels:
        said = label.question, label.answer
        yield replace(label, flaw=label.flaw or REPEATED) if said in seen else label
        seen.add(said)


def _kind_of(question: str) -> tuple[str, Task]:
    for lead, kind, task in _KINDS:
        if question.lower().startswith(lead):
            return kind, task
    return "other", "vqa"


def write_row(image: str, label: Label) -> str:
    """Write a line as the data set has it; HRRSD and DOTA ids go without suffix, with a blank."""
    gap = "" if "." in image else " "
    return f"{image}:{gap}{label.question}{label.answer}"
