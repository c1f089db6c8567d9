"""Every case in configs/ runs, coarse, and gives the number it is there for."""

from __future__ import annotations

from pathlib import Path

import pytest
from mpi4py import MPI

from gbflux.case import load_case
from gbflux.results import Result
from gbflux.simulation.run import run_case

CONFIGS = Path(__file__).parents[2] / "configs"
COARSE = {
    "lu2021.yaml": {
        "geometry.size_um": [20, 20, 20],
        "mesh.size_um": 2.5,
        "mesh.electrode_size_um": 2.5,
    },
    "coarse.yaml": {},
    "coarse2d.yaml": {},
}


def run(name: str) -> Result:
    return run_case(load_case(CONFIGS / name, COARSE[name]), comm=MPI.COMM_SELF).result


def test_every_config_is_here() -> None:
    assert {path.name for path in CONFIGS.glob("*.yaml")} == set(COARSE)


def test_lu2021() -> None:
    """Bi = 1: L/σ_eff and 20 Ω cm² of layers add, σ_eff near the brick layer's 2.5e-4 S/cm (20 %)."""
    result = run("lu2021.yaml")
    assert result.transport.brick_layer_S_per_cm == pytest.approx(2.5e-4, rel=1e-3)
    assert result.transport.sigma_eff_S_per_cm == pytest.approx(2.5e-4, rel=0.2)
    assert result.transport.asr_ohm_cm2 == pytest.approx(20e-4 / 2.5e-4 + 20, rel=0.1)
    assert set(result.homogenizing_layer) == {"bottom", "top"}


def test_coarse() -> None:
    """Eight closed grains: one plane of boundaries in 20 µm, 2 Ω cm² each: R ≤ 4 + 2 + 8 Ω cm²."""
    result = run("coarse.yaml")
    assert result.mesh.grains == 8
    assert result.transport.asr_ohm_cm2 == pytest.approx(14.0, rel=0.1)


def test_coarse2d() -> None:
    """A polished section at Bi = 1; 2D conducts a little better than the brick layer: d L_A = 2."""
    result = run("coarse2d.yaml")
    assert result.dimension == 2
    assert result.transport.sigma_eff_S_per_cm == pytest.approx(2.5e-4, rel=0.15)
    assert result.hot_spots_electrolyte["top"].grain_max_over_mean > 1.1
