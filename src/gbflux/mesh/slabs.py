"""Homogenizing layers as extra cells of the tessellation, below and above the electrolyte."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from gbflux.grains.tessellation import Tessellation, outer_side, pack_loops


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


def _outer_faces(t: Tessellation, vertices: NDArray, plane: NDArray, corner: NDArray, slab: int, top: int):
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
