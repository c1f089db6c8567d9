"""Facets and nodes on a plane z = const, an electrode or end of the electrolyte, and the current through it.

The current density normal to a plane is the *consistent boundary flux*, not a derivative of the potential:
the field j_h, continuous and linear on each facet, that carries the reactions. The reaction r_i = ∫ σ∇φ·∇λ_i
of a node, λ_i its hat function, is the current through the plane weighted with λ_i; j_h has the nodal values

    j_i = r_i / ∫ λ_i ds,

the mean of the current density over the patch of facets around the node (mass matrix lumped). So ∫ j_h ds is
the current, exactly, on every mesh. The cells behind the plane would lack some per cent of it, for a cell
beside a singular line cannot follow the field; the full mass matrix overshoots beside such lines, to negative
values among others. G. F. Carey, S. S. Chow, M. K. Seager, Comput. Methods Appl. Mech. Eng. 50 (1985) 107,
doi:10.1016/0045-7825(85)90085-4; T. J. R. Hughes, G. Engel, L. Mazzei, M. G. Larson, J. Comput. Phys. 163
(2000) 467, doi:10.1006/jcph.2000.6577.

Lateral geometry is in micrometres: facet areas and lumped areas are µm² (in 2D lengths, µm), also beside
currents in A.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gbflux.conduction.records import Fields
from gbflux.measure.section import flat_areas
from gbflux.mesh import ELECTROLYTE, LAYERS, CellKind, Mesh, is_kind, points_on_plane
from gbflux.units import SIDES, UM_TO_M

_BLOCK = 1 << 18


@dataclass(frozen=True)
class PlaneFacets:
    """Facets (triangles; in 2D segments) on a plane, each with the one cell that stands on it.

    Attributes
    ----------
    z : float
        The plane (µm).
    nodes : (k, dimension) int array
        Mesh points of each facet.
    points : (k, dimension, dimension − 1) float64 array
        Their lateral coordinates (µm).
    area : (k,) float64 array
        Facet area (µm²; in 2D length, µm).
    cell : (k,) int array
        The cell behind each facet.
    j_abs, j_z : (k,) float64 arrays
        |J| and J_z of that cell (A/m²).
    grain : (k,) int32 array
        Grain id; −1 where a layer or a slab meets the plane.
    is_layer : (k,) bool array
        Whether the cell belongs to a layer (grain-boundary ends are a few nm wide).
    """

    z: float
    nodes: NDArray[np.integer[Any]]
    points: NDArray[np.float64]
    area: NDArray[np.float64]
    cell: NDArray[np.integer[Any]]
    j_abs: NDArray[np.float64]
    j_z: NDArray[np.float64]
    grain: NDArray[np.int32]
    is_layer: NDArray[np.bool_]


@dataclass(frozen=True)
class PlaneNodes:
    """Mesh points on a plane with the current through each of them.

    Attributes
    ----------
    node : (k,) int array
        Mesh points, ascending.
    lateral : (k, dimension − 1) float64 array
        Their lateral coordinates (µm).
    current : (k,) float64 array
        Reaction of each point (A; in 2D A/m), positive along the mean current.
    area : (k,) float64 array
        Lumped area: an equal share of every facet that touches the point (µm²; in 2D µm). Sums to the plane's
        area.
    region : (k,) int32 array
        Grain or slab that owns the point.
    """

    node: NDArray[np.integer[Any]]
    lateral: NDArray[np.float64]
    current: NDArray[np.float64]
    area: NDArray[np.float64]
    region: NDArray[np.int32]

    @property
    def density(self) -> NDArray[np.float64]:
        """Current density normal to the plane at each point, (k,): current over lumped area (A/m²)."""
        return self.current / (self.area * UM_TO_M ** self.lateral.shape[1])

    def at_corners(self, facets: PlaneFacets) -> NDArray[np.float64]:
        """Current density normal to the plane at the corners of its facets, (facets, dimension) (A/m²)."""
        return self.density[np.searchsorted(self.node, facets.nodes)]


def cells_touching(mesh: Mesh, planes: Iterable[float]) -> NDArray[np.intp]:
    """Cells with at least one point on one of the planes z = const (µm).

    Parameters
    ----------
    planes : iterable of float
        Positions (µm).

    Returns
    -------
    (k,) int array
        Ascending cell numbers.
    """
    on_plane = np.zeros(len(mesh.points), dtype=bool)
    for z in planes:
        on_plane |= points_on_plane(mesh, z)
    found = [
        start + np.flatnonzero(_any_corner(on_plane, mesh.cells[start : start + _BLOCK]))
        for start in range(0, len(mesh.cells), _BLOCK)
    ]
    return np.concatenate(found) if found else np.empty(0, dtype=np.intp)


def plane_facets(
    mesh: Mesh,
    fields: Fields,
    z: float,
    below: bool,
    kinds: Sequence[CellKind],
    among: NDArray[np.integer[Any]] | None = None,
) -> PlaneFacets:
    """Faces on the plane z = const of the cells of given kinds on one side of it.

    Parameters
    ----------
    z : float
        The plane (µm); mesh points lie on it exactly.
    below : bool
        Take the cells below the plane; otherwise those above.
    kinds : sequence of CellKind
        Kinds of cell that count.
    among : (k,) int array, optional
        Cells to look at, as from `cells_touching`; saves a pass over the mesh.
    """
    among = cells_touching(mesh, [z]) if among is None else among
    among = among[is_kind(mesh.kind[among], kinds)]
    corners = mesh.cells.take(among, axis=0)
    on_plane = points_on_plane(mesh, z).take(corners)
    whole = np.add.reduce([column.astype(np.uint8) for column in on_plane.T]) == mesh.dimension
    among, corners, on_plane = among[whole], corners[whole], on_plane[whole]
    apex_z = mesh.points[corners[~on_plane], -1]
    side = (apex_z < z) == below
    among, nodes = among[side], corners[side][on_plane[side]].reshape(-1, mesh.dimension)
    points = mesh.points.take(nodes, axis=0)[:, :, :-1]
    j = fields.j.take(among, axis=0)
    kind = mesh.kind[among]
    return PlaneFacets(
        z=float(z),
        nodes=nodes,
        points=points,
        area=flat_areas(points),
        cell=among,
        j_abs=np.sqrt(np.einsum("ci,ci->c", j, j)),
        j_z=j[:, -1],
        grain=np.where(kind == CellKind.GRAIN, mesh.region[among], -1).astype(np.int32),
        is_layer=is_kind(kind, LAYERS),
    )


def plane_nodes(
    mesh: Mesh,
    facets: PlaneFacets,
    residual: NDArray[np.float64],
    among: NDArray[np.integer[Any]] | None = None,
) -> PlaneNodes:
    """Points of a plane's facets with their reactions, lumped areas and owners.

    Parameters
    ----------
    residual : (n,) array
        Current that enters through each mesh point (A; in 2D A/m): `Fields.residual` on an electrode,
        `Fields.residual_electrolyte` where the electrolyte ends.
    among : (k,) int array, optional
        Cells to look at for owners, as from `cells_touching`.

    Returns
    -------
    PlaneNodes
        Currents are positive along the mean current: their sum is never negative.
    """
    among = cells_touching(mesh, [facets.z]) if among is None else among
    node, position = numbered(facets.nodes, len(mesh.points))
    share = np.repeat(facets.area / mesh.dimension, mesh.dimension)
    current = residual[node]
    bulk = among[is_kind(mesh.kind[among], (CellKind.GRAIN, CellKind.HL))]
    owner = np.full(len(mesh.points), -1, dtype=np.int32)
    region = mesh.region.take(bulk)
    for corner in mesh.cells.take(bulk, axis=0).T:
        owner[corner] = region
    return PlaneNodes(
        node=node,
        lateral=mesh.points[node, :-1],
        current=-current if current.sum() < 0 else current,
        area=np.bincount(position.ravel(), share, minlength=len(node)),  # type: ignore[arg-type]  # of floats
        region=owner[node],
    )


def numbered(nodes: NDArray[np.integer[Any]], count: int) -> tuple[NDArray[np.intp], NDArray[np.int32]]:
    """Unique nodes, ascending, and the position of each given node among them.

    Parameters
    ----------
    nodes : int array
        Of any shape.
    count : int
        Nodes are less than this.

    Returns
    -------
    node : (k,) int array
    position : int array
        As `nodes`: ``node[position]`` is `nodes`.

    Examples
    --------
    >>> [found.tolist() for found in numbered(np.array([[4, 7], [7, 2]]), 8)]
    [[2, 4, 7], [[1, 2], [2, 0]]]
    """
    is_met = np.zeros(count, dtype=bool)
    is_met[nodes] = True
    node = np.flatnonzero(is_met)
    number = np.empty(count, dtype=np.int32)
    number[node] = np.arange(len(node), dtype=np.int32)
    return node, number.take(nodes)


def facet_edges(facets: PlaneFacets) -> NDArray[np.float64]:
    """Lengths of the edges of all facets that are not part of a layer (µm).

    Returns
    -------
    (k, 3) array, in 2D (k, 1)
        Length of each edge; an edge between two facets appears twice.
    """
    points = facets.points[~facets.is_layer]
    if points.shape[1] == 2:
        return np.abs(points[:, 1] - points[:, 0])
    lengths: NDArray[np.float64] = np.linalg.norm(points - np.roll(points, 1, axis=1), axis=2)
    return lengths


def _any_corner(chosen: NDArray[np.bool_], cells: NDArray[np.integer[Any]]) -> NDArray[np.bool_]:
    """Mask of the cells that have a chosen point among their corners."""
    found: NDArray[np.bool_] = np.logical_or.reduce([chosen.take(corner) for corner in cells.T])
    return found


def electrode_plane(
    mesh: Mesh, fields: Fields, side: str, among: NDArray[np.integer[Any]] | None = None
) -> tuple[PlaneFacets, PlaneNodes]:
    """Facets and nodes of an electrode.

    Parameters
    ----------
    mesh : Mesh
    fields : Fields
    side : str
        ``"bottom"`` or ``"top"``.
    among : (k,) int array, optional
        Cells to look at, as from `cells_touching`.

    Returns
    -------
    PlaneFacets, PlaneNodes
    """
    z = mesh.z_electrodes[SIDES.index(side)]
    facets = plane_facets(mesh, fields, z, side == "top", tuple(CellKind), among)
    return facets, plane_nodes(mesh, facets, fields.residual, among)


def electrolyte_end(
    mesh: Mesh, fields: Fields, side: str, among: NDArray[np.integer[Any]] | None = None
) -> tuple[PlaneFacets, PlaneNodes]:
    """Facets and nodes where the electrolyte ends, seen from it; arguments as for `electrode_plane`."""
    z = mesh.z_electrolyte[SIDES.index(side)]
    facets = plane_facets(mesh, fields, z, side == "top", ELECTROLYTE, among)
    return facets, plane_nodes(mesh, facets, fields.residual_electrolyte, among)
