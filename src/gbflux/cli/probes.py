"""Probes of Python libraries: each looks at one thing in its own process and returns a record, a `Finding`.

Nothing heavy is imported here. A library that crashes, hangs or brings the wrong HDF5 takes only its probe's
process with it and becomes a finding.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

TIME_LIMIT_S = 60.0

_SETUP = "Run `make setup` in the source tree, or install it from where DOLFINx comes from."


@dataclass(frozen=True)
class Outcome:
    """End of a process: exit code (negative: the signal; None: out of time), output, time taken (s)."""

    code: int | None
    stdout: str
    stderr: str
    seconds: float

    @property
    def last_words(self) -> str:
        """The last line it wrote to standard error, or how it ended."""
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
    for requirement in requirements:
        name, extra = _REQUIREMENT.match(requirement).groups()
        if extra == "dev":
            continue
        remedy = f"Only a part of gbflux needs it: pip install 'gbflux[{extra}]'." if extra else _SETUP
        found.append(Library(_module(name), "", extra is None, remedy))
    return tuple(sorted(found, key=lambda library: (not library.needed, library.module)))


def _module(distribution: str) -> str:
    """Return the module of a distribution: with `_` for `-`, but for names with a dot of their own."""
    plain = re.sub(r"[-_.]+", "-", distribution).lower()
    return {"ruamel-yaml": "ruamel.yaml"}.get(plain, distribution.replace("-", "_"))


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


def find_library(library: Library, run: Runner = run_process) -> Finding:
    """Import one library in a process of its own and ask for its version and place."""
    outcome = run([sys.executable, "-c", _IMPORT.format(module=library.module, code=library.code)])
    if outcome.code != 0:
        fault, remedy = outcome.last_words, library.remedy
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
