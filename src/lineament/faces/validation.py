"""On what media each kind of landmark fact has been measured, and what came out."""

import functools
import tomllib
from importlib import resources

from lineament.annotation import Validated


@functools.cache
def read_measurements() -> dict[str, dict[str, float | str]]:
    """Read `validation.toml`, which ``benchmarks/events.py`` writes from its results."""
    text = (resources.files("lineament.faces") / "validation.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def validated_by_measurement(name: str) -> Validated:
    """Tell on what media facts of this name from landmarks have been measured and held."""
    entry = read_measurements().get(name, {})
    validated = entry.get("validated", "none")
    return validated if validated in ("real", "rendered") else "none"  # type: ignore[return-value]
