"""House rules a machine can check: rooms import one way, heavy libraries stay in theirs, files stay small."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from make_architecture import imported

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "gbflux"
ROOMS = [
    "errors",
    "units",
    "case",
    "grains",
    "mesh",
    "conduction",
    "measure",
    "results",
    "simulation",
    "study",
    "lab",
    "report",
    "api",
    "cli",
]
SOURCES = sorted(PACKAGE.rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
OWNERS = {  # library -> rooms that may import it
    "gmsh": {"mesh"},
    "dolfinx": {"conduction"},
    "petsc4py": {"conduction"},
    "ufl": {"conduction"},
    "basix": {"conduction"},
    "ffcx": {"conduction"},
    "mpi4py": {"conduction", "simulation"},
}
LAB_IMPORTS = ("errors", "units", "grains", "case.parse_case")  # of the core, by the room of measured data
HEAVY = ("dolfinx", "petsc4py", "mpi4py", "gmsh", "pyvista", "matplotlib")
COMPAT = PACKAGE / "conduction" / "compat.py"


def room_of(path: Path) -> str:
    """The room a file of the package lies in; empty for the package's own few files."""
    name = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    return name if name in ROOMS else ""


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def calls(path: Path) -> Iterator[ast.Call]:
    yield from (node for node in ast.walk(tree_of(path)) if isinstance(node, ast.Call))


def place(path: Path, node: ast.AST | None = None) -> str:
    return f"{path.relative_to(ROOT)}" + (f":{node.lineno}" if node is not None else "")


def test_a_room_imports_only_rooms_to_its_left() -> None:
    wrong = []
    for path in SOURCES:
        room = room_of(path)
        rooms = (name.split(".")[1] for name in imported(path) if name.startswith("gbflux."))
        left = ROOMS[: ROOMS.index(room) + 1] if room else ROOMS
        wrong += [f"{place(path)} imports {other}" for other in rooms if other in ROOMS and other not in left]
    assert not wrong


def test_measured_data_stand_beside_the_solver() -> None:
    """`lab` imports little of the core, and only the command line and the report import `lab`."""
    wrong = []
    for path in SOURCES:
        names = [name.removeprefix("gbflux.") for name in imported(path) if name.startswith("gbflux.")]
        if room_of(path) == "lab":
            allowed = ("lab", *LAB_IMPORTS)
            names = [n for n in names if not any(f"{n}.".startswith(f"{a}.") for a in allowed)]
        elif room_of(path) in ("cli", "report"):
            continue
        else:
            names = [n for n in names if n.split(".")[0] == "lab"]
        wrong += [f"{place(path)} imports {name}" for name in names]
    assert not wrong


def test_a_heavy_library_is_known_to_its_own_rooms_only() -> None:
    wrong = []
    for path in SOURCES:
        libraries = {name.split(".")[0] for name in imported(path)} & set(OWNERS)
        wrong += [f"{place(path)} imports {name}" for name in libraries if room_of(path) not in OWNERS[name]]
    assert not wrong


def test_versions_of_dolfinx_are_told_apart_in_one_file() -> None:
    wrong = []
    for path in SOURCES:
        if path == COMPAT:
            continue
        for node in ast.walk(tree_of(path)):
            if (
                isinstance(node, ast.Attribute)
                and node.attr == "__version__"
                and "dolfinx" in ast.unparse(node)
            ):
                wrong.append(place(path, node))
        for call in calls(path):
            if ast.unparse(call.func) in ("hasattr", "signature", "inspect.signature"):
                about = ast.unparse(call.args[0])
                wrong += [place(path, call)] if re.search(r"\b(fem|ufl|basix|dolfinx)\b", about) else []
    assert not wrong


def test_library_code_prints_nothing() -> None:
    rooms = [path for path in SOURCES if room_of(path) != "cli"]
    prints = [
        (path, call) for path in rooms for call in calls(path) if ast.unparse(call.func) == "print"
    ]  # a process of our own may write its error to standard error: print(..., file=sys.stderr)
    assert not [place(path, call) for path, call in prints if "file" not in {k.arg for k in call.keywords}]


def test_files_are_short() -> None:
    assert not [place(path) for path in SOURCES + TESTS if len(path.read_text("utf-8").splitlines()) > 500]


def test_files_are_named_after_what_they_hold() -> None:
    vague = ("utils", "helpers", "common", "misc")
    assert not [place(path) for path in SOURCES + TESTS if path.stem in vague or path.parent.name in vague]


def test_every_file_of_the_package_lies_in_a_room() -> None:
    own = ("__init__.py", "__main__.py", "_version.py")
    assert not [place(path) for path in SOURCES if not room_of(path) and path.name not in own]


def test_the_mesher_does_not_load_case_files() -> None:
    """It starts once for each mesh; pydantic alone would cost it a tenth of a second."""
    code = "import sys, gbflux.mesh.worker; sys.exit('pydantic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_import_gbflux_loads_nothing_heavy() -> None:
    code = f"import sys, gbflux; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[]", done.stderr
