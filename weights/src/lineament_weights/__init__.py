"""Where the small trained models of Lineament lie."""

from pathlib import Path

FOLDER = Path(__file__).resolve().parent


def list_models() -> list[str]:
    """Return the names of the models that are installed."""
    return sorted(path.parent.name for path in FOLDER.glob("*/config.json"))


def find_model(name: str) -> Path | None:
    """Return the folder of an installed model, or None."""
    folder = FOLDER / name
    return folder if (folder / "config.json").exists() else None
