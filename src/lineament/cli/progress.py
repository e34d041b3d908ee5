"""Progress bars on stderr; silent where nobody is watching."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn


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
