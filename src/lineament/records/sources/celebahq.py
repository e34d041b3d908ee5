"""MM-CelebA-HQ: forty CelebA attributes of each of 30,000 pictures, and ten captions."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import final

from lineament.annotation import Annotation, Subject
from lineament.errors import BadInput
from lineament.records.sources.celebvhq import facts_from_flags
from lineament.records.sources.rows import find_file, read_lines, require_inside
from lineament.records.sources.source import (
    DUPLICATE,
    UNREADABLE,
    Dropped,
    require_split,
    share_of,
)
from lineament.vocabulary import read_label_sets, read_vocabulary

CAPTIONS = "captions"  # the key of `Annotation.extra` under which captions of the set lie
LISTS = ("CelebAMask-HQ-attribute-anno.txt", "list_attr_celeba.txt")
LIMIT_CAPTION_CHARS = 2000
TEST_SHARE = 0.1
_OURS: Mapping[str, str] = {
    "smiling": "smile", "mouth_slightly_open": "open_mouth", "blond_hair": "blonde_hair",
}  # fmt: skip
_NOT_READ = frozenset(("attractive",))  # an opinion, not a fact


@final
class CelebaHq:
    """``CelebAMask-HQ-attribute-anno.txt``, ``text/celeba-caption/<n>.txt``, ``images/<n>.jpg``.

    Every label is 1 or -1, so all are closed. The captions were made from these labels by a
    grammar; they go along in ``extra`` for writers that want one to begin with.
    """

    name = "mm-celeba-hq"
    licence = "non-commercial research only"
    splits = ("all", "train", "test")
    needs_folder = True

    def read(self, folder: Path, split: str = "all") -> Iterator[Annotation | Dropped]:
        """Yield every picture of the split."""
        require_split(self, split)
        path = find_file(folder, *LISTS)
        if path is None:
            raise BadInput(f"{folder}: holds no {' or '.join(LISTS)}", hint="is --data right?")
        names: tuple[str, ...] = ()
        seen: set[str] = set()
        for number, line in read_lines(path):
            if isinstance(line, Dropped):
                yield line
            elif not names:
                if number > 1 or not line.strip().isdecimal():
                    names = _read_names(line, path)
            elif fields := line.split():
                image = fields[0]
                if image in seen:
                    yield Dropped(image, DUPLICATE)
                elif split == "all" or (share_of(image) < TEST_SHARE) == (split == "test"):
                    seen.add(image)
                    yield _annotate_row(folder, image, fields[1:], names)
        if not names:
            raise BadInput(f"{path}: empty")


def _read_names(line: str, path: Path) -> tuple[str, ...]:
    spelling = read_label_sets().spelling
    names = []
    for said in line.split():
        name = said.casefold()
        name = _OURS.get(name, spelling.get(name, name))
        if name not in read_vocabulary() and name not in _NOT_READ:
            raise BadInput(f"{path}: unknown attribute {said!r}")
        names.append(name)
    return tuple(names)


def _annotate_row(
    folder: Path, image: str, fields: list[str], names: tuple[str, ...]
) -> Annotation | Dropped:
    if len(fields) != len(names) or any(field not in ("1", "-1") for field in fields):
        return Dropped(image, UNREADABLE, f"expected {len(names)} labels of 1 or -1")
    try:
        media = require_inside(f"images/{image}")
    except ValueError as error:
        return Dropped(image, UNREADABLE, str(error))
    flags = {
        name: field == "1"
        for name, field in zip(names, fields, strict=True)
        if name not in _NOT_READ
    }
    facts, closed = facts_from_flags(flags)
    captions = _read_captions(folder / "text" / "celeba-caption" / f"{Path(image).stem}.txt")
    return Annotation(
        media=media,
        subjects=(Subject("face 0"),),
        facts=tuple(facts),
        closed=frozenset(closed),
        licence=CelebaHq.licence,
        split_key=f"celebahq-{Path(image).stem}",
        extra={CAPTIONS: captions} if captions else {},
    )


def _read_captions(path: Path) -> tuple[str, ...]:
    if not path.is_file():
        return ()
    text = path.read_text(encoding="utf-8", errors="replace")[: 20 * LIMIT_CAPTION_CHARS]
    return tuple(line.strip()[:LIMIT_CAPTION_CHARS] for line in text.splitlines() if line.strip())
