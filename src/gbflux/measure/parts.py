"""Parts of an electrode whose current is worth a certificate: the strongest grains and the hottest windows.

A part is a weight on the electrode's nodes, from 0 to 1 and linear in between; its current is the sum of the
nodal reactions so weighted, its area ∫ w ds the same sum of the nodes' lumped areas. A grain weighs 1 on the
nodes it owns, so that its current is that of `hot_spots` and `tables`. A window of diameter ℓ is a cone,
w = max(0, 1 − 2|x − x₀|/ℓ) at the nodes, about the node x₀ whose disc of that diameter carries most: a sharp
rim would be a jump of potential, which takes infinite power.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gbflux.measure.hot_spots import AREA_CUT
from gbflux.measure.planes import PlaneFacets, PlaneNodes
from gbflux.measure.windows import hottest_window


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
    node: NDArray[np.integer]
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


def _part(kind: str, side: str, nodes: PlaneNodes, weight: NDArray[np.float64], **rest) -> ElectrodePart:
    """A part with its current and area."""
    chosen = weight > 0.0
    current = float(weight @ nodes.current)
    share = float(weight @ nodes.area / nodes.area.sum())
    over_mean = current / float(nodes.current.sum()) / share
    return ElectrodePart(kind, side, nodes.node[chosen], weight[chosen], current, over_mean, share, **rest)
