"""Loading of own, small model folders without what transformers prints meanwhile."""

from collections.abc import Iterator
from contextlib import contextmanager

from transformers.utils import logging as loading_log


@contextmanager
def quiet_loading() -> Iterator[None]:
    """Show neither a bar for a fraction of a second nor a table of what is missing.

    Whoever loads says in one line what is wrong.
    """
    before, has_bars = loading_log.get_verbosity(), loading_log.is_progress_bar_enabled()
    loading_log.set_verbosity_error()
    loading_log.disable_progress_bar()
    try:
        yield
    finally:
        loading_log.set_verbosity(before)
        if has_bars:
            loading_log.enable_progress_bar()
