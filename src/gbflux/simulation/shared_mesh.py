"""The mesh of one case or of many, what all solves on it share, and which cases of a study share one.

Cases share a mesh that differ in nothing the mesh depends on. Cases that differ in the thickness of their
homogenizing layers share one too: it has the largest thickness and a plane at each of the others.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from bisect import insort
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from gbflux.case import Case
from gbflux.case.cost import certifies, element_order
from gbflux.case.model import canonical, digest
from gbflux.conduction import (
    ButlerVolmer,
    Electrode,
    LocalCurrent,
    Resistance,
    Solution,
    SolverSettings,
    bottom_electrode,
    top_electrode,
)
from gbflux.errors import MissingLibrary
from gbflux.measure.cells import CellGeometry, cell_geometry
from gbflux.mesh import BuiltMesh, Mesh, SizeField, build_mesh, recipe
from gbflux.mesh.build import MESHER
from gbflux.mesh.cut import Cut, NestedMesh, nested
from gbflux.simulation.mpi_job import on_root
from gbflux.simulation.progress import Progress
from gbflux.units import kelvin

if TYPE_CHECKING:
    from gbflux.conduction import ConductionSolver

#: Distances from the electrolyte of mesh planes in the bottom and the top homogenizing layer (µm).
Planes = tuple[tuple[float, ...], tuple[float, ...]]
#: Planes of one mesh are this share of `mesh.electrode_size_um` apart, and so many grain boundaries thick.
CLOSEST, CLOSEST_LAYERS = 0.1, 4.0


def case_key(case: Case, hl_planes_um: Planes | None) -> str:
    """sha256 (hex) of a case and of the way it is solved.

    On a mesh of its own (no planes) it is the case's `physics_hash`; on one that several thicknesses share,
    the planes count too.
    """
    if hl_planes_um is None:
        return case.physics_hash
    method = {"method": "shared-planes", "hl_planes_um": hl_planes_um, "mesher": MESHER}
    return digest({"physics": case.physics_hash, **method})


def electrodes(case: Case) -> tuple[Electrode, Electrode]:
    """The electrodes, bottom and top; an applied current enters at the top."""
    bottom, top = case.potentials
    return (
        bottom_electrode(bottom, _law(case, 0)),
        top_electrode(top, _law(case, 1), case.applied_current_density),
    )


def _law(case: Case, side: int) -> ButlerVolmer | Resistance:
    """Return the law of an electrode at the case's temperature."""
    law, asr = case.electrode_kinetics[side], case.electrode_asr[side]
    exchange = case.exchange_current_density[side]
    if law is None or exchange is None:
        return Resistance(asr)
    return ButlerVolmer(
        exchange_current_density=exchange,
        anodic=law.anodic_transfer_coefficient,
        cathodic=law.cathodic_transfer_coefficient,
        temperature=kelvin(case.temperature_C),
        asr=asr,
    )


def settings(case: Case, certify: bool = False) -> SolverSettings:
    """Return the solver's settings; with `certify` it keeps what bounds on local currents need."""
    s = case.solver
    return SolverSettings(
        s.rtol, s.max_iterations, s.preconditioner, element_order(case), certifies(case), certify
    )


def load_solver() -> None:
    """Load what solving, measuring and writing need, which takes a second; *collective*, as PETSc's start is.

    A library that is missing is reported where it is needed.
    """
    with _interrupt_deferred():
        with contextlib.suppress(ImportError, MissingLibrary):
            import gbflux.conduction.solver  # noqa: F401
        with contextlib.suppress(ImportError):
            import scipy.spatial  # noqa: F401
        with contextlib.suppress(ImportError):
            import h5py  # noqa: F401


def load_drawing() -> None:
    """Load the slow part of what drawing needs, where there is time for it; as `load_solver`."""
    with _interrupt_deferred(), contextlib.suppress(ImportError):
        import matplotlib.backends.backend_agg  # noqa: F401


