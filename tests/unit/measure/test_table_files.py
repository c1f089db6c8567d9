"""The CSV files of grains and boundaries."""

import csv

import pytest

from gbflux.measure import measure, write_boundaries, write_grains

from .synthetic import brick_mesh, sigma_of, solved


def rows(path):
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.parametrize("grains", [(2, 2), (2, 1, 2)])
def test_files_carry_units_in_their_headers_and_full_precision(tmp_path, grains):
    mesh = brick_mesh(grains)
    found = measure(mesh, solved(mesh, sigma_of(mesh)), mean_grain_size_um=4.0, potentials=(0.0, 0.1))
    write_grains(tmp_path / "grains.csv", found.grains)
    write_boundaries(tmp_path / "boundaries.csv", found.boundaries, mesh.dimension)
    grain_rows, boundary_rows = rows(tmp_path / "grains.csv"), rows(tmp_path / "boundaries.csv")
    flat = mesh.dimension == 2
    area, current = (
        ("exposed_length_top_um", "current_top_A_per_m")
        if flat
        else ("exposed_area_top_um2", "current_top_A")
    )
    assert [row["grain"] for row in grain_rows] == [str(k) for k in range(4)]
    assert [float(row[area]) for row in grain_rows] == found.grains.exposed_area_um2[1].tolist()
    assert [float(row[current]) for row in grain_rows] == found.grains.current[1].tolist()
    assert ("centroid_y_um" in grain_rows[0]) != flat
    first = boundary_rows[0]
    assert (int(first["grain_a"]), int(first["grain_b"])) == tuple(mesh.boundaries[0])
    assert float(first["thickness_nm"]) == pytest.approx(5.0, rel=2e-3)
    assert float(first["conductivity_S_per_cm"]) == pytest.approx(2.5e-7)
    assert ("length_um" if flat else "area_um2") in first
