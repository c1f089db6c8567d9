"""`gbflux doctor`: what this machine has, where each thing comes from, and what to do about each fault.

Each probe looks at one thing in a process of its own and returns a record, a `Finding`. Nothing heavy is
imported here: a library that crashes, hangs or brings the wrong HDF5 takes only its probe's process with it
and becomes a finding.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from gbflux._version import __version__

if TYPE_CHECKING:
    from rich.table import Table

TIME_LIMIT_S = 60.0
SLOW_LAUNCH_S = 5.0


@dataclass(frozen=True)
class Outcome:
    """End of a process: exit code (negative: the signal; None: out of time), output, time taken (s)."""

    code: int | None
    stdout: str
    stderr: str
    seconds: float

    @property
    def reason(self) -> str:
        """Last line that it wrote to standard error, or how it ended."""
        lines = [line for line in self.stderr.splitlines() if line.strip()]
        if self.code is None:
            return f"no answer within {self.seconds:.0f} s"
        if self.code < 0:
            return f"killed by signal {-self.code}"
        return lines[-1].strip() if lines else f"exit code {self.code}"


@dataclass(frozen=True)
class Finding:
    """One line of the report; `fault` is empty when all is well, `remedy` says what to do about a fault."""

    subject: str
    value: str
    origin: str = ""
    fault: str = ""
    remedy: str = ""
    prevents_running: bool = False


def doctor() -> None:
    """Check the environment: versions, origins, MPI launch, off-screen pictures; a remedy for each fault.

    Raises
    ------
    typer.Exit
        With code 0 when a case can be run, 1 when a fault prevents it.
    """
    from rich.console import Console

    console = Console()
    if console.is_terminal:
        with console.status("looking at libraries, MPI, the compiler and GL"):
            findings = find_all()
        console.print(as_table(findings))
    else:
        findings = find_all()
        typer.echo("\n".join(as_lines(findings)))
    typer.echo("\n".join(verdict(findings)))
    raise typer.Exit(exit_code(findings))


def find_all() -> tuple[Finding, ...]:
    """All findings in the order of the report; libraries two at a time, the timed launch alone."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        found = tuple(pool.map(find_library, libraries()))
    return (find_python(), *found, find_compiler(), find_host_name(), find_launch(), find_rendering())


def exit_code(findings: Sequence[Finding]) -> int:
    """0 when a case can be run, 1 when a fault prevents it."""
    return int(any(finding.prevents_running for finding in findings))


def mark(finding: Finding) -> str:
    """``ok``, ``note`` (something is left out) or ``FAULT`` (no case can be run)."""
    if finding.prevents_running:
        return "FAULT"
    return "note" if finding.fault else "ok"


def as_table(findings: Sequence[Finding]) -> Table:
    """The findings as a table for a terminal."""
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=f"gbflux {__version__}", title_justify="left", box=box.SIMPLE_HEAD)
    for heading in ("", "what", "version", "from"):
        table.add_column(heading, overflow="fold")
    colours = {"ok": "green", "note": "yellow", "FAULT": "bold red"}
    for finding in findings:
        word = mark(finding)
        cells = (finding.subject, finding.value, finding.origin)
        table.add_row(f"[{colours[word]}]{word}[/]", *map(escape, cells))
    return table


def as_lines(findings: Sequence[Finding]) -> tuple[str, ...]:
    """The findings as plain lines, for a file or a bug report."""
    width = max(len(finding.subject) for finding in findings)
    rows = (
        f"{mark(finding):5}  {finding.subject:{width}}  {finding.value}"
        + (f"  [{finding.origin}]" if finding.origin else "")
        for finding in findings
    )
    return (f"gbflux {__version__}", *rows)


def verdict(findings: Sequence[Finding]) -> tuple[str, ...]:
    """Each fault with its remedy, and a closing line."""
    lines: list[str] = []
    for finding in findings:
        if finding.fault:
            lines += [f"{mark(finding)}: {finding.subject}: {finding.fault}.", f"    {finding.remedy}"]
    closing = (
        "Something is missing to run a case; see FAULT." if exit_code(findings) else "Ready to run a case."
    )
    return (*lines, closing)


Runner = Callable[[Sequence[str]], Outcome]


