"""Make the reference meshes: ``python meshes/make_meshes.py``; for each case a mesh and its boundaries.

Every case asks for the reproducible mesher: the same gmsh gives the same file. Another gmsh may give other
cells; volumes, areas and tags stay.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from gbflux import load_case
from gbflux.mesh import build_mesh, recipe
from gbflux.mesh.export import export_mesh

HERE = Path(__file__).resolve().parent


def main() -> None:
    """Mesh each case, with a cache of its own so that nothing made earlier is taken."""
    with tempfile.TemporaryDirectory() as cache:
        os.environ["GBFLUX_CACHE"] = cache
        for path in sorted(HERE.glob("*.yaml")):
            mesh = build_mesh(recipe(load_case(path))).mesh
            for written in export_mesh(mesh, path.with_suffix(".msh"), "msh"):
                print(f"{written.name:32} {written.stat().st_size / 1000:7.1f} kB")
            print(f"{'':32} {mesh.n_grains} grains, {len(mesh.cells):,} cells, {len(mesh.points):,} points")


if __name__ == "__main__":
    main()
