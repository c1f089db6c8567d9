"""Maps of a scanning microscope, and lines through them.

Lengths in m. The first row of a map is its upper edge; positions in a map count from the upper left corner.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class ScanMap:
    """One channel of a scan.

    Parameters
    ----------
    values : (ny, nx) array
        In `unit`.
    size : (float, float)
        Width and height (m).
    name, unit : str
        Of the channel.
    source : str
        The file.
    """

    values: Array
    size: tuple[float, float]
    name: str
    unit: str
    source: str = "map"
