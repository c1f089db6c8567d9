"""`gbflux mesh` and `gbflux cache`: files for other programs, a table of quality, the cache's contents."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gbflux.cli import main as command
from small_cases import LAYERS, TINY, case_text

meshio = pytest.importorskip("meshio")


@pytest.fixture
def case_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tiny case, in the working folder."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "case.yaml"
    path.write_text(case_text(TINY, LAYERS))
    return path


@pytest.mark.parametrize(("words", "name"), [([], "tiny.msh"), (["--format", "vtu"], "tiny.vtu")])
def test_a_mesh_is_written_beside_a_table(
    words: list[str], name: str, case_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.exit_code(["mesh", str(case_file), *words]) == 0
    assert sum(len(block.data) for block in meshio.read(tmp_path / name).cells) > 300
    assert (tmp_path / "tiny_boundaries.csv").exists()
    printed = capsys.readouterr().out
    for kind in ("grain", "hl", "gb", "gb_junction", "contact"):
        assert f"\n{kind} " in printed
    assert "box volume off by" in printed


@pytest.mark.parametrize("words", [["-o", "a.xdmf", "--format", "xdmf"], ["-o", "a.vtk", "--format", "vtk"]])
def test_other_formats(words: list[str], case_file: Path, tmp_path: Path) -> None:
    assert command.exit_code(["mesh", str(case_file), *words]) == 0
    assert len(meshio.read(tmp_path / words[1]).points) > 100


@pytest.mark.parametrize("name", ["a.msh", "a.vtu", "a.vtk"])
def test_pyvista_reads_cells_and_tags(name: str, case_file: Path, tmp_path: Path) -> None:
    pyvista = pytest.importorskip("pyvista")
    assert command.exit_code(["mesh", str(case_file), "-o", name]) == 0
    written, seen = meshio.read(tmp_path / name), pyvista.read(tmp_path / name)
    for tags in ("gmsh:physical", "gmsh:geometrical"):
        expected = np.concatenate(written.cell_data[tags])
        assert np.array_equal(np.sort(seen.cell_data[tags]), np.sort(expected))
        assert len(np.unique(expected)) >= 6


@pytest.mark.parametrize(
    ("name", "head"), [("a.vtu", b"<?xml"), ("a.msh", b"$MeshFormat"), ("a.x", b"$MeshFormat")]
)
def test_an_ending_stands_for_a_format(name: str, head: bytes, case_file: Path, tmp_path: Path) -> None:
    assert command.exit_code(["mesh", str(case_file), "-o", name]) == 0
    assert (tmp_path / name).read_bytes().startswith(head)


@pytest.mark.parametrize(
    ("error", "code"), [(meshio.WriteError("two sections."), 2), (ModuleNotFoundError("No module 'net'"), 4)]
)
def test_a_format_that_cannot_hold_the_mesh(
    error: Exception,
    code: int,
    case_file: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def write(path: Path, *_: object, **__: object) -> None:
        if isinstance(error, meshio.WriteError):
            path.touch()  # as meshio's writer of MED does
        raise error

    monkeypatch.setattr(meshio, "write", write)
    assert command.exit_code(["mesh", str(case_file), "--format", "med"]) == code
    message = capsys.readouterr().err
    assert str(error) in message
    assert "Try msh, vtu or xdmf." in message or "or try msh, vtu or xdmf." in message
    assert [path.name for path in case_file.parent.iterdir()] == ["case.yaml"]


def test_an_unknown_format_is_refused_first(case_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.exit_code(["mesh", str(case_file), "--format", "docx"]) == 2
    message = capsys.readouterr().err
    assert "docx" in message
    assert "vtu" in message
    assert [path.name for path in case_file.parent.iterdir()] == ["case.yaml"]


def test_a_place_that_cannot_be_written(case_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.exit_code(["mesh", str(case_file), "-o", "case.yaml/mesh.msh"]) == 2
    assert "must be writable" in capsys.readouterr().err


def test_folders_are_made_for_the_mesh_and_removed_where_it_fails(
    case_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["mesh", str(case_file), "-o", "new/folder/mesh.msh"]
    true = meshio.write

    def failing(path: Path, *arguments: object, **options: object) -> None:
        true(path, *arguments, **options)
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(meshio, "write", failing)
        assert command.exit_code(words) == 2
    assert "got 'No space left on device'" in capsys.readouterr().err
    assert [path.name for path in case_file.parent.iterdir()] == ["case.yaml"]
    assert command.exit_code(words) == 0
    made = {path.name for path in (case_file.parent / "new" / "folder").iterdir()}
    assert made == {"mesh.msh", "mesh_boundaries.csv", "mesh_conductivities.csv"}


def test_the_cache_is_shown_and_emptied(
    case_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GBFLUX_CACHE", str(tmp_path / "cache"))
    assert command.exit_code(["cache"]) == 0
    assert "0 meshes" in capsys.readouterr().out
    command.exit_code(["mesh", str(case_file)])
    capsys.readouterr()
    assert command.exit_code(["cache"]) == 0
    shown = capsys.readouterr().out
    assert str(tmp_path / "cache") in shown
    assert "1 meshes" in shown
    assert command.exit_code(["cache", "--empty"]) == 0
    assert "freed" in capsys.readouterr().out
    assert not list((tmp_path / "cache").rglob("*.npz"))
