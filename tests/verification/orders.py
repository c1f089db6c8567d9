"""The order of convergence that a series of errors shows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def fitted_order(sizes: Sequence[float], errors: Sequence[float]) -> float:
    """Return p of errors ∝ size^p by least squares in logarithms.

    Examples
    --------
    >>> round(fitted_order([1.0, 0.5, 0.25], [3.0, 0.75, 0.1875]), 9)
    2.0
    """
    return float(np.polyfit(np.log(sizes), np.log(errors), 1)[0])
