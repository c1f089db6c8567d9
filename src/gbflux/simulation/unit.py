"""Units of work: cases that share one mesh, solved one after the other by one MPI job.

Cases share a mesh that differ in nothing the mesh depends on. Cases that differ in the thickness of their
homogenizing layers share one too: it has the largest thickness and a plane at each of the others.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gbflux.case.model import canonical, digest
from gbflux.results.result import Result
from gbflux.simulation.files import Pictures
from gbflux.simulation.pipeline import run_case
from gbflux.simulation.progress import Progress
from gbflux.simulation.ranks import world
from gbflux.simulation.shared_mesh import Planes, SharedMesh, case_key

if TYPE_CHECKING:
    from gbflux.case import Case

#: Planes of one mesh are this share of `mesh.electrode_size_um` apart, and so many grain boundaries thick.
CLOSEST, CLOSEST_LAYERS = 0.1, 4.0


@dataclass(frozen=True)
class Unit:
    """Cases that share one mesh.

    Attributes
    ----------
    cases : tuple of Case
        In the order in which they are best solved.
    """

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

    def place(case: Case) -> tuple:
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
    comm = world() if comm is None else comm
    shared = SharedMesh(comm, unit.hl_planes_um, solves=len(wanted))
    results: list[Result | None] = []
    try:
        for case, folder in wanted:
            try:
                outcome = run_case(
                    case, folder, comm=comm, pictures=pictures, progress=progress(case), shared=shared
                )
                results.append(outcome.result)
            except Exception as error:
                if failed is None:
                    raise
                failed(case, folder, error)
                results.append(None)
    finally:
        shared.close()
    return results
