"""The profile across a homogenizing layer recovers a decay that is put in."""

import numpy as np
import pytest

from gbflux.measure.cells import cell_geometry
from gbflux.measure.hl_profile import HOMOGENIZED, fit_decay, hl_profile, homogenized_at

from .synthetic import brick_mesh, fields_of, sigma_of, with_j

WAVE = 8.0  # µm, twice the width of the box: cos(2πx/Λ) has no slope on its sides
LAMBDA = WAVE / (2 * np.pi)


def modal_fields(mesh, side, amplitude=0.3, mean=100.0):
    """J_z = J̄ (1 + A cos(kx) cosh(k(h − s))/cosh(kh)) at the cells' centres, s from the electrolyte on."""
    x, z = mesh.points[mesh.cells].mean(axis=1)[:, [0, -1]].T
    face, end = (mesh.z_electrolyte[side == "top"], mesh.z_electrodes[side == "top"])
    h, s = abs(end - face), np.abs(z - face)
    j = np.zeros((len(x), mesh.dimension))
    j[:, -1] = -mean * (1 + amplitude * np.cos(x / LAMBDA) * np.cosh((h - s) / LAMBDA) / np.cosh(h / LAMBDA))
    return with_j(fields_of(mesh, sigma_of(mesh), mesh.points[:, -1]), j), mean


@pytest.mark.parametrize(("grains", "mesh_um"), [((1, 1), 0.125), ((1, 1, 1), 0.5)])
@pytest.mark.parametrize("side", ["bottom", "top"])
def test_a_single_mode_gives_its_decay_length_back(grains, mesh_um, side):
    mesh = brick_mesh(
        grains, grain_um=4.0, mesh_um=mesh_um, hl_um=(4.0, 0.0) if side == "bottom" else (0.0, 4.0)
    )
    fields, mean = modal_fields(mesh, side)
    profile = hl_profile(mesh, fields, side, mean, cell_geometry(mesh))
    assert profile.decay_length_um == pytest.approx(LAMBDA, rel=0.03)
    assert profile.distance_um[0] == pytest.approx(0.005)
    assert profile.distance_um[-1] == pytest.approx(4.0)
    assert 5 <= len(profile.distance_um) <= 40
    assert profile.std_over_mean[0] == pytest.approx(0.3 / np.sqrt(2), rel=0.2)
    # max/mean is 1 + A cosh(…)/cosh(…): 1.1 where cosh((h − s)/λ) = cosh(h/λ)/3
    expected = 4.0 - LAMBDA * np.arccosh(np.cosh(4.0 / LAMBDA) / 3)
    assert profile.homogenized_at_um == pytest.approx(expected, abs=mesh_um)


def test_a_uniform_current_is_homogenized_at_once_and_has_no_decay():
    mesh = brick_mesh((1, 1), mesh_um=0.4, hl_um=(2.0, 0.0))
    fields, mean = modal_fields(mesh, "bottom", amplitude=0.0)
    profile = hl_profile(mesh, fields, "bottom", mean, cell_geometry(mesh))
    assert profile.max_over_mean == pytest.approx([1.0] * len(profile.max_over_mean))
    assert profile.homogenized_at_um == profile.distance_um[0]
    assert profile.decay_length_um is None


@pytest.mark.parametrize("amplitude", [0.0, 0.3])
def test_a_layer_of_two_cells_says_nothing_but_why(amplitude):
    mesh = brick_mesh((1, 1), hl_um=(2.0, 0.0))
    fields, mean = modal_fields(mesh, "bottom", amplitude=amplitude)
    profile = hl_profile(mesh, fields, "bottom", mean, cell_geometry(mesh))
    assert profile.homogenized_at_um is None
    assert profile.decay_length_um is None
    assert "at least 4 cells thick; it is about 2.0" in profile.reason


def test_fit_of_an_exact_cosh_is_exact():
    s = np.linspace(0.0, 10.0, 25)
    length, amplitude = fit_decay(s, 2e-3 * np.cosh((10.0 - s) / 1.7), 10.0)
    assert length == pytest.approx(1.7, rel=1e-6)
    assert amplitude == pytest.approx(2e-3, rel=1e-6)


def test_fit_leaves_the_first_mesh_size_and_noise_out():
    s = np.linspace(0.0, 10.0, 25)
    std = np.cosh((10.0 - s) / 0.5) / np.cosh(20.0)
    std[:2] = 77.0
    std = np.maximum(std, 3e-7)
    assert fit_decay(s, std, 10.0)[0] == pytest.approx(0.5, rel=1e-6)


@pytest.mark.parametrize("std", [np.full(20, 0.1), np.full(20, 1e-9), np.geomspace(1, 2, 20)])
def test_fit_of_what_does_not_decay_is_none(std):
    assert fit_decay(np.linspace(0, 10, 20), std, 10.0) is None


def test_homogenized_from_the_last_plane_above_the_limit():
    distance = [0.0, 1.0, 2.0, 3.0]
    assert homogenized_at(distance, [2.0, 1.0, 1.2, 1.0]) == pytest.approx(2.0 + (1.2 - HOMOGENIZED) / 0.2)
    assert homogenized_at(distance, [1.0, 1.0, 1.0, 1.2]) is None
    assert homogenized_at(distance, [1.1, 1.0, 1.0, 1.0]) == 0.0
