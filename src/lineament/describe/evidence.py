"""Where the facts for a check come from: an annotation, a file of them, or the media itself."""

from pathlib import Path

from lineament.annotation import Annotation, read_annotations
from lineament.errors import BadAnnotation

ANNOTATION_SUFFIXES = (".json", ".jsonl")


def find_annotation(against: Annotation | Path | str) -> Annotation:
    """Return the annotation to check against; media are annotated first.

    Raises:
        BadAnnotation: The file holds no annotation, or several.
        BadMedia: The clip or picture cannot be used.
    """
    if isinstance(against, Annotation):
        return against
    path = Path(against)
    if path.suffix.lower() in ANNOTATION_SUFFIXES:
        return read_single_annotation(path)
    from lineament.describe.annotate import annotate_clip

    return annotate_clip(path).annotation


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
