"""Units of work: cases that share one mesh, solved one after the other by one MPI job."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gbflux.case.hashing import digest
from gbflux.study.pipeline import Pictures, run_case
from gbflux.study.progress import Progress
from gbflux.study.result import Result

if TYPE_CHECKING:
    from gbflux.case import Case


@dataclass(frozen=True)
class Unit:
    """Cases that share one mesh.

    Attributes
    ----------
    cases : tuple of Case
        In the order in which they are best solved.
    """

    cases: tuple[Case, ...]

    @property
    def key(self) -> str:
        """sha256 (hex) of what the shared mesh is made of."""
        return digest(self.cases[0].mesh_key())

    def case_key(self, case: Case) -> str:
        """sha256 (hex) of a case as this unit solves it: what names its folder in a study."""
        return case.physics_hash


def units(cases: Sequence[Case]) -> list[Unit]:
    """All cases of a study, sorted into units; equal cases count once."""
    found: dict[str, dict[str, Case]] = {}
    for case in cases:
        found.setdefault(digest(case.mesh_key()), {}).setdefault(case.physics_hash, case)
    return [Unit(tuple(members.values())) for members in found.values()]


def run_unit(
    unit: Unit,
    wanted: Sequence[tuple[Case, Path]],
    *,
    comm: Any = None,
    pictures: Pictures | None = None,
    progress: Callable[[Case], Progress] = lambda case: Progress(),
    failed: Callable[[Case, Path, Exception], None] | None = None,
) -> list[Result | None]:
    """Run those cases of a unit that are wanted, each into its folder; *collective*.

    Parameters
    ----------
    unit : Unit
        All cases that share the mesh, wanted or not: they fix the mesh.
    wanted : sequence of (Case, Path)
        Members of the unit and their folders. A folder that holds its case finished is left as it is.
    comm : MPI.Intracomm, optional
        The ranks that share the work; all of them by default.
    pictures : Pictures, optional
        Makes the pictures, where a case asks for them.
    progress : callable
        Makes the progress report of a case.
    failed : callable, optional
        Told of a case that ended with an error, on all ranks; the next case then goes on. Without it the
        error is raised.

    Returns
    -------
    list of Result or None
        One for each wanted case, the same on all ranks; None for a failed one.
    """
    results: list[Result | None] = []
    for case, folder in wanted:
        try:
            outcome = run_case(case, folder, comm=comm, pictures=pictures, progress=progress(case))
            results.append(outcome.result)
        except Exception as error:
            if failed is None:
                raise
            failed(case, folder, error)
            results.append(None)
    return results
