"""Annotate every clip and picture of a folder into a store; stopped runs go on."""

from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path

from lineament.describe.annotate import annotate_clip
from lineament.errors import BadInput
from lineament.faces.follow import leave_with_parent
from lineament.faces.store import TrackStore
from lineament.video import find_media


@dataclass
class FolderResult:
    """What became of a folder's files."""

    done: int = 0
    already_there: int = 0
    failed: dict[str, str] = field(default_factory=dict)


def annotate_folder(
    folder: Path,
    out: Path,
    *,
    num_workers: int,
    on_file: Callable[[int, int], None] | None = None,
) -> FolderResult:
    """Annotate every clip and picture below a folder.

    Files whose content is already in the store are passed over; a file that cannot be read is
    counted and named, and the rest goes on.

    Args:
        folder: Where to look.
        out: The store's folder.
        num_workers: Processes; each holds its own face finder.
        on_file: Called with (files finished, files in all).

    Raises:
        BadInput: The folder holds no clip or picture.
        BadStore: The store is damaged or of another version.
    """
    paths = [path for path in find_media(folder) if not _is_own_crop(path, out)]
    if not paths:
        raise BadInput(f"{folder}: no clip or picture below it", hint="check the path")
    store = TrackStore(out)
    store.sweep_drafts()
    result = FolderResult()
    todo = _choose_files(paths, store, result)
    finished = len(paths) - len(todo)
    with ProcessPoolExecutor(
        num_workers, mp_context=get_context("spawn"), initializer=leave_with_parent
    ) as pool:
        waiting: dict[Future[str], Path] = {}
        for path, key in todo:
            waiting[pool.submit(_annotate_into, store.folder, path, key)] = path
        while waiting:
            ready, _ = wait(waiting, return_when=FIRST_COMPLETED)
            for future in ready:
                path, error = waiting.pop(future), future.result()
                if error:
                    result.failed[str(path)] = error
                else:
                    result.done += 1
                finished += 1
                if on_file:
                    on_file(finished, len(paths))
    return result


def _is_own_crop(path: Path, out: Path) -> bool:
    """Say whether a picture is a crop of the store, which may lie in the folder itself."""
    return path.parent.name == "crops" and path.absolute().is_relative_to(out.absolute())


def _choose_files(
    paths: list[Path], store: TrackStore, result: FolderResult
) -> list[tuple[Path, str]]:
    """Return the files still to do with their keys; equal files are done once."""
    todo: list[tuple[Path, str]] = []
    keys: set[str] = set()
    for path in paths:
        key = store.key_of(path)
        if key in store or key in keys:
            result.already_there += 1
        else:
            todo.append((path, key))
            keys.add(key)
    return todo


def _annotate_into(folder: Path, path: Path, key: str) -> str:
    """Annotate one file; return what was wrong with it, or nothing."""
    try:
        annotated = annotate_clip(path, num_workers=1)
    except BadInput as error:
        return error.message
    followed = annotated.followed
    TrackStore(folder).save(key, annotated.annotation, followed.clip, followed.tracks)
    return ""
