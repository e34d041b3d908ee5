"""Overlap: whether a model was trained on what it is tested on, by pictures, ids and subjects."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from lineament.errors import BadInput, LineamentError
from lineament.evaluation.item import Item, Visual, hash_bytes
from lineament.evaluation.tasks.told_records import open_told
from lineament.records.manifest import MANIFEST
from lineament.records.store import RecordStore

KEYS = ("source", "media", "split_key", "picture_hash")
PREFIX_ENDS = "-_:"  # between a data set's name and a file's, in a subject


@dataclass(frozen=True, slots=True)
class Overlap:
    """What training and test share, and what could not be compared.

    Attributes:
        num_trained: Training examples that were told.
        compared: Test media whose pixels were compared, test media whose data set and reference
            were, and test subjects that were.
        gaps: Why nothing may be claimed, in words; empty where all was compared.
        pictures: Test media whose pixels are in the training data.
        media: Test media that are there by data set and reference.
        subjects: Test subjects that are there.
        names: Test media of which the training data hold the bare file name, of an unnamed data
            set. They prove nothing.
    """

    num_trained: int
    compared: Mapping[str, int]
    gaps: tuple[str, ...] = ()
    pictures: tuple[str, ...] = ()
    media: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()
    names: tuple[str, ...] = ()

    @property
    def is_zero_shot(self) -> bool | None:
        """False if anything is shared, True only if all was compared, None otherwise."""
        if self.pictures or self.media or self.subjects:
            return False
        return None if self.gaps else True

    def to_dict(self) -> dict[str, Any]:
        """Return counts and a few examples, for the record."""
        return {
            "zero_shot": self.is_zero_shot,
            "trained_on": self.num_trained,
            "compared": dict(self.compared),
            "not_compared": list(self.gaps),
            "shared_pictures": len(self.pictures),
            "shared_media": len(self.media),
            "shared_subjects": len(self.subjects),
            "same_names": len(self.names),
            "examples": [*self.pictures[:3], *self.media[:3], *self.subjects[:3]],
        }


@dataclass
class Trained:
    """What a training manifest tells, ready to be looked up.

    Attributes:
        hashes: Of pictures.
        references: Data set and reference of each media, by its bare file name.
        subjects: Data sets in which a subject stands, by subject.
        num_rows: How many examples.
        untold: How many examples lack a key.
    """

    hashes: set[str] = field(default_factory=set)
    references: dict[str, set[tuple[str, PurePosixPath]]] = field(
        default_factory=lambda: defaultdict(set)
    )
    subjects: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    num_rows: int = 0
    untold: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KEYS, 0))

    def add(self, row: Mapping[str, Any]) -> None:
        """Take in one training example."""
        told = {key: str(row.get(key) or "") for key in KEYS}
        self.num_rows += 1
        for key, value in told.items():
            self.untold[key] += not value
        if told["picture_hash"]:
            self.hashes.add(told["picture_hash"])
        if told["media"]:
            path = PurePosixPath(told["media"])
            self.references[path.name].add((told["source"], path))
        if told["split_key"]:
            self.subjects[told["split_key"]].add(told["source"])

    def find_media(self, source: str, reference: str) -> tuple[bool, bool]:
        """Say whether media of this data set are here, and whether their bare name is elsewhere.

        References may begin at different folders: one must end with the other.
        """
        path = PurePosixPath(reference)
        known = self.references.get(path.name, set())
        is_here = any(name == source and _ends_alike(path, other) for name, other in known)
        return is_here, any(not name and _ends_alike(path, other) for name, other in known)

    def has_subject(self, source: str, subject: str) -> bool:
        """Say whether a subject was trained on, in this data set or, by a name of its own, in any.

        Video ids name the same person in several sets; plain numbers mean something else in each.
        """
        known = self.subjects.get(subject, set())
        return bool(known) and (source in known or "" in known or not subject.isdecimal())


def _ends_alike(one: PurePosixPath, other: PurePosixPath) -> bool:
    size = min(len(one.parts), len(other.parts))
    return one.parts[-size:] == other.parts[-size:]


def find_overlap(
    items: Sequence[Item], manifest: Path, open_media: Callable[[str], Visual], *, source: str = ""
) -> Overlap:
    """Compare test items with what a model was trained on.

    Pixels are compared where both sides have them, then data set and reference, then subjects. A
    bare file name proves nothing either way: sets number their pictures alike.

    Args:
        items: What is tested.
        manifest: JSON Lines of ``{"source", "media", "split_key", "picture_hash"}``, a training
            example a line (`hash_picture` makes the last), or the folder of a built data set.
        open_media: From a reference to pixels, for the hashes.
        source: The data set of items that name none.

    Raises:
        BadInput: The manifest is missing, empty, or holds a malformed line.
    """
    trained = Trained()
    for row in _read_trained(manifest):
        trained.add(row)
    if not (trained.hashes or trained.references or trained.subjects):
        raise BadInput(f"{manifest}: tells nothing of what was trained on", hint=f"keys: {KEYS}")
    sources = {item.media: item.source or source for item in items}
    found = {media: trained.find_media(own, media) for media, own in sources.items()}
    pictures, num_hashed = _find_pictures(trained, tuple(sources), open_media)
    people = {(i.source or source, i.subject) for i in items if _has_subject(i)}
    shared = sorted({who for own, who in people if trained.has_subject(own, who)})
    compared = {"pictures": num_hashed, "media": len(sources), "subjects": len(people)}
    gaps = _find_gaps(items, trained, len(sources) - num_hashed)
    return Overlap(
        trained.num_rows, compared, gaps, tuple(pictures),
        tuple(sorted(media for media, (is_here, _) in found.items() if is_here)), tuple(shared),
        tuple(sorted(media for media, (_, is_named) in found.items() if is_named)),
    )  # fmt: skip


def _find_pictures(
    trained: Trained, references: Sequence[str], open_media: Callable[[str], Visual]
) -> tuple[list[str], int]:
    """Return the test media whose pixels were trained on, and how many were compared at all."""
    shared: list[str] = []
    num_hashed = 0
    for reference in references if trained.hashes else ():
        try:
            seen = hash_picture(open_media(reference))
        except LineamentError:
            continue
        num_hashed += 1
        if seen in trained.hashes:
            shared.append(reference)
    return shared, num_hashed


def _find_gaps(items: Sequence[Item], trained: Trained, num_unhashed: int) -> tuple[str, ...]:
    named = {
        "picture_hash": "training examples without a hash of their pixels",
        "source": "training examples of an unnamed data set",
        "media": "training examples without a reference",
        "split_key": "training examples without a subject",
    }
    gaps = [f"{trained.untold[key]} {words}" for key, words in named.items() if trained.untold[key]]
    if num_unhashed:
        gaps.append(f"{num_unhashed} test media whose pixels were not compared")
    if nameless := sum(not _has_subject(item) for item in items):
        gaps.append(f"{nameless} test items without a subject")
    return tuple(gaps)


def _has_subject(item: Item) -> bool:
    """Say whether an item names whom it is about; its own media, however prefixed, is nobody."""
    return bool(item.subject) and not names_own_file(item.subject, item.media)


def names_own_file(subject: str, media: str) -> bool:
    """Say whether a subject is no more than the name of the file it stands beside.

    ``ffhq-00010`` and ``ffhq/00010.png`` are the picture ``images/00010.png``, of which nobody
    knows who else shows the same person. So is the larger picture that a tile bears in its name:
    ``vrsbench/P0003`` of ``P0003_0002.png``.
    """
    own = PurePosixPath(media)
    last = PurePosixPath(subject).name or subject
    for name in {last, PurePosixPath(last).stem}:
        for known in {own.name, own.stem}:
            if name == known or name.endswith(tuple(f"{end}{known}" for end in PREFIX_ENDS)):
                return True
    return "/" in subject and own.stem.startswith(f"{last}_")


def hash_picture(visual: Visual) -> str:
    """Return a hash of the first frame's pixels."""
    frame = visual.frames[0]
    return hash_bytes(f"{frame.shape}".encode() + frame.tobytes())


