"""``python -m gbflux.mesh.worker OUT [SIZES] < RECIPE``: make one mesh in a process of its own.

A crash of gmsh then is an error message instead of the end of an MPI job, its memory goes back to the system,
and no MPI is loaded beside it.
"""

from __future__ import annotations

import logging
import signal
import sys
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gbflux.errors import GbfluxError, MeshError
from gbflux.grains import tessellate
from gbflux.mesh.bisect import resolve_junctions
from gbflux.mesh.conforming import ConformingMesh, merged, mesh_conforming
from gbflux.mesh.drawing import MeshSize
from gbflux.mesh.ends import cut_towards, end_nodes
from gbflux.mesh.layered import insert_layers
from gbflux.mesh.recipe import Recipe
from gbflux.mesh.records import LayeredMesh
from gbflux.mesh.sizing import SizeField
from gbflux.mesh.slabs import add_slab
from gbflux.mesh.stacks import with_stacks, without_thin_layers
from gbflux.mesh.storage import save_mesh
from gbflux.units import SIDES

logger = logging.getLogger(__name__)


def make_mesh(recipe: Recipe) -> tuple[LayeredMesh, dict[str, float]]:
    """Tessellate, mesh, insert layers; what fails is tried again, slightly finer, then by another algorithm.

    Returns
    -------
    mesh : LayeredMesh
        The accepted mesh.
    timings : dict
        Seconds for ``grains``, ``mesh`` and ``layers``.

    Raises
    ------
    MeshError
        If no attempt gives a valid mesh: that of the first attempt.
    """
    began = time.perf_counter()
    grains = tessellate(recipe.arrangement)
    n_grains, size_um = grains.n_cells, grains.size_um
    stacks, layers = {}, []
    for side, depths in recipe.slabs.items():
        drawn, stacks[side] = without_thin_layers(depths, recipe.size, grains.dimension)
        grains = add_slab(grains, drawn, upper=side == "top")
        layers.append(len(drawn))
    starts = np.cumsum([n_grains, *layers]).tolist()
    slabs = [range(start, end) for start, end in pairwise(starts)]
    timings = {"grains": time.perf_counter() - began, "mesh": 0.0, "layers": 0.0}
    failure = None
    for size in _attempts(recipe.size):
        try:
            began = time.perf_counter()
            planes = 0.0, float(size_um[-1])
            mesh = merged(mesh_conforming(grains, size, planes, slabs), n_grains, tuple(layers))
            for region, (side, thin) in enumerate(stacks.items(), start=n_grains):
                mesh = with_stacks(mesh, region, planes[SIDES.index(side)], side == "top", thin)
            mesh, node = _cut(mesh, size, n_grains, planes)
            timings["mesh"] += time.perf_counter() - began
            began = time.perf_counter()
            layered = insert_layers(
                mesh,
                n_grains=n_grains,
                slabs=recipe.slabs,
                size_um=size_um,
                delta_um=recipe.arrangement.delta_um,
            )
            layered = replace(layered, node=node[layered.node])
            if size.field is not None and size.field.junctions_resolved:
                layered = resolve_junctions(layered)
            timings["layers"] += time.perf_counter() - began
            return layered, timings
        except MeshError as error:
            logger.warning("%s Trying another mesh.", error)
            failure = failure or error
    raise failure


def _cut(
    mesh: ConformingMesh, size: MeshSize, n_grains: int, planes: tuple[float, float]
) -> tuple[ConformingMesh, NDArray[np.int32]]:
    """The mesh, cut towards the ends of boundaries if asked for, and `LayeredMesh.node` of its nodes."""
    node = np.arange(len(mesh.points))
    if size.field is not None and size.field.end_um > 0:
        mesh, node = cut_towards(mesh, end_nodes(mesh, n_grains, planes), size.field.end_um)
    return mesh, node.astype(np.int32)


def _attempts(size: MeshSize) -> list[MeshSize]:
    """Sizes to try in turn."""
    finer = size.scaled(0.93)
    return [size, finer, replace(size, reproducible=True), replace(finer, reproducible=True)]


def main() -> int:
    """Entry point; an error goes to standard error as one line, the last."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # gmsh does not come back to Python for a while
    sys.unraisablehook = lambda _: None  # an archive on a full disk complains again when it is collected
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    try:
        field = SizeField.load(Path(sys.argv[2])) if len(sys.argv) > 2 else None
        mesh, timings = make_mesh(Recipe.from_json(sys.stdin.read(), field))
        save_mesh(Path(sys.argv[1]), mesh, timings)
    except GbfluxError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except MemoryError:
        print("mesh: the mesh must fit in memory; it did not. Raise mesh.size_um.", file=sys.stderr)
        return 2
    except np.linalg.LinAlgError as error:
        print(f"mesh: the layers could not be computed ({error}). Try another grains.seed.", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
