"""Maps of a scanning microscope, and lines through them.

Lengths in m. The first row of a map is its upper edge; positions in a map count from the upper left corner.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gbflux import units
from gbflux.errors import InputError
from gbflux.lab.profile.lines import LineScans, without_spikes

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


def lines_across(
    scan: ScanMap,
    start: tuple[float, float],
    end: tuple[float, float],
    count: int = 5,
    spacing: float | None = None,
) -> LineScans:
    """Parallel lines through a map.

    Parameters
    ----------
    scan : ScanMap
    start, end : (float, float)
        Ends of the middle line: x to the right, y down, from the upper left corner (m).
    count : int, optional
        Number of lines.
    spacing : float, optional
        Between lines (m); two pixels if left out.

    Returns
    -------
    LineScans
        Linear between pixels.

    Raises
    ------
    InputError
        If a line leaves the map, or is too short.
    """
    from scipy.ndimage import map_coordinates

    ny, nx = scan.values.shape
    pixel = np.array([scan.size[0] / nx, scan.size[1] / ny])
    first, last = np.asarray(start, dtype=float), np.asarray(end, dtype=float)
    length = float(np.linalg.norm(last - first))
    if not length > 0 or count < 1:
        raise InputError(f"{scan.source}: a line must have two ends, and there must be one at least.")
    along = (last - first) / length
    side = np.array([-along[1], along[0]]) * (2 * float(pixel.min()) if spacing is None else spacing)
    offsets = np.arange(count) - (count - 1) / 2
    points = max(2, round(length / float(pixel.min())) + 1)
    way = np.linspace(0, length, points)
    places = first + way[None, :, None] * along + offsets[:, None, None] * side
    pixels = places / pixel - 0.5
    limits = np.array([nx, ny]) - 1
    if np.any(pixels < -0.5 - 1e-9) or np.any(pixels > limits + 0.5 + 1e-9):
        raise InputError(
            f"{scan.source}: all {count} lines must lie within the map of {scan.size[0] * units.M_TO_UM:g} x "
            f"{scan.size[1] * units.M_TO_UM:g} µm. Move the ends, or use fewer lines."
        )
    coordinates = [pixels[..., 1], pixels[..., 0]]
    values = map_coordinates(scan.values, coordinates, order=1, mode="nearest")
    notes: list[str] = []
    values = np.vstack([without_spikes(line, notes) for line in values])
    return LineScans(way, values, scan.name, scan.unit, scan.source, tuple(notes))


def middle_lines(scan: ScanMap, count: int = 5) -> LineScans:
    """Horizontal lines through the middle of a map, over its full width."""
    half, width = scan.size[1] / 2, scan.size[0]
    inset = width / scan.values.shape[1] / 2
    return lines_across(scan, (inset, half), (width - inset, half), count)
