"""`gbflux doctor`: what this machine has, where each thing comes from, and what to do about each fault."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from gbflux._version import __version__
from gbflux.cli.machine import find_compiler, find_host_name, find_launch, find_rendering
from gbflux.cli.probes import Finding, find_library, find_python, libraries


def doctor() -> None:
    """Check the environment: versions, origins, MPI launch, off-screen pictures; a remedy for each fault.

    Raises
    ------
    typer.Exit
        With code 0 when a case can be run, 1 when a fault prevents it.
    """
    console = Console()
    if console.is_terminal:
        with console.status("looking at libraries, MPI, the compiler and GL"):
            findings = find_all()
        console.print(as_table(findings))
    else:
        findings = find_all()
    lines = verdict(findings) if console.is_terminal else (*as_lines(findings), *verdict(findings))
    typer.echo("\n".join(lines))
    raise typer.Exit(exit_code(findings))


def find_all() -> tuple[Finding, ...]:
    """All findings in the order of the report; libraries two at a time, the timed launch alone."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        found = tuple(pool.map(find_library, libraries()))
    return (find_python(), *found, find_compiler(), find_host_name(), find_launch(), find_rendering())


def exit_code(findings: Sequence[Finding]) -> int:
    """0 when a case can be run, 1 when a fault prevents it."""
    return int(any(finding.prevents_running for finding in findings))


def mark(finding: Finding) -> str:
    """``ok``, ``note`` (something is left out) or ``FAULT`` (no case can be run)."""
    if finding.prevents_running:
        return "FAULT"
    return "note" if finding.fault else "ok"


def as_table(findings: Sequence[Finding]) -> Table:
    """The findings as a table for a terminal."""
    table = Table(title=f"gbflux {__version__}", title_justify="left", box=box.SIMPLE_HEAD)
    for heading in ("", "what", "version", "from"):
        table.add_column(heading, overflow="fold")
    colours = {"ok": "green", "note": "yellow", "FAULT": "bold red"}
    for finding in findings:
        word = mark(finding)
        cells = (finding.subject, finding.value, finding.origin)
        table.add_row(f"[{colours[word]}]{word}[/]", *map(escape, cells))
    return table


def as_lines(findings: Sequence[Finding]) -> tuple[str, ...]:
    """The findings as plain lines, for a file or a bug report."""
    width = max(len(finding.subject) for finding in findings)
    rows = (
        f"{mark(finding):5}  {finding.subject:{width}}  {finding.value}"
        + (f"  [{finding.origin}]" if finding.origin else "")
        for finding in findings
    )
    return (f"gbflux {__version__}", *rows)


def verdict(findings: Sequence[Finding]) -> tuple[str, ...]:
    """Each fault with its remedy, and a closing line."""
    lines: list[str] = []
    for finding in findings:
        if finding.fault:
            lines += [f"{mark(finding)}: {finding.subject}: {finding.fault}.", f"    {finding.remedy}"]
    closing = (
        "Something is missing to run a case; see FAULT." if exit_code(findings) else "Ready to run a case."
    )
    return (*lines, closing)
