"""Input that cannot be solved is refused with the place and the remedy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from mpi4py import MPI

from gbflux.conduction import (
    ButlerVolmer,
    Resistance,
    SolverSettings,
    bottom_electrode,
    solve,
    top_electrode,
)
from gbflux.errors import InputError, SolverError
from meshes_by_hand import BARE_STACK, stack

MESH = stack(BARE_STACK, 2)
SIGMA = np.full(len(MESH.cells), 0.05)


def attempt(mesh=MESH, sigma=SIGMA, bottom=bottom_electrode(0.0), top=top_electrode(0.1), **settings):  # noqa: B008
    """Solve with one thing changed."""
    return solve(MPI.COMM_SELF, mesh, sigma, (bottom, top), SolverSettings(**settings))


def changed(value: float) -> np.ndarray:
    """Conductivities with one wrong value."""
    sigma = SIGMA.copy()
    sigma[7] = value
    return sigma


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0, -1.0])
def test_conductivity(value: float) -> None:
    with pytest.raises(InputError, match=r"sigma must be finite and > 0 S/m; got \S+ in cell 7 and 0 more"):
        attempt(sigma=changed(value))


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"sigma": SIGMA[1:]}, "one conductivity for each of"),
        ({"top": top_electrode(0.0)}, "potentials must differ"),
        ({"top": top_electrode(float("nan"))}, r"electrodes\.top_V must be finite"),
        (
            {"bottom": bottom_electrode(0.0, Resistance(-1.0))},
            r"electrodes\.asr \(bottom\) must be finite and >= 0",
        ),
        ({"top": top_electrode(None)}, "must have either a potential or a current"),
        ({"top": top_electrode(0.1, current_density=1.0)}, "must have either a potential or a current"),
        ({"top": top_electrode(None, current_density=0.0)}, "nothing to measure"),
        ({"top": top_electrode(None, current_density=float("nan"))}, "must be finite and not 0"),
        ({"bottom": bottom_electrode(None, current_density=1.0)}, "the bottom one must have a potential"),
        ({"top": top_electrode(0.1, ButlerVolmer(0.0, 0.5, 0.5, 298.0))}, "exchange_current_density must"),
        ({"top": top_electrode(0.1, ButlerVolmer(1.0, -0.5, 0.5, 298.0))}, "anodic must be finite and > 0"),
        (
            {"bottom": bottom_electrode(0.0, ButlerVolmer(1.0, 0.5, 0.5, np.nan))},
            "temperature must be finite",
        ),
        ({"rtol": 0.0}, r"solver\.rtol"),
        ({"rtol": float("nan")}, r"solver\.rtol"),
        ({"max_iterations": 0}, r"solver\.max_iterations"),
        ({"preconditioner": "ilu"}, r"solver\.preconditioner"),
        ({"order": 3}, r"solver\.order"),
        ({"mesh": replace(MESH, z_electrodes=(0.0, 12.0))}, "top electrode must be a plane of mesh points"),
        ({"mesh": replace(MESH, points=np.vstack([MESH.points, [[9.0, 9.0]]]))}, "1 loose points"),
        ({"mesh": replace(MESH, dimension=3)}, "dimension"),
    ],
)
def test_one_fault(wrong: dict, says: str) -> None:
    with pytest.raises(InputError, match=says):
        attempt(**wrong)


def test_all_faults_at_once() -> None:
    with pytest.raises(InputError) as caught:
        attempt(sigma=changed(-1.0), top=top_electrode(0.0), order=4)
    assert len(str(caught.value).splitlines()) == 3


def test_unconverged_raises_with_its_facts() -> None:
    with pytest.raises(
        SolverError, match=r"stopped after 1 iterations.*Raise solver\.max_iterations"
    ) as caught:
        attempt(
            mesh=stack(BARE_STACK, 3),
            sigma=np.linspace(1e-4, 1.0, len(stack(BARE_STACK, 3).cells)),
            max_iterations=1,
        )
    error = caught.value
    assert (error.exit_code, error.iterations, error.rtol) == (3, 1, 1e-10)
    assert error.relative_residual > 1e-10


def test_a_tolerance_below_round_off_raises() -> None:
    with pytest.raises(SolverError, match=r"Raise solver\.rtol"):
        attempt(sigma=np.random.default_rng(0).uniform(1e-3, 1.0, len(MESH.cells)), rtol=1e-19)


LAW = ButlerVolmer(10.0, 0.5, 0.5, 298.15)
KINETIC = {"bottom": bottom_electrode(0.0, LAW), "top": top_electrode(0.1, LAW)}
UNEVEN = np.random.default_rng(0).uniform(1e-3, 1.0, len(MESH.cells))


def test_kinetics_that_do_not_converge_raise_with_their_facts() -> None:
    with pytest.raises(
        SolverError, match=r"stopped after 1 iterations.*Raise solver\.max_iterations"
    ) as caught:
        attempt(sigma=UNEVEN, max_iterations=1, **KINETIC)
    assert caught.value.exit_code == 3


def test_kinetics_with_a_tolerance_below_round_off_raise() -> None:
    with pytest.raises(SolverError, match=r"Newton's method.*Raise solver\.rtol") as caught:
        attempt(sigma=UNEVEN, rtol=1e-19, **KINETIC)
    error = caught.value
    assert (error.exit_code, error.rtol) == (3, 1e-19)
    assert 1e-19 < error.relative_residual < 1e-10


@pytest.mark.parametrize("preconditioner", ["lu", "gamg"])
def test_kinetics_with_every_preconditioner(preconditioner: str) -> None:
    found, expected = (attempt(sigma=UNEVEN, preconditioner=p, **KINETIC) for p in (preconditioner, "hypre"))
    assert found.fields.phi == pytest.approx(expected.fields.phi, abs=1e-9)


@pytest.mark.parametrize("voltage", [1e-6, 10.0, 1e5])
@pytest.mark.parametrize("i0", [1e-9, 1.0, 1e12])
def test_extreme_kinetics_converge(i0: float, voltage: float) -> None:
    """From blocking to ideal, from microvolts to kilovolts: no ramp, no overflow, and few steps."""
    law = ButlerVolmer(i0, 0.3, 0.7, 298.15)
    solution = attempt(sigma=UNEVEN, bottom=bottom_electrode(0.0, law), top=top_electrode(voltage, law))
    assert solution.relative_residual <= 1e-10
    assert solution.newton_iterations <= 25
    assert np.isfinite(solution.fields.phi).all()


def test_no_petsc_option_is_left_behind() -> None:
    from petsc4py import PETSc

    before = PETSc.Options().getAll()
    attempt()
    assert PETSc.Options().getAll() == before
