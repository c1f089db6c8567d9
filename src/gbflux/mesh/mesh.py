"""The layered mesh: what the mesher hands to every later room.

Lengths are in micrometres; the last coordinate is z, the direction of the applied field. The record lives on
MPI rank 0.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray


class CellKind(IntEnum):
    """Kind of a cell, by the material or layer it belongs to."""

    GRAIN = 0
    HL = 1
    GB = 2
    GB_JUNCTION = 3
    CONTACT = 4


#: Kinds that make up the electrolyte, homogenizing layers and contacts left out.
ELECTROLYTE = (CellKind.GRAIN, CellKind.GB, CellKind.GB_JUNCTION)


#: Kinds of the cells of bodies, which layers separate.
SOLID = (CellKind.GRAIN, CellKind.HL)
#: Kinds of the thin cells between two bodies.
LAYERS = (CellKind.GB, CellKind.GB_JUNCTION, CellKind.CONTACT)


def is_kind(kind: NDArray[np.uint8], kinds: Iterable[CellKind]) -> NDArray[np.bool_]:
    """Mask of the cells that are of one of the kinds, (k,), from the kind of each."""
    chosen = np.zeros(len(CellKind), dtype=bool)
    chosen[list(kinds)] = True
    return chosen[kind]


def contiguous_slice(mask: NDArray[np.bool_]) -> slice | NDArray[np.intp]:
    """Index of the entries a mask chooses: a slice, which copies nothing, if they are one run.

    Examples
    --------
    >>> contiguous_slice(np.array([False, True, True])), contiguous_slice(np.array([True, False, True]))
    (slice(1, 3, None), array([0, 2]))
    """
    count = int(np.count_nonzero(mask))
    first = int(mask.argmax()) if count else 0
    return slice(first, first + count) if mask[first : first + count].all() else np.flatnonzero(mask)


@dataclass(frozen=True)
class MeshQuality:
    """Figures by which a layered mesh is accepted.

    Attributes
    ----------
    gb_area_um2 : float
        Grain-boundary area in the electrolyte (µm²; in 2D the length, µm).
    gb_area_limited_fraction : float
        Share of that area whose layer is thinner than asked for because the displacement had to be limited.
    layer_volume_error : float
        |V/V₀ − 1|, V the volume of all grain-boundary cells and V₀ = δ·area less the overlap at the
        junctions.
    volume_error : float
        |V/V₀ − 1|, V the volume of all cells and V₀ the volume of the box with its slabs.
    min_volume_um3 : float
        Smallest cell (µm³; in 2D the area, µm²).
    min_aspect : float
        Smallest volume among grain and slab cells over that of the regular simplex with the same longest
        edge.
    """

    gb_area_um2: float
    gb_area_limited_fraction: float
    layer_volume_error: float
    volume_error: float
    min_volume_um3: float
    min_aspect: float


@dataclass(frozen=True)
class Mesh:
    """A polycrystal whose grain boundaries are layers of true thickness.

    Every region (grain, slab) owns its own copy of each mesh node it touches; the layer cells connect the
    copies.

    Attributes
    ----------
    dimension : int
        2 or 3.
    points : (n, dimension) float64 array
        Mesh nodes (µm). Points on box planes lie on them exactly.
    cells : (m, dimension + 1) int32 array
        Simplices with positive orientation.
    kind : (m,) uint8 array
        `CellKind` of each cell.
    region : (m,) int32 array
        Grain id for GRAIN; ``n_grains + k`` for HL and CONTACT cells of slab ``k``; −1 for GB and
        GB_JUNCTION.
    boundary : (m,) int32 array
        Row of `boundaries` for GB and GB_JUNCTION cells, −1 elsewhere.
    n_grains : int
        Number of grains.
    slabs : tuple of str
        Homogenizing layers, ``"bottom"`` and ``"top"`` or fewer; slab ``k`` is region ``n_grains + k``.
    boundaries : (nb, 2) int32 array
        The grains a < b on the two sides of each grain boundary.
    boundary_area : (nb,) float64 array
        Area of each boundary (µm²; in 2D the length, µm).
    boundary_normal : (nb, dimension) float64 array
        Unit normal of each boundary, from grain a to grain b.
    size_um : (dimension,) float64 array
        The electrolyte alone (µm).
    z_electrolyte : tuple of float
        Planes where the electrolyte ends (µm): ``(0, size_um[-1])``.
    z_electrodes : tuple of float
        Planes of the electrodes (µm); beyond `z_electrolyte` by the slabs' thickness.
    layer_thickness_um : float
        Thickness δ of grain-boundary and contact layers (µm).
    hash : str
        SHA-256 of the mesh: points, cells and what they are.
    quality : MeshQuality
        Figures by which the mesh was accepted.
    end_um : float
        Length that cells were cut to across the lines where grain boundaries end (µm); 0 for no cuts.
    node : (n,) int32 array or None
        Number of the place that each point lies at when the layers are closed: copies share it. −1 less the
        place it was cut towards for a point that cuts put in (`ends`). None where it was not kept.
    """

    dimension: int
    points: NDArray[np.float64]
    cells: NDArray[np.int32]
    kind: NDArray[np.uint8]
    region: NDArray[np.int32]
    boundary: NDArray[np.int32]
    n_grains: int
    slabs: tuple[str, ...]
    boundaries: NDArray[np.int32]
    boundary_area: NDArray[np.float64]
    boundary_normal: NDArray[np.float64]
    size_um: NDArray[np.float64]
    z_electrolyte: tuple[float, float]
    z_electrodes: tuple[float, float]
    layer_thickness_um: float
    hash: str
    quality: MeshQuality
    end_um: float = 0.0
    node: NDArray[np.int32] | None = None

    @property
    def known_node(self) -> NDArray[np.int32]:
        """`node` of a mesh that gbflux made, (n,).

        Raises
        ------
        ValueError
            If it was not kept.
        """
        if self.node is None:
            raise ValueError("mesh: nodes of the closed mesh must be known; got a mesh without them.")
        return self.node


def points_on_plane(mesh: Mesh, z: float) -> NDArray[np.bool_]:
    """Mask of the points that lie on the plane at z (µm), to rounding, (n,)."""
    found: NDArray[np.bool_] = np.abs(mesh.points[:, -1] - z) <= 1e-12 * max(1.0, abs(z))
    return found


#: Names of the arrays of a `Mesh`.
MESH_ARRAYS = tuple(field.name for field in fields(Mesh) if "NDArray" in field.type)


def mesh_facts(mesh: Mesh) -> dict[str, Any]:
    """All of a mesh that is not an array, fit for JSON; see `mesh_of`."""
    names = [field.name for field in fields(mesh) if field.name not in MESH_ARRAYS]
    return {**{name: getattr(mesh, name) for name in names}, "quality": asdict(mesh.quality)}


def mesh_of(facts: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Mesh:
    """The mesh of arrays and facts, these as `mesh_facts` gave them or as JSON gave them back.

    Raises
    ------
    KeyError, TypeError
        If they are not those of a mesh.
    """
    pairs = {name: tuple(facts[name]) for name in ("slabs", "z_electrolyte", "z_electrodes")}
    everything: dict[str, Any] = {**arrays, **facts, **pairs, "quality": MeshQuality(**facts["quality"])}
    return Mesh(**everything)


def mesh_hash(*arrays: NDArray[Any], before: bytes = b"") -> str:
    """SHA-256 (hex) of the arrays' shapes and little-endian bytes, after other bytes."""
    digest = hashlib.sha256(before)
    for array in arrays:
        kind = "<f8" if array.dtype.kind == "f" else "<i4"
        digest.update(str(array.shape).encode())
        digest.update(np.ascontiguousarray(array, dtype=kind).data)
    return digest.hexdigest()


@dataclass(frozen=True)
class ConformingMesh:
    """Simplices of all cells, and the faces between two cells.

    Attributes
    ----------
    points : (n, d) float array
        Nodes (µm).
    cells : (m, d + 1) int32 array
        Simplices, positively oriented.
    region : (m,) int array
        Cell of the tessellation that each simplex lies in.
    facets : (k, d) int array
        Simplices of the faces between two cells, oriented so that their normal points from the first to the
        second.
    facet_regions : (k, 2) int array
        The two cells on either side of each.
    facet_normal : (k, d) float array
        Unit normal, from the first to the second.
    """

    points: NDArray[np.float64]
    cells: NDArray[np.integer[Any]]
    region: NDArray[np.integer[Any]]
    facets: NDArray[np.integer[Any]]
    facet_regions: NDArray[np.integer[Any]]
    facet_normal: NDArray[np.float64]
