"""Cases that solve in a second or two, through the whole pipeline; meshes are cached for the session."""

from __future__ import annotations

import copy
import functools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from mpi4py import MPI

from gbflux.case import Case, parse_case
from gbflux.mesh import Mesh
from gbflux.results import Result
from gbflux.simulation.run import Outcome, run_case
from gbflux.simulation.shared_mesh import SharedMesh, Unit

BASE = json.dumps(
    {
        "name": "small",
        "geometry": {"size_um": [20, 20, 20]},
        "grains": {"mean_size_um": 10, "seed": 1, "boundary": "cut", "conductivity_S_per_cm": 5.0e-4},
        "grain_boundary": {"thickness_nm": 5, "conductivity_S_per_cm": 2.5e-7},
        "mesh": {"size_um": 2.0, "electrode_size_um": 2.0},
    }
)
FLAT = {"geometry.size_um": [40, 40], "mesh.size_um": 1.0, "mesh.electrode_size_um": 0.5}
TINY = {"name": "tiny", "geometry.size_um": [20, 20]}  # 2D, some 600 cells
NO_FIGURES = {"output": {"figures": False}}
LAYERS = {"homogenizing_layer": {"thickness_um": 5, "conductivity_S_per_cm": 1.0e-4}}


def case_text(*overrides: Mapping[str, Any]) -> str:
    """The text of `BASE` with blocks and keys by dotted path put in, the later over the earlier."""
    data = json.loads(BASE)
    for changes in overrides:
        for path, value in changes.items():
            node = data
            *blocks, key = path.split(".")
            for block in blocks:
                node = node.setdefault(block, {})
            node[key] = copy.deepcopy(value)
    return json.dumps(data)


def case(*overrides: Mapping[str, Any]) -> Case:
    """The case of `case_text`."""
    return parse_case(case_text(*overrides))


def solved(*overrides: Mapping[str, Any]) -> Outcome:
    """The case of `case_text`, run without files on this rank alone; solved once in a process."""
    return _solved(case_text(*overrides))


@functools.cache
def _solved(text: str) -> Outcome:
    return run_case(parse_case(text), comm=MPI.COMM_SELF)


def run_unit(
    unit: Unit,
    wanted: Sequence[tuple[Case, Path]],
    comm: Any = MPI.COMM_WORLD,
    failed: Callable[[Case, Path, Exception], object] | None = None,
) -> list[Result | None]:
    """Run members of a unit on their shared mesh, as a study does; a failed one is told of, or raised."""
    results: list[Result | None] = []
    with SharedMesh(comm, unit.hl_planes_um, solves=len(wanted)) as shared:
        for one, folder in wanted:
            try:
                results.append(run_case(one, folder, comm=comm, shared=shared).result)
            except Exception as error:
                if failed is None:
                    raise
                failed(one, folder, error)
                results.append(None)
    return results


def mirrored(mesh: Mesh, axis: int) -> Mesh:
    """The mirror image of a mesh in a plane normal to `axis`, in the same box; along z sides swap."""
    points, cells = mesh.points.copy(), mesh.cells.copy()
    normal = mesh.boundary_normal.copy()
    points[:, axis] = mesh.size_um[axis] - points[:, axis]
    if axis == mesh.dimension - 1:  # planes that are compared exactly
        bottom, top = mesh.z_electrodes
        ends = (mesh.size_um[-1] - top, mesh.size_um[-1] - bottom)
        points[mesh.points[:, -1] == top, -1], points[mesh.points[:, -1] == bottom, -1] = ends
        other = {"bottom": "top", "top": "bottom"}
        # names move, regions stay: slab k keeps its cells
        mesh = replace(mesh, z_electrodes=ends, slabs=tuple(other[side] for side in mesh.slabs))
    cells[:, :2] = cells[:, 1::-1]
    normal[:, axis] *= -1.0
    return replace(mesh, points=points, cells=cells, boundary_normal=normal)


def volumes_um(mesh: Mesh) -> np.ndarray:
    """Signed volumes of the cells (µm³; in 2D µm²), by NumPy's determinant."""
    corners = mesh.points[mesh.cells]
    return np.linalg.det(corners[:, 1:] - corners[:, :1]) / (2 if mesh.dimension == 2 else 6)
