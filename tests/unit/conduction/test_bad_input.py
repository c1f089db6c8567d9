"""Input that cannot be solved is refused with the place and the remedy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from mpi4py import MPI

from gbflux.conduction import Electrode, SolverSettings
from gbflux.conduction.solve import solve
from gbflux.errors import InputError, SolverError
from meshes_by_hand import BARE_STACK, stack

MESH = stack(BARE_STACK, 2)
SIGMA = np.full(len(MESH.cells), 0.05)


def attempt(mesh=MESH, sigma=SIGMA, bottom=Electrode(0.0), top=Electrode(0.1), **settings):  # noqa: B008
    """Solve with one thing changed."""
    return solve(MPI.COMM_SELF, mesh, sigma, bottom, top, SolverSettings(**settings))


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
        ({"top": Electrode(0.0)}, "potentials must differ"),
        ({"top": Electrode(float("nan"))}, r"electrodes\.top_V must be finite"),
        ({"bottom": Electrode(0.0, -1.0)}, r"electrodes\.asr \(bottom\) must be finite and >= 0"),
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
        attempt(sigma=changed(-1.0), top=Electrode(0.0), order=4)
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


def test_no_petsc_option_is_left_behind() -> None:
    from petsc4py import PETSc

    before = PETSc.Options().getAll()
    attempt()
    assert PETSc.Options().getAll() == before
