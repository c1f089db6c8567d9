"""Job scripts for Slurm and PBS: one array, one element a unit of work; and handing them in."""

from __future__ import annotations

import json
import math
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from gbflux.errors import InputError
from gbflux.results.folder import write_text
from gbflux.simulation.mpi_job import mpirun_command
from gbflux.study.folder import KEY_DIGITS, StudyFolder
from gbflux.study.planning import Plan
from gbflux.study.worker import clean_environment

_SUBMIT = {"slurm": "sbatch", "pbs": "qsub"}
_INDEX = {"slurm": "SLURM_ARRAY_TASK_ID", "pbs": "PBS_ARRAY_INDEX"}
#: Elements of an array where the scheduler is not asked or does not say: its own default.
LARGEST_ARRAY = {"slurm": 1001, "pbs": 10_000}


def job_scripts(
    plan: Plan, folder: StudyFolder, engine: str, wanted: Mapping[str, Sequence[str]]
) -> list[str]:
    """Job scripts for units of work, as few as the scheduler's largest array allows: one element a unit.

    Parameters
    ----------
    plan : Plan
        Its ``cluster`` block says what the cluster wants to know.
    folder : StudyFolder
    engine : str
        ``"slurm"`` or ``"pbs"``.
    wanted : mapping
        Keys of the cases to compute, by the key of their unit.
    """
    most = largest_array(engine)
    units = [_words(plan, folder, key, cases) for key, cases in wanted.items()]
    parts = [units[first : first + most] for first in range(0, len(units), most)]
    return [_script(plan, folder, engine, part) for part in parts]


def _words(plan: Plan, folder: StudyFolder, key: str, cases: Sequence[str]) -> str:
    """Arguments that name a unit; with its cases if some of those not done are not wanted."""
    unit = next(one for one in plan.units if one.key == key)
    failed = [case for case in unit.cases if case not in cases and folder.result(case) is None]
    chosen = [word for case in cases for word in ("--case", case)] if failed else []
    return " ".join([key[:KEY_DIGITS], *chosen])


def _script(plan: Plan, folder: StudyFolder, engine: str, units: Sequence[str]) -> str:
    """One job script; it holds all it needs but for the study's folder.

    What the user sets up comes before ``set -eu``: ``module`` and ``activate`` read unset variables.
    """
    cluster, path = plan.study.cluster, folder.path.absolute()
    ranks, count = cluster.ranks or plan.study.run.ranks, len(units)
    logs = path / "logs"
    header = _slurm(plan, ranks, count, logs) if engine == "slurm" else _pbs(plan, ranks, count, logs)
    return "\n".join(
        [
            "#!/bin/bash",
            *header,
            *(f"#{'SBATCH' if engine == 'slurm' else 'PBS'} {line}" for line in cluster.options),
            f"cd {shlex.quote(str(Path.cwd()))} || exit",
            "export OMP_NUM_THREADS=1",
            *cluster.setup,
            "set -eu",
            f"units=({' '.join(map(shlex.quote, units))})",
            # PBS takes no array of one
            "unit=$units" if engine == "pbs" and count == 1 else f"unit=${{units[{_INDEX[engine]}]}}",
            f'{_work(plan, path, ranks)} >>{shlex.quote(str(logs))}/"${{unit%% *}}".log 2>&1',
            "",
        ]
    )


def largest_array(engine: str) -> int:
    """Elements that an array of jobs may have; Slurm is asked where it is there."""
    if engine == "slurm" and shutil.which("scontrol"):
        command = ["timeout", "20", "scontrol", "show", "config"]  # a controller that is down answers late
        asked = subprocess.run(command, capture_output=True, text=True, check=False)
        found = re.search(r"^MaxArraySize\s*=\s*(\d+)", asked.stdout, re.MULTILINE)
        if found and int(found[1]) > 0:
            return int(found[1])
    return LARGEST_ARRAY[engine]


def _work(plan: Plan, path: Path, ranks: int) -> str:
    """The command for one unit, whose key and cases are words in the shell's variable ``unit``."""
    command = f"{shlex.quote(sys.executable)} -m gbflux sweep unit {shlex.quote(str(path))} $unit"
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
        f"--output={_quoted(logs)}/slurm-%A_%a.log",
    ]
    for name in ("account", "partition", "time"):
        value = getattr(cluster, name)
        options += [f"--{name}={value}"] if value else []
    return [f"#SBATCH {option}" for option in options]


def _pbs(plan: Plan, ranks: int, count: int, logs: Path) -> list[str]:
    cluster = plan.study.cluster
    options = [
        f"-N {_job_name(plan.study.name)}",
        f"-l select=1:ncpus={ranks}:mpiprocs={ranks}",
        f"-j oe -o {shlex.quote(f'{logs}/')}",
    ]
    if count > 1:
        options.append(f"-J 0-{count - 1}" + (f"%{plan.study.run.jobs}" if plan.study.run.jobs else ""))
    options += [f"-A {cluster.account}"] if cluster.account else []
    options += [f"-q {cluster.partition}"] if cluster.partition else []
    options += [f"-l walltime={_in_hours(cluster.time)}"] if cluster.time else []
    return [f"#PBS {option}" for option in options]


