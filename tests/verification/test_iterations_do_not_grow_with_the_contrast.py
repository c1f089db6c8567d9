"""64 grains of 10 µm, closed, σ_gb/σ_g from 1 to 1e-6: at most 25 iterations to a true residual of 1e-10."""

from __future__ import annotations

import pytest
from mpi4py import MPI

from gbflux.conduction import SolverSettings, bottom_electrode, krylov, solve, top_electrode
from gbflux.conduction.materials import conductivities
from gbflux.measure import measure
from gbflux.mesh import build_mesh, recipe
from small_cases import case

GRAINS = {"geometry.size_um": [40, 40, 40], "grains.boundary": "mirror"}


def assert_converges(ratio: float, size_um: float, most: int = 25) -> float:
    """Solve at 5 nm, assert at most so many iterations and the residual; return σ_eff/σ_g."""
    sizes = {"mesh.size_um": size_um, "mesh.electrode_size_um": size_um}
    chosen = case(GRAINS, sizes, {"grain_boundary.conductivity_S_per_cm": 5.0e-4 * ratio})
    mesh = build_mesh(recipe(chosen)).mesh
    assert mesh.n_grains == 64
    sigma = conductivities(mesh, chosen)
    settings = SolverSettings(rtol=1.0e-10, preconditioner="hypre")
    solution = solve(MPI.COMM_SELF, mesh, sigma, (bottom_electrode(0.0), top_electrode(0.1)), settings)
    assert solution.iterations <= most
    assert solution.relative_residual <= 1.0e-10
    found = measure(mesh, solution.fields, mean_grain_size_um=10.0, potentials=(0.0, 0.1))
    assert found.current_imbalance <= 1.0e-9
    assert solution.grain_imbalance <= 1.0e-8
    return found.transport.sigma_eff_S_per_cm / 5.0e-4


@pytest.mark.parametrize("ratio", [1.0, 1e-2, 1e-4, 1e-6])
def test_two_micrometre_cells(ratio: float) -> None:
    assert_converges(ratio, 2.0)


@pytest.mark.parametrize("ratio", [1.0, 1e-2, 1e-4, 1e-6])
def test_coarsened_as_large_systems_are(ratio: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """More iterations, the same conductivity."""
    plain = assert_converges(ratio, 2.0)
    monkeypatch.setattr(krylov, "LARGE", 0)
    assert assert_converges(ratio, 2.0, most=35) == pytest.approx(plain, rel=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("ratio", [1.0, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6])
def test_one_micrometre_cells(ratio: float) -> None:
    assert_converges(ratio, 1.0)


def test_effective_conductivity_at_bi_one() -> None:
    """Regression: 0.58 ± 0.01 of σ_g at σ_gb/σ_g = 5e-4 (Bi = 1), found by an earlier version of this mesher.

    A brick layer has 0.5; closed grains have no boundary on the box, so 3 planes of boundaries in 4 grains.
    """
    assert assert_converges(5.0e-4, 2.0) == pytest.approx(0.58, abs=0.01)
