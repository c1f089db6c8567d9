"""Voronoi cells of seeds inside a box, Lloyd relaxation, and the lengthening of short edges.

A box that contains all seeds (`mirror`) and a box cut out of a larger tessellation (`cut`) differ only in
whether there are seeds outside: in both the cells are the Voronoi cells of all seeds, clipped by the box.

Poisson and even relaxed tessellations have arbitrarily short edges. A layer of thickness δ cannot be drawn
along an edge shorter than δ, so every edge is lengthened to a length that depends on δ and on the grain size,
never on the mesh size: the geometry stays the same under refinement. An edge's length is a smooth function of
the seeds around it, so each short edge asks for the least seed displacement that would lengthen it to first
order, and the requests are added up.
"""

from __future__ import annotations

import itertools
import logging
from dataclasses import replace

import numpy as np

from gbflux.grains.tessellation import (
    Floats,
    Ints,
    Tessellation,
    clip_to_box,
    edges,
    pack_loops,
    volumes_and_centroids,
)

logger = logging.getLogger(__name__)

_ROUNDS = 80
_AIM = 1.3  # aim beyond the wanted length: requests interfere
_STUCK = 12  # rounds between random nudges that undo a deadlock


def voronoi_cells(seeds: Floats, size_um: Floats) -> Tessellation:
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


def _guards(seeds: Floats, size_um: Floats) -> Floats:
    """Points so far out that their Voronoi cells stay clear of the box and close all others."""
    low, high = np.minimum(seeds.min(0), 0), np.maximum(seeds.max(0), size_um)
    middle, reach = (low + high) / 2, np.linalg.norm(high - low)
    directions = np.array([v for v in itertools.product((-1.0, 0.0, 1.0), repeat=len(size_um)) if any(v)])
    directions /= np.linalg.norm(directions, axis=1)[:, None]
    guards: Floats = middle + 8 * reach * directions
    return guards


def drop_empty(tessellation: Tessellation) -> Tessellation:
    """Renumber so that only cells inside the box remain, in the order of their seeds."""
    present = np.unique(tessellation.face_cells[tessellation.face_cells >= 0])
    number = np.full(tessellation.n_cells, -1)
    number[present] = np.arange(len(present))
    cells = tessellation.face_cells
    cells = np.where(cells >= 0, number[np.maximum(cells, 0)], cells)
    return replace(tessellation, face_cells=cells, seeds=tessellation.seeds[present])


def relax(seeds: Floats, size_um: Floats, steps: int) -> Floats:
    """Lloyd's relaxation: move each seed to the centroid of its cell in the box, `steps` times."""
    for _ in range(steps):
        if len(seeds) > 1:
            seeds = volumes_and_centroids(voronoi_cells(seeds, size_um))[1]
    return seeds


def shortest_edge_um(delta_um: float, grain_size_um: float) -> float:
    """Edge length that layers of thickness δ ask for (µm): max(4 δ, 0.02 d), at most 0.08 d.

    >>> shortest_edge_um(0.005, 10.0)
    0.2
    """
    return min(max(4 * delta_um, 0.02 * grain_size_um), 0.08 * grain_size_um)


