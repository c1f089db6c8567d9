"""A Snakefile that computes a study with our own commands.

Outputs are marks, not results: Snakemake deletes outputs before a rule runs, and when it has failed.
"""

from __future__ import annotations

import json
import math
import shlex
import sys
from pathlib import Path

from gbflux.results.folder import write_text
from gbflux.simulation.launch import mpirun_command
from gbflux.study.cluster import minutes
from gbflux.study.folder import KEY_DIGITS, StudyFolder
from gbflux.study.planning import Plan

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
    """Write ``Snakefile`` into the folder of a study.

    Parameters
    ----------
    plan : Plan
        The study.
    folder : StudyFolder
        Its folder, made ready.

    Returns
    -------
    Path
        The file.
    """
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
