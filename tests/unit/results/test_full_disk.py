"""A disk that fills: one message that says where, how much and what to do; nothing half-written, no hang."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gbflux.cli import main as command
from gbflux.errors import InputError, MeshError
from gbflux.mesh.build import disk_errors_as_mesh_errors
from gbflux.results.fields import fields_bytes, write_fields
from gbflux.results.folder import disk_errors_as_input_errors, require_room
from gbflux.simulation.files import remeasure
from small_cases import LAYERS, NO_FIGURES, TINY, case_text, solved

SOON_S = 60.0
FINE = {"mesh.size_um": 0.5, "mesh.electrode_size_um": 0.4}  # fields of half a megabyte


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """Mounts a disk of so many KiB; for root where that is allowed."""
    mounted = []

    def mount(size_KiB: int) -> Path:
        place = tmp_path / "disk"
        place.mkdir(exist_ok=True)
        words = ["mount", "-t", "tmpfs", "-o", f"size={size_KiB}k", "tmpfs", str(place)]
        try:
            done = subprocess.run(words, capture_output=True, text=True, check=False)
        except OSError as error:
            pytest.skip(f"needs mount: {error}")
        if done.returncode:
            pytest.skip(f"needs root that may mount a small disk: {done.stderr.strip()}")
        mounted.append(place)
        return place

    yield mount
    for place in mounted:
        subprocess.run(["umount", str(place)], check=True)


def case_file(folder: Path, *changes: dict) -> Path:
    path = folder / "case.yaml"
    path.write_text(case_text(TINY, FINE, *changes))
    return path


def size_KiB(*changes: dict) -> int:
    """What the fields of the case take."""
    return fields_bytes(solved(TINY, FINE, *changes).snapshot.mesh) // 1024


def test_a_disk_too_small_for_the_fields(
    small_disk: Callable, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    disk = small_disk(size_KiB(NO_FIGURES) // 2)
    words = ["run", str(case_file(tmp_path, NO_FIGURES)), "-o", str(disk / "a" / "out")]
    assert command.exit_code(words) == 2
    message = capsys.readouterr().err.splitlines()[-1]
    assert message.startswith(f"gbflux: output: {disk}/a/out must have room for the run's files, about 0.")
    assert "MiB free. Free some space" in message
    assert list(disk.iterdir()) == []


@pytest.mark.mpi
@pytest.mark.parametrize("beyond_KiB", [20, 200])  # it fills with the fields, with the pictures
def test_a_disk_that_fills_ends_all_ranks(
    beyond_KiB: int, small_disk: Callable, mpirun: Callable, tmp_path: Path
) -> None:
    disk = small_disk(size_KiB({}) + beyond_KiB)
    words = ["-m", "gbflux", "run", case_file(tmp_path), "-o", disk / "out"]
    done = mpirun(2, *words, check=False, plain=True, timeout=SOON_S)
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("gbflux: output:") == 1
    assert "got 'No space left on device'" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(disk.iterdir()) == []


LIMITED = """
import resource, signal, sys
from mpi4py import MPI  # Open MPI writes files of its own as it starts
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
from gbflux.cli.main import main
main(["run", *sys.argv[2:]])
"""


def test_a_file_larger_than_allowed(tmp_path: Path, before_mpi: dict) -> None:
    """What needs no root: HDF5 must not crash on an error of the disk, at whatever byte."""
    path, limit = case_file(tmp_path, NO_FIGURES), 1024 * (size_KiB(NO_FIGURES) - 20)
    words = [sys.executable, "-c", LIMITED, str(limit), str(path), "-o", str(tmp_path / "out")]
    done = subprocess.run(words, env=before_mpi, capture_output=True, text=True, timeout=SOON_S, check=False)
    assert done.returncode == 2, done.stderr
    assert "got 'File too large'" in done.stderr
    assert not (tmp_path / "out").exists()


def test_fields_that_fit_nowhere_raise_when_hdf5_is_done(tmp_path: Path, small_disk: Callable) -> None:
    snapshot = solved(TINY, FINE).snapshot
    for size in (4, 100, size_KiB() - 8):
        disk = small_disk(size)
        with pytest.raises(OSError, match="No space left"):
            write_fields(disk / "fields.hdf", snapshot.mesh, snapshot.fields)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(28, "No space left on device"), "got 'No space left on device', .* MiB free"),
        (RuntimeError("flush failed (error message = 'Disk quota exceeded')"), "got 'Disk quota exceeded'"),
        (
            PermissionError(13, "Permission denied", "a.csv"),
            "a.csv must be writable; got 'Permission denied'",
        ),
    ],
)
def test_errors_of_the_disk_are_told(error: Exception, words: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=words), disk_errors_as_input_errors(tmp_path, 3 << 20):
        raise error


def test_other_faults_stay_what_they_are(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="oops"), disk_errors_as_input_errors(tmp_path):
        raise RuntimeError("oops")
    with pytest.raises(ValueError, match="oops"), disk_errors_as_mesh_errors(tmp_path):
        raise ValueError("oops")


def test_room_is_looked_at_first(tmp_path: Path) -> None:
    require_room(tmp_path, 1)
    with pytest.raises(InputError, match=r"about 1,099,511,627,776 MiB; got [\d,.]+ MiB free"):
        require_room(tmp_path, 1 << 60)


def test_the_size_of_the_fields_is_known(tmp_path: Path) -> None:
    for changes in ((TINY, FINE, LAYERS), ({},)):
        snapshot = solved(*changes).snapshot
        write_fields(tmp_path / "fields.hdf", snapshot.mesh, snapshot.fields)
        true = (tmp_path / "fields.hdf").stat().st_size
        assert 0.8 * true < fields_bytes(snapshot.mesh) <= true


def test_a_cache_that_fills(
    small_disk: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    disk = small_disk(40)
    monkeypatch.setenv("GBFLUX_CACHE", str(disk))
    assert command.exit_code(["run", str(case_file(tmp_path)), "-o", str(tmp_path / "out")]) == 2
    message = capsys.readouterr().err
    assert "must have room for a mesh; got 'No space left on device'" in message
    assert "GBFLUX_CACHE" in message
    assert not (tmp_path / "out").exists()
    assert not [path for path in disk.rglob("*") if path.is_file()]


def test_an_archive_that_cannot_be_closed(tmp_path: Path) -> None:
    def save() -> None:
        try:
            raise OSError(28, "No space left on device")
        finally:
            raise ValueError("seek of closed file")

    with pytest.raises(MeshError, match="No space left"), disk_errors_as_mesh_errors(tmp_path):
        save()


def test_measuring_on_a_full_disk_leaves_the_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from gbflux.simulation import files as room

    assert command.exit_code(["run", str(case_file(tmp_path, NO_FIGURES)), "-o", str(tmp_path / "out")]) == 0
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    true = room.write_tables

    def failing(folder: object, snapshot: object) -> None:
        true(folder, snapshot)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(room, "write_tables", failing)
    with pytest.raises(InputError, match="No space left"):
        remeasure(tmp_path / "out")
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before


def test_a_comparison_that_finds_no_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from gbflux.report.figures import case

    def failing(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(case, "draw_comparison", failing)
    words = ["compare", str(case_file(tmp_path, NO_FIGURES, LAYERS)), "-o", str(tmp_path / "out")]
    assert command.exit_code(words) == 2
    assert "must have room for the run's files; got 'No space left on device'" in capsys.readouterr().err
