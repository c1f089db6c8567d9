"""Simplices: volumes, edges, normals, and how quadrilaterals and prisms are cut into them.

Many at a time, one coordinate after the other, in blocks that fit the processor's cache.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.integer[Any]]
Mask = NDArray[np.bool_]

_BLOCK = 1 << 15  # cells worked on at a time
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


def signed_volumes(points: Floats, cells: Integers) -> NDArray[np.float64]:
    """Volumes of simplices (µm³; in 2D areas, µm²), negative where inverted."""
    axes = np.ascontiguousarray(points.T)
    volumes = np.empty(len(cells))
    for start in range(0, len(cells), _BLOCK):
        block = cells[start : start + _BLOCK].T
        spans = [[axis[corner] - axis[block[0]] for axis in axes] for corner in block[1:]]
        volumes[start : start + _BLOCK] = _determinant(spans)
    return volumes / (2 if len(axes) == 2 else 6)


def _determinant(rows: list[list[Floats]]) -> Floats:
    """Determinants of 2×2 or 3×3 matrices given as rows of arrays."""
    if len(rows) == 2:
        (a, b), (c, d) = rows
        return a * d - b * c
    u, v, w = rows
    found: Floats = (
        u[0] * (v[1] * w[2] - v[2] * w[1])
        + u[1] * (v[2] * w[0] - v[0] * w[2])
        + u[2] * (v[0] * w[1] - v[1] * w[0])
    )
    return found


def longest_edges(points: Floats, cells: Integers) -> NDArray[np.float64]:
    """Longest edge of each simplex (µm)."""
    axes = np.ascontiguousarray(points.T)
    longest = np.empty(len(cells))
    for start in range(0, len(cells), _BLOCK):
        block = cells[start : start + _BLOCK].T
        corners = [[axis[corner] for axis in axes] for corner in block]
        squares = [
            sum((p - q) ** 2 for p, q in zip(one, other, strict=True))
            for one, other in itertools.combinations(corners, 2)
        ]
        longest[start : start + _BLOCK] = np.max(squares, axis=0)
    return np.sqrt(longest)


def smallest_heights(points: Floats, cells: Integers) -> NDArray[np.float64]:
    """Distance of the nearest corner from the face opposite it, in each simplex, (m,).

    Parameters
    ----------
    points : (n, d) float array
        Nodes (any length unit).
    cells : (m, d + 1) int array
        Simplices.

    Examples
    --------
    >>> smallest_heights(np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 3.0]]), np.array([[0, 1, 2]]))
    array([2.4])
    """
    d = points.shape[1]
    largest = np.zeros(len(cells))
    for corner in range(d + 1):
        face = points[np.delete(cells, corner, axis=1)]
        edges = face[:, 1:] - face[:, :1]
        size = np.linalg.norm(edges[:, 0] if d == 2 else np.cross(edges[:, 0], edges[:, 1]) / 2, axis=1)
        largest = np.maximum(largest, size)
    return d * np.abs(signed_volumes(points, cells)) / largest


def ascending(corners: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
    """Values at the three or four corners of simplices, sorted within each simplex.

    By a sorting network, one corner of all simplices at a time.

    Parameters
    ----------
    corners : sequence of (m,) arrays
        Values at the first corner of each simplex, at the second, and so on.

    Examples
    --------
    >>> [corner.tolist() for corner in ascending(np.array([[3, 1], [2, 9], [1, 5]]))]
    [[1, 1], [2, 5], [3, 9]]
    """
    found = list(corners)
    exchanges = ((0, 1), (2, 3), (0, 2), (1, 3), (1, 2)) if len(found) == 4 else ((0, 1), (1, 2), (0, 1))
    for i, j in exchanges:
        found[i], found[j] = np.minimum(found[i], found[j]), np.maximum(found[i], found[j])
    return found


def is_conforming(cells: Integers, planes: NDArray[np.uint8]) -> bool:
    """Test whether every face belongs to two cells, or to one and lies on an outer plane.

    Each inner face is met twice, so that it cancels when hashes of all faces are combined by exclusive or.

    Parameters
    ----------
    cells : (m, d + 1) int array
        Simplices.
    planes : (n,) uint8 array
        For each point, one bit for each outer plane it is on.
    """
    node = _splitmix64(np.arange(len(planes), dtype=np.uint64))
    left = np.uint64(0)
    for start in range(0, len(cells), _BLOCK):
        block = cells[start : start + _BLOCK]
        hashes, bits = node[block], planes[block]
        # the sum over a face's corners: that of all less the opposite one, modulo 2⁶⁴
        faces = hashes.sum(axis=1, dtype=np.uint64)[:, None] - hashes
        for corner in range(block.shape[1]):
            common = np.bitwise_and.reduce(np.delete(bits, corner, axis=1), axis=1)
            inner = faces[common == 0, corner]
            left ^= np.bitwise_xor.reduce(_splitmix64(inner))
    return bool(left == 0)


def _splitmix64(z: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finalizer of splitmix64: a well-spread 64-bit hash."""
    z = z + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def split_prisms(prisms: Integers) -> Integers:
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
    # the smallest number in front, two diagonals start there; the third lies on the face opposite to it
    q = np.take_along_axis(prisms, _TO_FRONT[np.argmin(prisms, axis=1)], axis=1)
    rising = np.minimum(q[:, 1], q[:, 5]) < np.minimum(q[:, 2], q[:, 4])
    one = q[:, [[0, 1, 2, 5], [0, 1, 5, 4], [0, 4, 5, 3]]]
    other = q[:, [[0, 1, 2, 4], [0, 4, 2, 5], [0, 4, 5, 3]]]
    return np.where(rising[:, None, None], one, other).reshape(-1, 4)


def normals(corners: Floats) -> Floats:
    """Normals, of any length: of segments (2D: to the right), or of triangles (right-hand rule)."""
    span = corners[:, 1] - corners[:, 0]
    if corners.shape[2] == 2:
        return np.stack([span[:, 1], -span[:, 0]], axis=1)
    return np.cross(span, corners[:, 2] - corners[:, 0])


def split_quads(quads: Integers) -> Integers:
    """Two triangles each, (m, 4) counter-clockwise to (2 m, 3); the diagonal at the smallest number."""
    even = np.argmin(quads, axis=1) % 2 == 0
    one = quads[:, [[0, 1, 2], [0, 2, 3]]]
    other = quads[:, [[0, 1, 3], [1, 2, 3]]]
    return np.where(even[:, None, None], one, other).reshape(-1, 3)
