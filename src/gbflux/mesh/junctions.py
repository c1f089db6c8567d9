"""Junctions: mesh edges (2D: nodes) where three or more regions meet, with the regions in order around."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gbflux.mesh.conforming import ConformingMesh


@dataclass(frozen=True)
class Junctions:
    """Junctions at which the same number k of regions meet.

    Attributes
    ----------
    nodes : (m, d − 1) int array
        The edge from its first node to its second; in 2D the node.
    ring : (m, k) int array
        Regions in counter-clockwise order about the edge's direction, the smallest first.
    angle : (m, k) float array
        Angle that each of these regions takes up (rad).
    """

    nodes: NDArray[np.int64]
    ring: NDArray[np.int64]
    angle: NDArray[np.float64]


def find_junctions(mesh: ConformingMesh) -> list[Junctions]:
    """Junctions of the mesh, grouped by the number of regions that meet, three or more."""
    d, count = mesh.points.shape[1], len(mesh.facets)
    if d == 2:
        ridge, opposite = mesh.facets.reshape(-1, 1), mesh.facets[:, ::-1].reshape(-1)
        facet = np.repeat(np.arange(count), 2)
    else:
        ridge = np.sort(mesh.facets[:, [[1, 2], [2, 0], [0, 1]]], axis=2).reshape(-1, 2)
        opposite, facet = mesh.facets.reshape(-1), np.repeat(np.arange(count), 3)
    key = ridge[:, 0] * len(mesh.points) + ridge[:, -1]
    order = np.argsort(key, kind="stable")
    _, start, number = np.unique(key[order], return_index=True, return_counts=True)
    found = []
    for k in np.unique(number[number > 2]):
        rows = order[start[number == k, None] + np.arange(k)]
        found.append(_ordered(mesh, ridge[rows[:, 0]], opposite[rows], facet[rows]))
    return found


def _ordered(mesh: ConformingMesh, nodes: NDArray, opposite: NDArray, facet: NDArray) -> Junctions:
    """Turn once around each junction and note the regions passed."""
    x = mesh.points
    spoke = x[opposite] - x[nodes[:, 0]][:, None, :]
    if x.shape[1] == 3:
        along = x[nodes[:, 1]] - x[nodes[:, 0]]
        along /= np.linalg.norm(along, axis=1)[:, None]
        spoke -= np.einsum("ijk,ik->ij", spoke, along)[:, :, None] * along[:, None, :]
        turned = np.cross(along[:, None, :], spoke)
    else:
        turned = np.stack([-spoke[:, :, 1], spoke[:, :, 0]], axis=2)
    sine = np.einsum("ijk,ik->ij", spoke, turned[:, 0])
    cosine = np.einsum("ijk,ik->ij", spoke, spoke[:, 0])
    angle = np.mod(np.arctan2(sine, cosine), 2 * np.pi)
    angle[:, 0] = 0.0
    order = np.argsort(angle, axis=1)
    angle = np.take_along_axis(angle, order, axis=1)
    ahead = np.einsum("ijk,ijk->ij", mesh.facet_normal[facet], turned) > 0
    behind = np.where(ahead, mesh.facet_regions[facet, 1], mesh.facet_regions[facet, 0])
    ring = np.take_along_axis(behind, order, axis=1)
    gap = np.diff(np.hstack([angle, np.full((len(angle), 1), 2 * np.pi)]), axis=1)
    roll = (np.argmin(ring, axis=1)[:, None] + np.arange(ring.shape[1])) % ring.shape[1]
    return Junctions(nodes, np.take_along_axis(ring, roll, axis=1), np.take_along_axis(gap, roll, axis=1))
