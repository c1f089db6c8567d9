"""Discrete duality in 2D: G_P1(σ, along z) · G_CR(1/σ, along x) = 1 on one mesh, to round-off.

The stream function of a Crouzeix–Raviart flux is piecewise linear and continuous, so that the least
Crouzeix–Raviart power of 1/σ across a rectangle is that of linear elements for σ along it, inverted.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from brackets import bracketed, bracketed_to_the_end

from gbflux.conduction.bounds.bracket import ROUND_OFF
from gbflux.mesh import Mesh
from small_cases import LAYERS, TINY, solved


def turned(mesh: Mesh) -> Mesh:
    """The mesh with x and z exchanged: electrodes where its sides were."""
    cells = mesh.cells.copy()
    cells[:, :2] = cells[:, 1::-1]
    points = mesh.points[:, ::-1].copy()
    ends = (float(points[:, 1].min()), float(points[:, 1].max()))
    return replace(mesh, points=points, cells=cells, z_electrodes=ends, z_electrolyte=ends, slabs=())


@pytest.mark.parametrize("ratio", [1.0, 5.0e-4, 1.0e-6])
@pytest.mark.parametrize("layers", [{}, LAYERS], ids=["bare", "HL"])
def test_duality(layers: dict, ratio: float, monkeypatch: pytest.MonkeyPatch) -> None:
    mesh = solved(TINY, layers).snapshot.mesh
    grains = np.random.default_rng(3).uniform(0.5, 2.0, mesh.n_grains + 2)
    sigma = np.where(mesh.region < 0, ratio, grains[mesh.region])
    along = bracketed(mesh, sigma, rtol=1.0e-11)
    across = bracketed_to_the_end(monkeypatch, turned(mesh), 1.0 / sigma)
    least = across.lower / (1.0 - ROUND_OFF) + across.algebraic_error
    assert along.upper / (1.0 + ROUND_OFF) * least == pytest.approx(1.0, rel=1.0e-9)
