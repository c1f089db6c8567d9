"""Meshes graded towards a point of a plane, made by hand in 2D: rings around it, then a box around these."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gbflux.mesh import CellKind, Mesh
from gbflux.mesh.simplices import split_quads
from meshes_by_hand import oriented, plain_mesh


@dataclass(frozen=True)
class Rings:
    """Points on rays from the origin: `number[k, i]` is that of ring k on ray i; `middle` the origin's.

    `points` are (n, 2) (µm), `cells` (m, 3), `radius` (µm) is that of the round rings, `angle` of each ray in
    degrees. The last ring is the box.
    """

    points: NDArray[np.float64]
    cells: NDArray[np.int64]
    radius: NDArray[np.float64]
    angle: NDArray[np.float64]
    number: NDArray[np.int64]
    middle: int


def rings(angle: NDArray[np.float64], radius: NDArray[np.float64], box_um: float, outside: int = 8) -> Rings:
    """Mesh a sector of a box of half-width `box_um`; rays at its corners (45°, ...) keep them sharp."""
    turn = np.radians(angle)
    ray = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    ray[np.abs(ray) < 1.0e-12] = 0.0
    rim = ray / np.abs(ray).max(axis=1, keepdims=True)
    rim[np.abs(np.abs(rim) - 1.0) < 1.0e-12] = np.sign(rim[np.abs(np.abs(rim) - 1.0) < 1.0e-12])
    layers = [r * ray for r in radius]
    for share in np.linspace(0.0, 1.0, outside + 1)[1:]:
        layers.append((1.0 - share) * radius[-1] * ray + share * box_um * rim)
    points = np.concatenate([*layers, np.zeros((1, 2))])
    number = np.arange(len(layers) * len(angle)).reshape(len(layers), -1)
    middle = number.size
    quads = np.stack([number[:-1, :-1], number[1:, :-1], number[1:, 1:], number[:-1, 1:]], axis=-1)
    fan = np.stack([np.full(len(angle) - 1, middle), number[0, :-1], number[0, 1:]], axis=-1)
    cells = np.concatenate([split_quads(quads.reshape(-1, 4)), fan])
    return Rings(points, cells, radius, angle, number, middle)


def cell_angles(points: NDArray[np.float64], cells: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the direction in which each cell's middle lies (degrees)."""
    middle = points[cells].mean(axis=1)
    return np.degrees(np.arctan2(middle[:, 1], middle[:, 0]))


def with_slit(half: Rings, width_um: float) -> tuple[Mesh, NDArray[np.bool_], NDArray[np.int64]]:
    """Join a sector of the right half plane, from −90° to 90°, and its mirror image by a strip of true width.

    Returns
    -------
    mesh : Mesh
        Cells of the strip are of the kind GB; the electrodes are the box's bottom and top.
    left : (n,) bool array
        Points of the left half.
    number : (k, i) int array
        Of the right half's points, as in `Rings`.
    """
    n = len(half.points)
    right = half.points + np.array([width_um / 2, 0.0])
    points = np.concatenate([right, right * [-1.0, 1.0]])
    column = np.concatenate([half.number[::-1, 0], [half.middle], half.number[:, -1]])
    quads = np.stack([column[:-1] + n, column[:-1], column[1:], column[1:] + n], axis=1)
    strip = split_quads(quads)
    cells = oriented(points, np.concatenate([half.cells, half.cells + n, strip]))
    kind = np.repeat([CellKind.GRAIN, CellKind.GB], [2 * len(half.cells), len(strip)])
    ends = (float(points[:, 1].min()), float(points[:, 1].max()))
    return plain_mesh(points, cells, kind, ends), np.arange(2 * n) >= n, half.number
