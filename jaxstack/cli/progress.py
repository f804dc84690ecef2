"""What a person sees and may do while cells are computed: a bar, and asking it to end."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import TYPE_CHECKING, Any

from rich.console import Console

if TYPE_CHECKING:  # the commands import what they need, so that `--help` answers soon
    from jaxstack.sweeps.cells import Cell, Plan
    from jaxstack.sweeps.run import Outcome, Phase


@contextlib.contextmanager
def interruptible() -> Iterator[Callable[[], None]]:
    """Being asked to end (SIGTERM, as schedulers send) is like Ctrl-C; yields what to call now and then.

    Where the exception of a signal is raised is a matter of chance. In a callback, such as one of JAX for the
    garbage collector, Python prints and forgets it: the call, and the end of the context, raise it again.
    """
    asked = False

    def on_signal(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        asked = True
        raise KeyboardInterrupt

    def check() -> None:
        if asked and threading.current_thread() is threading.main_thread():
            raise KeyboardInterrupt

    ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN  # as a shell tells what it runs behind
    before = {}
    try:
        for number in (signal.SIGTERM,) if ignored else (signal.SIGTERM, signal.SIGINT):
            before[number] = signal.signal(number, on_signal)
    except ValueError:  # not the main thread
        yield check
        return
    try:
        yield check
        check()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def progress_bar(console: Console, plan: Plan, check: Callable[[], None]) -> Iterator[tuple[Any, Any]]:
    """A bar over all rounds of all cells; yields what is told of outcomes, and of how far a cell is.

    Whatever is told, from whatever thread, `check` is called.
    """
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    total, num_cells = sum(cell.work for cell in plan.distinct()), len(plan.distinct())
    columns = (
        TextColumn("{task.fields[cells]}", markup=False),
        BarColumn(bar_width=None),
        TextColumn("{task.percentage:>3.0f}%"),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(elapsed_when_finished=False),
        TextColumn("{task.description}", markup=False),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=total, rate="", cells=f"0/{num_cells} cells")
        turn = threading.Lock()
        began = time.perf_counter()
        played, left = 0, total
        ended: set[str] = set()
        here: dict[str, int] = {}  # done of cells that have not ended

        def on_outcome(outcome: Outcome) -> None:
            nonlocal played, left
            check()
            with turn:
                ended.add(outcome.cell.key)
                here.pop(outcome.cell.key, None)
                if outcome.status == "there":  # no work: it must not count as speed
                    left -= outcome.cell.work
                else:
                    played += outcome.cell.work
                done = played + sum(here.values())
            bar.update(task, total=left, completed=done, cells=f"{len(ended)}/{num_cells} cells")

        def on_progress(cell: Cell, done: int, phase: Phase) -> None:
            check()
            with turn:
                if cell.key in ended:  # told late, by another process
                    return
                here[cell.key] = done
                done = played + sum(here.values())
            rate = done / (time.perf_counter() - began) / 1e6
            told = f"{rate:.1f} M rounds/s" if done else ""
            bar.update(task, completed=done, rate=told, description=f"{phase} {cell.title}")

        yield on_outcome, on_progress
