"""Which way the current flows does not matter where α_a = α_c, nor does an offset of both potentials."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from conduction_cases import solved

from gbflux.conduction import ButlerVolmer, bottom_electrode, top_electrode
from gbflux.conduction.materials import conductivities
from gbflux.mesh import build_mesh, recipe
from small_cases import FLAT, case

SAME = 1.0e-8


@functools.cache
def polycrystal():
    found = case(FLAT)
    mesh = build_mesh(recipe(found)).mesh
    return mesh, conductivities(mesh, found)


def law(anodic: float, cathodic: float) -> ButlerVolmer:
    return ButlerVolmer(10.0, anodic, cathodic, 298.15)


def j_at(voltage: float, bottom: ButlerVolmer, top: ButlerVolmer, offset: float = 0.0) -> np.ndarray:
    mesh, sigma = polycrystal()
    ends = bottom_electrode(offset, bottom), top_electrode(offset + voltage, top)
    return solved(mesh, sigma, *ends).fields.j


def test_equal_coefficients_reverse_with_the_voltage() -> None:
    forward, backward = (j_at(v, law(0.5, 0.5), law(0.5, 0.5)) for v in (0.2, -0.2))
    assert np.abs(forward + backward).max() <= SAME * np.abs(forward).max()


def test_unequal_coefficients_do_not() -> None:
    forward, backward = (j_at(v, law(0.5, 0.5), law(0.2, 0.8)) for v in (0.2, -0.2))
    assert np.abs(forward + backward).max() > 1e-2 * np.abs(forward).max()


def test_exchanged_coefficients_reverse_it() -> None:
    """α_a and α_c change places with the sign of the voltage."""
    forward = j_at(0.2, law(0.3, 0.7), law(0.2, 0.8))
    backward = j_at(-0.2, law(0.7, 0.3), law(0.8, 0.2))
    assert np.abs(forward + backward).max() <= SAME * np.abs(forward).max()


@pytest.mark.parametrize("offset", [-3.0, 100.0])
def test_an_offset_of_both_potentials_changes_nothing(offset: float) -> None:
    plain, shifted = (j_at(0.2, law(0.3, 0.7), law(0.2, 0.8), v) for v in (0.0, offset))
    assert np.abs(plain - shifted).max() <= SAME * np.abs(plain).max()
