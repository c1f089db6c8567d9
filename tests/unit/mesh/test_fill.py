"""Prisms and quadrilaterals cut into simplices: exactly filled, and neighbours agree in any numbering."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from gbflux.mesh.simplices import is_conforming, signed_volumes, split_prisms, split_quads

PRISM = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 0, 1.2], [0, 1, 0.9]], dtype=float)
QUADS = ((0, 1, 4, 3), (1, 2, 5, 4), (2, 0, 3, 5))
PERMUTATIONS = np.array(list(itertools.permutations(range(6))))


def test_every_prism_is_filled_by_three_positive_cells() -> None:
    """All 720 orders; the volume is base × mean height, 1/2 × (1 + 1.2 + 0.9)/3."""
    for numbers in PERMUTATIONS:
        points = np.empty((6, 3))
        points[numbers] = PRISM
        cells = split_prisms(numbers[None])
        volume = signed_volumes(points, cells)
        assert cells.shape == (3, 4)
        assert (volume > 0).all()
        assert volume.sum() == pytest.approx(3.1 / 6, rel=1e-14)


def test_every_diagonal_starts_at_the_smallest_number() -> None:
    """So two prisms cut a quadrilateral that they share alike: the four numbers they share decide."""
    for numbers in PERMUTATIONS:
        edges = {
            frozenset(edge)
            for cell in split_prisms(numbers[None]).tolist()
            for edge in itertools.combinations(cell, 2)
        }
        for quad in QUADS:
            corners = numbers[list(quad)].tolist()
            diagonals = [{corners[0], corners[2]}, {corners[1], corners[3]}]
            used = [diagonal for diagonal in diagonals if frozenset(diagonal) in edges]
            assert len(used) == 1
            assert min(corners) in used[0]


def test_many_prisms_are_cut_as_one_by_one() -> None:
    together = split_prisms(PERMUTATIONS)
    assert np.array_equal(together, np.vstack([split_prisms(row[None]) for row in PERMUTATIONS]))


def test_two_prisms_share_a_quadrilateral_and_their_cells_its_triangles() -> None:
    """Two prisms on the triangles of a square, numbered at random: every inner face is met twice."""
    corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], dtype=float)
    points = np.vstack([np.column_stack([corners, np.full(4, z)]) for z in (0.0, 1.0)])
    prisms = np.array([[0, 1, 2, 4, 5, 6], [0, 2, 3, 4, 6, 7]])
    for seed in range(50):
        number = np.random.default_rng(seed).permutation(8)
        moved = np.empty_like(points)
        moved[number] = points
        cells = split_prisms(number[prisms])
        assert is_conforming(cells, plane_bits(moved))


def test_a_quadrilateral_cut_both_ways_is_found() -> None:
    """The same two prisms, the second cut as if its points 0 and 2 had each other's numbers."""
    corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], dtype=float)
    points = np.vstack([np.column_stack([corners, np.full(4, z)]) for z in (0.0, 1.0)])
    prisms = np.array([[0, 1, 2, 4, 5, 6], [0, 2, 3, 4, 6, 7]])
    exchanged = np.array([2, 1, 0, 3, 4, 5, 6, 7])
    flipped = exchanged[split_prisms(exchanged[prisms[1:]])]
    assert signed_volumes(points, flipped).sum() == pytest.approx(0.5)
    assert is_conforming(split_prisms(prisms), plane_bits(points))
    assert not is_conforming(np.vstack([split_prisms(prisms[:1]), flipped]), plane_bits(points))


def plane_bits(points: np.ndarray) -> np.ndarray:
    """One bit for each side of the unit cube."""
    bits = np.zeros(len(points), dtype=np.uint8)
    for axis in range(points.shape[1]):
        for value in (0, 1):
            bits |= (points[:, axis] == value).astype(np.uint8) << (2 * axis + value)
    return bits


def test_every_quadrilateral_is_filled_by_two_positive_triangles() -> None:
    corners = np.array([[0, 0], [2, 0], [2, 1], [0, 1]], dtype=float)
    for numbers in itertools.permutations(range(4)):
        points = np.empty((4, 2))
        points[list(numbers)] = corners
        cells = split_quads(np.array([numbers]))
        assert signed_volumes(points, cells) == pytest.approx([1.0, 1.0])
        assert (
            (np.array(cells) == 0).any(axis=1).all()
        )  # both have the smallest number: it is on the diagonal
