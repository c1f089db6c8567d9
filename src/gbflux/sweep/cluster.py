"""Job scripts for Slurm and PBS: one array, one element a unit of work; and handing them in."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from gbflux.errors import InputError
from gbflux.study.folder import write_text
from gbflux.sweep.children import clean_environment
from gbflux.sweep.folder import KEY_DIGITS, StudyFolder
from gbflux.sweep.planning import Plan

_SUBMIT = {"slurm": "sbatch", "pbs": "qsub"}


def job_script(
    plan: Plan, folder: StudyFolder, engine: str, count: int, units_file: Path | None = None
) -> str:
    """Text of a job script.

    Parameters
    ----------
    plan : Plan
        The study; its ``cluster`` block says what the cluster wants to know.
    folder : StudyFolder
        Its folder.
    engine : str
        ``"slurm"`` or ``"pbs"``.
    count : int
        Elements of the array.
    units_file : Path, optional
        File with the key of a unit a line, one for each element.

    Returns
    -------
    str
    """
    cluster, path = plan.study.cluster, folder.path.absolute()
    ranks = cluster.ranks or plan.study.run.ranks
    logs = path / "logs"
    number = "SLURM_ARRAY_TASK_ID" if engine == "slurm" else "PBS_ARRAY_INDEX"
    header = _slurm(plan, ranks, count, logs) if engine == "slurm" else _pbs(plan, ranks, count, logs)
    units_file = units_file or path / "cluster" / "units.txt"
    return "\n".join(
        [
            "#!/bin/bash",
            *header,
            *(f"#{'SBATCH' if engine == 'slurm' else 'PBS'} {line}" for line in cluster.options),
            "set -eu",
            *(["PBS_ARRAY_INDEX=0"] if engine == "pbs" and count == 1 else []),  # it takes no array of one
            f"cd {shlex.quote(str(Path.cwd()))}",
            "export OMP_NUM_THREADS=1",
            *cluster.setup,
            f'unit=$(sed -n "$(({number} + 1))p" {shlex.quote(str(units_file))})',
            f'{_work(plan, path, ranks)} >>{shlex.quote(str(logs))}/"$unit".log 2>&1',
            "",
        ]
    )


def _work(plan: Plan, path: Path, ranks: int) -> str:
    """The command for one unit, whose key is in the shell's variable ``unit``."""
    command = f'{shlex.quote(sys.executable)} -m gbflux sweep unit {shlex.quote(str(path))} "$unit"'
    if ranks == 1:
        return command
    if plan.study.cluster.launcher == "srun":
        return f"srun --mpi=pmix -n {ranks} {command}"
    return f"{command} -n {ranks}"


def _slurm(plan: Plan, ranks: int, count: int, logs: Path) -> list[str]:
    cluster = plan.study.cluster
    limit = f"%{plan.study.run.jobs}" if plan.study.run.jobs else ""
    options = [
        f"--job-name={plan.study.name}",
        f"--array=0-{count - 1}{limit}",
        f"--ntasks={ranks}",
        f"--output={logs}/slurm-%A_%a.log",
    ]
    for name in ("account", "partition", "time"):
        value = getattr(cluster, name)
        options += [f"--{name}={value}"] if value else []
    return [f"#SBATCH {option}" for option in options]


def _pbs(plan: Plan, ranks: int, count: int, logs: Path) -> list[str]:
    cluster = plan.study.cluster
    options = [
        f"-N {plan.study.name[:15]}",
        f"-l select=1:ncpus={ranks}:mpiprocs={ranks}",
        f"-j oe -o {logs}/",
    ]
    if count > 1:
        options.append(f"-J 0-{count - 1}" + (f"%{plan.study.run.jobs}" if plan.study.run.jobs else ""))
    options += [f"-A {cluster.account}"] if cluster.account else []
    options += [f"-q {cluster.partition}"] if cluster.partition else []
    options += [f"-l walltime={cluster.time}"] if cluster.time else []
    return [f"#PBS {option}" for option in options]


def submit(plan: Plan, folder: StudyFolder, engine: str, unit_keys: Sequence[str]) -> str:
    """Write a job script for units of work and hand it in.

    Parameters
    ----------
    plan : Plan
        The study.
    folder : StudyFolder
        Its folder, made ready.
    engine : str
        ``"slurm"`` or ``"pbs"``.
    unit_keys : sequence of str
        Keys of the units to compute.

    Returns
    -------
    str
        What the scheduler answered.

    Raises
    ------
    InputError
        If the scheduler is missing or refuses the script.
    """
    program = _SUBMIT[engine]
    if shutil.which(program) is None:
        raise InputError(
            f"--engine {engine}: needs {program} on PATH; found none. --dry-run prints the script."
        )
    home = folder.path / "cluster"
    home.mkdir(exist_ok=True)
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
    units_file, script = (home / f"{engine}-{stamp}.{ending}" for ending in ("units", "sh"))
    write_text(units_file, "".join(f"{key[:KEY_DIGITS]}\n" for key in unit_keys))
    write_text(script, job_script(plan, folder, engine, len(unit_keys), units_file.absolute()))
    done = subprocess.run(
        [program, str(script)], capture_output=True, text=True, check=False, env=clean_environment()
    )
    if done.returncode != 0:
        raise InputError(
            f"{program}: refused {script}: {done.stderr.strip() or done.stdout.strip()}. "
            "Look at the study's cluster block."
        )
    return f"{done.stdout.strip()} ({len(unit_keys)} units of work, {script})"
