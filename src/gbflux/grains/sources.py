"""The arrangements of a case: Voronoi, given seeds, bricks, columns; each closed (`mirror`) or cut."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gbflux.grains.regular import bricks, extrude
from gbflux.grains.regularise import lengthen_edges, shortest_edge_um
from gbflux.grains.tessellation import Tessellation
from gbflux.grains.voronoi import drop_empty, relax

_MARGIN = 3.0  # a cut box is surrounded by this many grain sizes of seeds


@dataclass(frozen=True)
class Arrangement:
    """Parameters that determine the grains.

    Attributes
    ----------
    size_um : tuple of float
        Box, 2 or 3 lengths, z last (µm).
    mean_size_um : float
        (volume / count)^(1/dimension) of the grains (µm); for columns the same of their cross-section.
    kind : str
        ``"voronoi"``, ``"brick"`` or ``"columnar"``.
    boundary : str
        ``"mirror"``: all seeds in the box, grains end on its faces as on mirrors; ``"cut"``: the box is cut
        out of a larger tessellation, as a polished pellet. Bricks are cut through their centres.
    seed : int
        Of the random seeds.
    relaxation_steps : int
        Lloyd steps; 0 leaves a Poisson–Voronoi tessellation.
    delta_um : float
        Grain-boundary thickness (µm), which sets the shortest edge allowed.
    points : (n, d) float array, optional
        Seeds given by the user (µm), used with ``"voronoi"`` in place of random ones.
    """

    size_um: tuple[float, ...]
    mean_size_um: float
    kind: str = "voronoi"
    boundary: str = "mirror"
    seed: int = 1
    relaxation_steps: int = 3
    delta_um: float = 0.005
    points: NDArray[np.float64] | None = None

    @property
    def shortest_edge_um(self) -> float:
        """Shortest edge allowed (µm)."""
        return shortest_edge_um(self.delta_um, self.mean_size_um)


def tessellate(arrangement: Arrangement) -> Tessellation:
    """Grains of a box.

    Returns
    -------
    Tessellation
        With at least one cell, numbered by seed; the same on every machine and rank count for the same
        arrangement.
    """
    size = np.asarray(arrangement.size_um, dtype=np.float64)
    if arrangement.kind == "brick":
        return bricks(size, [_brick_cuts(length, arrangement) for length in size])
    if arrangement.kind == "columnar":
        return _columns(size, arrangement)
    return _voronoi(size, arrangement)


def _voronoi(size: NDArray, arrangement: Arrangement) -> Tessellation:
    """Voronoi cells of random or given seeds, relaxed and regularised."""
    if arrangement.points is None:
        seeds = _seeds(size, arrangement)
    else:
        seeds = relax(np.array(arrangement.points, float), size, arrangement.relaxation_steps)
    return drop_empty(lengthen_edges(seeds, size, arrangement.shortest_edge_um, seed=arrangement.seed))


def _seeds(size: NDArray, arrangement: Arrangement) -> NDArray:
    """Random seeds of the asked density, relaxed; for `cut` they reach beyond the box on all sides."""
    margin = _MARGIN * arrangement.mean_size_um if arrangement.boundary == "cut" else 0.0
    around = size + 2 * margin
    count = max(1, round(float(np.prod(around)) / arrangement.mean_size_um ** len(size)))
    rng = np.random.default_rng(arrangement.seed)
    seeds = relax(rng.random((count, len(size))) * around, around, arrangement.relaxation_steps)
    return seeds - margin


def _brick_cuts(length: float, arrangement: Arrangement) -> NDArray:
    """Planes between bricks along one axis: n equal bricks, or n − 1 whole ones between two halves."""
    n = max(1, round(length / arrangement.mean_size_um))
    if arrangement.boundary == "cut":
        return (np.arange(n) + 0.5) * length / n
    return np.arange(1, n) * length / n


def _columns(size: NDArray, arrangement: Arrangement) -> Tessellation:
    """Grains that reach from electrode to electrode."""
    if len(size) == 2:
        return bricks(size, [_random_cuts(size[0], arrangement), np.empty(0)])
    section = _voronoi(size[:2], arrangement)
    return extrude(section, float(size[2]))


def _random_cuts(length: float, arrangement: Arrangement) -> NDArray:
    """Boundaries of a relaxed random row of columns: midpoints between neighbouring seeds."""
    margin = _MARGIN * arrangement.mean_size_um if arrangement.boundary == "cut" else 0.0
    around = length + 2 * margin
    rng = np.random.default_rng(arrangement.seed)
    seeds = np.sort(rng.random(max(1, round(around / arrangement.mean_size_um)))) * around
    for _ in range(arrangement.relaxation_steps):
        ends = np.concatenate([[0.0], (seeds[1:] + seeds[:-1]) / 2, [around]])
        seeds = (ends[1:] + ends[:-1]) / 2
    cuts = (seeds[1:] + seeds[:-1]) / 2 - margin
    shortest = arrangement.shortest_edge_um
    cuts = cuts[(cuts > shortest) & (cuts < length - shortest)]
    far = np.concatenate([[True], np.diff(cuts) > shortest]) if len(cuts) else np.zeros(0, bool)
    return cuts[far]
