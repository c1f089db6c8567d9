"""Everything gbflux raises on purpose. Imports nothing of gbflux.

Each class carries the exit code that the command line turns it into: 1 a fault of gbflux, 2 something the
user can put right, 3 a solver that stopped short or a study with failed cases, 4 a library that is missing,
5 an accuracy that was asked for and missed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """One mistake in a case and where it is.

    Parameters
    ----------
    source : str
        File name, ``"override"``, or another word for where the case came from.
    line, column : int or None
        Position in the source, counted from 1; None where there is no text to point at.
    place : str
        Dotted path of the key, ``"grain_boundary.thickness_nm"``; empty for the whole source.
    message : str
        What must hold, what was found, what to do.

    Examples
    --------
    >>> print(Problem("case.yaml", 4, 3, "mesh.size_um", "must be > 0 µm; got -1"))
    case.yaml:4:3: mesh.size_um: must be > 0 µm; got -1
    """

    source: str
    line: int | None
    column: int | None
    place: str
    message: str

    def __str__(self) -> str:
        if self.line is None:
            where = " ".join(part for part in (self.source, self.place) if part)
            return f"{where}: {self.message}"
        where = f"{self.source}:{self.line}:{self.column}"
        return ": ".join(part for part in (where, self.place, self.message) if part)


class GbfluxError(Exception):
    """Base of every error that gbflux raises on purpose."""

    exit_code = 1

    def __str__(self) -> str:
        # facts follow the message in the arguments, so that an error survives a trip between processes
        return str(self.args[0]) if self.args else ""


class InputError(GbfluxError):
    """Something the user can put right: a case, a path, an option."""

    exit_code = 2


class CaseError(InputError):
    """A case with mistakes, all of them at once.

    Attributes
    ----------
    problems : tuple of Problem
        Every mistake found, in the order of the source.
    """

    def __init__(self, problems: Iterable[Problem]):
        self.problems = tuple(problems)
        super().__init__(self.problems)

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


class MeshError(GbfluxError):
    """A mesh that could not be made, or that failed its own acceptance test."""

    exit_code = 2


class SolverError(GbfluxError):
    """A solver that stopped before it reached the tolerance.

    Attributes
    ----------
    iterations : int or None
        Iterations done.
    relative_residual : float or None
        True relative residual reached.
    rtol : float or None
        Relative residual asked for.
    """

    exit_code = 3

    def __init__(
        self,
        message: str,
        iterations: int | None = None,
        relative_residual: float | None = None,
        rtol: float | None = None,
    ):
        self.iterations = iterations
        self.relative_residual = relative_residual
        self.rtol = rtol
        super().__init__(message, iterations, relative_residual, rtol)


class AccuracyMissed(GbfluxError):
    """A finished run whose numbers hold, but within a wider bracket than was asked for."""

    exit_code = 5


class StudyError(GbfluxError):
    """A study some of whose cases have no result; the others are done and stay.

    Attributes
    ----------
    failed : int
        Cases that failed.
    """

    exit_code = 3

    def __init__(self, message: str, failed: int = 0):
        self.failed = failed
        super().__init__(message, failed)


class MissingLibrary(GbfluxError):
    """A library that cannot be imported; the message says how to get it."""

    exit_code = 4


class Silenced(GbfluxError):
    """An error that MPI rank 0 reports for all ranks; the others carry the exit code alone."""

    def __init__(self, exit_code: int):
        self.exit_code = exit_code
        super().__init__("")
