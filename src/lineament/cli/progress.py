"""Progress bars on stderr: ours alone, and silent where nobody is watching."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from lineament.errors import MissingExtra


@contextmanager
def show_progress(title: str, total: float) -> Iterator[Callable[[float], None]]:
    """Show a bar while the block runs; yields a function that takes how far the work is."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(escape(title), total=total or None)
        yield lambda done: progress.update(task, completed=done)


def hide_loading_bars() -> None:
    """Leave one bar on stderr, ours.

    Raises:
        MissingExtra: The packages that run models are not installed.
    """
    try:
        from transformers.utils.logging import disable_progress_bar
    except ModuleNotFoundError:
        raise MissingExtra("transformers", "model") from None
    disable_progress_bar()
