"""Real cases through the command line, as MPI jobs: one solver stops short, the rest of its unit goes on."""

from __future__ import annotations

import pytest
from tests.study_cases import study_file

from gbflux.cli import main as command
from gbflux.study import StudyFolder, collect


@pytest.mark.mpi
@pytest.mark.parametrize("ranks", [1, 2])
def test_a_solver_that_stops_short_is_stored_and_the_rest_is_done(tmp_path, capsys, ranks):
    conductivity = [2.5e-7, 1.0e-6, 2.5e-7]  # another one, for which the former potential is no solution
    together = {"solver.max_iterations": [500, 1, 400], "grain_boundary.conductivity_S_per_cm": conductivity}
    sweep = {"zip": [together]}
    drawn = ranks == 1
    file = study_file(tmp_path, sweep, run={"ranks": ranks}, output={"figures": drawn})
    words = ["sweep", "run", str(file), "-o", str(tmp_path / "out")]
    assert command.exit_code(words) == 3
    said = capsys.readouterr().err
    assert "tiny: 1 of 3 cases failed. `gbflux sweep run ... --retry-failed` repeats them." in said
    folder = StudyFolder(tmp_path / "out")
    good, bad, other = collect(folder).table
    assert [row["status"] for row in (good, bad, other)] == ["done", "failed", "done"]
    failure = folder.failure(bad["case"])
    assert (failure.error, failure.exit_code, failure.attempts) == ("SolverError", 3, 1)
    assert failure.message.startswith("solver: CG with hypre stopped after 1 iterations")
    sigma = "transport.sigma_eff_S_per_cm"
    assert good[sigma] == pytest.approx(other[sigma], rel=1e-9)
    assert (folder.case(good["case"]) / "figures" / "section.png").exists() == drawn
    assert not (folder.case(good["case"]) / "fields.hdf").exists()
    assert len(list(folder.path.glob("logs/*.log"))) == 1  # one mesh, one unit of work
