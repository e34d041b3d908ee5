"""Writing a gallery: item by item, kept on the way, whole only with its manifest."""

import io
import json
import time
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from lineament.annotation import Annotation
from lineament.training.gallery import ITEMS, MANIFEST, Look

KEPT = "kept.npz"  # what an unfinished gallery holds for sure
KEEP_SECONDS = 30.0
FILES = ("frames.bin", "faces.bin", "rows.bin", ITEMS)
SMALL = ("face_mask", "frame_seconds", "row_seconds")


class GalleryDraft:
    """An unfinished gallery: how much of its files counts, and the small arrays so far."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.num_items = self.num_frames = self.num_rows = 0
        self.sizes: dict[str, int] = dict.fromkeys(FILES, 0)
        self.small: dict[str, list[np.ndarray]] = {name: [] for name in SMALL}

    def read(self) -> None:
        """Take up what an earlier try kept, if anything."""
        if not (self.folder / KEPT).is_file():
            return
        with np.load(self.folder / KEPT) as kept:
            self.num_items, self.num_frames, self.num_rows, *sizes = kept["counts"].tolist()
            self.sizes = dict(zip(FILES, sizes, strict=True))
            self.small = {name: [kept[name]] for name in SMALL}

    def keep(self, files: dict[str, BinaryIO]) -> None:
        """Note how far the files count, after all of it has left for the disk."""
        for name, file in files.items():
            file.flush()
            self.sizes[name] = file.tell()
        counts = [self.num_items, self.num_frames, self.num_rows, *self.sizes.values()]
        buffer = io.BytesIO()
        np.savez(buffer, counts=np.array(counts, np.int64), **self.arrays())
        draft = self.folder / f"{KEPT}.draft"
        draft.write_bytes(buffer.getvalue())
        draft.replace(self.folder / KEPT)

    def add(self, annotation: Annotation, look: Look, files: dict[str, BinaryIO]) -> None:
        """Write one more item."""
        row = {
            "frames": [self.num_frames, len(look.frames)],
            "rows": [self.num_rows, len(look.rows)],
            "num_people": look.num_people,
            "annotation": annotation.to_dict(),
        }
        parts = (look.frames, look.faces, look.rows.astype(np.float32))
        written = [np.ascontiguousarray(part).tobytes() for part in parts]
        for name, content in zip(FILES, (*written, json.dumps(row).encode() + b"\n"), strict=True):
            files[name].write(content)
        for name in SMALL:
            self.small[name].append(np.asarray(getattr(look, name)))
        self.num_items += 1
        self.num_frames += len(look.frames)
        self.num_rows += len(look.rows)

    def arrays(self) -> dict[str, Any]:
        """Return the small arrays, joined."""
        return {
            name: np.concatenate(parts) if parts else np.zeros(0)
            for name, parts in self.small.items()
        }

    def open(self, stack: ExitStack) -> dict[str, BinaryIO]:
        """Open the files for writing behind what counts."""
        files: dict[str, BinaryIO] = {}
        for name, size in self.sizes.items():
            path = self.folder / name
            path.touch()
            files[name] = stack.enter_context(path.open("r+b"))
            files[name].truncate(size)
            files[name].seek(size)
        return files


def count_kept(folder: Path) -> int:
    """Return how many items of an unfinished gallery are kept: they need no second look."""
    draft = GalleryDraft(folder)
    draft.read()
    return draft.num_items


def write_gallery(
    folder: Path, looks: Iterable[tuple[Annotation, Look]], *, origin: str, first: int = 0
) -> int:
    """Write a gallery; the manifest comes last, so that half a gallery is none.

    What is written is kept every half minute: with ``first``, the number that `count_kept` tells,
    the looks are of the items from there on.

    Returns:
        How many items the gallery has.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MANIFEST).unlink(missing_ok=True)
    draft = GalleryDraft(folder)
    if first:
        draft.read()
    if draft.num_items != first:
        raise ValueError(f"{folder}: {draft.num_items} items are kept, not {first}")
    if not first:
        (folder / KEPT).unlink(missing_ok=True)
    with ExitStack() as stack:
        files = draft.open(stack)
        kept_at = time.monotonic()
        for annotation, look in looks:
            draft.add(annotation, look, files)
            if time.monotonic() - kept_at >= KEEP_SECONDS:
                draft.keep(files)
                kept_at = time.monotonic()
    for name, array in draft.arrays().items():
        np.save(folder / f"{name}.npy", array)
    manifest = {
        "origin": origin,
        "num_items": draft.num_items,
        "num_frames": draft.num_frames,
        "num_rows": draft.num_rows,
    }
    (folder / MANIFEST).write_text(json.dumps(manifest))
    (folder / KEPT).unlink(missing_ok=True)
    return draft.num_items
