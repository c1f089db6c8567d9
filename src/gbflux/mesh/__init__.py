"""Mesh: from a case to a mesh with grain-boundary layers of true thickness; the only room that knows gmsh.

Imports `errors`, `units`, `case` and `grains`. Lengths are in micrometres.
"""

from gbflux.mesh.build import BuiltMesh, build_mesh
from gbflux.mesh.recipe import Recipe, recipe
from gbflux.mesh.records import ELECTROLYTE, CellKind, LayeredMesh, MeshQuality
from gbflux.mesh.sizing import SizeField

__all__ = [
    "ELECTROLYTE",
    "BuiltMesh",
    "CellKind",
    "LayeredMesh",
    "MeshQuality",
    "Recipe",
    "SizeField",
    "build_mesh",
    "recipe",
]
