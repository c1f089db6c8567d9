"""Probes of the machine: C compiler, host name, MPI launch, pictures without a screen."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import sysconfig
from pathlib import Path

from gbflux.cli.probes import Finding, Runner, origin_of, run_process

SLOW_LAUNCH_S = 5.0

_RENDER = """
import pyvista
plotter = pyvista.Plotter(off_screen=True, window_size=(64, 64))
plotter.add_mesh(pyvista.Sphere())
assert plotter.screenshot(None, return_img=True).std() > 0, "the picture is empty"
"""

_RESOLVE = "import socket; print(socket.gethostbyname(socket.gethostname()))"
# one write a rank: pieces of what two ranks print may be mixed
_RANKS = "from mpi4py import MPI; import os; os.write(1, b'<%d>\\n' % MPI.COMM_WORLD.size)"


def find_compiler(run: Runner = run_process) -> Finding:
    """The C compiler that DOLFINx turns forms into machine code with, and Python's headers."""
    name = os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc"
    compiler = shlex.split(name)[0]
    remedy = (
        "Install one with Python's headers (Debian: gcc libc6-dev python3-dev; conda: c-compiler) or set CC."
    )
    if shutil.which(compiler) is None:
        return Finding("C compiler", "-", "", f"{compiler} is not on PATH", remedy, True)
    include = sysconfig.get_path("include")
    headers = Path(include, "Python.h").is_file()
    outcome = run([compiler, "-E", "-include", "stdlib.h", "-x", "c", os.devnull])
    if outcome.code != 0 or not headers:
        fault = outcome.last_words if outcome.code != 0 else f"Python.h is not in {include}"
        return Finding("C compiler", compiler, "", fault, remedy, True)
    return Finding("C compiler", compiler, origin_of(shutil.which(compiler) or ""))


def find_host_name(run: Runner = run_process) -> Finding:
    """Test whether this machine's name resolves; if not, every MPI launch waits for it."""
    outcome = run([sys.executable, "-c", _RESOLVE])
    if outcome.code == 0 and outcome.seconds < SLOW_LAUNCH_S:
        return Finding("host name", "resolves")
    return Finding(
        "host name",
        "does not resolve" if outcome.code else f"resolves in {outcome.seconds:.0f} s",
        "",
        "each MPI launch may wait 10 to 15 s for it",
        "Add the line `127.0.1.1 <host name>` to /etc/hosts.",
    )


def find_launch(run: Runner = run_process) -> Finding:
    """Start two ranks with mpirun: the time it takes, and whether they find each other."""
    if shutil.which("mpirun") is None:
        remedy = "Install it from where mpi4py comes from (Debian: openmpi-bin), or launch through srun."
        return Finding("MPI launch", "-", "", "mpirun is not on PATH: one rank only", remedy)
    from gbflux.simulation.launch import mpirun_command  # NumPy comes with it

    banner = run(["mpirun", "--version"]).stdout
    outcome = run(mpirun_command(2, [sys.executable, "-c", _RANKS], banner))
    value = f"{outcome.seconds:.1f} s for 2 ranks ({banner.splitlines()[0].strip() if banner else 'mpirun'})"
    sizes = [outcome.stdout.count(f"<{size}>") for size in (1, 2)]
    if outcome.code == 0 and sizes == [0, 2]:
        slow = "the launch is slow" if outcome.seconds > SLOW_LAUNCH_S else ""
        return Finding("MPI launch", value, fault=slow, remedy="See `host name` above." if slow else "")
    if outcome.code == 0 and sizes == [2, 0]:
        fault = "the ranks do not see each other: mpirun and mpi4py belong to different MPI libraries"
        remedy = "Put the mpirun of mpi4py's MPI library first on PATH (`which -a mpirun`)."
        return Finding("MPI launch", value, "", fault, remedy, True)
    remedy = "Try `mpirun -n 2 hostname`; if that fails too, ask who installed MPI."
    return Finding("MPI launch", value, "", outcome.last_words, remedy, True)


def find_rendering(run: Runner = run_process) -> Finding:
    """Draw a small 3D picture without a screen (VTK does not raise without GL, it crashes)."""
    outcome = run([sys.executable, "-c", _RENDER])
    if outcome.code == 0:
        return Finding("off-screen 3D", f"works ({outcome.seconds:.1f} s)")
    remedy = (
        "3D pictures only; figures by matplotlib work. Install GL (Debian: libegl1 libgl1 libgl1-mesa-dri)."
    )
    return Finding("off-screen 3D", "-", "", outcome.last_words, remedy)
