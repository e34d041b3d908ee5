"""What files beside an aerial picture tell of it: its own JSON, or a list for the folder."""

import functools
import json
import logging
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from lineament.annotation import Annotation, annotation_from_dict, read_annotations
from lineament.claims.scenes_objects import is_scene
from lineament.errors import BadAnnotation

logger = logging.getLogger(__name__)
LISTS = ("annotations.jsonl", "annotations.json")  # what `lineament render` writes, and the like
LIMIT_BYTES = 64_000_000
_MEDIA = re.compile(r'"media":\s*("(?:[^"\\]|\\.)*")')


def find_scene_annotation(media: Path | str) -> Annotation | None:
    """Return the annotation of an aerial picture, where one lies beside it.

    ``harbour.json`` tells of ``harbour.png``; ``annotations.jsonl`` of every picture that it names.
    Files of faces, and JSON that is something else, count as not there.
    """
    path = Path(media)
    if not path.name:  # a clip that came without a file
        return None
    for found in (_read_own(path), _read_listed(path)):
        if found is not None and is_scene(found):
            return replace(found, media=str(path))
    return None


def _read_own(path: Path) -> Annotation | None:
    beside = path.with_suffix(".json")
    if beside == path or not _is_small_file(beside):
        return None
    try:
        found = list(read_annotations(beside))
    except BadAnnotation as error:
        logger.info("%s is left aside: %s", beside, error)
        return None
    return found[0] if len(found) == 1 else None


def _read_listed(path: Path) -> Annotation | None:
    for name in LISTS:
        listed = path.parent / name
        if not _is_small_file(listed):
            continue
        try:
            row = _list_rows(listed, listed.stat().st_mtime_ns).get(path.name)
            if row is not None:
                return annotation_from_dict(json.loads(row), where=str(listed))
        except (OSError, ValueError, RecursionError, BadAnnotation) as error:
            logger.info("%s is left aside: %s", listed, error)
    return None


@functools.lru_cache(maxsize=1)  # a folder's pictures are asked for one after the other
def _list_rows(listed: Path, changed_ns: int) -> Mapping[str, str]:
    """Return the rows of a list by the bare names of their pictures, as JSON."""
    del changed_ns
    text = listed.read_text(encoding="utf-8")
    rows = text.splitlines()
    if listed.suffix == ".json":
        whole = json.loads(text)
        rows = [json.dumps(row) for row in (whole if isinstance(whole, list) else [whole])]
    found = ((_MEDIA.search(row), row) for row in rows)
    return {Path(json.loads(match[1])).name: row for match, row in found if match}


def _is_small_file(path: Path) -> bool:
    try:
        return path.is_file() and path.stat().st_size <= LIMIT_BYTES
    except (OSError, ValueError):  # a name that no file can have
        return False
