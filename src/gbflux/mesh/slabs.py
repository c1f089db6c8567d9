"""Homogenizing layers: extra cells of the tessellation below and above the electrolyte, thin ones of prisms.

Between two planes of a slab no farther apart than cells are wide there is room for no more than one layer of
cells, and a slab is to be `LAYER_CELLS` cells thick at the least. The mesher is given the slab without such
layers, what lies beyond moved up; on the plane where they were its triangles (2D: segments) are then copied
once for each of them, and what lies beyond moves back. Where a slab is thin as a whole, nothing lies beyond.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from gbflux.grains.tessellation import Tessellation, outer_side, pack_loops
from gbflux.mesh.mesh import ConformingMesh
from gbflux.mesh.recipe import MeshSize
from gbflux.mesh.simplices import Floats, Integers, normals, split_prisms, split_quads
from gbflux.units import LAYER_CELLS, cells_across

#: Thickest layer that is made of one layer of prisms, in cell sizes.
_THICKEST = 1.01
_NEAR = 1e-9  # of the mesh's extent: what lies on a plane


def join_slab_layers(mesh: ConformingMesh, n_grains: int, layers: tuple[int, ...]) -> ConformingMesh:
    """The mesh with the layers of each slab made one region, the faces between them dropped.

    Parameters
    ----------
    mesh : ConformingMesh
        Regions `n_grains` and up are layers, those of a slab one after the other.
    n_grains : int
        Number of grains.
    layers : tuple of int
        Layers of each slab.
    """
    slab = np.repeat(n_grains + np.arange(len(layers)), layers)
    region = np.concatenate([np.arange(n_grains), slab])
    sides = region[mesh.facet_regions]
    between = sides[:, 0] != sides[:, 1]
    return replace(
        mesh,
        region=region[mesh.region],
        facets=mesh.facets[between],
        facet_regions=sides[between],
        facet_normal=mesh.facet_normal[between],
    )


def add_slab(tessellation: Tessellation, depths_um: tuple[float, ...], *, upper: bool) -> Tessellation:
    """Stack a slab on one side, in as many new last cells as it has planes, the innermost first.

    Parameters
    ----------
    tessellation : Tessellation
        Grains in the box from the origin.
    depths_um : tuple of float
        Distances from the box of the planes that the slab has, the last its end (µm), ascending.
    upper : bool
        Above the box instead of below.
    """
    height, sign = (float(tessellation.size_um[-1]), 1.0) if upper else (0.0, -1.0)
    planes = [height, *(height + sign * depth for depth in depths_um)]
    for inner, outer in pairwise(planes):
        tessellation = _add_layer(tessellation, inner, outer, upper=upper)
    return tessellation


def _add_layer(tessellation: Tessellation, height: float, electrode: float, *, upper: bool) -> Tessellation:
    """Stack one cell from z = `height` to z = `electrode`; its inner face is made of the faces there."""
    t, d = tessellation, tessellation.dimension
    slab = t.n_cells
    inner = t.face_cells == outer_side(d - 1, upper)
    shared = np.where(inner, slab, t.face_cells)
    corners = (
        np.array(np.meshgrid(*[[0.0, length] for length in t.size_um[:-1]], indexing="ij"))
        .reshape(d - 1, -1)
        .T
    )
    outer = np.hstack([corners, np.full((len(corners), 1), electrode)])
    vertices = np.vstack([t.vertices, outer])
    plane = np.unique(t.loops[inner.any(axis=1)[t.loop_faces]])
    number = len(t.vertices) + np.arange(len(outer))
    faces, cells = _outer_faces(t, vertices, plane, number, slab, outer_side(d - 1, upper))
    loops, starts = pack_loops(faces)
    middle = np.append(t.size_um[:-1] / 2, (height + electrode) / 2)
    return replace(
        t,
        vertices=vertices,
        loops=np.concatenate([t.loops, loops]),
        starts=np.concatenate([t.starts, t.starts[-1] + starts[1:]]),
        face_cells=np.vstack([shared, cells]),
        seeds=np.vstack([t.seeds, middle]),
    )


def _outer_faces(
    t: Tessellation, vertices: Floats, plane: Integers, corner: Integers, slab: int, top: int
) -> tuple[list[list[int]], Integers]:
    """Electrode face and side walls of a slab; `corner` numbers its outer corners, x slowest."""
    if t.dimension == 2:
        faces, cells = [corner.tolist()], [[slab, top]]
        for k in (0, 1):
            inner = plane[np.argmin(np.abs(vertices[plane, 0] - vertices[corner[k], 0]))]
            faces.append([int(inner), int(corner[k])])
            cells.append([slab, outer_side(0, bool(k))])
        return faces, np.array(cells)
    faces, cells = [corner[[0, 1, 3, 2]].tolist()], [[slab, top]]
    for axis in (0, 1):
        along = 1 - axis
        for k, length in enumerate((0.0, t.size_um[axis])):
            rim = plane[vertices[plane, axis] == length]
            rim = rim[np.argsort(vertices[rim, along])]
            ends = corner[vertices[corner, axis] == length]
            ends = ends[np.argsort(-vertices[ends, along])]
            faces.append([*rim.tolist(), *ends.tolist()])
            cells.append([slab, outer_side(axis, bool(k))])
    return faces, np.array(cells)


@dataclass(frozen=True)
class ThinLayers:
    """Thin layers that are to be put in at one plane of a slab.

    Attributes
    ----------
    depth_um : float
        Distance of the plane from the electrolyte in the slab without thin layers (µm).
    rises_um : tuple of float
        Distances of their outer planes from that plane (µm), ascending.
    """

    depth_um: float
    rises_um: tuple[float, ...]


def remove_thin_layers(
    depths_um: tuple[float, ...], size: MeshSize, dimension: int, delta_um: float = 0.0
) -> tuple[tuple[float, ...], tuple[ThinLayers, ...]]:
    """The planes of a slab without its thin layers, and where these are to be put in.

    The first layer is thin where cells on the electrolyte are wider than 1/`LAYER_CELLS` of it, and then
    made of so many, with those beyond it that are as thin as cells are wide. The others are thin in 3D alone,
    and where cells are as wide on both of their planes.

    Parameters
    ----------
    depths_um : tuple of float
        Distances of the slab's planes from the electrolyte (µm), ascending.
    size : MeshSize
    dimension : int
    delta_um : float
        Thickness of the contact layer, which the first cells make room for (µm).

    Returns
    -------
    depths_um : tuple of float
        Distances of the planes that are left, in the slab without thin layers (µm).
    stacks : tuple of ThinLayers
        From the electrolyte outwards.

    Examples
    --------
    >>> remove_thin_layers((6.0, 6.5, 7.5, 10.0), MeshSize(1.0, 1.0), 3)
    ((6.0, 8.5), (ThinLayers(depth_um=6.0, rises_um=(0.5, 1.5)),))
    >>> remove_thin_layers((3.0, 5.0), MeshSize(1.0, 1.0), 2)
    ((2.0,), (ThinLayers(depth_um=0.0, rises_um=(0.5, 1.0, 1.5, 2.0, 2.5, 3.0)),))
    """
    if size.field is not None or not depths_um:
        return depths_um, ()
    kept, rises = [0.0], [list(_first_rises(depths_um[0], size, delta_um))]
    if not rises[0]:
        kept, rises = [0.0, depths_um[0]], [[], []]
    for inner, outer in pairwise(depths_um):
        thickness = outer - inner
        if len(kept) == 1:
            thin = thickness <= _THICKEST * size.end_size_um
        else:
            even = dimension == 3 and kept[-1] >= size.graded_um
            thin = even and thickness <= _THICKEST * size.size_um
        if thin:
            rises[-1].append(sum(rises[-1][-1:]) + thickness)
        else:
            kept.append(kept[-1] + thickness)
            rises.append([])
    stacks = (ThinLayers(depth, tuple(rise)) for depth, rise in zip(kept, rises, strict=True) if rise)
    return tuple(kept[1:]), tuple(stacks)


def _first_rises(thickness_um: float, size: MeshSize, delta_um: float) -> tuple[float, ...]:
    """Planes of the first layer of a slab where that is thin (µm)."""
    if thickness_um >= LAYER_CELLS * size.end_size_um * (1 - _NEAR):
        return ()
    layers = cells_across(thickness_um, delta_um)
    return (*(thickness_um * k / layers for k in range(1, layers)), thickness_um)


def insert_thin_layers(
    mesh: ConformingMesh, region: int, face: float, upper: bool, stacks: tuple[ThinLayers, ...]
) -> ConformingMesh:
    """A mesh with thin layers put into one of its slabs, three tetrahedra (2D: two triangles) for each prism.

    Parameters
    ----------
    mesh : ConformingMesh
        With the slab in one region and without its thin layers; without the slab if it has no others.
    region : int
        The slab.
    face : float
        z of the plane where the electrolyte ends (µm).
    upper : bool
        Whether the slab is above it.
    stacks : tuple of ThinLayers
        From the electrolyte outwards.
    """
    for stack in reversed(stacks):
        mesh = _insert_stack(mesh, region, face, 1.0 if upper else -1.0, stack)
    return mesh


def _insert_stack(
    mesh: ConformingMesh, region: int, face: float, sign: float, stack: ThinLayers
) -> ConformingMesh:
    """The mesh with one stack put in."""
    z = face + sign * stack.depth_um
    near = _NEAR * float(np.ptp(mesh.points, axis=0).max())
    beyond = sign * (mesh.points[:, -1] - z) > near
    on_plane = np.abs(mesh.points[:, -1] - z) <= near
    slab = np.flatnonzero(mesh.region == region)
    outer = slab[beyond[mesh.cells[slab]].any(axis=1)]
    floor, below = _floor(mesh, on_plane, beyond, sign)

    nodes, corners = np.unique(floor, return_inverse=True)
    corners, floors = corners.reshape(floor.shape), len(stack.rises_um)
    put_in = len(mesh.points) + np.arange(floors * len(nodes)).reshape(floors, -1)
    copies = np.tile(mesh.points[nodes], (floors, 1))
    copies[:, -1] = z + sign * np.repeat(stack.rises_um, len(nodes))
    points = mesh.points.copy()
    points[beyond, -1] += sign * stack.rises_um[-1]
    number = np.arange(len(points))
    number[nodes] = put_in[-1]
    cells = mesh.cells.copy()
    cells[outer] = number[cells[outer]]
    layers = [(low[corners], high[corners]) for low, high in pairwise([nodes, *put_in])]
    if mesh.points.shape[1] == 3:
        thin = split_prisms(np.vstack([np.hstack(pair) for pair in layers]))
    else:
        thin = split_quads(np.vstack([np.hstack([low[:, ::-1], high]) for low, high in layers]))
    whole = replace(
        mesh,
        points=np.vstack([points, copies]),
        cells=np.vstack([cells, thin.astype(cells.dtype)]),
        region=np.concatenate([mesh.region, np.full(len(thin), region, mesh.region.dtype)]),
    )
    if len(slab):
        return whole
    normal = np.zeros(mesh.points.shape[1])
    normal[-1] = sign
    return replace(
        whole,
        facets=np.vstack([mesh.facets, floor]),
        facet_regions=np.vstack([mesh.facet_regions, np.stack([below, np.full_like(below, region)], axis=1)]),
        facet_normal=np.vstack([mesh.facet_normal, np.tile(normal, (len(floor), 1))]),
    )


def _floor(
    mesh: ConformingMesh, on_plane: NDArray[np.bool_], beyond: NDArray[np.bool_], sign: float
) -> tuple[Integers, Integers]:
    """Faces on a plane of the cells that do not lie beyond it, their normals away from these, (k, d).

    And the regions of these cells, (k,).
    """
    d = mesh.points.shape[1]
    on_face = on_plane[mesh.cells]
    inner = np.flatnonzero((np.count_nonzero(on_face, axis=1) == d) & ~beyond[mesh.cells].any(axis=1))
    faces = mesh.cells[inner][on_face[inner]].reshape(-1, d)
    turned = sign * normals(mesh.points[faces])[:, -1] < 0
    faces[turned, :2] = faces[turned, 1::-1]
    return faces, mesh.region[inner]
