"""Lineament sees, tells and draws fine detail, and checks what is said about it."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from lineament.annotation import Annotation, Fact
    from lineament.claims.check import Checked
    from lineament.describe.chat import Chat

__version__ = "0.1.0"
__all__ = ["Annotation", "Fact", "annotate", "check", "load"]


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
    from lineament.claims.scenes_check import check_any_text
    from lineament.describe.evidence import find_annotation

    return check_any_text(text, find_annotation(against))


def load(name: "Path | str" = "chat-tiny") -> "Chat":
    """Load a model to chat with: ``load("chat-tiny").chat("clip.mp4", "Is she smiling?")``.

    Args:
        name: An installed model, or the folder of one.

    Raises:
        BadModel: There is no such model, or it is damaged.
        MissingExtra: torch or transformers is not installed.
    """
    from lineament.errors import MissingExtra

    try:
        from lineament.describe.chat import Chat
    except ModuleNotFoundError as error:
        if error.name in ("torch", "transformers", "safetensors"):
            raise MissingExtra(error.name, "model") from None
        raise
    return Chat(name)


def __getattr__(name: str) -> Any:
    """Load the classes when they are asked for, so that the import stays light."""
    if name in ("Annotation", "Fact"):
        from lineament import annotation

        return getattr(annotation, name)
    raise AttributeError(f"module 'lineament' has no attribute {name!r}")
