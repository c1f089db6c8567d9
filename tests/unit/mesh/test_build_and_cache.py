"""Meshes from the worker and from the cache: made once, never half, and a crash is an error message."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from conforming_by_hand import bricks

from gbflux.errors import MeshError
from gbflux.mesh import Mesh, Recipe, build, build_mesh, recipe
from gbflux.mesh.build import load_mesh, save_mesh
from small_cases import LAYERS, TINY, case

TINY_3D = {"geometry.size_um": [10, 10, 10], "grains.mean_size_um": 5}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache."""
    monkeypatch.setenv("GBFLUX_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def assert_equal(one: Mesh, other: Mesh) -> None:
    for field in fields(one):
        a, b = getattr(one, field.name), getattr(other, field.name)
        assert np.array_equal(a, b) if isinstance(a, np.ndarray) else a == b, field.name


def test_the_second_build_comes_from_the_cache(folder: Path) -> None:
    chosen = recipe(case(TINY, LAYERS))
    first = build_mesh(chosen)
    again = build_mesh(chosen)
    assert (first.from_cache, again.from_cache) == (False, True)
    assert first.worker_peak_MiB > 0 == again.worker_peak_MiB
    assert set(first.timings) == {"grains", "mesh", "layers"} == set(again.timings)
    assert_equal(first.mesh, again.mesh)
    (entry,) = build.cache_entries()
    assert entry.path == build.mesh_file(build.mesh_key(chosen))
    assert [path.name for path in entry.path.parent.iterdir()] == [entry.path.name]
    assert build.empty_cache() == entry.bytes
    assert build.cache_entries() == []


@pytest.mark.parametrize("damage", ["empty", "half", "noise"])
def test_a_broken_archive_is_made_anew(damage: str, folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    chosen = recipe(case(TINY))
    build_mesh(chosen)
    path = build.mesh_file(build.mesh_key(chosen))
    whole = path.read_bytes()
    path.write_bytes({"empty": b"", "half": whole[: len(whole) // 2], "noise": b"x" * 1000}[damage])
    with caplog.at_level(logging.WARNING, "gbflux"):
        assert not build_mesh(chosen).from_cache
    assert "made anew" in caplog.text
    assert build_mesh(chosen).from_cache


def test_a_mesh_of_another_user_is_taken(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = recipe(case(TINY))
    made = build_mesh(chosen).mesh
    path = build.mesh_file(build.mesh_key(chosen))
    umask = os.umask(0)
    os.umask(umask)
    assert path.stat().st_mode & 0o777 == 0o666 & ~umask
    monkeypatch.setattr(os, "utime", _refused)
    again = build_mesh(chosen)
    assert again.from_cache
    assert again.mesh.hash == made.hash


def test_a_mesh_that_another_user_keeps_to_himself_is_made_anew(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    chosen = recipe(case(TINY))
    build_mesh(chosen)
    path = build.mesh_file(build.mesh_key(chosen))

    def load(archive: Path):  # root may read and delete everything
        if archive == path:
            raise MeshError(f"mesh: {path} must be a whole mesh archive; got PermissionError().")
        return load_mesh(archive)

    monkeypatch.setattr(build, "load_mesh", load)
    monkeypatch.setattr(Path, "unlink", _refused)
    monkeypatch.setattr(os, "access", lambda *_: False)
    with caplog.at_level(logging.WARNING, "gbflux"):
        assert not build_mesh(chosen).from_cache
    assert "made anew" in caplog.text
    assert path.is_file()


def _refused(*_: object, **__: object) -> None:
    raise PermissionError(13, "Permission denied")


def test_a_cache_that_cannot_be_written_costs_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("GBFLUX_CACHE", str(tmp_path / "file"))
    with caplog.at_level(logging.WARNING, "gbflux"):
        built = build_mesh(recipe(case(TINY)))
    assert not built.from_cache
    assert len(built.mesh.cells) > 100
    assert "cannot be written" in caplog.text
    assert (tmp_path / "file").read_text() == "in the way"


def test_two_processes_at_once_end_up_with_one_mesh(folder: Path) -> None:
    chosen = recipe(case(TINY_3D))
    code = "import sys; from gbflux.mesh import *; "
    code += "print(build_mesh(Recipe.from_json(sys.stdin.read())).mesh.hash)"
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    for process in processes:
        process.stdin.write(chosen.to_json())
        process.stdin.close()
    hashes = {process.stdout.read().strip() for process in processes}
    assert [process.wait() for process in processes] == [0, 0]
    assert hashes == {build_mesh(chosen).mesh.hash}
    assert len(build.cache_entries()) == 1


def test_the_same_mesh_twice_where_that_is_asked_for(folder: Path) -> None:
    chosen = recipe(case(TINY_3D, {"mesh.reproducible": True}))
    first = build_mesh(chosen).mesh
    build.empty_cache()
    again = build_mesh(chosen)
    assert not again.from_cache
    assert again.mesh.hash == first.hash
    assert_equal(first, again.mesh)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import os; os.abort()", "ended by signal 6"),
        ("import sys; sys.exit(7)", "failed with exit code 7"),
        (
            "import sys; sys.exit('mesh: every grain must be a grain.')",
            "^mesh: every grain must be a grain.$",
        ),
    ],
)
def test_a_worker_that_fails_is_a_mesh_error(
    code: str, words: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    true = subprocess.Popen
    monkeypatch.setattr(
        build.subprocess, "Popen", lambda command, **rest: true([sys.executable, "-c", code], **rest)
    )
    with pytest.raises(MeshError, match=words):
        build_mesh(recipe(case(TINY)))
    assert list((folder / "meshes").iterdir()) == []


def test_the_worker_sees_no_traces_of_an_mpi_launcher(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMPI_COMM_WORLD_SIZE", "4")
    monkeypatch.setenv("PMIX_RANK", "0")
    seen = {}
    true = subprocess.Popen

    def spying(command, **rest):
        seen.update(rest["env"])
        return true(command, **rest)

    monkeypatch.setattr(build.subprocess, "Popen", spying)
    build_mesh(recipe(case(TINY)))
    assert "PATH" in seen
    assert not {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK"} & set(seen)


def test_other_things_can_be_done_while_a_mesh_is_made(folder: Path) -> None:
    calls = []
    for _ in range(2):  # the second time it is in the cache
        build_mesh(recipe(case(TINY)), lambda: calls.append(1))
    assert len(calls) == 1


def test_an_error_meanwhile_ends_the_worker(folder: Path) -> None:
    def fail() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_mesh(recipe(case(TINY)), fail)
    assert list((folder / "meshes").iterdir()) == []


@pytest.mark.parametrize(
    "change",
    [
        {"grain_boundary.conductivity_S_per_cm": 1e-6},
        {"grains.conductivity_S_per_cm": 1e-3},
        {"grains.variation": {"sigma": 0.4}},
        {"electrodes.top_V": 2.0},
        {"temperature_C": 60},
        {"solver.order": 2},
        {"name": "other"},
        {"homogenizing_layer": {"thickness_um": 0}},
    ],
)
def test_cases_that_differ_in_physics_alone_share_a_mesh(change: dict) -> None:
    assert build.mesh_key(recipe(case(TINY, change))) == build.mesh_key(recipe(case(TINY)))


@pytest.mark.parametrize(
    "change",
    [
        {"grain_boundary.thickness_nm": 6},
        {"grains.seed": 2},
        {"grains.relaxation_steps": 1},
        {"grains.boundary": "mirror"},
        {"grains.arrangement": "brick"},
        {"geometry.size_um": [20, 21]},
        {"mesh.size_um": 2.1},
        {"mesh.electrode_size_um": 1.9},
        {"mesh.reproducible": True},
        LAYERS,
    ],
)
def test_cases_that_differ_in_geometry_do_not(change: dict) -> None:
    assert build.mesh_key(recipe(case(TINY, change))) != build.mesh_key(recipe(case(TINY)))


def test_a_recipe_survives_json(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("1,2\n3,14\n15,7.5\n")
    seeds = {"grains": {"seeds_file": str(tmp_path / "a.csv"), "conductivity_S_per_cm": 5e-4}}
    for chosen in (recipe(case(TINY, LAYERS)), recipe(case(TINY, seeds))):
        again = Recipe.from_json(chosen.to_json())
        assert build.mesh_key(again) == build.mesh_key(chosen)
        assert again.slabs == chosen.slabs
        assert np.array_equal(again.arrangement.points, chosen.arrangement.points)


def test_an_archive_holds_the_whole_mesh(tmp_path: Path) -> None:
    mesh = bricks(3, [1, 1, 0], 0.01, slabs={"bottom": 1.0})
    save_mesh(tmp_path / "a.npz", mesh, {"mesh": 1.5})
    again, timings = load_mesh(tmp_path / "a.npz")
    assert_equal(mesh, again)
    assert timings == {"mesh": 1.5}
    save_mesh(tmp_path / "a.npz", replace(mesh, hash="other"), {})
    assert load_mesh(tmp_path / "a.npz")[0].hash == "other"
    assert [path.name for path in tmp_path.iterdir()] == ["a.npz"]
    with pytest.raises(MeshError, match="whole mesh archive"):
        load_mesh(tmp_path / "absent.npz")


@pytest.mark.parametrize("change", [lambda facts: facts.pop("slabs"), lambda facts: facts.update(newer=1)])
def test_an_archive_of_another_version_is_not_whole(change: Callable[[dict], None], tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    save_mesh(path, bricks(3, [1, 1, 0], 0.01), {})
    with np.load(path) as archive:
        arrays = dict(archive)
    about = json.loads(str(arrays["about"]))
    change(about["facts"])
    np.savez(path, **{**arrays, "about": np.array(json.dumps(about))})
    with pytest.raises(MeshError, match="whole mesh archive"):
        load_mesh(path)


def test_where_the_cache_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GBFLUX_CACHE", str(tmp_path / "a"))
    assert build.cache_folder() == tmp_path / "a"
    monkeypatch.delenv("GBFLUX_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert build.cache_folder() == tmp_path / "gbflux"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", os.fspath(tmp_path))
    assert build.cache_folder() == tmp_path / ".cache/gbflux"
