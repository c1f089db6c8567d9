"""Columns from electrode to electrode: σ_eff = (1 − f) σ_g + f σ_gb, f the boundaries' share of the section.

σ does not depend on z, so the exact potential is linear in z and P1 contains it.
"""

from __future__ import annotations

import numpy as np
import pytest

from gbflux.mesh import CellKind
from small_cases import FLAT, LAYERS, solved, volumes_um

EXACT = 1.0e-9
COLUMNS = {"grains.arrangement": "columnar"}


@pytest.mark.parametrize("boundary", ["cut", "mirror"])
def test_two_dimensions(boundary: str) -> None:
    """f = n δ/L, n boundaries of δ = 5 nm on L = 40 µm."""
    outcome = solved(FLAT, COLUMNS, {"grains.boundary": boundary, "grain_boundary.thickness_nm": 5})
    boundaries = outcome.result.mesh.grains - 1
    assert boundaries >= 3
    share = boundaries * 0.005 / 40
    exact = (1 - share) * 5.0e-4 + share * 2.5e-7
    assert outcome.result.transport.sigma_eff_S_per_cm == pytest.approx(exact, rel=EXACT)


def test_three_dimensions() -> None:
    """f of the mesh to round-off; f = δ·area/volume to the overlap of the strips at the junctions.

    Where three columns meet at angles near 120° the overlap is (√3/4) δ² (1.08e-5 µm² for 5 nm), beside
    strips of some 9 µm × δ: 2.4e-4. Ten times that are allowed for acute angles.
    """
    outcome = solved(COLUMNS, {"grains.boundary": "mirror"})
    mesh = outcome.snapshot.mesh
    volume = volumes_um(mesh)
    layer = np.isin(mesh.kind, (CellKind.GB, CellKind.GB_JUNCTION))
    share = volume[layer].sum() / volume.sum()
    exact = (1 - share) * 5.0e-4 + share * 2.5e-7
    assert outcome.result.transport.sigma_eff_S_per_cm == pytest.approx(exact, rel=EXACT)
    assert share == pytest.approx(0.005 * mesh.boundary_area.sum() / np.prod(mesh.size_um), rel=2.5e-3)


def test_variation_averages_over_the_section() -> None:
    """Each column with a conductivity of its own: σ_eff is their mean by area."""
    outcome = solved(FLAT, COLUMNS, {"grains.variation": {"sigma": 0.7, "seed": 3}})
    mesh, fields = outcome.snapshot.mesh, outcome.snapshot.fields
    volume = volumes_um(mesh)
    grain = mesh.kind == CellKind.GRAIN
    assert np.ptp(fields.sigma[grain]) > 0.01
    exact = float(volume @ fields.sigma / volume.sum()) / 100.0  # S/cm
    assert outcome.result.transport.sigma_eff_S_per_cm == pytest.approx(exact, rel=EXACT)


def test_layers_in_front_do_not_change_the_current_by_more_than_the_boundaries_share() -> None:
    """With homogenizing layers of their own the columns still carry nearly all: ASR = Σ t/σ to f."""
    outcome = solved(FLAT, COLUMNS, LAYERS)
    exact = 40e-4 / 5.0e-4 + 2 * 5e-4 / 1.0e-4
    share = (outcome.result.mesh.grains - 1) * 0.005 / 40
    assert exact <= outcome.result.transport.asr_ohm_cm2 <= exact * (1 + 2 * share)
