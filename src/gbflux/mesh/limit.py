"""Limit: hold back copies where the full displacement would crush a cell.

At acute junctions the copies travel far, and a few cells are smaller than the layer is thick. There the
displacement is scaled down, copy by copy, until every cell keeps a set share of its volume. Scaling keeps
copies on their box planes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gbflux.mesh.simplices import signed_volumes
from gbflux.mesh.split import Copies

KEPT_SHARE = 0.3  # of the volume of every grain and slab cell
_HALVINGS = 20


@dataclass(frozen=True)
class KeptVolumes:
    """The grain and slab cells that a displacement may shrink, and how much of each must be left.

    Attributes
    ----------
    cells : (m, d + 1) int array
        Grain and slab cells with a copy among their corners.
    least : (m,) float array
        Smallest volume allowed (µm³; in 2D area, µm²).
    """

    cells: NDArray[np.int32]
    least: NDArray[np.float64]


def volumes_to_keep(points: NDArray, cells: NDArray, copies: Copies) -> KeptVolumes:
    """Return which of the grain and slab cells `cells` may shrink, and the volumes `limit` must leave."""
    solid = cells[np.any(cells >= copies.first, axis=1)]
    return KeptVolumes(solid, KEPT_SHARE * signed_volumes(points, solid))


def limit(
    points: NDArray, kept: KeptVolumes, layer_cells: NDArray, copies: Copies, move: NDArray
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Points with the copies moved as far as they can go.

    Parameters
    ----------
    points : (n, d) float array
        New points before the displacement, copies last (µm).
    kept : KeptVolumes
        Of the grain and slab cells.
    layer_cells : (ml, d + 1) int array
        Cells of the layers.
    copies : Copies
        Copies of the interface nodes.
    move : (k, d) float array
        Full displacement of each copy (µm).

    Returns
    -------
    moved : (n, d) float array
        Points of the layered mesh (µm).
    limited : (k,) bool array
        Copies that did not go all the way.
    """
    every = np.vstack([kept.cells, layer_cells])
    least = np.concatenate([kept.least, np.zeros(len(layer_cells))])
    scale = np.ones(len(move))
    moved = points.copy()
    moved[copies.first :] += move
    bad = np.flatnonzero(signed_volumes(moved, every) <= least)
    for _ in range(_HALVINGS):
        if not len(bad):
            break
        held = np.unique(every[bad]) - copies.first
        held = held[held >= 0]
        scale[held] *= 0.5
        changed = np.zeros(len(points), dtype=bool)
        changed[copies.first + held] = True
        suspects = np.flatnonzero(changed[every].any(axis=1))
        moved[copies.first :] = points[copies.first :] + scale[:, None] * move
        bad = suspects[signed_volumes(moved, every[suspects]) <= least[suspects]]
    return moved, scale < 1
