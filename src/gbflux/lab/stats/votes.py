"""How much each point speaks for a surge: log p_surged − log p_quiet, see `gbflux.lab.iv.trigger`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from gbflux.lab.stats.noise import NoiseFloor
from gbflux.lab.stats.ragged import Bools, largest

Array = NDArray[np.float64]
_FREEDOM = 4.0
_T_NORM = float(gammaln((_FREEDOM + 1) / 2) - gammaln(_FREEDOM / 2) - 0.5 * np.log(_FREEDOM * np.pi))
_LOWEST = -10.0
_FEWEST_DECADES = 6.0


def votes(v: Array, i: Array, noise: NoiseFloor, inside: Bools) -> Array:
    """Votes of the points (m, n) of branches; 0 outside them."""
    distance = np.abs(i - noise.line(v)) / noise.scatter(v)
    return np.where(inside, worth(distance, span(i, noise, inside)), 0.0)


def span(i: Array, noise: NoiseFloor, inside: Bools) -> Array:
    """Natural logarithm of the range of a surged current of each row, as a column (m, 1)."""
    top = largest(np.abs(i), inside)
    return np.maximum(np.log(top / noise.sigma + 1), _FEWEST_DECADES * np.log(10))


def worth(distance: Array, span: Array) -> Array:
    """Vote of a point so many standard deviations off the line; it rises with the distance.

    >>> worth(np.array([1.0, 3.0, 100.0]), np.array(6 * np.log(10))).round(1).tolist()
    [-10.0, 0.2, 13.3]
    """
    out = distance >= 2
    z = distance[out]
    quiet = _T_NORM - (_FREEDOM + 1) / 2 * np.log1p(z**2 / _FREEDOM)
    found = np.full(distance.shape, _LOWEST)
    found[out] = np.maximum(-np.log(z) - np.broadcast_to(np.log(span), distance.shape)[out] - quiet, _LOWEST)
    return found
