"""Thin layers of a slab: left out of what the mesher is given, and put into its mesh as prisms.

Between two planes of a slab no farther apart than cells are wide there is room for no more than one layer of
cells. The mesher is given the slab without such layers, what lies beyond moved up; on the plane where they
were its triangles are then copied once for each of them, and what lies beyond moves back.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from gbflux.mesh.conforming import ConformingMesh
from gbflux.mesh.drawing import MeshSize
from gbflux.mesh.prisms import split_prisms

#: Thickest layer that is made of one layer of prisms, in cell sizes.
_THICKEST = 1.01
_NEAR = 1e-9  # of the mesh's extent: what lies on a plane


@dataclass(frozen=True)
class Stack:
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


def without_thin_layers(
    depths_um: tuple[float, ...], size: MeshSize, dimension: int
) -> tuple[tuple[float, ...], tuple[Stack, ...]]:
    """The planes of a slab without its thin layers, and where these are to be put in.

    Layers are thin in 3D alone, and where cells are as wide on both of their planes.

    Parameters
    ----------
    depths_um : tuple of float
        Distances of the slab's planes from the electrolyte (µm), ascending.
    size : MeshSize
    dimension : int

    Returns
    -------
    depths_um : tuple of float
        Those of the planes that are left, in the slab without thin layers (µm).
    stacks : tuple of Stack
        From the electrolyte outwards.

    Examples
    --------
    >>> without_thin_layers((1.0, 1.5, 2.5, 5.0), MeshSize(1.0, 1.0), 3)
    ((1.0, 3.5), (Stack(depth_um=1.0, rises_um=(0.5, 1.5)),))
    """
    if dimension == 2 or size.field is not None or not depths_um:
        return depths_um, ()
    kept, rises = [depths_um[0]], [[]]
    for inner, outer in pairwise(depths_um):
        thickness = outer - inner
        if inner >= size.graded_um and thickness <= _THICKEST * size.size_um:
            rises[-1].append(sum(rises[-1][-1:]) + thickness)
        else:
            kept.append(kept[-1] + thickness)
            rises.append([])
    stacks = (Stack(depth, tuple(rise)) for depth, rise in zip(kept, rises, strict=True) if rise)
    return tuple(kept), tuple(stacks)


def with_stacks(
    mesh: ConformingMesh, region: int, face: float, upper: bool, stacks: tuple[Stack, ...]
) -> ConformingMesh:
    """A mesh with thin layers put into one of its slabs, three tetrahedra for each prism.

    Parameters
    ----------
    mesh : ConformingMesh
        In 3D, with the slab in one region and without its thin layers.
    region : int
        The slab.
    face : float
        z of the plane where the electrolyte ends (µm).
    upper : bool
        Whether the slab is above it.
    stacks : tuple of Stack
        From the electrolyte outwards.
    """
    for stack in reversed(stacks):
        mesh = _with_stack(mesh, region, face, 1.0 if upper else -1.0, stack)
    return mesh


def _with_stack(mesh: ConformingMesh, region: int, face: float, sign: float, stack: Stack) -> ConformingMesh:
    """The mesh with one stack put in."""
    z = face + sign * stack.depth_um
    near = _NEAR * float(np.ptp(mesh.points, axis=0).max())
    beyond = sign * (mesh.points[:, 2] - z) > near
    on_plane = np.abs(mesh.points[:, 2] - z) <= near
    slab = np.flatnonzero(mesh.region == region)
    outer = beyond[mesh.cells[slab]].any(axis=1)
    triangles = _triangles(mesh, slab[~outer], on_plane, sign)

    nodes, corners = np.unique(triangles, return_inverse=True)
    corners, floors = corners.reshape(triangles.shape), len(stack.rises_um)
    put_in = len(mesh.points) + np.arange(floors * len(nodes)).reshape(floors, -1)
    copies = np.tile(mesh.points[nodes], (floors, 1))
    copies[:, 2] = z + sign * np.repeat(stack.rises_um, len(nodes))
    points = mesh.points.copy()
    points[beyond, 2] += sign * stack.rises_um[-1]
    number = np.arange(len(points))
    number[nodes] = put_in[-1]
    cells = mesh.cells.copy()
    cells[slab[outer]] = number[cells[slab[outer]]]
    prisms = [np.hstack([low[corners], high[corners]]) for low, high in pairwise([nodes, *put_in])]
    thin = split_prisms(np.vstack(prisms)).astype(cells.dtype)
    return replace(
        mesh,
        points=np.vstack([points, copies]),
        cells=np.vstack([cells, thin]),
        region=np.concatenate([mesh.region, np.full(len(thin), region, mesh.region.dtype)]),
    )


def _triangles(
    mesh: ConformingMesh, inner: NDArray[np.intp], on_plane: NDArray[np.bool_], sign: float
) -> NDArray[np.integer]:
    """Faces of the inner cells on a plane, counter-clockwise seen from beyond, (k, 3)."""
    corners = mesh.cells[inner]
    on_face = on_plane[corners]
    whole = np.count_nonzero(on_face, axis=1) == 3
    triangles = corners[whole][on_face[whole]].reshape(-1, 3)
    a, b, c = mesh.points[triangles, :2].transpose(1, 2, 0)
    (ux, uy), (vx, vy) = b - a, c - a
    turned = sign * (ux * vy - uy * vx) < 0
    triangles[turned, :2] = triangles[turned, 1::-1]
    return triangles
