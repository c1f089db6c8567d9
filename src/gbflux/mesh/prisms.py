"""Prisms cut into tetrahedra.

The diagonal of each quadrilateral starts at its smallest node number (Dompierre, Labbé, Vallet & Camarero,
8th International Meshing Roundtable, 1999): neighbours always agree.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Vertex orders that bring each of the six corners of a prism to the front, all of the same handedness.
_TO_FRONT = np.array(
    [
        [0, 1, 2, 3, 4, 5],
        [1, 2, 0, 4, 5, 3],
        [2, 0, 1, 5, 3, 4],
        [3, 5, 4, 0, 2, 1],
        [4, 3, 5, 1, 0, 2],
        [5, 4, 3, 2, 1, 0],
    ]
)


def split_prisms(prisms: NDArray) -> NDArray:
    """Three tetrahedra for each prism.

    Parameters
    ----------
    prisms : (m, 6) int array
        A triangle, then the opposite one corner by corner, counter-clockwise seen from the latter.

    Returns
    -------
    (3 m, 4) int array
        The three cells of a prism follow one another.
    """
    q = np.take_along_axis(prisms, _TO_FRONT[np.argmin(prisms, axis=1)], axis=1)
    rising = np.minimum(q[:, 1], q[:, 5]) < np.minimum(q[:, 2], q[:, 4])
    one = q[:, [[0, 1, 2, 5], [0, 1, 5, 4], [0, 4, 5, 3]]]
    other = q[:, [[0, 1, 2, 4], [0, 4, 2, 5], [0, 4, 5, 3]]]
    return np.where(rising[:, None, None], one, other).reshape(-1, 4)
