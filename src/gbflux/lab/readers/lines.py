"""Line scans across a grain boundary: from text files, and as lines through a map. Lengths in m."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gbflux import units
from gbflux.errors import InputError
from gbflux.lab.readers import read_table
from gbflux.lab.readers.maps import ScanMap

_FEWEST_POINTS = 16
_MOST_POINTS = 4096
_SPIKE = 9.0

Array = NDArray[np.float64]


@dataclass(frozen=True)
class LineScans:
    """Lines across one grain boundary, one below the other.

    Raises
    ------
    InputError
        If there are fewer than 16 points, or a number is missing.
    """

    position: Array  # (n,): evenly spaced, increasing (m)
    values: Array  # (k, n): one line a row, in `unit`
    # name, unit: what was measured
    name: str
    unit: str
    source: str = "lines"
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "position", np.asarray(self.position, dtype=float))
        object.__setattr__(self, "values", np.atleast_2d(np.asarray(self.values, dtype=float)))
        count = len(self.position)
        if self.values.ndim != 2 or self.values.shape[1] != count:
            raise InputError(f"{self.source}: lines must have as many values as positions ({count}).")
        if count < _FEWEST_POINTS:
            raise InputError(
                f"{self.source}: a line must have at least {_FEWEST_POINTS} points; got {count}."
            )
        steps = np.diff(self.position)
        if not (
            np.all(np.isfinite(self.position)) and np.all(steps > 0) and np.ptp(steps) < 1e-3 * steps.mean()
        ):
            raise InputError(f"{self.source}: positions must increase evenly.")
        if not np.all(np.isfinite(self.values)):
            raise InputError(f"{self.source}: values must be numbers; some are missing.")


def read_lines(path: str | Path, quantity: str = "") -> LineScans:
    """Read line scans from a text file: a column of positions and one column a scan.

    Parameters
    ----------
    path : path
    quantity : str, optional
        ``modulus`` or ``voltage``, where the file holds both; else the first that it holds.

    Returns
    -------
    LineScans
        On even positions; gaps are bridged, single spikes removed, and notes say so.

    Raises
    ------
    InputError
        If there are no positions or no values.
    """
    table = read_table(path)
    notes = list(table.notes)
    if len(table.columns) >= _FEWEST_POINTS and not any(column.as_written for column in table.columns):
        raise InputError(
            f"{path}: must have a header that names positions; got {len(table.columns)} columns without one. "
            "If it is a map, give its width (--width-um)."
        )
    position = table.first("position")
    others = [column for column in table.columns if column is not position and column.quantity != "index"]
    known = [column.quantity for column in others if column.quantity in ("modulus", "voltage")]
    wanted = quantity or (known[0] if known else "")
    columns = [column for column in others if column.quantity == wanted] if wanted else others[:1]
    if not columns:
        raise InputError(
            f"{path}: must have a column of {quantity or 'values'} beside the positions; got "
            f"{', '.join(repr(column.as_written or column.name) for column in table.columns)}. Name it with "
            "its unit."
        )
    even, lines = _on_even_positions(str(path), position.values, [column.values for column in columns])
    values = np.vstack([_without_spikes(line, notes) for line in lines])
    even, values = _thinned(even, values, notes)
    return LineScans(
        even, values, columns[0].quantity or columns[0].name, columns[0].unit, str(path), tuple(notes)
    )


def join_lines(parts: list[LineScans]) -> LineScans:
    """Lines of several files as one record, on the positions that all cover.

    Raises
    ------
    InputError
        If their units differ, or they do not overlap.
    """
    if len(parts) == 1:
        return parts[0]
    if len({part.unit for part in parts}) > 1:
        listed = ", ".join(f"{part.source} ({part.unit or 'no unit'})" for part in parts)
        raise InputError(f"lines: must all have one unit; got {listed}. Analyse them one by one.")
    # scans of one length: where they begin is arbitrary
    starts = [part.position - part.position[0] for part in parts]
    end = min(float(start[-1]) for start in starts)
    step = max(float(start[1]) for start in starts)
    even = np.arange(0, end * (1 + 1e-9), step)
    values = np.vstack(
        [
            np.interp(even, start, line)
            for start, part in zip(starts, parts, strict=True)
            for line in part.values
        ]
    )
    names = ", ".join(Path(part.source).name for part in parts)
    notes = tuple(note for part in parts for note in part.notes)
    return LineScans(even, values, parts[0].name, parts[0].unit, names, notes)


def _on_even_positions(source: str, position: Array, lines: list[Array]) -> tuple[Array, list[Array]]:
    """Lines interpolated onto even positions, sorted; repeated positions averaged."""
    known = np.isfinite(position)
    places, inverse = np.unique(position[known], return_inverse=True)
    if len(places) < _FEWEST_POINTS:
        raise InputError(
            f"{source}: a line must have at least {_FEWEST_POINTS} positions; got {len(places)}."
        )
    even = np.linspace(places[0], places[-1], len(places))
    result = []
    for line in lines:
        values = line[known]
        good = np.isfinite(values)
        counts = np.bincount(inverse[good], minlength=len(places))
        sums = np.bincount(inverse[good], weights=values[good], minlength=len(places))
        there = counts > 0
        if np.count_nonzero(there) < _FEWEST_POINTS:
            raise InputError(f"{source}: a line must have at least {_FEWEST_POINTS} values; it has fewer.")
        result.append(np.interp(even, places[there], sums[there] / counts[there]))
    return even, result


def _thinned(position: Array, values: Array, notes: list[str]) -> tuple[Array, Array]:
    """Means of neighbours where a line has more points than a boundary's shape needs."""
    width = -(-len(position) // _MOST_POINTS)
    if width == 1:
        return position, values
    kept = len(position) // width * width
    notes.append(f"{len(position)} points a line: means of {width} neighbours are used")
    return position[:kept].reshape(-1, width).mean(axis=1), values[:, :kept].reshape(
        len(values), -1, width
    ).mean(axis=2)


def _without_spikes(line: Array, notes: list[str]) -> Array:
    """A line with single points far off their neighbours replaced by the median of these."""
    from scipy.ndimage import median_filter

    smooth = median_filter(line, size=5, mode="nearest")
    off = np.abs(line - smooth)
    # a fifth of the points are their own median
    scale = 1.4826 * float(np.median(off[off > 0])) if (off > 0).any() else 0.0
    spikes = off > _SPIKE * scale if scale > 0 else np.zeros(line.shape, bool)
    lonely = spikes & ~np.roll(spikes, 1) & ~np.roll(spikes, -1)
    if lonely.any():
        notes.append(f"{np.count_nonzero(lonely)} single spikes removed")
    return np.where(lonely, smooth, line)


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
    values = np.vstack([_without_spikes(line, notes) for line in values])
    return LineScans(way, values, scan.name, scan.unit, scan.source, tuple(notes))


def middle_lines(scan: ScanMap, count: int = 5) -> LineScans:
    """Horizontal lines through the middle of a map, over its full width."""
    half, width = scan.size[1] / 2, scan.size[0]
    inset = width / scan.values.shape[1] / 2
    return lines_across(scan, (inset, half), (width - inset, half), count)
