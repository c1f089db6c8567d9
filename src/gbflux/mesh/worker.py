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

from gbflux.errors import GbfluxError, MeshError
from gbflux.grains import tessellate
from gbflux.mesh.build import save_mesh
from gbflux.mesh.gmsh_model import mesh_conforming
from gbflux.mesh.layers import insert_layers
from gbflux.mesh.mesh import ConformingMesh, Mesh
from gbflux.mesh.recipe import MeshSize, Recipe, SizeField
from gbflux.mesh.simplices import Floats
from gbflux.mesh.singularities import cut_towards, end_nodes, resolve_junctions
from gbflux.mesh.slabs import add_slab, insert_thin_layers, join_slab_layers, remove_thin_layers
from gbflux.units import SIDES

logger = logging.getLogger(__name__)
#: Length that cells at ends of boundaries are cut to where layers do not fit, over the length asked for.
_MILDER = 5.0


def make_mesh(recipe: Recipe) -> tuple[Mesh, dict[str, float]]:
    """Tessellate, mesh, insert layers; what fails is tried again, slightly finer, then by another algorithm.

    Returns
    -------
    mesh : Mesh
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
        drawn, stacks[side] = remove_thin_layers(
            depths, recipe.size, grains.dimension, recipe.arrangement.delta_um
        )
        grains = add_slab(grains, drawn, upper=side == "top")
        layers.append(len(drawn))
    starts = np.cumsum([n_grains, *layers]).tolist()
    slabs = [range(start, end) for start, end in pairwise(starts)]
    timings = {"grains": time.perf_counter() - began, "mesh": 0.0, "layers": 0.0}
    failure: MeshError | None = None
    for size in _attempts(recipe.size):
        try:
            began = time.perf_counter()
            planes = 0.0, float(size_um[-1])
            mesh = join_slab_layers(mesh_conforming(grains, size, planes, slabs), n_grains, tuple(layers))
            for region, (side, thin) in enumerate(stacks.items(), start=n_grains):
                mesh = insert_thin_layers(mesh, region, planes[SIDES.index(side)], side == "top", thin)
            timings["mesh"] += time.perf_counter() - began
            began = time.perf_counter()
            layered = _layered(mesh, size, recipe, n_grains, size_um)
            if size.field is not None and size.field.junctions_resolved:
                layered = resolve_junctions(layered)
            timings["layers"] += time.perf_counter() - began
            return layered, timings
        except MeshError as error:
            logger.warning("%s Trying another mesh.", error)
            failure = failure or error
    assert failure is not None  # at least one size was tried
    raise failure


def _layered(mesh: ConformingMesh, size: MeshSize, recipe: Recipe, n_grains: int, size_um: Floats) -> Mesh:
    """The mesh cut towards ends of boundaries and with its layers; cut less deep where these do not fit."""
    on_line = end_nodes(mesh, n_grains, (0.0, float(size_um[-1])))
    depths_um = (size.cut_um, _MILDER * size.cut_um, 0.0) if size.cut_um > 0 else (0.0,)
    failure: MeshError | None = None
    for end_um in depths_um:
        cut, node = cut_towards(mesh, on_line, end_um)
        try:
            layered = insert_layers(
                cut,
                n_grains=n_grains,
                slabs=recipe.slabs,
                size_um=size_um,
                delta_um=recipe.arrangement.delta_um,
            )
        except MeshError as error:
            failure = failure or error
            continue
        if failure is not None:
            logger.warning("%s Cells at ends of boundaries are cut to %g µm instead.", failure, end_um)
        return replace(layered, node=node.astype(np.int32)[layered.node], end_um=end_um)
    assert failure is not None  # at least one depth was tried
    raise failure


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
