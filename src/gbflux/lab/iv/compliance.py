"""The plateau where the instrument limits the current: there the voltage in the file is not the sample's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gbflux.lab.stats.noise import median

Array = NDArray[np.float64]
_BAND = 0.01
_GIVEN_BAND = 0.02
_LEAST_SPAN = 0.05
FEWEST_POINTS = 4


@dataclass(frozen=True)
class Compliance:
    """A current limit that was reached.

    Attributes
    ----------
    current : float
        Its size (A), positive.
    points : int
        Points on the plateau.
    given : bool
        The user named it.
    """

    current: float
    points: int
    given: bool


def find_compliance(
    voltage: Array, current: Array, limit: float | None = None
) -> tuple[Compliance | None, NDArray[np.bool_]]:
    """The limit, and which points are at it.

    A plateau is at least four points within 1 % of the largest current (spikes left out) over voltages that
    differ by more than 5 %: on an ohmic line they would differ by 2 %.

    Parameters
    ----------
    voltage, current : (n,) arrays
        V and A.
    limit : float, optional
        Size of the limit, if known (A).

    Returns
    -------
    compliance : Compliance or None
    at_limit : (n,) bool array
    """
    size = np.abs(current)
    if limit is not None:
        at_limit = size >= (1 - _GIVEN_BAND) * limit
        found = Compliance(float(limit), int(at_limit.sum()), True) if at_limit.any() else None
        return found, at_limit
    none = np.zeros(len(size), dtype=bool)
    if len(size) <= FEWEST_POINTS:
        return None, none
    top = float(np.partition(size, -FEWEST_POINTS)[-FEWEST_POINTS])  # spikes come in fewer points
    level = median(size[size >= (1 - _BAND) * top])
    at_limit = np.abs(size - level) <= _BAND * level
    reached = np.abs(voltage[at_limit])
    if level <= 0 or at_limit.sum() < FEWEST_POINTS or np.ptp(reached) <= _LEAST_SPAN * reached.max():
        return None, none
    return Compliance(level, int(at_limit.sum()), False), size >= (1 - _BAND) * level
