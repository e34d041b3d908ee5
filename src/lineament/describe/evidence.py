"""Where the facts for a check come from: an annotation, a file of them, or the media itself."""

from dataclasses import dataclass
from pathlib import Path

from lineament.annotation import Annotation, read_annotations
from lineament.errors import BadAnnotation, BadMedia
from lineament.records.sources.scenes.rasters import open_shown
from lineament.video import Clip

ANNOTATION_SUFFIXES = (".json", ".jsonl")


@dataclass(frozen=True)
class Evidence:
    """Facts, and the clip whose frames can show them, where it is at hand."""

    annotation: Annotation
    clip: Clip | None = None


def find_annotation(against: Annotation | Path | str) -> Annotation:
    """Return the annotation to check against; media are annotated first.

    Raises:
        BadAnnotation: The file holds no annotation, or several.
        BadMedia: The clip or picture cannot be used.
    """
    if isinstance(against, Annotation):
        return against
    return find_evidence(Path(against)).annotation


def find_evidence(path: Path) -> Evidence:
    """Return the facts that a file holds or shows.

    A file of annotations may name its media; when that file lies where it says, or beside the
    annotations, its frames can be shown.

    Raises:
        BadAnnotation: The file holds no annotation, or several.
        BadMedia: The clip or picture cannot be used.
    """
    if path.suffix.lower() in ANNOTATION_SUFFIXES:
        annotation = read_single_annotation(path)
        return Evidence(annotation, _find_clip(annotation.media, path.parent))
    from lineament.describe.annotate import annotate_clip

    annotated = annotate_clip(path)
    return Evidence(annotated.annotation, annotated.followed.clip)


def read_single_annotation(path: Path) -> Annotation:
    """Read a file that holds exactly one annotation.

    Raises:
        BadAnnotation: It holds none, or several.
    """
    annotations = list(read_annotations(path))
    if len(annotations) != 1:
        raise BadAnnotation(
            f"{path}: holds {len(annotations)} annotations, expected one",
            hint="cut the one you mean into a file of its own",
        )
    return annotations[0]


def _find_clip(media: str, folder: Path) -> Clip | None:
    for path in (Path(media), folder / media):
        if media and path.is_file():
            try:
                return open_shown(path)
            except BadMedia:
                return None  # the annotation is what was asked for; pictures are an extra
    return None
