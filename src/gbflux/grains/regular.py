"""Bricks and columns: tessellations whose faces follow the axes, in part or in whole."""

from __future__ import annotations

import numpy as np

from gbflux.grains.tessellation import Floats, Ints, Tessellation, outer_side, pack_loops


def bricks(size_um: Floats, cuts: list[Floats]) -> Tessellation:
    """Boxes between axis-aligned planes.

    Parameters
    ----------
    size_um : (d,) float array
        Box from the origin (µm).
    cuts : list of d float arrays
        Positions of the inner planes normal to each axis (µm), increasing.
    """
    d = len(size_um)
    planes = [np.concatenate([[0.0], cut, [length]]) for cut, length in zip(cuts, size_um, strict=True)]
    shape = tuple(len(p) for p in planes)
    vertices = np.stack(np.meshgrid(*planes, indexing="ij"), axis=-1).reshape(-1, d)
    counts = tuple(n - 1 for n in shape)
    cell = np.arange(np.prod(counts)).reshape(counts)
    corner = np.arange(np.prod(shape)).reshape(shape)
    loops, pairs = [], []
    for axis in range(d):
        outside = np.zeros_like(cell.take([0], axis))  # a layer of cells before or behind the box
        before = np.concatenate([outside + outer_side(axis, False), cell], axis).ravel()
        behind = np.concatenate([cell, outside + outer_side(axis, True)], axis).ravel()
        pairs.append(np.stack([before, behind], axis=1))
        loops += _quads(corner, axis).tolist()
    middles = [(p[1:] + p[:-1]) / 2 for p in planes]
    seeds = np.stack(np.meshgrid(*middles, indexing="ij"), axis=-1).reshape(-1, d)
    flat, starts = pack_loops(loops)
    return Tessellation(np.asarray(size_um, float), vertices, flat, starts, np.vstack(pairs), seeds)


def _quads(corner: Ints, axis: int) -> Ints:
    """Corner loops of all faces normal to `axis`, in the order of the cells."""
    others = [k for k in range(corner.ndim) if k != axis]
    rounds = [(0,), (1,)] if len(others) == 1 else [(0, 0), (0, 1), (1, 1), (1, 0)]
    corners = []
    for offsets in rounds:
        window = [slice(None)] * corner.ndim
        for k, offset in zip(others, offsets, strict=True):
            window[k] = slice(offset, corner.shape[k] - 1 + offset)
        corners.append(corner[tuple(window)].ravel())
    return np.stack(corners, axis=1)


def extrude(section: Tessellation, height_um: float) -> Tessellation:
    """Columns along z over a tessellation of the x–y plane."""
    n = len(section.vertices)
    bottom = np.hstack([section.vertices, np.zeros((n, 1))])
    vertices = np.vstack([bottom, bottom + np.array([0, 0, height_um])])
    loops, pairs = [], []
    for (a, b), cells in zip(section.loops.reshape(-1, 2), section.face_cells, strict=True):
        loops.append([a, b, b + n, a + n])
        pairs.append(cells)
    for cell in range(section.n_cells):
        outline = _outline(section, cell)
        for level, side in ((0, outer_side(2, False)), (n, outer_side(2, True))):
            loops.append([vertex + level for vertex in outline])
            pairs.append([cell, side])
    flat, starts = pack_loops(loops)
    size = np.append(section.size_um, height_um)
    seeds = np.hstack([section.seeds, np.full((section.n_cells, 1), height_um / 2)])
    return Tessellation(size, vertices, flat, starts, np.array(pairs), seeds)


def _outline(section: Tessellation, cell: int) -> list[int]:
    """Corners of a 2D cell in angular order."""
    mine = np.any(section.face_cells == cell, axis=1)
    corners = np.unique(section.loops.reshape(-1, 2)[mine])
    spokes = section.vertices[corners] - section.vertices[corners].mean(axis=0)
    ordered: list[int] = corners[np.argsort(np.arctan2(spokes[:, 1], spokes[:, 0]))].tolist()
    return ordered
