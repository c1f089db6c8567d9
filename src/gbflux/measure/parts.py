"""Parts of a plane whose current is worth a number of their own: the hottest windows, the strongest grains.

A window is a disc of diameter ℓ, in 2D a length ℓ, centred on a mesh node and clipped at the box. Its mean is
that of j_h, the field linear on each facet (`planes`). In 2D that integral is exact. In 3D the facets around
a disc are cut into equal parts with edges of at most ℓ/16, and the parts whose middles lie in the disc count.
That is done for the most promising centres alone, those where the sum of reactions over the sum of lumped
areas of the nodes in the disc is largest; where nodes lie closer than ℓ/6, one centre in each square of that
side is looked at.

A part to be certified is a weight on the electrode's nodes, from 0 to 1 and linear in between; its current is
the sum of the nodal reactions so weighted, its area ∫ w ds the same sum of the nodes' lumped areas. A grain
weighs 1 on the nodes it owns, so that its current is that of `hot_spots` and grains.csv. A window is a cone
there, w = max(0, 1 − 2|x − x₀|/ℓ) at the nodes, about the node x₀ whose disc carries most: a sharp rim would
be a jump of potential, which takes infinite power.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gbflux.measure.distribution import equal_parts
from gbflux.measure.planes import PlaneFacets, PlaneNodes

#: Grains with less exposed area than this times d^(dimension − 1) are slivers, with means of no upper limit.
AREA_CUT = 0.1
_STEPS_PER_WINDOW = 6
_PROMISING = 24  # centres
_PARTS_PER_WINDOW = 16
_MOST_CUTS = 40
_PAIRS_AT_ONCE = 4_000_000
_FEW = 5_000  # nodes of a plane whose discs are kept, a MiB of them at most
#: A window narrower than so many facets shows the mesh, not the current: two, less 5 % because a mesher does
#: not meet the length asked for exactly.
LEAST_FACETS = 1.9

Discs = tuple[NDArray[np.int32], NDArray[np.int32]]


@dataclass(frozen=True)
class Window:
    """The hottest window of one size on a plane.

    Attributes
    ----------
    mean : float or None
        Mean current density in it (A/m²); None where it is smaller than two facets.
    node : int
        Row of the node it is centred on.
    facet_um : float
        Length of a facet there: the mean of the longest edges of the facets that the most promising window
        touches, weighted with their areas, ends of layers left out (µm).
    """

    mean: float | None
    node: int
    facet_um: float


def hottest_window(facets: PlaneFacets, nodes: PlaneNodes, diameter_um: float) -> Window:
    """Find the window with the largest mean current density.

    Parameters
    ----------
    facets : PlaneFacets
        All facets of the plane.
    nodes : PlaneNodes
        Their nodes.
    diameter_um : float
        Diameter of the disc, in 2D the length (µm).
    """
    if nodes.lateral.shape[1] == 1:
        mean, node = _hottest_length(nodes, diameter_um)
        promising = np.array([node])
    else:
        promising = _promising(nodes, diameter_um)
    facet_um = _facet_length(facets, nodes.lateral[promising[0]], diameter_um)
    if diameter_um < LEAST_FACETS * facet_um:
        return Window(None, int(promising[0]), facet_um)
    if nodes.lateral.shape[1] == 2:
        mean, node = _hottest_disc(facets, nodes, promising, diameter_um)
    return Window(mean, node, facet_um)


def _facet_length(facets: PlaneFacets, centre: NDArray[np.float64], diameter_um: float) -> float:
    """Mean of the longest edges of the facets that a window touches."""
    solid = ~facets.is_layer
    points, area = facets.points[solid], facets.area[solid]
    longest = np.linalg.norm(points - np.roll(points, 1, axis=1), axis=2).max(axis=1)
    away = np.linalg.norm(points - centre, axis=2).min(axis=1)
    touched = away <= max(diameter_um / 2, float(away.min(initial=np.inf)))
    return float(np.average(longest[touched], weights=area[touched])) if touched.any() else np.inf


def _hottest_length(nodes: PlaneNodes, length_um: float) -> tuple[float, int]:
    """Largest mean within ± half a length of a node, and the node."""
    order = np.argsort(nodes.lateral[:, 0], kind="stable")
    x, j = nodes.lateral[order, 0], nodes.density[order]
    gap = np.diff(x)
    integral = np.concatenate([[0.0], np.cumsum(gap * (j[1:] + j[:-1]) / 2)])
    slope = np.diff(j) / np.where(gap > 0, gap, 1.0)

    def until(end: NDArray[np.float64]) -> NDArray[np.float64]:  # ∫ j dx from the first node, j linear
        here = np.clip(np.searchsorted(x, end, "right") - 1, 0, len(gap) - 1)
        beyond = end - x[here]
        found: NDArray[np.float64] = integral[here] + beyond * (j[here] + slope[here] * beyond / 2)
        return found

    left, right = np.maximum(x - length_um / 2, x[0]), np.minimum(x + length_um / 2, x[-1])
    mean = (until(right) - until(left)) / (right - left)
    best = int(np.argmax(mean))
    return float(mean[best]), int(order[best])


def _hottest_disc(
    facets: PlaneFacets, nodes: PlaneNodes, promising: NDArray[np.intp], diameter_um: float
) -> tuple[float, int]:
    """Largest mean in a disc around one of some nodes, and the node."""
    from scipy.spatial import cKDTree

    corners = nodes.at_corners(facets)
    reach = diameter_um / 2
    middle = facets.points.mean(axis=1)
    size = np.linalg.norm(facets.points - middle[:, None], axis=2).max(axis=1)
    large = size > reach  # few, so that the others can be found in a small circle
    tree, others = cKDTree(middle[~large]), np.flatnonzero(~large)
    best = (-np.inf, 0)
    for node in promising:
        centre = nodes.lateral[node]
        near = others[tree.query_ball_point(centre, 2 * reach)]
        far = np.flatnonzero(large & (np.linalg.norm(middle - centre, axis=1) <= size + reach))
        mean = _disc_mean(np.concatenate([near, far]), facets, corners, centre, reach)
        best = max(best, (mean, int(node)))
    return best


def _disc_mean(
    chosen: NDArray[np.intp],
    facets: PlaneFacets,
    corners: NDArray[np.float64],
    centre: NDArray[np.float64],
    radius: float,
) -> float:
    """Mean of a field over a disc, of the facets that may reach it."""
    points = facets.points[chosen]
    longest = np.linalg.norm(points - np.roll(points, 1, axis=1), axis=2).max(axis=1)
    cuts = np.ceil(longest * _PARTS_PER_WINDOW / (2 * radius)).clip(1, _MOST_CUTS).astype(int)
    current = area = 0.0
    for n in np.unique(cuts):
        mine, parts = chosen[cuts == n], equal_parts(3, int(n))
        inside = np.linalg.norm(parts @ facets.points[mine] - centre, axis=2) <= radius
        weight = inside * (facets.area[mine] / len(parts))[:, None]
        current += float(np.sum(weight * (corners[mine] @ parts.T)))
        area += float(weight.sum())
    return current / area if area else -np.inf


def _promising(nodes: PlaneNodes, diameter_um: float) -> NDArray[np.intp]:
    """Nodes with the largest current over area of the nodes in the disc around them, the largest first."""
    centres = _spread(nodes.lateral, diameter_um / _STEPS_PER_WINDOW)
    few = len(nodes.node) <= _FEW
    parts = _kept_discs(nodes.lateral.tobytes(), diameter_um) if few else _discs(nodes.lateral, diameter_um)
    means = []
    for disc, node in parts:
        current, area = (np.bincount(disc, values.take(node)) for values in (nodes.current, nodes.area))
        means.append(current / area)
    mean = np.concatenate(means)
    best: NDArray[np.intp] = centres[np.argsort(-mean, kind="stable")[:_PROMISING]]
    return best


@functools.lru_cache(maxsize=16)
def _kept_discs(lateral: bytes, diameter_um: float) -> tuple[Discs, ...]:
    """The same as `_discs`, kept: planes of different heights are often meshed alike."""
    return tuple(_discs(np.frombuffer(lateral).reshape(-1, 2), diameter_um))


def _discs(lateral: NDArray[np.float64], diameter_um: float) -> Iterator[Discs]:
    """Numbers of discs around nodes, from 0 on, and of the nodes in them, by pairs; some discs at a time."""
    from scipy.spatial import cKDTree

    centres = lateral[_spread(lateral, diameter_um / _STEPS_PER_WINDOW)]
    extent = np.prod(np.ptp(lateral, axis=0))
    per_disc = 1 + len(lateral) * np.pi * diameter_um**2 / (4 * extent)
    block = max(1, int(_PAIRS_AT_ONCE / per_disc))
    tree = cKDTree(lateral)
    for start in range(0, len(centres), block):
        # nodes on the rim belong to the disc, whatever their distance is rounded to
        pairs = cKDTree(centres[start : start + block]).sparse_distance_matrix(
            tree, diameter_um / 2 * (1 + 1e-12), output_type="ndarray"
        )
        yield pairs["i"].astype(np.int32), pairs["j"].astype(np.int32)


def _spread(lateral: NDArray[np.float64], spacing: float) -> NDArray[np.intp]:
    """One point out of each square of the given side."""
    square = np.floor((lateral - lateral.min(axis=0)) / spacing).astype(np.int64)
    number = square[:, 0] * (square[:, 1].max() + 1) + square[:, 1]
    first: NDArray[np.intp] = np.unique(number, return_index=True)[1]
    return first


@dataclass(frozen=True)
class ElectrodePart:
    """A weighted part of an electrode.

    Attributes
    ----------
    kind : str
        ``"grain"`` or ``"window"``.
    electrode : str
        ``"bottom"`` or ``"top"``.
    node, weight : (k,) arrays
        Mesh points of the electrode and the weight at each.
    current : float
        Along the mean current (A; in 2D A/m).
    over_mean : float
        Current over area, in the mean current density of the electrode.
    area_share : float
        Area over that of the electrode.
    grain : int or None
        Its id.
    centre_um : tuple of float or None
        Lateral coordinates of a window's centre (µm).
    diameter_um : float or None
        Of a window (µm).
    reason : str or None
        Why its current cannot be certified; None where it can.
    """

    kind: str
    electrode: str
    node: NDArray[np.integer[Any]]
    weight: NDArray[np.float64]
    current: float
    over_mean: float
    area_share: float
    grain: int | None = None
    centre_um: tuple[float, ...] | None = None
    diameter_um: float | None = None
    reason: str | None = None

    def at_points(self, count: int) -> NDArray[np.float64]:
        """Return (count,) the weight at all mesh points."""
        weight = np.zeros(count)
        weight[self.node] = self.weight
        return weight


def electrode_parts(
    electrodes: Mapping[str, tuple[PlaneFacets, PlaneNodes]],
    mean_grain_size_um: float,
    grains: int,
    windows_um: tuple[float, ...],
) -> list[ElectrodePart]:
    """Find the parts of both electrodes that carry most for their area.

    Parameters
    ----------
    electrodes : mapping
        Facets and nodes of each, as in `Measurement.electrodes`.
    mean_grain_size_um : float
        d, for the area cut of `hot_spots` (µm).
    grains : int
        Grains on each electrode at most; none on a homogenizing layer.
    windows_um : tuple of float
        Diameters of windows, one of each on each electrode (µm).

    Returns
    -------
    list of ElectrodePart
        For each electrode its grains, the strongest first, then its windows.
    """
    found = []
    for side, (facets, nodes) in electrodes.items():
        found += _strongest_grains(side, facets, nodes, mean_grain_size_um, grains)
        found += [_hottest_window(side, facets, nodes, diameter) for diameter in windows_um]
    return found


def _strongest_grains(
    side: str, facets: PlaneFacets, nodes: PlaneNodes, mean_grain_size_um: float, count: int
) -> list[ElectrodePart]:
    """The grains above the area cut with the largest mean current densities, the strongest first."""
    least = AREA_CUT * mean_grain_size_um ** nodes.lateral.shape[1]
    parts = []
    for grain in np.unique(facets.grain[facets.grain >= 0]):
        weight = (nodes.region == grain).astype(np.float64)
        if weight @ nodes.area > least:
            parts.append(_part("grain", side, nodes, weight, grain=int(grain)))
    return sorted(parts, key=lambda part: -part.over_mean)[:count]


def _hottest_window(side: str, facets: PlaneFacets, nodes: PlaneNodes, diameter_um: float) -> ElectrodePart:
    """The cone about the centre of the hottest window."""
    window = hottest_window(facets, nodes, diameter_um)
    centre = nodes.lateral[window.node]
    distance = np.linalg.norm(nodes.lateral - centre, axis=1)
    narrow = (
        f"mesh: the window must be at least two facets wide; got {diameter_um:g} µm, and facets of "
        f"{window.facet_um:.3g} µm. Choose a smaller mesh.electrode_size_um."
    )
    return _part(
        "window",
        side,
        nodes,
        np.maximum(0.0, 1.0 - 2.0 * distance / diameter_um),
        centre_um=tuple(float(x) for x in centre),
        diameter_um=float(diameter_um),
        reason=narrow if window.mean is None else None,
    )


def _part(kind: str, side: str, nodes: PlaneNodes, weight: NDArray[np.float64], **rest: Any) -> ElectrodePart:
    """A part with its current and area."""
    chosen = weight > 0.0
    current = float(weight @ nodes.current)
    share = float(weight @ nodes.area / nodes.area.sum())
    over_mean = current / float(nodes.current.sum()) / share
    return ElectrodePart(kind, side, nodes.node[chosen], weight[chosen], current, over_mean, share, **rest)
