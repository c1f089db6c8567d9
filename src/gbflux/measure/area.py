"""Areas of facets in a plane, and of cuts through simplices, without cutting.

The area of the cut z = const through a simplex is the simplex's volume times the B-spline whose knots are the
z of its corners, of degree dimension − 1 and integral one: H. B. Curry, I. J. Schoenberg, J. Analyse Math. 17
(1966) 71, doi:10.1007/BF02788653. The recursion is that of M. G. Cox and C. de Boor, a sum of positive terms.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_TINY = 1e-300


def cut_areas(
    volume: NDArray[np.float64], heights: NDArray[np.float64], position: float, upper: bool
) -> NDArray[np.float64]:
    """Areas that simplices have on a plane, those that do not reach it 0.

    Parameters
    ----------
    volume : (k,) array
        Volumes (µm³; in 2D areas, µm²).
    heights : (dimension + 1, k) array
        Coordinates of the corners normal to the plane, ascending in each column (µm).
    position : float
        The plane (µm).
    upper : bool
        Where the plane runs along a facet, count the cell just above it, rather than the one just below.

    Returns
    -------
    (k,) array
        µm²; in 2D lengths, µm.

    Examples
    --------
    Half-way up a tetrahedron with three corners at z = 0, and on that face:

    >>> heights = np.array([[0.0], [0.0], [0.0], [1.0]])
    >>> cut_areas(np.array([1 / 6]), heights, 0.5, False).tolist()
    [0.125]
    >>> cut_areas(np.array([1 / 6]), heights, 0.0, True).tolist()
    [0.5]
    """
    low = heights <= position if upper else heights < position
    above, last = position - heights, len(heights) - 1
    spline = [(low[i] != low[i + 1]) * _inverse(heights[i + 1] - heights[i]) for i in range(last)]
    for degree in range(1, last):
        spline = [
            (degree + 1)
            / degree
            * _inverse(heights[i + degree + 1] - heights[i])
            * (above[i] * spline[i] - above[i + degree + 1] * spline[i + 1])
            for i in range(last - degree)
        ]
    return volume * spline[0]


def _inverse(length: NDArray[np.float64]) -> NDArray[np.float64]:
    """1/length, and something finite where knots fall together: it is multiplied by splines that are zero."""
    return 1.0 / np.maximum(length, _TINY)


def flat_areas(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Areas of triangles in a plane, or lengths of segments on a line, from (k, d, d − 1) corners."""
    if points.shape[1] == 2:
        return np.abs(points[:, 1, 0] - points[:, 0, 0])
    a, b = points[:, 1] - points[:, 0], points[:, 2] - points[:, 0]
    return np.abs(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]) / 2
