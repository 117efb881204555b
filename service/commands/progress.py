"""Progress on standard error, for work that tells what it does and how far it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress, TaskID, TimeElapsedColumn


@contextmanager
def progress_bars() -> Iterator[Callable[[str, int, int], None]]:
    """Give a function that is told what is being done, and how much of how much is; of 0 where nobody knows.

    There is a bar for each; without a terminal, a line when it begins.
    """
    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        begun: set[str] = set()

        def say(what: str, _done: int, _total: int) -> None:
            if what not in begun:
                begun.add(what)
                console.print(f"{what} ...")

        yield say
        return
    with Progress(*Progress.get_default_columns(), TimeElapsedColumn(), console=console, transient=True) as progress:
        tasks: dict[str, TaskID] = {}

        def tell(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = progress.add_task(what, total=total or None)
            progress.update(tasks[what], completed=done, total=total or None)

        yield tell