def _read_trained(path: Path) -> Iterator[Mapping[str, Any]]:
    if path.is_dir():
        yield from _read_store(path)
        return
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: cannot be read ({error})", hint="check the path") from None
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise BadInput(f"{path}, line {number}: not JSON ({error})") from None
        if not isinstance(row, dict):
            raise BadInput(f"{path}, line {number}: expected an object")
        yield row


def _read_store(folder: Path) -> Iterator[Mapping[str, Any]]:
    """Yield each media of a built data set once, hashed where its pixels lie near."""
    if not (folder / MANIFEST).is_file():
        raise BadInput(f"{folder}: is no built data set", hint=f"it holds no {MANIFEST}")
    seen: set[tuple[str, str]] = set()
    for batch in RecordStore(folder).batches(["media", "provenance"]):
        for row in batch.to_pylist():
            origin = row["provenance"] or {}
            key = str(origin.get("source") or ""), str(row["media"])
            if key not in seen:
                seen.add(key)
                yield {
                    "source": key[0], "media": key[1], "split_key": origin.get("split_key"),
                    "picture_hash": _find_hash(key[1], folder),
                }  # fmt: skip


def _find_hash(media: str, folder: Path) -> str:
    try:
        return hash_picture(open_told(media, folder))
    except LineamentError:
        return ""
