"""Folders without labels: annotations of a track store, or of files made by `annotate`."""

from collections.abc import Iterator
from pathlib import Path
from typing import final

from lineament.annotation import Annotation, read_annotations
from lineament.errors import BadAnnotation, BadInput, BadStore
from lineament.faces.store import TrackStore
from lineament.records.sources.source import NO_FACE, UNREADABLE, Dropped, require_split


@final
class Folder:
    """A track store (``store.json``), or annotation files (.json, .jsonl) in a folder."""

    name = "folder"
    licence = ""
    splits = ("all",)
    needs_folder = True

    def read(self, folder: Path, split: str = "all") -> Iterator[Annotation | Dropped]:
        """Yield every annotation that has a face."""
        require_split(self, split)
        if not folder.is_dir():
            raise BadInput(f"{folder}: no such folder", hint="give the folder: --data")
        items = _read_store(folder) if (folder / "store.json").exists() else _read_files(folder)
        for item in items:
            if isinstance(item, Annotation) and not item.subjects and not item.facts:
                yield Dropped(item.media, NO_FACE)
            else:
                yield item


def _read_store(folder: Path) -> Iterator[Annotation | Dropped]:
    store = TrackStore(folder)
    for key in store.keys():  # noqa: SIM118 - a store is no mapping
        try:
            yield store.read_annotation(key)
        except (BadStore, BadAnnotation) as error:
            yield Dropped(key, UNREADABLE, error.message)


def _read_files(folder: Path) -> Iterator[Annotation | Dropped]:
    paths = sorted(p for p in folder.rglob("*") if p.suffix in (".json", ".jsonl"))
    if not paths:
        raise BadInput(
            f"{folder}: holds no annotations", hint="make them: lineament annotate DIR --out STORE"
        )
    for path in paths:
        try:
            yield from read_annotations(path)
        except BadAnnotation as error:
            yield Dropped(path.name, UNREADABLE, error.message)
