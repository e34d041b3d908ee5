"""``lineament render``: synthetic clips and pictures with their annotations."""


def render() -> None:
    """Draw."""
