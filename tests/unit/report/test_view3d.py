"""Electrodes to turn: what the page's script gets is what the run left."""

from __future__ import annotations

import base64
import json

import numpy as np
import pytest

from gbflux.cli.main import exit_code
from gbflux.errors import InputError
from gbflux.report.page import report_html
from gbflux.results.fields import read_polydata, write_polydata
from html_pages import Page
from study_by_hand import made_up, write_run, write_study

BASE = """
geometry: {size_um: [20, 10, 30]}
grains: {mean_size_um: 10, seed: 1, conductivity_S_per_cm: 5.0e-4}
grain_boundary: {thickness_nm: 5, conductivity_S_per_cm: 2.5e-7}
"""
FLAT = BASE.replace("[20, 10, 30]", "[20, 30]")
FACETS = np.array([[0, 1, 2], [0, 2, 3]])


def write_electrodes(folder):
    """Two triangles a side: one of a grain, one the end of a grain boundary with less current."""
    for side, z in (("bottom", 0.0), ("top", 30.0)):
        points = np.array([[0, 0, z], [20, 0, z], [20, 10, z], [0, 10, z]], float)
        data = {"J_magnitude": np.array([50.0, 5.0]), "grain": np.array([3, -1])}
        write_polydata(folder / f"electrode_{side}.vtp", points, FACETS, data)
    return folder


@pytest.fixture
def run(tmp_path):
    return write_electrodes(write_run(tmp_path / "run", BASE))


def unpacked(text, kind):
    return np.frombuffer(base64.b64decode(text), kind)


def test_the_page_carries_places_facets_and_sizes(run):
    page = Page(report_html(run, view3d=True))
    (figure,) = (e for e in page.elements if "data-view" in e.attributes)
    data = json.loads(figure.attributes["data-view"])
    assert data["size"] == [20.0, 10.0, 30.0]
    bottom, top = data["surfaces"]
    assert (unpacked(top["facets"], "<u4").reshape(-1, 3) == FACETS).all()
    places = unpacked(top["points"], "<u2").reshape(-1, 3) / 65535 * data["size"]
    assert places == pytest.approx(np.array([[0, 0, 30], [20, 0, 30], [20, 10, 30], [0, 10, 30]]), abs=1e-3)
    assert unpacked(bottom["points"], "<u2").reshape(-1, 3)[:, 2].tolist() == [0, 0, 0, 0]
    assert unpacked(top["values"], "<u2") / 65535 == pytest.approx([1.0, 0.1], abs=1e-4)
    # points of the grain have its |J|; only the one that no grain touches that of the boundary's end
    assert unpacked(top["heights"], "<u2") / 65535 == pytest.approx([1.0, 1.0, 1.0, 0.1], abs=1e-4)
    assert "5 mA/cm²" in page.by_id("view3d").text


def test_without_being_asked_for_there_is_none(run):
    html = report_html(run)
    assert "view3d" not in {e.attributes.get("id") for e in Page(html).elements}
    assert "webgl" not in html


def test_a_flat_run_a_study_and_a_missing_surface_end_with_a_message(run, tmp_path, capsys):
    flat = write_run(tmp_path / "flat", FLAT)
    assert exit_code(["report", str(flat), "--view3d"]) == 2
    assert "must be given with a 3D run" in capsys.readouterr().err
    with pytest.raises(InputError, match="holds a study"):
        report_html(write_study(tmp_path / "study", FLAT, {"mesh.size_um": [1]}, [1], made_up), view3d=True)
    (run / "electrode_top.vtp").unlink()
    with pytest.raises(InputError, match=r"electrode_top\.vtp: must be an electrode's surface; got No such"):
        report_html(run, view3d=True)


@pytest.mark.parametrize("columns", [2, 3])
def test_surfaces_are_read_as_they_were_written(tmp_path, columns):
    rng = np.random.default_rng(3)
    points, facets = rng.normal(size=(7, 3)), rng.integers(0, 7, (4, columns))
    data = {"J_magnitude": rng.normal(size=4), "grain": np.arange(4) - 1, "vector": rng.normal(size=(4, 3))}
    write_polydata(tmp_path / "a.vtp", points, facets, data)
    read_points, read_facets, read_data = read_polydata(tmp_path / "a.vtp")
    assert (read_points == points).all()
    assert (read_facets == facets).all()
    assert set(read_data) == set(data)
    assert all((read_data[name] == data[name]).all() for name in data)


@pytest.mark.parametrize("text", ["", "<a/>", "<VTKFile><PolyData><Piece/></PolyData></VTKFile>"])
def test_another_programs_surface_is_refused(tmp_path, text):
    (tmp_path / "a.vtp").write_text(text)
    with pytest.raises(InputError, match="must be a surface as gbflux writes it"):
        read_polydata(tmp_path / "a.vtp")