def submit(plan: Plan, folder: StudyFolder, engine: str, wanted: Mapping[str, Sequence[str]]) -> str:
    """Write the job scripts of `job_scripts`, hand them in, and return what the scheduler answers.

    Raises
    ------
    InputError
        If the scheduler is missing or refuses a script.
    """
    program = _SUBMIT[engine]
    if shutil.which(program) is None:
        raise InputError(
            f"--engine {engine}: needs {program} on PATH; found none. --dry-run prints the script."
        )
    home = folder.path / "cluster"
    home.mkdir(exist_ok=True)
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
    said: list[str] = []
    for number, text in enumerate(job_scripts(plan, folder, engine, wanted), start=1):
        script = home / f"{engine}-{stamp}-{number}.sh"
        write_text(script, text)
        said.append(f"{_handed_in(program, script, said)}, {script}")
    count = f"{len(wanted)} unit{'s' if len(wanted) > 1 else ''} of work"
    return "\n".join([*said, count])


def _handed_in(program: str, script: Path, before: Sequence[str]) -> str:
    """Hand one script to the scheduler and return its answer."""
    done = subprocess.run(
        [program, str(script)], capture_output=True, text=True, check=False, env=clean_environment()
    )
    if done.returncode != 0:
        already = f" Handed in before it: {'; '.join(before)}." if before else ""
        raise InputError(
            f"{program}: refused {script}: {done.stderr.strip() or done.stdout.strip()}. "
            f"Look at the study's cluster block.{already}"
        )
    return done.stdout.strip()


def _quoted(path: Path) -> str:
    """A path in a directive of Slurm, to which % begins a pattern."""
    return shlex.quote(str(path).replace("%", "%%"))


def _job_name(name: str) -> str:
    """A job's name as PBS takes it: up to 15 characters, a letter first."""
    return (name if name[0].isalpha() else f"gb-{name}")[:15]


def minutes(time: str) -> int:
    """A time limit of a study, in whole minutes (min).

    >>> minutes("02:00:30"), minutes("1-12:30")
    (121, 2190)
    """
    days, clock = time.split("-") if "-" in time else ("0", time)
    hours, rest, seconds = ([*clock.split(":"), "0"])[:3]
    return 60 * (24 * int(days) + int(hours)) + int(rest) + (int(seconds) > 0)


def _in_hours(time: str) -> str:
    """A time limit without days, as PBS takes it."""
    if "-" not in time:
        return time
    return f"{minutes(time) // 60}:{minutes(time) % 60:02}:00"


_TEXT = """\
# Computes the study in this folder; what is done here is not done again. Paths are relative to the folder.
#   {command} --cores 2            on this machine
#   {command} --executor slurm ... with a plugin, on a cluster
UNITS = {units}


workdir: workflow.basedir


rule all:
    input: "table.csv"


rule unit:
    output: touch("snakemake/{{unit}}.done")
    log: "logs/{{unit}}.log"
    threads: {ranks}
    retries: {retries}
    resources: mpi={mpi}, tasks={ranks}{more}
    shell: {unit_shell}


rule collect:
    input: expand("snakemake/{{unit}}.done", unit=UNITS)
    output: "table.csv"
    shell: {collect_shell}
"""


def write_snakefile(plan: Plan, folder: StudyFolder) -> Path:
    """Write ``Snakefile`` into the folder of a study, made ready."""
    path = folder.path / "Snakefile"
    write_text(path, snakefile(plan, folder))
    return path


def snakefile(plan: Plan, folder: StudyFolder) -> str:
    """Text of the Snakefile: units with their ranks as resources, then the table."""
    cluster, ranks = plan.study.cluster, plan.study.run.ranks
    ours = f"{shlex.quote(sys.executable)} -m gbflux sweep".replace("{", "{{").replace("}", "}}")
    launcher = shlex.join(mpirun_command(1, [])).replace(" -n 1", "")
    start = f"{{resources.mpi}} -n {{resources.tasks}} {ours}" if ranks > 1 else ours
    memory = max(unit.memory_MiB for unit in plan.units)
    more = f", mem_mb={math.ceil(memory)}"
    more += f", runtime={minutes(cluster.time)}" if cluster.time else ""
    more += f", slurm_account={json.dumps(cluster.account)}" if cluster.account else ""
    more += f", slurm_partition={json.dumps(cluster.partition)}" if cluster.partition else ""
    return _TEXT.format(
        command=shlex.join(["snakemake", "-s", str(folder.path.absolute() / "Snakefile")]),
        units=json.dumps([unit.key[:KEY_DIGITS] for unit in plan.units], indent=4),
        ranks=ranks,
        retries=plan.study.run.retries,
        mpi=json.dumps(launcher),
        more=more,
        unit_shell=json.dumps(f"{start} unit . {{wildcards.unit}} >>{{log}} 2>&1"),
        collect_shell=json.dumps(f"{ours} collect ."),
    )
