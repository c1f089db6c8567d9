"""Linear physics: fields follow ΔV and σ in proportion, an offset of both potentials changes no current."""

from __future__ import annotations

import numpy as np
import pytest
from conduction_cases import sigma_by_kind, solved

from gbflux.conduction import Fields, bottom_electrode, top_electrode
from meshes_by_hand import FULL_STACK, stack


@pytest.fixture(scope="module")
def base() -> tuple:
    """A stack whose conductivities also vary sideways, and its solution at 0 V and 0.1 V."""
    mesh = stack(FULL_STACK)
    sigma = sigma_by_kind(mesh) * np.random.default_rng(1).uniform(0.3, 1.0, len(mesh.cells))
    return mesh, sigma, solved(mesh, sigma).fields


def assert_proportional(fields: Fields, base: Fields, factor: float) -> None:
    """Assert that currents are `factor` times those of `base`."""
    assert np.abs(fields.j - factor * base.j).max() <= 1e-8 * abs(factor) * np.abs(base.j).max()
    difference = np.abs(fields.residual - factor * base.residual).max()
    assert difference <= 1e-8 * abs(factor) * np.abs(base.residual).max()


@pytest.mark.parametrize("factor", [1.0e-6, -1.0, 3.0, 1.0e4])
def test_voltage(base: tuple, factor: float) -> None:
    mesh, sigma, fields = base
    assert_proportional(solved(mesh, sigma, top=top_electrode(0.1 * factor)).fields, fields, factor)


@pytest.mark.parametrize("factor", [1.0e-12, 7.0, 1.0e8])
def test_conductivity(base: tuple, factor: float) -> None:
    mesh, sigma, fields = base
    scaled = solved(mesh, sigma * factor).fields
    assert_proportional(scaled, fields, factor)
    assert scaled.phi == pytest.approx(fields.phi, abs=1e-10)


def test_offset(base: tuple) -> None:
    mesh, sigma, fields = base
    shifted = solved(mesh, sigma, bottom_electrode(5.0), top_electrode(5.1)).fields
    assert_proportional(shifted, fields, 1.0)
    assert shifted.phi - 5.0 == pytest.approx(fields.phi, abs=1e-10)
