"""Lineament sees, tells and draws fine detail, and checks what is said about it."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from lineament.annotation import Annotation, Fact
    from lineament.claims.check import Checked

__version__ = "0.1.0"
__all__ = ["Annotation", "Fact", "annotate", "check"]


def annotate(media: "Path | str") -> "Annotation":
    """Find every face of a clip or picture and say what it does when.

    Raises:
        BadMedia: The file cannot be used.
        MissingExtra: mediapipe is not installed.
    """
    from lineament.describe.annotate import annotate_clip

    return annotate_clip(media).annotation


def check(text: str, against: "Annotation | Path | str") -> "Checked":
    """Read the claims of a text and judge each by an annotation.

    Args:
        text: English text about one picture or clip.
        against: An annotation, a file of annotations (.json), or the clip or picture itself.

    Raises:
        BadInput: The file cannot be used.
    """
    from lineament.claims.check import check_text
    from lineament.describe.evidence import find_annotation

    return check_text(text, find_annotation(against))


def __getattr__(name: str) -> Any:
    """Load the classes when they are asked for, so that the import stays light."""
    if name in ("Annotation", "Fact"):
        from lineament import annotation

        return getattr(annotation, name)
    raise AttributeError(f"module 'lineament' has no attribute {name!r}")
