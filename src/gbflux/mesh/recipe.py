"""Everything a mesh depends on, as plain data: the mesher's input, by which cached meshes are named."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from gbflux.grains import Arrangement
from gbflux.mesh.drawing import MeshSize, gmsh_version
from gbflux.mesh.sizing import SizeField
from gbflux.units import SIDES

if TYPE_CHECKING:
    from gbflux.case import Case

#: Raise it when the same recipe gives another mesh.
MESHER = 6


@dataclass(frozen=True)
class Recipe:
    """Recipe of one layered mesh.

    Attributes
    ----------
    arrangement : Arrangement
        The grains.
    hl_planes_um : pair of tuples of float
        Distances from the electrolyte of the mesh planes in the bottom and the top homogenizing layer, the
        last its thickness (µm), ascending; empty for none.
    size : MeshSize
        Edge lengths of the cells.
    """

    arrangement: Arrangement
    hl_planes_um: tuple[tuple[float, ...], tuple[float, ...]]
    size: MeshSize

    @property
    def slabs(self) -> dict[str, tuple[float, ...]]:
        """Planes of each slab that exists, by side, bottom first (µm)."""
        return {side: um for side, um in zip(SIDES, self.hl_planes_um, strict=True) if um}

    def to_json(self) -> str:
        """Canonical text, the same for the same recipe; of a size field only the hash."""
        data = asdict(replace(self, size=replace(self.size, field=None)))
        data["size"]["field"] = None if self.size.field is None else self.size.field.digest()
        data["arrangement"] = self.arrangement.as_dict()
        return json.dumps(data, sort_keys=True, allow_nan=False)

    @classmethod
    def from_json(cls, text: str, field: SizeField | None = None) -> Recipe:
        """The recipe that `to_json` wrote, with the size field it was written of."""
        data = json.loads(text)
        planes = tuple(tuple(side) for side in data["hl_planes_um"])
        size = MeshSize(**{**data["size"], "field": field})
        return cls(Arrangement.from_dict(data["arrangement"]), planes, size)

    def key(self) -> str:
        """SHA-256 (hex) of the recipe, of gmsh's version and of the mesher's own."""
        text = f"{self.to_json()} gmsh {gmsh_version()} mesher {MESHER}"
        return hashlib.sha256(text.encode()).hexdigest()


def recipe(
    case: Case,
    field: SizeField | None = None,
    hl_planes_um: tuple[tuple[float, ...], tuple[float, ...]] | None = None,
) -> Recipe:
    """The recipe of a case's mesh.

    Parameters
    ----------
    case : Case
    field : SizeField, optional
        In place of the sizes of the case.
    hl_planes_um : pair of tuples of float, optional
        Mesh planes of the homogenizing layers, as in `Recipe`; by default their thickness alone.
    """
    mesh = case.mesh
    size = MeshSize(mesh.size_um, mesh.electrode_size_um, mesh.reproducible, field, case.boundary_end_um)
    if hl_planes_um is None:
        bottom, top = ((um,) if um > 0 else () for um in case.hl_um)
        hl_planes_um = bottom, top
    return Recipe(Arrangement.of(case), hl_planes_um, size)
