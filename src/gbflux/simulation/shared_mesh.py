"""The mesh of one case or of many, and what all solves on it share."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from typing import Any

from gbflux.case import Case
from gbflux.case.hashing import digest
from gbflux.conduction import LocalCurrent, Solution, SolverSettings
from gbflux.conduction.electrodes import Electrodes
from gbflux.errors import MissingLibrary
from gbflux.measure.cells import CellGeometry, cell_geometry
from gbflux.mesh import BuiltMesh, SizeField, build_mesh, recipe
from gbflux.mesh.cut import Cut, Nest, nested
from gbflux.mesh.recipe import MESHER
from gbflux.simulation.progress import Progress

#: Distances from the electrolyte of mesh planes in the bottom and the top homogenizing layer (µm).
Planes = tuple[tuple[float, ...], tuple[float, ...]]


def case_key(case: Case, hl_planes_um: Planes | None) -> str:
    """sha256 (hex) of a case and of the way it is solved.

    Parameters
    ----------
    case : Case
    hl_planes_um : pair of tuples of float or None
        The planes of a mesh shared by several thicknesses; None for a mesh of the case's own, where the key
        is the case's `physics_hash`.
    """
    if hl_planes_um is None:
        return case.physics_hash
    method = {"method": "shared-planes", "hl_planes_um": hl_planes_um, "mesher": MESHER}
    return digest({"physics": case.physics_hash, **method})


def load_solver() -> None:
    """Load what solving, measuring and writing need, which takes a second; *collective*, as PETSc's start is.

    A library that is missing is reported where it is needed.
    """
    with _ctrl_c_later():
        for name in ("gbflux.conduction.solver", "scipy.spatial", "h5py"):
            with contextlib.suppress(ImportError, MissingLibrary):
                import_module(name)


@contextmanager
def _ctrl_c_later() -> Iterator[None]:
    """Keep Ctrl-C until the end of a block: DOLFINx could not be loaded again if it were cut short."""
    before = signal.getsignal(signal.SIGINT)
    if before is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    kept: list[int] = []
    signal.signal(signal.SIGINT, lambda number, _: kept.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if kept:
        signal.raise_signal(signal.SIGINT)


def _beside(function: Callable[..., Any], *arguments: Any) -> Future[Any]:
    """Call a function in a thread of its own."""
    pool = ThreadPoolExecutor(1)
    future = pool.submit(function, *arguments)
    pool.shutdown(wait=False)
    return future


class SharedMesh:
    """A mesh that is made when the first case needs it, and solved on by one case after the other.

    All thicknesses of a homogenizing layer are solved on the whole mesh. What lies beyond an ideal electrode
    is clamped to its potential; one with a resistance or kinetics moves to the plane where the layer ends,
    and what lies beyond is switched off.

    Parameters
    ----------
    comm : MPI.Intracomm
        The ranks that share the work.
    hl_planes_um : pair of tuples of float, optional
        Mesh planes for cases that differ in the thickness of homogenizing layers; without them all cases have
        the same mesh.
    solves : int
        After so many solves nothing is kept for the next.
    built : BuiltMesh, optional
        The mesh on rank 0, where it is made already.
    """

    def __init__(
        self,
        comm: Any,
        hl_planes_um: Planes | None = None,
        solves: int = 1,
        built: BuiltMesh | None = None,
    ):
        self.comm = comm
        self.hl_planes_um = hl_planes_um
        self._left = solves
        self._built = built
        self._nest: Nest | None = None
        self._failure: Exception | None = None
        self._cut: Cut | None = None
        self._geometry: Future[CellGeometry] | None = None
        self._solver: Any = None

    def meshed(self, case: Case, progress: Progress, field: SizeField | None = None) -> BuiltMesh:
        """The mesh of a case, on rank 0; `field` counts for the first case alone; times are of this call.

        Raises
        ------
        MeshError
            If it cannot be made; raised again at every further call.
        """
        progress.begin("mesh")
        if self._failure is not None:
            raise self._failure
        if self._built is None:
            try:
                self._built = build_mesh(recipe(case, field, self.hl_planes_um), load_solver)
            except Exception as error:
                self._failure = error
                raise
            if self.hl_planes_um is not None:
                self._nest = nested(self._built.mesh, self.hl_planes_um)
                self._built = replace(self._built, mesh=self._nest.mesh)
            built = self._built
            self._geometry = _beside(cell_geometry, built.mesh)  # dealing out begins with rank 0 alone
        else:
            built = replace(self._built, timings={}, from_cache=True, worker_peak_MiB=0.0)
        progress.add(built.timings)
        self._cut = None if self._nest is None else self._nest.cut(case.hl_um)
        return built if self._cut is None else replace(built, mesh=self._cut.mesh)

    def solve(self, sigma: Any, electrodes: Electrodes, settings: SolverSettings) -> Solution:
        """Solve for the case that was meshed last; *collective*. See `gbflux.conduction.ConductionSolver`.

        After an error the next solve begins afresh. Where settings say so, `certify` follows.
        """
        from gbflux.conduction import ConductionSolver

        try:
            if self._solver is None:
                mesh = self._built.mesh if self.comm.rank == 0 else None
                self._solver = ConductionSolver(self.comm, mesh, many=self._left > 1)
            solution = self._solver.solve(sigma, electrodes, settings, self._cut)
        except Exception:
            self.close()
            raise
        self._left -= 1
        if self._left == 0 and not settings.certify:
            self.close()
        return solution

    def certify(self, weights: Sequence[tuple[str, Any]] | None) -> list[LocalCurrent | None]:
        """Bound local currents of the last solve; *collective*. See `ConductionSolver.certify`."""
        try:
            return self._solver.certify(weights)
        finally:
            if self._left == 0:
                self.close()

    def geometry(self) -> CellGeometry:
        """Return the geometry that measures need, of the mesh of the case meshed last, on rank 0."""
        geometry = self._geometry.result()
        return geometry if self._cut is None else geometry.of(self._cut)

    def close(self) -> None:
        """Free what solves share; *collective*."""
        if self._solver is not None:
            self._solver.close()
        self._solver = None
