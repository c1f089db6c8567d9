"""Prisms between two triangulations: as many as there are triangles, and none where these differ."""

from __future__ import annotations

import numpy as np
import pytest

from gbflux.errors import MeshError
from gbflux.mesh.prisms import Stacked, with_prisms
from gbflux.mesh.simplices import is_conforming, signed_volumes
from gbflux.mesh.volumes import Volumes

SQUARE = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0], [0.4, 0.6]])
TRIANGLES = np.array([[0, 1, 4], [1, 2, 4], [2, 3, 4], [3, 0, 4]])
ORDER = np.array([3, 1, 4, 0, 2])  # of the nodes of the plane above


def planes(*z: float) -> Volumes:
    """Nodes of squares one above the other, the second with its nodes in another order, and no cells."""
    orders = [ORDER if k == 1 else np.arange(5) for k in range(len(z))]
    points = np.vstack([np.column_stack([SQUARE[o], np.full(5, h)]) for o, h in zip(orders, z, strict=True)])
    return Volumes(points, np.zeros((0, 4), dtype=np.int64), np.zeros(0, dtype=np.int64))


def test_layers_are_filled_and_fit_together() -> None:
    second = 5 + np.argsort(ORDER)[TRIANGLES]
    triangles = {7: TRIANGLES, 8: second, 9: TRIANGLES + 10}
    stacked = [Stacked(3, (7, 8)), Stacked(4, (8, 9))]
    filled = with_prisms(planes(0.0, 0.5, 0.8), stacked, triangles)
    volume = np.abs(signed_volumes(filled.points, filled.cells))
    assert np.bincount(filled.region, volume)[3:] == pytest.approx([0.5, 0.3], rel=1e-14)
    assert np.bincount(filled.region).tolist() == [0, 0, 0, 12, 12]
    on_box = np.column_stack([filled.points == 0.0, filled.points == [1.0, 1.0, 0.8]])
    outer = (on_box * 2 ** np.arange(6)).sum(axis=1)
    assert is_conforming(filled.cells, outer)


def test_planes_must_be_meshed_alike() -> None:
    moved = planes(0.0, 0.5)
    moved.points[7, 0] += 1e-3
    with pytest.raises(MeshError, match="meshed alike"):
        with_prisms(moved, [Stacked(3, (7, 8))], {7: TRIANGLES, 8: 5 + np.argsort(ORDER)[TRIANGLES]})
