"""Probability that an electrode covers a grain boundary, by its size and the mean size of the grains.

An isotropic Poisson process of lines of length density τ (length per area) meets a convex set of perimeter P
in a number of lines with mean τP/π (Crofton; S. N. Chiu, D. Stoyan, W. S. Kendall, J. Mecke, Stochastic
Geometry and its Applications, 3rd ed., Wiley 2013, section 8.2, doi:10.1002/9781118658222). Voronoi edges are
no lines: they end, and keep apart from each other; for small electrodes both agree, P ≈ τP/π, and beyond a
grain size Voronoi covers more surely.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gbflux.errors import InputError
from gbflux.grains import Arrangement, Tessellation, tessellate

Array = NDArray[np.float64]
#: τ·d of a planar Poisson–Voronoi tessellation, d = √(mean area): exact (Chiu et al., section 9.7).
PLANAR_VORONOI = 2.0
#: τ·d of the plane section of a spatial one, d = ∛(mean volume): (π/4) × 2.910.
SECTION_OF_VORONOI = 2.286
_CHUNK = 2_000_000  # pairs of electrode and edge at once


@dataclass(frozen=True)
class Coverage:
    """Probability from random positions, with its standard error."""

    probability: float
    error: float


def coverage_of_lines(
    size: float, grain: float, shape: str = "disc", density: float = PLANAR_VORONOI
) -> float:
    """Probability that an electrode covers a line of an isotropic Poisson process, 1 − exp(−τP/π).

    Parameters
    ----------
    size : float
        Diameter of a disc, or side of a square (µm, or any unit).
    grain : float
        Mean grain size d, in the same unit.
    shape : str, optional
        ``"disc"`` or ``"square"``.
    density : float, optional
        τ·d; that of a planar Voronoi tessellation by default.

    Raises
    ------
    InputError
        If a number is not positive or the shape is not known.

    Examples
    --------
    >>> [round(coverage_of_lines(a, 10), 3) for a in (0.0062, 1, 10, 50)]
    [0.001, 0.181, 0.865, 1.0]
    """
    _check(size, grain, shape)
    perimeter = math.pi * size if shape == "disc" else 4 * size
    return -math.expm1(-density / grain * perimeter / math.pi)


def simulated_coverage(
    size: float,
    grain: float,
    *,
    shape: str = "disc",
    seed: int = 1,
    positions: int = 5_000,
    grains: int = 400,
) -> Coverage:
    """Probability that an electrode covers a boundary of a planar Poisson–Voronoi tessellation, by trial.

    Parameters
    ----------
    size, grain, shape
        As `coverage_of_lines`; µm.
    seed : int, optional
        Of grains and positions.
    positions : int, optional
        Tried on one tessellation.
    grains : int, optional
        In the tessellation; more for electrodes much larger than a grain.

    Returns
    -------
    Coverage
        The error is that of the positions; it leaves out that there is one tessellation.

    Raises
    ------
    InputError
        If the electrode does not fit.
    """
    _check(size, grain, shape)
    side = grain * math.sqrt(grains)
    if size > side / 3:
        raise InputError(
            f"covering: size must be at most a third of the grains' square, {side / 3:.4g} µm; got {size:g}. "
            "Take more grains."
        )
    arrangement = Arrangement((side, side), grain, boundary="cut", seed=seed, relaxation_steps=0)
    edges = inner_edges(tessellate(arrangement))
    rng = np.random.default_rng(seed)
    centres = rng.uniform(size, side - size, (positions, 2))
    share = float(np.mean(_covers(centres, edges, size / 2, shape)))
    return Coverage(share, math.sqrt(max(share * (1 - share), 1 / positions) / positions))


def inner_edges(tessellation: Tessellation) -> Array:
    """Grain boundaries of a planar tessellation, (k, 2, 2) ends (µm)."""
    inside = (tessellation.face_cells >= 0).all(axis=1)
    found: Array = tessellation.vertices[tessellation.loops.reshape(-1, 2)[inside]]
    return found


def _covers(centres: Array, edges: Array, half: float, shape: str) -> NDArray[np.bool_]:
    """Test of each electrode for an edge within it."""
    step = max(1, _CHUNK // len(edges))
    test = _disc_touches if shape == "disc" else _square_touches
    parts = [
        test(centres[k : k + step, None, :], edges[None], half).any(axis=1)
        for k in range(0, len(centres), step)
    ]
    return np.concatenate(parts)


def _disc_touches(centre: Array, edges: Array, radius: float) -> NDArray[np.bool_]:
    """Test for edges no farther from a centre than the radius."""
    a, along = edges[..., 0, :], edges[..., 1, :] - edges[..., 0, :]
    length = (along**2).sum(axis=-1)
    t = ((centre - a) * along).sum(axis=-1) / np.where(length > 0, length, 1.0)
    nearest = a + np.clip(t, 0, 1)[..., None] * along
    found: NDArray[np.bool_] = ((centre - nearest) ** 2).sum(axis=-1) <= radius**2
    return found


def _square_touches(centre: Array, edges: Array, half: float) -> NDArray[np.bool_]:
    """Test for edges through an upright square, by the slab method."""
    a, along = edges[..., 0, :] - centre, edges[..., 1, :] - edges[..., 0, :]
    along = np.where(np.abs(along) < 1e-300, 1e-300, along)
    one, two = (-half - a) / along, (half - a) / along
    enter, leave = np.minimum(one, two).max(axis=-1), np.maximum(one, two).min(axis=-1)
    found: NDArray[np.bool_] = (enter <= leave) & (leave >= 0) & (enter <= 1)
    return found


def _check(size: float, grain: float, shape: str) -> None:
    """Raise for numbers that are not positive and unknown shapes."""
    for name, value in (("size", size), ("grain", grain)):
        if not value > 0 or not math.isfinite(value):
            raise InputError(f"covering: {name} must be > 0; got {value:g}.")
    if shape not in ("disc", "square"):
        raise InputError(f"covering: shape must be disc or square; got '{shape}'.")
