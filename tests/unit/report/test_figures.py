"""Figures of every kind of case, without matplotlib's global state; the table says what the results say."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.image import imread
from measure.synthetic import brick_mesh, solved, uneven_sigma

from gbflux.measure import measure
from gbflux.measure.error_text import stated, with_error
from gbflux.measure.metrics import as_tree
from gbflux.report.figures.case import comparison_table, draw_comparison, draw_views, plane_title, summary
from gbflux.report.figures.style import MESH_LIMITED, round_length, shared_limits
from gbflux.report.figures.views import case_views, stream_lines


@pytest.fixture(scope="module", params=[(3, 2), (2, 2, 2)], ids=["2D", "3D"])
def cases(request):
    """Bare and with slabs: mesh, fields, measurement of each."""
    made = []
    for hl_um in ((0.0, 0.0), (2.0, 2.0)):
        mesh = brick_mesh(request.param, hl_um=hl_um)
        fields = solved(mesh, uneven_sigma(mesh))
        made.append((mesh, fields, measure(mesh, fields, mean_grain_size_um=4.0, potentials=(0.0, 0.1))))
    return made


def test_all_figures_of_a_case_are_drawn(cases, tmp_path):
    names = ["section.png", "electrodes.png", "distribution.png", "homogenizing_layer.png"]
    for case, count in zip(cases, (3, 4), strict=True):
        paths = draw_views(tmp_path, case_views(*case, "bricks"))
        assert [path.name for path in paths] == names[:count]
        for path in paths:
            image = imread(path)
            assert min(image.shape[:2]) > 300
            assert image[..., :3].std() > 0.01


def test_comparison_is_drawn(cases, tmp_path):
    views = [case_views(*case, title) for case, title in zip(cases, ("bare", "with layers"), strict=True)]
    assert draw_comparison(tmp_path / "comparison.png", *views).stat().st_size > 20_000


@pytest.mark.parametrize("grains", [(9, 1), (1, 7), (1, 1, 4)])
def test_odd_shapes_and_names_are_drawn(grains, tmp_path):
    mesh = brick_mesh(grains, grain_um=3.0, hl_um=(0.0, 1.0))
    fields = solved(mesh, uneven_sigma(mesh))
    found = measure(mesh, fields, mean_grain_size_um=3.0, potentials=(0.0, 0.1))
    assert len(draw_views(tmp_path, case_views(mesh, fields, found, r"50 $ of $\nothing_{"))) == 4


def test_section_shows_the_field_everywhere(cases):
    mesh, fields, measurement = cases[1]
    view = case_views(mesh, fields, measurement, "").section
    assert np.isfinite(view.size).all()
    assert view.extent == (0.0, mesh.size_um[0], -2.0, mesh.size_um[-1] + 2.0)
    assert view.size.mean() == pytest.approx(measurement.transport.mean_current_density_mA_per_cm2, rel=0.3)
    assert len(view.boundaries) > 0


def test_stream_lines_run_from_electrode_to_electrode(cases):
    mesh, fields, measurement = cases[0]
    for line in stream_lines(case_views(mesh, fields, measurement, "").section):
        z = line[:, 1]
        assert z.max() > 0.95 * mesh.size_um[-1]
        assert z.min() < 0.05 * mesh.size_um[-1]
        assert z[0] > z[-1]  # the top is positive


def test_limits_are_shared_and_leave_the_largest_hundredth_out():
    limits = shared_limits([np.linspace(0, 1, 101), np.full(101, np.nan)])
    assert (limits.vmin, limits.vmax) == (0.0, pytest.approx(0.99))
    assert shared_limits([np.zeros(3)]).vmax == 1.0


def test_scale_bars_have_round_lengths():
    assert [round_length(x) for x in (0.02, 7.0, 19.0, 20.0)] == [0.02, 5.0, 10.0, 20.0]


def test_captions_warn_of_the_pointwise_maximum():
    assert "without limit" in MESH_LIMITED
    assert MESH_LIMITED.count(".") == 1


def tree_of(mesh, _, found):
    """Measures of a case as they stand in ``result.json``."""
    return as_tree({**found.parts, "errors": found.errors}, mesh.dimension)


def test_table_lists_both_cases(cases):
    bare, with_hl = (tree_of(*case) for case in cases)
    lines = comparison_table(bare, with_hl).splitlines()
    assert lines[0].split() == ["bare", "with", "HL"]
    for name, key in (
        ("resistance", "transport.asr_ohm_cm2"),
        ("P99 / mean, top", "hot_spots.top.p99_over_mean"),
    ):
        row = next(line for line in lines if line.startswith(name))
        texts = [str(stated(result, key)) for result in (bare, with_hl)]
        assert row.split()[-6:] == [word for text in texts for word in text.split()]
        assert all("±" in text for text in texts)
    assert lines[-1].startswith("± estimated discretisation error")
    assert len({len(line) for line in lines[2:-1] if not line.endswith("–")}) <= 2  # columns end together
    grain = next(line for line in lines if line.startswith("grain max / mean (area cut), top"))
    assert grain.split()[-1] == "–"
    assert ("current (A/m)" in comparison_table(bare, with_hl)) == (cases[0][0].dimension == 2)


def test_table_without_errors_is_plain_and_says_what_is_not_resolved(cases):
    bare, with_hl = (tree_of(*case) for case in cases)
    with_hl["homogenizing_layer"]["top"] |= {"homogenized_at_um": None, "reason": "thin"}
    old = [{**tree, "errors": None} for tree in (bare, with_hl)]
    text = comparison_table(*old)
    assert "±" not in text
    (row,) = (line for line in text.splitlines() if line.startswith("homogenized at (µm), top"))
    assert row.endswith("–  not resolved")


def test_titles_carry_errors(cases):
    found = cases[0][2]
    views = case_views(*cases[0], "bricks")
    sigma = found.transport.sigma_eff_S_per_cm * 1e3
    off = found.errors["transport"]["sigma_eff_S_per_cm"]["estimated_error"] * 1e3
    assert with_error(sigma, off) in summary(views)
    assert summary(views).count("±") == 2
    assert summary(replace(views, current_given=True)).count("±") == 1
    title = plane_title(views, "top")
    error = found.errors["hot_spots"]["top"]["p99_over_mean"]["estimated_error"]
    assert f"P99 {with_error(found.hot_spots['top'].p99_over_mean, error)}" in title
    assert title.startswith("top electrode")


@pytest.mark.parametrize(
    ("module", "unwanted"),
    [("gbflux.report.figures.case", "matplotlib.pyplot"), ("gbflux.report.figures.views", "matplotlib")],
)
def test_what_is_never_imported(module: str, unwanted: str) -> None:
    code = f"import {module}, sys; sys.exit('{unwanted}' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
