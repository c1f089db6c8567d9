"""The largest mean current density in a window of given size that slides over a plane."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from gbflux.flux.planes import PlaneNodes

_STEPS_PER_WINDOW = 6
_PAIRS_AT_ONCE = 4_000_000
_FEW = 5_000  # nodes of a plane whose discs are kept, a MiB of them at most

Discs = tuple[NDArray[np.intp], NDArray[np.int32], NDArray[np.int32]]


def window_maximum(nodes: PlaneNodes, diameter_um: float) -> float:
    """Current over area in the window that has most; see `hottest_window`."""
    return hottest_window(nodes, diameter_um)[0]


def hottest_window(nodes: PlaneNodes, diameter_um: float) -> tuple[float, int]:
    """Largest ratio of current to area in a disc (in 2D a length) centred on a node and clipped at the box.

    The current is the sum of nodal reactions in the disc, the area the sum of their lumped areas. Where nodes
    lie closer than a sixth of the diameter, one centre in each square of that side is tried.

    Parameters
    ----------
    nodes : PlaneNodes
    diameter_um : float
        Diameter of the disc (µm).

    Returns
    -------
    float
        Current over area (A/µm²; in 2D A/(m µm)).
    int
        Row of the node in the centre.
    """
    if nodes.lateral.shape[1] == 1:
        return _longest_line(nodes, diameter_um / 2)
    return _densest_disc(nodes, diameter_um)


def _longest_line(nodes: PlaneNodes, radius_um: float) -> tuple[float, int]:
    """Largest current over length within ± radius of a node, and that node."""
    order = np.argsort(nodes.lateral[:, 0], kind="stable")
    x = nodes.lateral[order, 0]
    reach = radius_um * (1 + 1e-12)
    first, last = np.searchsorted(x, x - reach, "left"), np.searchsorted(x, x + reach, "right")
    current, length = (np.concatenate([[0.0], np.cumsum(v[order])]) for v in (nodes.current, nodes.area))
    density = (current[last] - current[first]) / (length[last] - length[first])
    hottest = int(np.argmax(density))
    return float(density[hottest]), int(order[hottest])


def _densest_disc(nodes: PlaneNodes, diameter_um: float) -> tuple[float, int]:
    """Largest current over area within discs around nodes, and the node in the middle."""
    few = len(nodes.node) <= _FEW
    parts = _kept_discs(nodes.lateral.tobytes(), diameter_um) if few else _discs(nodes.lateral, diameter_um)
    best = -np.inf, -1
    for centres, disc, node in parts:
        current, area = (np.bincount(disc, values.take(node)) for values in (nodes.current, nodes.area))
        hottest = int(np.argmax(current / area))
        best = max(best, (float(current[hottest] / area[hottest]), int(centres[hottest])))
    return best


@functools.lru_cache(maxsize=16)
def _kept_discs(lateral: bytes, diameter_um: float) -> tuple[Discs, ...]:
    """The same as `_discs`, kept: planes of different heights are often meshed alike."""
    return tuple(_discs(np.frombuffer(lateral).reshape(-1, 2), diameter_um))


def _discs(lateral: NDArray[np.float64], diameter_um: float) -> Iterator[Discs]:
    """Middles of discs; their numbers, from 0 on, and the nodes in them, by pairs; some discs at a time."""
    from scipy.spatial import cKDTree

    middles = _spread(lateral, diameter_um / _STEPS_PER_WINDOW)
    centres = lateral[middles]
    extent = np.prod(np.ptp(lateral, axis=0))
    per_disc = 1 + len(lateral) * np.pi * diameter_um**2 / (4 * extent)
    block = max(1, int(_PAIRS_AT_ONCE / per_disc))
    tree = cKDTree(lateral)
    for start in range(0, len(centres), block):
        pairs = cKDTree(centres[start : start + block]).sparse_distance_matrix(
            tree, diameter_um / 2 * (1 + 1e-12), output_type="ndarray"
        )
        yield middles[start : start + block], pairs["i"].astype(np.int32), pairs["j"].astype(np.int32)


def _spread(lateral: NDArray[np.float64], spacing: float) -> NDArray[np.intp]:
    """One point out of each square of the given side."""
    square = np.floor((lateral - lateral.min(axis=0)) / spacing).astype(np.int64)
    return np.unique(square[:, 0] * (square[:, 1].max() + 1) + square[:, 1], return_index=True)[1]
