"""What files beside an aerial picture tell of it: its own JSON, or a list for the folder."""

import functools
import json
import logging
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from lineament.annotation import Annotation, Fact, annotation_from_dict, read_annotations
from lineament.claims.scenes_faults import refuse_impossible_objects
from lineament.claims.scenes_objects import is_scene
from lineament.errors import BadAnnotation
from lineament.records.sources.scenes.geotiff import read_scale

logger = logging.getLogger(__name__)
LISTS = ("annotations.jsonl", "annotations.json")  # what `lineament render` writes, and the like
LIMIT_BYTES = 64_000_000
_SCENE = re.compile(
    r'"(?:object_class|listed_class|scene_class|meters_per_pixel)"|"kind":\s*"object"'
)
_MEDIA = re.compile(r'"media":\s*("(?:[^"\\]|\\.)*")')


def find_scene_annotation(media: Path | str) -> Annotation | None:
    """Return the annotation of an aerial picture, where one lies beside it.

    ``harbour.json`` tells of ``harbour.png``; ``annotations.jsonl`` of every picture that it names.
    Files of faces, and JSON that is something else, count as not there.

    Raises:
        BadAnnotation: One lies there that is meant for a scene, and cannot be used.
    """
    path = Path(media)
    if not path.name:  # a clip that came without a file
        return None
    for find in (_read_own, _read_listed):
        found, where = find(path)
        if found is not None and is_scene(found):
            refuse_impossible_objects(found, where)
            return _with_scale(replace(found, media=str(path)), path)
    return None


def _with_scale(annotation: Annotation, path: Path) -> Annotation:
    """Add the ground that a pixel covers where a GeoTIFF's tags tell it and no fact does."""
    scale = None if annotation.facts_named("meters_per_pixel") else read_scale(path)
    if scale is None:
        return annotation
    told = Fact("meters_per_pixel", scale, subject="clip", source="file")
    return replace(annotation, facts=(*annotation.facts, told))


_Found = tuple[Annotation | None, str]


def _read_own(path: Path) -> _Found:
    """Return the annotation in the picture's own file, and that file's name."""
    beside = path.with_suffix(".json")
    if beside == path or not _is_small_file(beside):
        return None, ""
    try:
        found = list(read_annotations(beside))
    except BadAnnotation as error:
        _leave_aside(beside, _read_text(beside), error)
        return None, ""
    if len(found) > 1:
        whole, found = found, [one for one in found if Path(one.media).name == path.name]
        if len(found) != 1 and any(is_scene(one) for one in found or whole):
            held = f"{len(found)} annotations of" if found else f"{len(whole)} annotations, none of"
            raise BadAnnotation(
                f"{beside}: holds {held} {path.name}, expected one",
                hint="cut the one you mean into a file of its own",
            )
    return (found[0], str(beside)) if len(found) == 1 else (None, "")


def _read_listed(path: Path) -> _Found:
    """Return the annotation in the folder's list, and that file's name."""
    for name in LISTS:
        listed = path.parent / name
        if not _is_small_file(listed):
            continue
        row: str | None = None
        try:
            row = _list_rows(listed, listed.stat().st_mtime_ns).get(path.name)
            if row is not None:
                where = f"{listed}, {path.name}"
                return annotation_from_dict(json.loads(row), where=where), where
        except (OSError, ValueError, RecursionError, BadAnnotation) as error:
            _leave_aside(listed, row or "", error, path.name)
    return None, ""


def _leave_aside(file: Path, text: str, error: Exception, media: str = "") -> None:
    """Pass over a file that is something else; one that is meant for a scene is refused.

    Raises:
        BadAnnotation: It has words that annotations of scenes alone have.
    """
    if _SCENE.search(text):
        hint = "correct or write it again, or move it away to do without"
        if isinstance(error, BadAnnotation):
            raise BadAnnotation(error.message, hint=error.hint or hint) from error
        where = f"{file}, {media}" if media else str(file)
        raise BadAnnotation(f"{where}: not JSON ({error})", hint=hint) from error
    logger.info("%s is left aside: %s", file, error)


def _read_text(path: Path) -> str:
    """Return what can be read of a file, whatever its encoding."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").replace("\0", "")
    except OSError:
        return ""


@functools.lru_cache(maxsize=1)  # a folder's pictures are asked for one after the other
def _list_rows(listed: Path, changed_ns: int) -> Mapping[str, str]:
    """Return the rows of a list by the bare names of their pictures, as JSON."""
    del changed_ns
    text = listed.read_text(encoding="utf-8")
    rows = text.split("\n")
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
