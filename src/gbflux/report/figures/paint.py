"""Triangles painted into a pixel image: one pass of array operations, however many triangles."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_ROUNDING = 1e-9


def paint(
    triangles: NDArray[np.float64], extent: tuple[float, float, float, float], shape: tuple[int, int]
) -> NDArray[np.intp]:
    """Number of the triangle under the centre of each pixel.

    Each triangle is cut into the rows of pixels it crosses, each such piece into its pixels. A pixel on an
    edge goes to the later triangle.

    Parameters
    ----------
    triangles : (k, 3, 2) array
        Corners (x, y).
    extent : (left, right, bottom, top)
        Edges of the image, in the units of the corners.
    shape : (rows, columns)
        Size of the image.

    Returns
    -------
    (rows, columns) int array
        Row 0 is at the bottom; −1 where there is no triangle.

    Examples
    --------
    >>> corner = np.array([[[0.0, 0.0], [2.0, 0.0], [0.0, 2.0]]])
    >>> paint(corner, (0.0, 4.0, 0.0, 2.0), (2, 4)).tolist()
    [[0, 0, -1, -1], [0, -1, -1, -1]]
    """
    rows, columns = shape
    left, right, bottom, top = extent
    scale = np.array([columns / (right - left), rows / (top - bottom)])
    pixels = (triangles - np.array([left, bottom])) * scale - 0.5  # pixel centres at whole numbers
    piece, row = _ranges(pixels[:, :, 1].min(axis=1), pixels[:, :, 1].max(axis=1), rows)
    first, last = _spans(pixels, piece, row)
    part, column = _ranges(first, last, columns)
    image = np.full(shape, -1, dtype=np.intp)
    image[row[part], column] = piece[part]
    return image


def _ranges(low: NDArray, high: NDArray, size: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Whole numbers between low and high, cut to 0 … size − 1, each with the entry it comes from."""
    first = np.clip(np.ceil(low - _ROUNDING), 0, size).astype(np.intp)
    last = np.clip(np.floor(high + _ROUNDING), -1, size - 1).astype(np.intp)
    count = np.maximum(last - first + 1, 0)
    entry = np.repeat(np.arange(len(count)), count)
    within = np.arange(len(entry)) - np.repeat(np.cumsum(count) - count, count)
    return entry, first[entry] + within


def _spans(pixels: NDArray, piece: NDArray, row: NDArray) -> tuple[NDArray, NDArray]:
    """Left and right end of each row of each triangle; an empty span where rounding put the row outside."""
    low, high = np.full(len(piece), np.inf), np.full(len(piece), -np.inf)
    for corner in range(3):
        a, b = pixels[piece, corner], pixels[piece, (corner + 1) % 3]
        rise = b[:, 1] - a[:, 1]
        level = np.abs(rise) < _ROUNDING
        t = np.clip((row - a[:, 1]) / np.where(level, 1.0, rise), -_ROUNDING, 1 + _ROUNDING)
        crossed = (np.minimum(a[:, 1], b[:, 1]) - _ROUNDING <= row) & (
            row <= np.maximum(a[:, 1], b[:, 1]) + _ROUNDING
        )
        x = a[:, 0] + np.where(level, 0.0, t) * (b[:, 0] - a[:, 0])
        low = np.where(crossed, np.minimum(low, x), low)
        high = np.where(crossed, np.maximum(high, x), high)
    return np.where(low <= high, low, 0.0), np.where(low <= high, high, -1.0)