def run_process(command: Sequence[str], time_limit_s: float = TIME_LIMIT_S) -> Outcome:
    """Run a command without input; never raises for what the command does (time limit in s)."""
    start = time.perf_counter()
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=time_limit_s,
            env=launch_environment(os.environ),
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Outcome(None, "", "", time.perf_counter() - start)
    except OSError as error:
        return Outcome(127, "", str(error), time.perf_counter() - start)
    return Outcome(done.returncode, done.stdout, done.stderr, time.perf_counter() - start)


def launch_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment without traces of a surrounding mpirun, which refuses to be nested; root may launch."""
    traces = ("OMPI_COMM_", "OMPI_UNIVERSE", "OMPI_MCA_orte_", "OMPI_MCA_ess", "PMIX_", "PRTE_", "PMI_")
    kept = {key: value for key, value in environment.items() if not key.startswith(traces)}
    return kept | {
        "OMPI_ALLOW_RUN_AS_ROOT": "1",
        "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
        "OMP_NUM_THREADS": "1",
    }


def origin_of(path: str, prefix: str = sys.prefix, base_prefix: str = sys.base_prefix) -> str:
    """Return where a file comes from: ``venv``, ``conda``, ``distribution`` or the folder that holds it."""
    if prefix != base_prefix and path.startswith(prefix + os.sep):
        return "venv"
    if path.startswith(base_prefix + os.sep) and Path(base_prefix, "conda-meta").is_dir():
        return "conda"
    if path.startswith("/usr/lib/"):
        return "distribution"
    return str(Path(path).parent.parent)


_SETUP = "Run `make setup` in the source tree, or install it from where DOLFINx comes from."


@dataclass(frozen=True)
class Library:
    """A Python library to look for; after importing it, `code` may set `version` and `fault` (texts)."""

    module: str
    code: str
    needed: bool
    remedy: str = _SETUP


#: Libraries that come with DOLFINx, not with gbflux, so that gbflux's metadata do not name them.
BESIDE_DOLFINX = (
    Library("dolfinx", "", needed=True),
    Library(
        "petsc4py",
        "from petsc4py import PETSc\n"
        "import numpy\n"
        "complex_ = numpy.issubdtype(PETSc.ScalarType, numpy.complexfloating)\n"
        "hypre = PETSc.Sys.hasExternalPackage('hypre')\n"
        "petsc = '.'.join(map(str, PETSc.Sys.getVersion()))\n"
        "version += f', PETSc {petsc}, {numpy.dtype(PETSc.ScalarType)} scalars, '\n"
        "version += f'{8 * numpy.dtype(PETSc.IntType).itemsize}-bit indices, '\n"
        "version += 'with hypre' if hypre else 'without hypre'\n"
        "fault = 'complex scalars' if complex_ else '' if hypre else 'no hypre'\n",
        needed=True,
        remedy="Take a real PETSc with hypre (Debian: python3-dolfinx-real). Without hypre alone, "
        "solver.preconditioner: gamg works.",
    ),
    Library(
        "mpi4py",
        "from mpi4py import MPI\n"
        "version += ', ' + MPI.Get_library_version().splitlines()[0].split(', package')[0]\n",
        needed=True,
    ),
    Library("gmsh", "version = gmsh.GMSH_API_VERSION\n", needed=True),
    Library(
        "h5py",
        "version += ', HDF5 ' + h5py.version.hdf5_version\n"
        "import os, tempfile\n"
        "with tempfile.TemporaryDirectory() as folder:\n"
        "    try:\n"
        "        import dolfinx\n"
        "        with h5py.File(os.path.join(folder, 'a.h5'), 'w') as file: file['a'] = [1.0]\n"
        "    except ImportError: pass\n"
        "    except Exception as error: fault = f'does not work beside DOLFINx: {error}'\n",
        needed=True,
        remedy="Two HDF5 libraries are loaded. Take h5py from where DOLFINx comes from "
        "(Debian: python3-h5py, and `pip uninstall h5py` in .venv).",
    ),
)
_REQUIREMENT = re.compile(r"""([\w.-]+)(?:.*\bextra\s*==\s*['"]([\w-]+)['"])?""")

_IMPORT = """
import importlib.metadata, json, {module}
version, fault = getattr({module}, "__version__", ""), ""
version = version or importlib.metadata.version("{module}")
{code}
print("\\n" + json.dumps([version, fault, {module}.__file__]))
"""


def libraries() -> tuple[Library, ...]:
    """All that gbflux needs when it runs: what comes with DOLFINx, its own requirements, its extras."""
    try:
        required = importlib.metadata.requires("gbflux") or []
    except importlib.metadata.PackageNotFoundError:  # run from the sources
        required = []
    return (*BESIDE_DOLFINX, *declared(required))


def declared(requirements: Iterable[str]) -> tuple[Library, ...]:
    """The libraries of requirements as metadata have them, extras last and those for development left out.

    >>> [(l.module, l.needed) for l in declared(["a-c>=1; extra == 'b'", "ruamel-yaml>=2,<3"])]
    [('ruamel.yaml', True), ('a_c', False)]
    """
    found = []
    for match in filter(None, map(_REQUIREMENT.match, requirements)):
        name, extra = match.groups()
        if extra == "dev":
            continue
        remedy = f"Only a part of gbflux needs it: pip install 'gbflux[{extra}]'." if extra else _SETUP
        found.append(Library(_module(name), "", extra is None, remedy))
    return tuple(sorted(found, key=lambda library: (not library.needed, library.module)))


def _module(distribution: str) -> str:
    """Return the module of a distribution: with `_` for `-`, but for names with a dot of their own."""
    plain = re.sub(r"[-_.]+", "-", distribution).lower()
    return {"ruamel-yaml": "ruamel.yaml"}.get(plain, distribution.replace("-", "_"))


def find_library(library: Library, run: Runner = run_process) -> Finding:
    """Import one library in a process of its own and ask for its version and place."""
    outcome = run([sys.executable, "-c", _IMPORT.format(module=library.module, code=library.code)])
    if outcome.code != 0:
        fault, remedy = outcome.reason, library.remedy
        if "numpy.dtype size changed" in outcome.stderr:
            remedy = (
                "Another NumPy than DOLFINx was built with stands in front. Run `make setup`; it pins NumPy."
            )
        elif "No module named" in fault and library.needed:
            remedy = _SETUP
        return Finding(library.module, "-", "", fault, remedy, library.needed)
    version, fault, path = json.loads(outcome.stdout.splitlines()[-1])
    prevents = library.needed and bool(fault) and fault != "no hypre"
    return Finding(library.module, version, origin_of(path), fault, library.remedy if fault else "", prevents)


def find_python() -> Finding:
    """The Python that runs gbflux."""
    return Finding("python", sys.version.split()[0], origin_of(str(Path(sys.executable).resolve())))


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
        fault = outcome.reason if outcome.code != 0 else f"Python.h is not in {include}"
        return Finding("C compiler", compiler, "", fault, remedy, True)
    return Finding("C compiler", compiler, origin_of(shutil.which(compiler) or ""))


_RESOLVE = "import socket; print(socket.gethostbyname(socket.gethostname()))"


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


# one write a rank: pieces of what two ranks print may be mixed
_RANKS = "from mpi4py import MPI; import os; os.write(1, b'<%d>\\n' % MPI.COMM_WORLD.size)"


def find_launch(run: Runner = run_process) -> Finding:
    """Start two ranks with mpirun: the time it takes, and whether they find each other."""
    if shutil.which("mpirun") is None:
        remedy = "Install it from where mpi4py comes from (Debian: openmpi-bin), or launch through srun."
        return Finding("MPI launch", "-", "", "mpirun is not on PATH: one rank only", remedy)
    from gbflux.simulation.mpi_job import mpirun_command  # NumPy comes with it

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
    return Finding("MPI launch", value, "", outcome.reason, remedy, True)


_RENDER = """
import pyvista
plotter = pyvista.Plotter(off_screen=True, window_size=(64, 64))
plotter.add_mesh(pyvista.Sphere())
assert plotter.screenshot(None, return_img=True).std() > 0, "the picture is empty"
"""


def find_rendering(run: Runner = run_process) -> Finding:
    """Draw a small 3D picture without a screen (VTK does not raise without GL, it crashes)."""
    outcome = run([sys.executable, "-c", _RENDER])
    if outcome.code == 0:
        return Finding("off-screen 3D", f"works ({outcome.seconds:.1f} s)")
    remedy = (
        "3D pictures only; figures by matplotlib work. Install GL (Debian: libegl1 libgl1 libgl1-mesa-dri)."
    )
    return Finding("off-screen 3D", "-", "", outcome.reason, remedy)
