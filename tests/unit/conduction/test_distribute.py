"""Recursive coordinate bisection and the facets between its parts."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from gbflux.conduction.distribute import beside, bisect, facets_within
from meshes_by_hand import FULL_STACK, stack


def single(count: int) -> np.ndarray:
    """Cells of one corner each, so that a cell lies where its point does."""
    return np.arange(count, dtype=np.int32)[:, None]


@pytest.mark.parametrize("parts", range(1, 9))
@pytest.mark.parametrize("count", [8, 13, 100])
def test_parts_are_balanced_and_complete(count: int, parts: int) -> None:
    positions = np.random.default_rng(count).random((count, 3))
    split = bisect(positions, single(count), parts)
    assert sorted(np.concatenate(split).tolist()) == list(range(count))
    sizes = [len(part) for part in split]
    assert min(sizes) >= 1
    assert max(sizes) - min(sizes) <= 1 + np.log2(parts)
    assert all(np.all(np.diff(part) > 0) for part in split if len(part) > 1)


def test_the_longest_side_is_cut() -> None:
    positions = np.random.default_rng(0).random((40, 3)) * [1.0, 9.0, 2.0]
    lower, upper = bisect(positions, single(40), 2)
    assert positions[lower, 1].max() <= positions[upper, 1].min()


def test_many_cells_are_split_by_a_sample_of_them() -> None:
    positions = np.random.default_rng(1).random((50_000, 2)) * [1.0, 3.0]
    lower, upper = bisect(positions, single(50_000), 2)
    assert len(lower) == len(upper)
    assert positions[lower, 1].max() <= positions[upper, 1].min() + 1e-6


def test_equal_positions_can_be_split() -> None:
    assert [len(part) for part in bisect(np.zeros((9, 2)), single(9), 3)] == [3, 3, 3]


@pytest.mark.parametrize("dimension", [2, 3])
@pytest.mark.parametrize("parts", [1, 2, 5])
def test_neighbours_are_those_of_a_search_over_all_facets(dimension: int, parts: int) -> None:
    mesh = stack(FULL_STACK, dimension)
    split = bisect(mesh.points, mesh.cells, parts)
    part_of, row_of = np.empty(len(mesh.cells), int), np.empty(len(mesh.cells), int)
    for number, part in enumerate(split):
        part_of[part], row_of[part] = number, np.arange(len(part))
    sharing: dict[frozenset, list[int]] = {}
    for cell, corners in enumerate(mesh.cells.tolist()):
        for facet in itertools.combinations(corners, dimension):
            sharing.setdefault(frozenset(facet), []).append(cell)
    expected: list[set] = [set() for _ in range(parts)]
    for pair in (cells for cells in sharing.values() if len(cells) == 2):
        for here, there in (pair, pair[::-1]):
            if part_of[here] != part_of[there]:
                expected[part_of[here]].add((int(row_of[here]), int(part_of[there])))
    touching = sum(np.isin(np.arange(len(mesh.points)), mesh.cells[part]).astype(int) for part in split)
    facets, rows = zip(*(facets_within(mesh.cells[part], touching > 1) for part in split), strict=True)
    for part in range(parts):
        places, others = beside(facets, part)
        assert set(zip(rows[part][places].tolist(), others.tolist(), strict=True)) == expected[part]
