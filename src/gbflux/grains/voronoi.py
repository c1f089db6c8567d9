"""Voronoi cells inside a box, and Lloyd relaxation.

A box that contains all seeds (`mirror`) and a box cut out of a larger tessellation (`cut`) differ only in
whether there are seeds outside: in both the cells are the Voronoi cells of all seeds, clipped by the box.
"""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from gbflux.grains.clip import clip_to_box
from gbflux.grains.tessellation import Tessellation, pack_loops, volumes_and_centroids


def voronoi_cells(seeds: NDArray, size_um: NDArray) -> Tessellation:
    """Voronoi cells of `seeds` clipped by the box; cells that miss the box have no faces.

    Parameters
    ----------
    seeds : (n, d) float array
        Seeds, inside the box or not (µm).
    size_um : (d,) float array
        Box from the origin (µm).

    Returns
    -------
    Tessellation
        With cell numbers equal to seed numbers.
    """
    from scipy.spatial import Voronoi

    size_um = np.asarray(size_um, dtype=np.float64)
    diagram = Voronoi(np.vstack([seeds, _guards(seeds, size_um)]))
    n = len(seeds)
    pairs = diagram.ridge_points
    kept = (pairs.min(axis=1) < n).nonzero()[0]
    loops, starts = pack_loops([diagram.ridge_vertices[k] for k in kept])
    pairs = np.where(pairs[kept] < n, pairs[kept], -1)
    whole = Tessellation(size_um, diagram.vertices, loops, starts, pairs, np.array(seeds))
    return clip_to_box(whole)


def _guards(seeds: NDArray, size_um: NDArray) -> NDArray:
    """Points so far out that their Voronoi cells stay clear of the box and close all others."""
    low, high = np.minimum(seeds.min(0), 0), np.maximum(seeds.max(0), size_um)
    middle, reach = (low + high) / 2, np.linalg.norm(high - low)
    directions = np.array(
        [v for v in itertools.product((-1, 0, 1), repeat=len(size_um)) if any(v)], dtype=float
    )
    directions /= np.linalg.norm(directions, axis=1)[:, None]
    return middle + 8 * reach * directions


def drop_empty(tessellation: Tessellation) -> Tessellation:
    """Renumber so that only cells inside the box remain, in the order of their seeds."""
    present = np.unique(tessellation.face_cells[tessellation.face_cells >= 0])
    number = np.full(tessellation.n_cells, -1)
    number[present] = np.arange(len(present))
    cells = tessellation.face_cells
    cells = np.where(cells >= 0, number[np.maximum(cells, 0)], cells)
    t = tessellation
    return Tessellation(t.size_um, t.vertices, t.loops, t.starts, cells, t.seeds[present])


def relax(seeds: NDArray, size_um: NDArray, steps: int) -> NDArray:
    """Lloyd's relaxation: move each seed to the centroid of its cell in the box, `steps` times."""
    for _ in range(steps):
        if len(seeds) > 1:
            seeds = volumes_and_centroids(voronoi_cells(seeds, size_um))[1]
    return seeds
