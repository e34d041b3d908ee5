"""``lineament check``: every claim of a text, supported, contradicted or unknown."""


def check() -> None:
    """Check a text."""
