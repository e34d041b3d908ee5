"""Media on disk: whether they are there, can be read, and lie in the data folder."""

from pathlib import Path

from lineament.errors import BadMedia
from lineament.records.sources.pixels import has_media, open_pixels

PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".bmp")


def find_media(reference: str, folder: Path | None) -> str:
    """Say whether media are ``found``, ``missing`` or ``unreadable``; ``made`` without a folder."""
    if folder is None:
        return "made"
    try:
        if not has_media(reference, folder):
            return "missing"
        return "found" if is_readable(reference, folder) else "unreadable"
    except (OSError, ValueError):  # a name that no file can have
        return "missing"


def is_readable(reference: str, folder: Path) -> bool:
    """Say whether a picture's header or a clip's first bytes are there, without decoding."""
    path = folder / reference
    if not path.resolve().is_relative_to(folder.resolve()):
        return False
    if not path.is_file():  # a member of a shard
        return _has_member(reference, folder)
    if path.suffix.lower() in PICTURES:
        from PIL import Image, UnidentifiedImageError

        try:
            with Image.open(path):
                return True
        except (OSError, ValueError, UnidentifiedImageError, Image.DecompressionBombError):
            return False
    return path.stat().st_size > 0


def _has_member(reference: str, folder: Path) -> bool:
    try:
        open_pixels(reference, folder)
    except BadMedia:
        return False
    return True


def leaves_folder(reference: str) -> bool:
    """Say whether a media reference is absolute or climbs out of the data folder."""
    parts = [part for part in reference.split("/") if part not in ("", ".")]
    return not parts or reference.startswith("/") or ".." in parts
