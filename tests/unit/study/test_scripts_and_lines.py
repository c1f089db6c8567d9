"""Job scripts, the Snakefile, and what is said about a study."""

from __future__ import annotations

import io
import os
import re
import subprocess
from pathlib import Path

import pytest
from rich.console import Console
from tests.study_cases import StandIn, made, study_file

from gbflux.cli import main as command
from gbflux.cli.sweep_progress import Standing, live_display, plain_line
from gbflux.errors import InputError
from gbflux.study import Event, cluster
from gbflux.study.cluster import job_scripts, snakefile, submit
from gbflux.study.planning import labels

SWEEP = {"temperature_C": [21, 22], "grains.mean_size_um": [8, 9, 10]}
CLUSTER = {
    "account": "ions",
    "partition": "long",
    "time": "02:00:00",
    "setup": ["module load fenicsx"],
    "options": ["--mem=4G"],
}


def lines(text: str) -> list[str]:
    return text.splitlines()


def wanted(worked_out) -> dict[str, list[str]]:
    """All cases by their unit; there are three units of two cases."""
    return {unit.key: list(unit.cases) for unit in worked_out.units}


def short(worked_out) -> list[str]:
    """What scripts call the units."""
    return [unit.key[:16] for unit in worked_out.units]


def job_script(worked_out, folder, engine) -> str:
    """The one script that a few units need."""
    (text,) = job_scripts(worked_out, folder, engine, wanted(worked_out))
    return text


def test_slurm_script(tmp_path):
    worked_out, folder = made(tmp_path, SWEEP, cluster=CLUSTER, run={"ranks": 2, "jobs": 5})
    script = lines(job_script(worked_out, folder, "slurm"))
    for line in (
        "#SBATCH --job-name=tiny",
        "#SBATCH --array=0-2%5",
        "#SBATCH --ntasks=2",
        "#SBATCH --account=ions",
        "#SBATCH --partition=long",
        "#SBATCH --time=02:00:00",
        "#SBATCH --mem=4G",
        "module load fenicsx",
    ):
        assert line in script
    assert script[0] == "#!/bin/bash"
    assert script[-1].count(" -n 2 ") == 1
    assert "mpirun" not in script[-1]  # our own command starts it


def test_srun_may_start_the_ranks(tmp_path):
    worked_out, folder = made(tmp_path, SWEEP, cluster={"launcher": "srun", "ranks": 4})
    script = job_script(worked_out, folder, "slurm")
    assert "#SBATCH --ntasks=4" in script
    assert "\nsrun --mpi=pmix -n 4 " in script


def test_pbs_script(tmp_path):
    worked_out, folder = made(tmp_path, SWEEP, cluster=CLUSTER, run={"ranks": 2})
    script = lines(job_script(worked_out, folder, "pbs"))
    for line in ("#PBS -N tiny", "#PBS -J 0-2", "#PBS -A ions", "#PBS -q long", "#PBS -l walltime=02:00:00"):
        assert line in script
    assert "#PBS -l select=1:ncpus=2:mpiprocs=2" in script
    second = worked_out.units[1]
    (text,) = job_scripts(worked_out, folder, "pbs", {second.key: list(second.cases)})
    alone = lines(text)
    assert f"units=({second.key[:16]})" in alone
    assert "unit=$units" in alone
    assert not [line for line in alone if line.startswith("#PBS -J")]
    for text in (script, alone):  # a directive after the first command would not be read
        assert all(line.startswith("#") for line in text[: text.index("#PBS --mem=4G")])


@pytest.mark.parametrize("engine", ["slurm", "pbs"])
def test_scripts_are_shell_and_pick_their_unit(tmp_path, engine):
    """Run with a stand-in for our command: element i computes line i, its words as one reads them."""
    odd = tmp_path / "a b"
    odd.mkdir()
    worked_out, folder = made(odd, SWEEP, cluster={"setup": ["test -z $never_set_by_anybody"]})
    script = job_script(worked_out, folder, engine)
    work = script.splitlines()[-1].split(" -m gbflux")[0]
    script = script.replace(f"{work} -m gbflux", "printf '%s\\n'")
    number = {"slurm": "SLURM_ARRAY_TASK_ID", "pbs": "PBS_ARRAY_INDEX"}[engine]
    subprocess.run(["bash", "-c", script], check=True, env={**os.environ, number: "1"})
    unit = short(worked_out)[1]
    written = (folder.path / "logs" / f"{unit}.log").read_text(encoding="utf-8")
    assert written.splitlines() == ["sweep", "unit", str(folder.path), unit]