def lengthen_edges(seeds: Floats, size_um: Floats, shortest_um: float, *, seed: int = 0) -> Tessellation:
    """Voronoi cells whose seeds are moved until no edge in the box is shorter than `shortest_um`.

    Parameters
    ----------
    seeds : (n, d) float array
        Seeds (µm); those inside the box stay inside.
    size_um : (d,) float array
        Box from the origin (µm).
    shortest_um : float
        Length to reach (µm).
    seed : int
        Of the random nudges that undo a deadlock.

    Returns
    -------
    Tessellation
        With cell numbers equal to seed numbers; that with the fewest short edges, if the length could not be
        reached everywhere: the layers are then limited locally, and the mesh reports where.
    """
    size_um = np.asarray(size_um, dtype=np.float64)
    inside = np.all((seeds >= 0) & (seeds <= size_um), axis=1)
    margin = 1e-3 * size_um
    rng = np.random.default_rng(seed)
    fewest: int | None = None
    for step in range(_ROUNDS):
        cells = voronoi_cells(seeds, size_um)
        pairs = edges(cells)
        ends = cells.vertices[pairs]
        length = np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1)
        short = np.flatnonzero(length < shortest_um)
        if fewest is None or len(short) < fewest:
            best, fewest = cells, len(short)
        if not len(short):
            logger.debug("edges reach %.3g µm after %d rounds", shortest_um, step)
            return cells
        move = _requests(cells, pairs[short], length[short], shortest_um)
        if step % _STUCK == _STUCK - 1:
            moved = np.any(move != 0, axis=1)
            move[moved] += rng.normal(scale=2 * shortest_um, size=move[moved].shape)
        seeds = seeds + move
        seeds[inside] = np.clip(seeds[inside], margin, size_um - margin)
    logger.warning("%d of %d grain edges stay shorter than %.3g µm", fewest, len(pairs), shortest_um)
    return best


def _requests(cells: Tessellation, pairs: Ints, lengths: Floats, shortest_um: float) -> Floats:
    """Sum over short edges of the least seed displacement that lengthens each."""
    around = _cells_of_vertices(cells, np.unique(pairs))
    move = np.zeros_like(cells.seeds)
    for (u, v), length in zip(pairs, lengths, strict=True):
        start, end = cells.vertices[u], cells.vertices[v]
        direction = (end - start) / max(length, 1e-12)
        gradient: dict[int, Floats] = {}
        for vertex, point, sign in ((v, end, 1.0), (u, start, -1.0)):
            numbers, parts = _vertex_gradient(cells.seeds, around[vertex], point, sign * direction)
            for number, part in zip(numbers.tolist(), parts, strict=True):
                gradient[number] = gradient.get(number, 0.0) + part
        norm = sum(float(part @ part) for part in gradient.values())
        if norm > 1e-12:
            # for one edge all seeds together move by no more than twice the wanted length
            step = min((_AIM * shortest_um - length) / norm, 2 * shortest_um / np.sqrt(norm))
            for number, part in gradient.items():
                move[number] += step * part
    return move


def _vertex_gradient(seeds: Floats, around: Ints, point: Floats, direction: Floats) -> tuple[Ints, Floats]:
    """Numbers (k,) of the seeds around a vertex and, (k, d), the derivative of ``direction · point`` by each.

    The vertex has equal distance to its seeds, ``2 (p_i − p_0)·c = |p_i|² − |p_0|²``, and lies on its box
    planes; hence ``(p_i − p_0)·dc = (p_i − c)·dp_i − (p_0 − c)·dp_0``.
    """
    numbers = around[around >= 0]
    planes = np.zeros((len(around) - len(numbers), len(point)))
    planes[np.arange(len(planes)), (-1 - around[around < 0]) // 2] = 1.0
    p = seeds[numbers]
    if len(p) < 2:  # an edge of the box, which no seed moves
        return numbers, np.zeros_like(p)
    weights = np.linalg.pinv(np.vstack([p[1:] - p[0], planes])).T @ direction
    weights = weights[: len(p) - 1]
    weights = np.concatenate([[-weights.sum()], weights])
    return numbers, weights[:, None] * (p - point)


def _cells_of_vertices(cells: Tessellation, vertices: Ints) -> dict[int, Ints]:
    """Cells and outer sides that meet at each of `vertices`."""
    wanted = np.isin(cells.loops, vertices)
    corner = np.repeat(cells.loops[wanted], 2)
    cell = cells.face_cells[cells.loop_faces[wanted]].ravel()
    unique = np.unique(np.stack([corner, cell], axis=1), axis=0)
    numbers, first = np.unique(unique[:, 0], return_index=True)
    return dict(zip(numbers.tolist(), np.split(unique[:, 1], first[1:]), strict=True))
