"""Everything a mesh depends on, as plain data: the mesher's input, by which cached meshes are named."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gbflux.grains import Arrangement
from gbflux.mesh.mesh import mesh_hash
from gbflux.mesh.simplices import Floats, signed_volumes
from gbflux.units import CELLS_PER_VOLUME, SIDES, crowded

if TYPE_CHECKING:
    from gbflux.case import Case

FADE = 3.0  # distance over which cells grow, per growth


@dataclass(frozen=True)
class SizeField:
    """Edge lengths asked for, continuous and linear in each cell of a mesh without layers.

    Attributes
    ----------
    points : (n, d) float array
        Nodes (µm).
    cells : (m, d + 1) int array
        Simplices that fill the box and its slabs.
    region : (m,) int array
        Grain or slab that each lies in.
    size_um : (n,) float array
        Edge length at each node (µm).
    junctions_resolved : bool
        In 2D: whether the cells at junctions of layers are made smaller than these are thick.
    end_um : float
        In 3D: mean length of the innermost edges away from the lines where grain boundaries end (µm), to
        which cells are cut there; 0 for no cuts.
    """

    points: NDArray[np.float64]
    cells: NDArray[np.int32]
    region: NDArray[np.int32]
    size_um: NDArray[np.float64]
    junctions_resolved: bool = False
    end_um: float = 0.0

    def digest(self) -> str:
        """SHA-256 (hex) of all that a mesh depends on."""
        resolved = "resolved" if self.junctions_resolved else ""
        end = f"{self.end_um:.17g}" if self.end_um else ""
        return mesh_hash(self.points, self.cells, self.size_um, before=f"{resolved}{end}".encode())

    def scaled(self, factor: float) -> SizeField:
        """The field with all sizes multiplied."""
        return replace(self, size_um=factor * self.size_um)

    def expected_cells(self) -> NDArray[np.float64]:
        """Cells that a mesh of these sizes will have in each cell of this one, (m,)."""
        d = self.points.shape[1]
        density = np.mean(self.size_um[self.cells] ** -d, axis=1)
        found: Floats = CELLS_PER_VOLUME[d] * np.abs(signed_volumes(self.points, self.cells)) * density
        return found

    def cells_by_gmsh(self, n_grains: int) -> float:
        """Cells that a mesh of these sizes will have, with what `crowded` adds in the grains."""
        expected = self.expected_cells()
        in_grains = float(expected[self.region < n_grains].sum())
        return float(expected.sum()) + crowded(in_grains, n_grains, self.points.shape[1]) - in_grains

    def save(self, path: Path) -> None:
        """Write an archive that `load` reads."""
        np.savez(path, **{name: getattr(self, name) for name in _STORED})

    @classmethod
    def load(cls, path: Path) -> SizeField:
        """The field in an archive."""
        with np.load(path) as archive:
            facts = {name: archive[name].item() for name in ("junctions_resolved", "end_um")}
            return cls(**{name: archive[name] for name in _STORED if name not in facts}, **facts)


_STORED = ("points", "cells", "region", "size_um", "junctions_resolved", "end_um")


@dataclass(frozen=True)
class MeshSize:
    """Edge lengths of the mesh.

    Attributes
    ----------
    size_um : float
        Edge length away from the planes where grains end (µm).
    end_size_um : float
        Edge length at those planes (µm).
    reproducible : bool
        Serial Delaunay in place of parallel HXT: the same mesh every time, several times slower.
    field : SizeField or None
        Edge lengths that vary in space, in place of all others.
    end_um : float
        Length that cells are cut to across the lines (2D: points) where grain boundaries end on those planes
        (µm); 0 for no cuts.
    """

    size_um: float
    end_size_um: float
    reproducible: bool = False
    field: SizeField | None = None
    end_um: float = 0.0

    @property
    def cut_um(self) -> float:
        """`end_um` of the size field where there is one, else `end_um` itself (µm)."""
        return self.end_um if self.field is None else self.field.end_um

    @property
    def range_um(self) -> tuple[float, float]:
        """Smallest and largest edge length asked for (µm)."""
        sizes = (self.size_um, self.end_size_um) if self.field is None else self.field.size_um
        return float(min(sizes)), float(max(sizes))

    @property
    def graded_um(self) -> float:
        """Distance from the planes where grains end from which on cells have the full size (µm)."""
        fine, coarse = self.end_size_um, self.size_um
        return 0.0 if fine == coarse else fine + FADE * abs(coarse - fine)

    def scaled(self, factor: float) -> MeshSize:
        """All edge lengths multiplied; the length that cells are cut to stays."""
        return replace(
            self,
            size_um=factor * self.size_um,
            end_size_um=factor * self.end_size_um,
            field=self.field and self.field.scaled(factor),
        )


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
        bottom, top = (tuple(side) for side in data["hl_planes_um"])
        size = MeshSize(**{**data["size"], "field": field})
        return cls(Arrangement.from_dict(data["arrangement"]), (bottom, top), size)


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