def test_odd_folders_are_quoted_for_the_scheduler(tmp_path):
    odd = tmp_path / "a 50%"
    odd.mkdir()
    worked_out, folder = made(odd, SWEEP)
    assert f"#SBATCH --output='{tmp_path}/a 50%%/out/logs'/slurm-%A_%a.log" in job_script(
        worked_out, folder, "slurm"
    )
    assert f"#PBS -j oe -o '{tmp_path}/a 50%/out/logs/'" in job_script(worked_out, folder, "pbs")


def test_pbs_gets_its_own_spellings(tmp_path):
    worked_out, folder = made(tmp_path, SWEEP, name="2026-ions", cluster={"time": "1-12:30"})
    script = lines(job_script(worked_out, folder, "pbs"))
    assert {"#PBS -N gb-2026-ions", "#PBS -l walltime=36:30:00"} <= set(script)
    assert "#SBATCH --time=1-12:30" in lines(job_script(worked_out, folder, "slurm"))


def test_more_units_than_an_array_takes_become_several_arrays(tmp_path, monkeypatch):
    worked_out, folder = made(tmp_path, SWEEP)
    scontrol = tmp_path / "scontrol"
    scontrol.write_text("#!/bin/sh\necho 'MaxArraySize            = 2'\n", encoding="ascii")
    scontrol.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    first, second = map(lines, job_scripts(worked_out, folder, "slurm", wanted(worked_out)))
    units = short(worked_out)
    assert {"#SBATCH --array=0-1", f"units=({units[0]} {units[1]})"} <= set(first)
    assert {"#SBATCH --array=0-0", f"units=({units[2]})"} <= set(second)
    monkeypatch.setenv("PATH", "")
    assert cluster.largest_array("slurm") == cluster.LARGEST_ARRAY["slurm"]


def test_submitting_needs_the_scheduler(tmp_path, monkeypatch):
    worked_out, folder = made(tmp_path, SWEEP)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match="--engine slurm: needs sbatch on PATH"):
        submit(worked_out, folder, "slurm", {})
    (tmp_path / "sbatch").write_text("#!/bin/sh\necho no such account >&2; exit 1\n", encoding="ascii")
    (tmp_path / "sbatch").chmod(0o755)
    with pytest.raises(InputError, match=r"sbatch: refused .*no such account"):
        submit(worked_out, folder, "slurm", wanted(worked_out))
    (tmp_path / "sbatch").write_text("#!/bin/sh\necho Submitted batch job 7\n", encoding="ascii")
    assert submit(worked_out, folder, "slurm", wanted(worked_out)).startswith("Submitted batch job 7, ")
    (*_, script) = sorted((folder.path / "cluster").glob("*.sh"))
    assert f"units=({' '.join(short(worked_out))})\n" in script.read_text(encoding="utf-8")


def test_snakefile(tmp_path):
    worked_out, folder = made(
        tmp_path, SWEEP, run={"ranks": 2, "retries": 1}, cluster={"account": "ions", "time": "01:30:00"}
    )
    text = snakefile(worked_out, folder)
    compile(text.split("\n\n\n")[0], "Snakefile", "exec")
    assert "runtime=90" in text
    assert all(unit.key[:16] in text for unit in worked_out.units)
    assert 'resources: mpi="mpirun' in text
    assert "tasks=2" in text
    assert "{resources.mpi} -n {resources.tasks}" in text
    assert 'slurm_account="ions"' in text


