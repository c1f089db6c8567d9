"""Sizes of the next mesh: thick layers limit how fine it gets, and make it no coarser."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gbflux.case import parse_case
from gbflux.mesh import build_mesh, recipe
from gbflux.mesh.refine import SMALLEST, closed, next_sizes
from small_cases import TINY, solved

INCLINED = """\
geometry: {size_um: [20, 24]}
grains: {seeds_file: seeds.csv, conductivity_S_per_cm: 5.0e-4}
grain_boundary: {thickness_nm: 500, conductivity_S_per_cm: 1.0e-5}
mesh: {size_um: 1.5, electrode_size_um: 1.5}
"""


def test_where_the_floor_lies_above_the_sizes_there_are_cells_do_not_grow(tmp_path: Path) -> None:
    """Four times 0.5 µm is more than 1.5 µm; that may not make a mesh coarser that ought to be finer."""
    (tmp_path / "seeds.csv").write_text("8.56605890912,9.95211988928\n11.4339410909,14.0478801107\n")
    mesh = build_mesh(recipe(parse_case(INCLINED, folder=tmp_path))).mesh
    assert SMALLEST * mesh.layer_thickness_um > 1.5
    gap = np.full(len(mesh.cells), 1e-3)
    found = next_sizes(mesh, gap, 1e-3 * gap.sum(), 3.0 * len(mesh.cells))
    assert np.all(found.field.size_um <= closed(mesh).size_um * (1 + 1e-9))
    assert found.cells >= 0.95 * len(mesh.cells)


def test_thin_layers_leave_sizes_free_down_to_the_floor() -> None:
    mesh = solved(TINY, {"output": {"figures": False}}).snapshot.mesh
    gap = np.full(len(mesh.cells), 1e-3)
    found = next_sizes(mesh, gap, 1e-3 * gap.sum(), 1e9)
    assert found.field.size_um.min() < 0.5 * closed(mesh).size_um.min()
    assert found.field.size_um.min() >= SMALLEST * mesh.layer_thickness_um
