"""Progress of a study: live lines and a bar on a terminal, else a line for each case that ends."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from gbflux.cli.output import duration

if TYPE_CHECKING:
    from rich.console import Group

    from gbflux.study import Event, Plan, StudyFolder

_SURE_SHARE = 0.2  # of the work, after which its pace alone says how long the rest takes
_LONGEST_MESSAGE = 110  # characters


class Standing:
    """Progress of a run: counts, what runs, and the time left by the expected times of what is done.

    Parameters
    ----------
    plan : Plan
        The study.
    wanted : mapping
        Keys to be computed, by the key of their unit.
    before : int
        Cases that were done before.
    clock : callable
        Gives the time (s).
    """

    def __init__(
        self,
        plan: Plan,
        wanted: Mapping[str, Sequence[str]],
        before: int,
        clock: Callable[[], float] = time.monotonic,
    ):
        from gbflux.study.planning import at_a_time, elapsed_s, labels

        self._clock = clock
        self._began = clock()
        self.names = labels(plan)
        self.total = len(plan.keys)
        self.done, self.failed = before, 0
        expected = {key: s for unit in plan.units for key, s in unit.seconds.items()}
        self._open = {key: expected[key] for keys in wanted.values() for key in keys}
        self._all_s = sum(self._open.values())
        of_units = [sum(expected[key] for key in keys) for keys in wanted.values()]
        self._first_guess = elapsed_s(of_units, at_a_time(plan.study))
        self._running: dict[str, tuple[str, float]] = {}

    def take(self, event: Event) -> None:
        """Count an event."""
        if event.kind in ("begin", "stage"):
            began = self._running.get(event.key, ("", self._clock()))[1]
            self._running[event.key] = (event.text or "begins", began)
            return
        self._running.pop(event.key, None)
        if event.kind == "again":
            return
        self._open.pop(event.key, None)
        if event.kind == "done":
            self.done += 1
        else:
            self.failed += 1

    def left_s(self) -> float:
        """Expected time left (s): by the expected times, and by the pace so far once that says something."""
        done = 1.0 - sum(self._open.values()) / self._all_s if self._all_s else 1.0
        passed = self._clock() - self._began
        weight = min(1.0, done / _SURE_SHARE)
        by_pace = passed * (1.0 - done) / done if done > 0.0 else 0.0
        return weight * by_pace + (1.0 - weight) * max(0.0, self._first_guess - passed)

    def under_way(self) -> list[tuple[str, str, float]]:
        """Name, stage and time (s) of each running case."""
        now = self._clock()
        return [(self.names[key], stage, now - began) for key, (stage, began) in self._running.items()]


def plain_line(standing: Standing, event: Event) -> str:
    """One line on a case that has ended; empty for other events."""
    words = {"done": "done", "failed": "FAILED", "again": "failed, once more"}
    if event.kind not in words:
        return ""
    width = len(str(standing.total))
    text = f"[{standing.done:{width}}/{standing.total}] {words[event.kind]}  {standing.names[event.key]}"
    if event.kind != "done":
        return f"{text}: {event.text.splitlines()[0][:_LONGEST_MESSAGE] if event.text else ''}"
    return f"{text}  (about {duration(standing.left_s())} left)"


@contextmanager
def progress_of(
    plan: Plan, wanted: Mapping[str, Sequence[str]], folder: StudyFolder
) -> Iterator[Callable[[Event], None]]:
    """Show a run's progress on stderr; give the function to which the engine reports events."""
    count = sum(len(keys) for keys in wanted.values())
    before = sum(folder.result(key) is not None for key in plan.keys)
    standing = Standing(plan, wanted, before)
    print(
        f"{plan.study.name}: {before} of {standing.total} cases done, {count} to run",
        file=sys.stderr,
        flush=True,
    )
    if sys.stderr.isatty():
        with _live(standing) as live_report:
            yield live_report
        return

    def report(event: Event) -> None:
        standing.take(event)
        line = plain_line(standing, event)
        if line:
            print(line, file=sys.stderr, flush=True)

    yield report


@contextmanager
def _live(standing: Standing) -> Iterator[Callable[[Event], None]]:
    """A display that is redrawn four times a second; failures stay above it."""
    from rich.console import Console
    from rich.live import Live

    console = Console(stderr=True)
    with Live(
        get_renderable=lambda: live_display(standing), console=console, refresh_per_second=4, transient=True
    ) as live:

        def report(event: Event) -> None:
            standing.take(event)
            if event.kind in ("failed", "again"):
                live.console.print(plain_line(standing, event), markup=False, highlight=False)

        yield report


def live_display(standing: Standing) -> Group:
    """Running cases and a bar, as redrawn."""
    from rich.console import Group
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    rows = [
        Text(f"  {duration(time_s):>8}  {stage:8}  {name}", overflow="ellipsis", no_wrap=True)
        for name, stage, time_s in standing.under_way()
    ]
    bar = Table.grid(padding=(0, 1))
    failed = f", {standing.failed} failed" if standing.failed else ""
    bar.add_row(
        ProgressBar(total=standing.total, completed=standing.done + standing.failed, width=40),
        f"{standing.done}/{standing.total}{failed}, about {duration(standing.left_s())} left",
    )
    return Group(*rows, bar)
