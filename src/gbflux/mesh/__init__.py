"""Mesh: from a case to a mesh with grain-boundary layers of true thickness; the only room that knows gmsh.

Imports `errors`, `units`, `case` and `grains`. Lengths are in micrometres.
"""

from gbflux.mesh.build import BuiltMesh, build_mesh
from gbflux.mesh.mesh import (
    ELECTROLYTE,
    LAYERS,
    CellKind,
    Mesh,
    MeshQuality,
    contiguous_slice,
    is_kind,
    points_on_plane,
)
from gbflux.mesh.recipe import Recipe, SizeField, recipe

__all__ = [
    "ELECTROLYTE",
    "LAYERS",
    "BuiltMesh",
    "CellKind",
    "Mesh",
    "MeshQuality",
    "Recipe",
    "SizeField",
    "build_mesh",
    "contiguous_slice",
    "is_kind",
    "points_on_plane",
    "recipe",
]
