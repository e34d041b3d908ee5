"""Faults of our own, told to the log by kind and place, never by what a client sent."""

import logging
import traceback
from pathlib import Path

MAX_PLACES = 12


def log_fault(log: logging.Logger, what: str, error: BaseException) -> None:
    """Write where an unforeseen error arose; its message may quote a prompt and is left out."""
    frames = traceback.extract_tb(error.__traceback__)[-MAX_PLACES:]
    places = " < ".join(f"{Path(f.filename).name}:{f.lineno} {f.name}" for f in reversed(frames))
    log.error("%s: %s at %s", what, type(error).__name__, places or "an unknown place")
