"""Reference for the main job: gmsh alone meshes the same grains, without layers, as fast as it validly can.

``python benchmarks/ref_gmsh.py GRAINS SIZE_UM`` prints one JSON line: seconds to draw and mesh, and the
tetrahedra made. Fastest valid: HXT on all cores, with Optimize = 1; without it slivers spoil the matrix.
Making the grains is not counted.
"""

from __future__ import annotations

import json
import sys
import time

from gbflux.grains import Arrangement, tessellate
from gbflux.mesh.gmsh_model import draw, load_gmsh, set_options
from gbflux.mesh.recipe import MeshSize


def main(grains: int, size_um: float) -> None:
    """Mesh cubic boxes of 10 µm grains."""
    edge = 10.0 * grains ** (1 / 3)
    cells = tessellate(Arrangement((edge,) * 3, 10.0, boundary="mirror"))
    gmsh = load_gmsh()
    began = time.perf_counter()
    gmsh.initialize()
    set_options(gmsh, MeshSize(size_um, size_um))
    draw(gmsh, cells)
    gmsh.model.mesh.generate(3)
    seconds = time.perf_counter() - began
    tetrahedra = sum(len(gmsh.model.mesh.getElements(3, k + 1)[1][0]) for k in range(cells.n_cells))
    gmsh.finalize()
    print(json.dumps({"seconds": seconds, "tetrahedra": tetrahedra}))


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]))