@contextmanager
def _interrupt_deferred() -> Iterator[None]:
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


class SharedMesh:
    """A mesh that is made when the first case needs it, and solved on by one case after the other.

    All thicknesses of a homogenizing layer are solved on the whole mesh. What lies beyond an ideal electrode
    is clamped to its potential; one with a resistance or kinetics moves to the plane where the layer ends,
    and what lies beyond is switched off. As a context manager it frees at the end what solves share.

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
        self._nest: NestedMesh | None = None
        self._failure: Exception | None = None
        self._cut: Cut | None = None
        self._geometry: Future[CellGeometry] | None = None
        self._solver: ConductionSolver | None = None

    def __enter__(self) -> SharedMesh:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def mesh(self) -> Mesh:
        """The mesh of the case that was meshed last, on rank 0."""
        return self._whole if self._cut is None else self._cut.mesh

    @property
    def _whole(self) -> Mesh:
        """The mesh that is solved on, on rank 0."""
        assert self._built is not None
        return self._built.mesh

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
            built = self._built = self._made(case, field)
            # measuring needs it; a thread has time for it, as rank 0 alone sends the mesh to the others first
            pool = ThreadPoolExecutor(1)
            self._geometry = pool.submit(cell_geometry, built.mesh)
            pool.shutdown(wait=False)
        else:
            built = replace(self._built, timings={}, from_cache=True, worker_peak_MiB=0.0)
        progress.add(built.timings)
        self._cut = None if self._nest is None else self._nest.cut(case.hl_um)
        return replace(built, mesh=self.mesh)

    def _made(self, case: Case, field: SizeField | None) -> BuiltMesh:
        """The whole mesh; a failure is kept, for the cases after this one would fail alike."""
        try:
            built = build_mesh(recipe(case, field, self.hl_planes_um), load_solver)
        except Exception as error:
            self._failure = error
            raise
        if self.hl_planes_um is None:
            return built
        self._nest = nested(built.mesh, self.hl_planes_um)
        return replace(built, mesh=self._nest.mesh)

    def solve(self, case: Case, certify: bool = False) -> Solution:
        """Solve for the case that was meshed last; *collective*. See `gbflux.conduction.ConductionSolver`.

        After an error the next solve begins afresh. With `certify` the method of this name may follow.
        """
        from gbflux.conduction import ConductionSolver
        from gbflux.conduction.materials import conductivities

        sigma = on_root(self.comm, lambda: conductivities(self.mesh, case))
        try:
            if self._solver is None:
                whole = self._whole if self.comm.rank == 0 else None
                self._solver = ConductionSolver(self.comm, whole, many=self._left > 1)
            solution = self._solver.solve(sigma, electrodes(case), settings(case, certify), self._cut)
        except Exception:
            self.close()
            raise
        self._left -= 1
        if self._left == 0 and not certify:
            self.close()
        return solution

    def certify(self, weights: Sequence[tuple[str, Any]] | None) -> list[LocalCurrent | None]:
        """Bound local currents of the last solve; *collective*. See `ConductionSolver.certify`."""
        assert self._solver is not None
        try:
            return self._solver.certify(weights)
        finally:
            if self._left == 0:
                self.close()

    def geometry(self) -> CellGeometry:
        """Return the geometry that measures need, of the mesh of the case meshed last, on rank 0."""
        assert self._geometry is not None
        geometry = self._geometry.result()
        return geometry if self._cut is None else geometry.of(self._cut)

    def close(self) -> None:
        """Free what solves share; *collective*."""
        if self._solver is not None:
            self._solver.close()
        self._solver = None


@dataclass(frozen=True)
class Unit:
    """Cases that share one mesh, in the order in which they are best solved."""

    cases: tuple[Case, ...]

    @cached_property
    def hl_planes_um(self) -> Planes | None:
        """Mesh planes in the bottom and the top homogenizing layer, by distance from the electrolyte (µm).

        None if all cases have the same layers: then their mesh is that of each by itself.
        """
        if len({case.hl_um for case in self.cases}) == 1:
            return None
        bottom, top = (
            tuple(sorted({um for um in side if um > 0}))
            for side in zip(*(case.hl_um for case in self.cases), strict=True)
        )
        return bottom, top

    @property
    def key(self) -> str:
        """sha256 (hex) of what the shared mesh is made of."""
        planes = self.hl_planes_um
        if planes is None:
            return digest(self.cases[0].mesh_key())
        return digest({**_apart_from_layers(self.cases[0]), "hl_planes_um": planes})

    def case_key(self, case: Case) -> str:
        """sha256 (hex) of a case as this unit solves it: what names its folder in a study."""
        return case_key(case, self.hl_planes_um)


def units(cases: Sequence[Case]) -> list[Unit]:
    """All cases of a study, sorted into units; equal cases count once.

    Thicknesses too close for one mesh go to different units (see `CLOSEST`). The units, and with them the
    keys of their cases, do not depend on the order of the cases.
    """
    groups: dict[str, dict[str, Case]] = {}
    for case in cases:
        groups.setdefault(digest(_apart_from_layers(case)), {}).setdefault(case.physics_hash, case)
    found = []
    for members in groups.values():
        found += _by_distance(list(members.values()))
    return found


def _apart_from_layers(case: Case) -> dict[str, Any]:
    """Return all that the mesh depends on, except the homogenizing layers."""
    return {name: part for name, part in case.mesh_key().items() if name != "homogenizing_layer"}


def _by_distance(cases: list[Case]) -> list[Unit]:
    """Units of cases that differ in their layers alone, each pair of layers in the first unit it fits."""
    least = max(CLOSEST * cases[0].mesh.electrode_size_um, CLOSEST_LAYERS * cases[0].delta_um)
    planes: list[tuple[list[float], list[float]]] = []
    unit_of: dict[tuple[float, float], int] = {}
    for layers in sorted({case.hl_um for case in cases}, reverse=True):
        number = next((n for n, held in enumerate(planes) if _fits(layers, held, least)), len(planes))
        if number == len(planes):
            planes.append(([], []))
        for um, held in zip(layers, planes[number], strict=True):
            if um > 0 and um not in held:
                insort(held, um)
        unit_of[layers] = number
    members = [[case for case in cases if unit_of[case.hl_um] == number] for number in range(len(planes))]
    return [Unit(tuple(_in_order(cases))) for cases in members]


def _in_order(cases: list[Case]) -> list[Case]:
    """The cases of a unit in the order that spares most work; equal ones stay in order.

    Solves on one mesh share the matrix of all cells, so cases of the same materials follow each other, one
    set of materials after the other. Solves also share the preconditioner and first guesses,
    which hold for electrodes as far out or further in: thick layers come first and none last, and all
    electrodes of one thickness follow each other.
    """
    if len({case.hl_um for case in cases}) == 1:
        return cases
    groups: dict[str, int] = {}

    def group(data: dict[str, Any]) -> int:
        return groups.setdefault(digest(data), len(groups))

    def place(case: Case) -> tuple[int, bool, int, tuple[float, ...], int]:
        data = canonical(case)
        electrodes = group(data.pop("electrodes", {}))
        layer = data.pop("homogenizing_layer", {})
        rest = group(data)
        layer = group({key: layer[key] for key in sorted(layer.keys() - {"thickness_um", "sides"})})
        return rest, not any(case.hl_um), layer, tuple(-um for um in case.hl_um), electrodes

    return sorted(cases, key=place)


def _fits(layers: tuple[float, float], planes: tuple[list[float], list[float]], least: float) -> bool:
    """Test whether planes at these thicknesses keep their distance from others and from the electrolyte."""
    return all(
        um == 0.0 or um in held or all(abs(um - other) >= least for other in (0.0, *held))
        for um, held in zip(layers, planes, strict=True)
    )