def test_cases_have_short_names(tmp_path):
    sweep = {"homogenizing_layer": [None], "grains.conductivity_S_per_cm": [5e-4]}
    worked_out, _ = made(tmp_path, {**sweep, "grain_boundary.conductivity_S_per_cm": [1e-7]}, realizations=2)
    first = labels(worked_out)[worked_out.entries[0].key]
    assert first == (
        "homogenizing_layer=null grains.conductivity_S_per_cm=0.0005 "
        "grain_boundary.conductivity_S_per_cm=1e-07 seed=1"
    )


def test_time_left_follows_the_work_done(tmp_path):
    worked_out, _ = made(tmp_path, {"temperature_C": [21, 22, 23]})
    now = [0.0]
    wanted = {unit.key: list(unit.cases) for unit in worked_out.units}
    standing = Standing(worked_out, wanted, 0, lambda: now[0])
    first, *others = wanted[worked_out.units[0].key]
    expected = worked_out.units[0].seconds
    now[0] = 10.0
    standing.take(Event("begin", first))
    standing.take(Event("stage", first, "mesh"))
    now[0] = 14.0
    assert standing.under_way() == [("temperature_C=21", "mesh", 4.0)]
    screen = Console(file=io.StringIO(), width=80)
    screen.print(live_display(standing))
    assert re.search(r" 4 s  mesh +temperature_C=21", screen.file.getvalue())
    assert re.search(r"0/3, about \d+ s left", screen.file.getvalue())
    standing.take(Event("done", first))
    rest = sum(expected[key] for key in others)
    assert standing.left_s() == pytest.approx(14.0 * rest / expected[first])
    assert plain_line(standing, Event("done", first)).startswith("[1/3] done  temperature_C=21  (about ")
    standing.take(Event("failed", others[0], "mesh: no\nmore"))
    assert plain_line(standing, Event("failed", others[0], "mesh: no\nmore")) == (
        "[1/3] FAILED  temperature_C=22: mesh: no"
    )
    assert plain_line(standing, Event("stage", first, "solve")) == ""


def test_a_first_case_that_was_cheap_does_not_tell_how_long_the_rest_takes(tmp_path):
    worked_out, _ = made(tmp_path, {"temperature_C": [21, 22, 23, 24]})
    now = [0.0]
    (unit,) = worked_out.units
    standing = Standing(worked_out, {unit.key: list(unit.cases)}, 0, lambda: now[0])
    assert standing.left_s() == pytest.approx(worked_out.time_s())
    now[0] = 5.0
    *_, last = unit.cases  # the mesh is expected of the first, which has failed meanwhile
    standing.take(Event("done", last))
    assert 0.0 <= standing.left_s() < 60.0


def test_plan_status_and_collect_speak(tmp_path, capsys):
    worked_out, folder = made(tmp_path, SWEEP, run={"jobs": 64})
    file = str(study_file(tmp_path, SWEEP, run={"jobs": 64}))
    assert command.exit_code(["sweep", "plan", file]) == 0
    said = capsys.readouterr().out
    assert "tiny: 6 points, 6 cases, 3 units of work, one mesh each" in said
    assert "warning: run.jobs is 64, but the cores here are enough for" in said
    keys = worked_out.keys
    subprocess.run(StandIn(tmp_path)(folder.path, "", keys[:4], 1), check=True, capture_output=True)
    folder.fail(keys[4], "mesh: no\nmore", "MeshError", 2)
    with folder.driver_lock():
        assert command.exit_code(["sweep", "status", str(folder.path)]) == 0
    said = capsys.readouterr().out
    assert "4 of 6 cases done\n       1 failed\n       1 not run\n" in said
    assert f"  process {os.getpid()} on " in said
    assert "MeshError: mesh: no\n" in said
    assert command.exit_code(["sweep", "collect", file, "-o", str(folder.path)]) == 0
    assert "4 of 6 cases done, 1 failed, 1 not run" in capsys.readouterr().out


