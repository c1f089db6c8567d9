"""Case files and files of seeds: what cannot be read, and where relative names lead."""

from __future__ import annotations

import os

import pytest

from gbflux.case import grain_files, load_case, parse_case, resolved_yaml
from gbflux.case.grain_files import read_seeds
from gbflux.errors import CaseError

SEEDED = """\
geometry: {size_um: [20, 20, 20]}
grains: {seeds_file: points.csv, conductivity_S_per_cm: 5.0e-4}
grain_boundary: {thickness_nm: 5, conductivity_S_per_cm: 2.5e-7}
"""
POINTS = "x_um,y_um,z_um\n# two grains\n5, 10, 10\n\n15,10,10\n"


@pytest.fixture
def seeded(tmp_path):
    (tmp_path / "points.csv").write_text(POINTS)
    (tmp_path / "case.yaml").write_text(SEEDED)
    return tmp_path


def message_of(path):
    with pytest.raises(CaseError) as caught:
        load_case(path)
    return str(caught.value)


def test_missing_file_suggests_its_neighbour(tmp_path, full):
    (tmp_path / "lu2021.yaml").write_text(full)
    message = message_of(tmp_path / "lu2020.yaml")
    assert message.startswith(f"{tmp_path / 'lu2020.yaml'}:1:1: no such file (did you mean 'lu2021.yaml'?)")


def test_folder_binary_file_and_giant_are_refused(tmp_path):
    assert ":1:1: is a folder" in message_of(tmp_path)
    binary = tmp_path / "b.yaml"
    binary.write_bytes(b"name: x\nab\xff\x00")
    assert f"{binary}:2:3: is not UTF-8 text" in message_of(binary)
    giant = tmp_path / "g.yaml"
    giant.write_bytes(b"#" * 2**21)
    assert "larger than 1 MiB" in message_of(giant)
    assert "is not a file name" in message_of("a\0b")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable_file_is_refused(tmp_path):
    path = tmp_path / "case.yaml"
    path.touch(mode=0o000)
    assert "cannot be read: Permission denied" in message_of(path)


def test_name_comes_from_the_file_and_a_byte_order_mark_is_no_obstacle(tmp_path, minimal):
    path = tmp_path / "my case (2).yaml"
    path.write_bytes(b"\xef\xbb\xbf" + minimal.replace("\n", "\r\n").encode())
    assert load_case(path).name == "my_case_2"


def test_seeds_are_read_beside_the_case_file(seeded, monkeypatch, tmp_path_factory):
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    case = load_case(seeded / "case.yaml")
    assert case.grains.seeds_file.points == ((5, 10, 10), (15, 10, 10))
    assert case.grains.seeds_file.lines == (3, 5)
    assert case.grain_count == 2
    assert case.mean_grain_size_um == pytest.approx((8000 / 2) ** (1 / 3))
    assert (case.grains.boundary, case.grains.relaxation_steps) == ("mirror", 0)


def test_hashes_depend_on_the_bytes_of_the_seeds_not_on_their_folder(seeded, tmp_path_factory):
    case = load_case(seeded / "case.yaml")
    other = tmp_path_factory.mktemp("other")
    (other / "points.csv").write_text(POINTS)
    moved = parse_case(SEEDED, folder=other)
    assert moved.physics_hash == case.physics_hash
    (other / "points.csv").write_text(POINTS.replace("15,", "14,"))
    changed = parse_case(SEEDED, folder=other)
    assert changed.physics_hash != case.physics_hash
    assert changed.mesh_key() != case.mesh_key()


def test_resolved_case_finds_its_seeds_again(seeded, tmp_path_factory):
    case = load_case(seeded / "case.yaml")
    assert parse_case(resolved_yaml(case), folder="/").physics_hash == case.physics_hash
    assert "  seeds_file: points.csv  # mean size 15.874 µm\n" in resolved_yaml(case, "points.csv")


@pytest.mark.parametrize(
    ("points", "message"),
    [
        ("", "points.csv:1: has no seed"),
        ("x,y,z\n", "points.csv:1: has no seed"),
        ("1,2,3\n1,2\n", "points.csv:2: must have 3 columns; got 2"),
        ("1,2,3\n1,b,3\n", "points.csv:2: must be numbers in µm; got 'b'"),
        ("1,2,3\n1,nan,3\n", "points.csv:2: must be finite; got nan"),
        ("1,2,3\n\n1,25,3\n", "points.csv:3: must be inside the box of 20 x 20 x 20 µm; got 1, 25, 3"),
        ("1,2,0\n", "points.csv:1: must be inside the box"),
        ("1,2,3\n1.0,2,3\n", "points.csv:2: is the seed of line 1 again"),
        ("1,2,3\n\xff", "points.csv:2: is not text"),
    ],
)
def test_mistakes_in_seeds_name_the_line_of_their_file(seeded, points, message):
    (seeded / "points.csv").write_bytes(points.encode("latin-1"))
    shown = message_of(seeded / "case.yaml")
    assert message in shown
    assert "case.yaml:2:10: grains.seeds_file: " in shown


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ("count: 2", "must not stand beside"),
        ("arrangement: brick", "grains.arrangement: must be voronoi with a seeds_file"),
        ("relaxation_steps: 1", "grains.relaxation_steps: must be 0 with a seeds_file"),
        ("boundary: cut", "grains.boundary: must be mirror with a seeds_file"),
    ],
)
def test_what_does_not_go_with_seeds(seeded, extra, message):
    (seeded / "case.yaml").write_text(SEEDED.replace("points.csv", f"points.csv, {extra}"))
    assert message in message_of(seeded / "case.yaml")


def test_seeds_file_that_is_missing_a_folder_or_no_name(seeded):
    for value, message in [
        ("point.csv", "(did you mean 'points.csv'?)"),
        (".", "is a folder"),
        ("3", "must be text"),
    ]:
        (seeded / "case.yaml").write_text(SEEDED.replace("points.csv", value))
        assert message in message_of(seeded / "case.yaml")


def test_a_file_is_read_once_however_many_mistakes_there_are(seeded, monkeypatch):
    """Blocks are validated once: rules between the valid ones run on what that left."""
    read = []
    monkeypatch.setattr(grain_files, "read_seeds", lambda path: read.append(path) or read_seeds(path))
    (seeded / "case.yaml").write_text(
        SEEDED.replace("thickness_nm: 5", "thickness_nm: x").replace("[20, 20, 20]", "[12, 20, 20]")
        + "accuracy: {}\n"
    )
    message = message_of(seeded / "case.yaml")
    assert "must be inside the box" in message
    assert "must be a number in nm" in message
    assert "accuracy: needs a target" in message
    assert len(read) == 1