def test_results_of_other_cases_are_told_of_and_their_tables_stay(tmp_path, capsys, monkeypatch):
    worked_out, folder = made(tmp_path, {"temperature_C": [21, 22]})
    subprocess.run(StandIn(tmp_path)(folder.path, "", worked_out.keys, 1), check=True, capture_output=True)
    assert command.exit_code(["sweep", "collect", str(folder.path)]) == 0
    assert "of other cases" not in capsys.readouterr().out
    table = (folder.path / "table.csv").read_bytes()
    changed = str(study_file(tmp_path, {"temperature_C": [21, 23]}))
    assert command.exit_code(["sweep", "status", changed, "-o", str(folder.path)]) == 0
    said = capsys.readouterr().out
    assert "1 of 2 cases done" in said
    assert "1 result here is of other cases (the study or its case has changed since" in said
    monkeypatch.setattr("gbflux.case.model.PHYSICS_VERSION", 99)
    for key in worked_out.keys:
        (folder.case(key) / "provenance.json").write_text('{"physics_version": 2}', encoding="ascii")
    assert command.exit_code(["sweep", "plan", str(folder.path)]) == 0
    assert "2 results here are of other cases (computed by physics version 2, and this is 99" in (
        capsys.readouterr().out
    )
    assert command.exit_code(["sweep", "collect", str(folder.path)]) == 2
    assert "The tables stay as they are" in capsys.readouterr().err
    assert command.exit_code(["report", str(folder.path)]) == 0
    assert (folder.path / "table.csv").read_bytes() == table
    page = (folder.path / "report.html").read_text(encoding="utf-8")
    assert "Computed by physics version 2; this version of gbflux computes by 99" in page
    assert "of their cases 2 are not the study&#39;s any more" in page


def test_bad_input_is_exit_code_2(tmp_path, capsys):
    (tmp_path / "bad.yaml").write_text("case: x.yaml\nsweep: {a.b: []}\n", encoding="utf-8")
    for words in (
        ["plan", "bad.yaml"],
        ["run", "none.yaml"],
        ["status", "."],
        ["run", str(study_file(tmp_path, {})), "--dry-run"],
        ["collect", str(study_file(tmp_path, {})), "-o", "nowhere"],
        ["unit", ".", "abc"],
    ):
        target = Path(words[1])
        words[1] = str(target if target.is_absolute() else tmp_path / target)
        assert command.exit_code(["sweep", *words]) == 2, words
        assert capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_unit_has_no_case_of_another(tmp_path, capsys):
    worked_out, folder = made(tmp_path, {})
    words = ["sweep", "unit", str(folder.path), worked_out.units[0].key[:16], "--case", "of-none"]
    assert command.exit_code(words) == 2
    assert f"--case: must be a case of unit {worked_out.units[0].key[:16]}; got of-none." in (
        capsys.readouterr().err
    )


def test_dry_run_prints_and_writes_nothing(tmp_path, capsys):
    file = study_file(tmp_path, SWEEP)
    words = ["sweep", "run", str(file), "-o", str(tmp_path / "o"), "--engine", "slurm", "--dry-run"]
    assert command.exit_code(words) == 0
    assert "#SBATCH --array=0-2\n" in capsys.readouterr().out
    assert not (tmp_path / "o").exists()


def test_dry_run_prints_what_would_be_handed_in(tmp_path, capsys):
    worked_out, folder = made(tmp_path, SWEEP)
    first, second, third = worked_out.units
    subprocess.run(StandIn(tmp_path)(folder.path, "", list(first.cases), 1), check=True, capture_output=True)
    for key in second.cases:
        folder.fail(key, "mesh: no", "MeshError", 2)
    words = ["sweep", "run", str(folder.path), "--engine", "slurm", "--dry-run"]
    assert command.exit_code(words) == 0
    assert f"units=({third.key[:16]})\n" in capsys.readouterr().out
    assert command.exit_code([*words, "--retry-failed"]) == 0
    assert f"units=({second.key[:16]} {third.key[:16]})\n" in capsys.readouterr().out
    assert all(folder.failure(key) for key in second.cases)  # only a run forgets them
    failed, open_ = third.cases
    folder.fail(failed, "mesh: no", "MeshError", 2)
    assert command.exit_code(words) == 0  # what failed is not repeated beside what is open
    assert f"units=('{third.key[:16]} --case {open_}')\n" in capsys.readouterr().out
