"""The page of a run or a study: one file that fetches nothing, with all rows, with hostile words escaped."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess
import sys

import pytest

from gbflux.cli.main import exit_code
from gbflux.errors import InputError
from gbflux.measure.error_text import with_error
from gbflux.report.page import report_html, write_report
from gbflux.report.page.folders import Row, Summary
from html_pages import Page
from study_by_hand import BASE, SIGMA_GB, THICKNESS, made_up, write_run, write_study

HOSTILE = '<script>alert("x")</script>'


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Thickness by conductivity by seeds, three cases not done."""
    folder = tmp_path_factory.mktemp("study")
    axes = {THICKNESS: [0, 3, 10], SIGMA_GB: [2.5e-8, 2.5e-7]}
    failing = {(2, 2): "failed", (3, 1): "timeout", (6, 3): "missing"}
    return write_study(folder, BASE, axes, [1, 2, 3], made_up, failing=failing, name="layers")


@pytest.fixture(scope="module")
def study_html(study):
    return report_html(study)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("run") / "one", BASE)


@pytest.fixture(scope="module", params=["run", "study"])
def html(request, run, study_html):
    return report_html(run) if request.param == "run" else study_html


def test_nothing_is_fetched(html):
    page = Page(html)
    for element in page.elements:
        for key in ("src", "href", "srcset", "poster", "action", "background"):
            value = element.attributes.get(key, "")
            if value.startswith("https://"):  # a work to read, followed by hand
                assert (element.tag, key) == ("a", "href")
                assert "citations" in element.inside
            else:
                assert value.startswith(("data:", "#")) or not value
    assert not page.all("link")
    assert not page.all("iframe")
    assert "@import" not in html
    assert "url(" not in html


def test_pictures_are_carried_along_and_described(html):
    images = Page(html).all("img")
    assert images
    for image in images:
        kind, data = image.attributes["src"].split(";base64,")
        assert kind == "data:image/png"
        assert base64.b64decode(data, validate=True).startswith(b"\x89PNG")
        assert len(image.attributes["alt"]) > 20


def test_the_policy_lets_the_own_style_and_script_pass_and_nothing_else(html):
    page = Page(html)
    (policy,) = (e.attributes["content"] for e in page.all("meta") if "http-equiv" in e.attributes)
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["img-src"] == "data:"
    for tag in ("style", "script"):
        (text,) = re.findall(rf"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert rules[f"{tag}-src"] == f"'sha256-{digest}'"
    assert not any("style" in e.attributes for e in page.elements)
    assert not any(key.startswith("on") for e in page.elements for key in e.attributes)


def test_ids_are_unique_and_links_within_the_page_lead_somewhere(html):
    page = Page(html)
    ids = [e.attributes["id"] for e in page.elements if "id" in e.attributes]
    assert len(ids) == len(set(ids))
    targets = {e.attributes["href"][1:] for e in page.all("a") if e.attributes["href"].startswith("#")}
    assert targets <= set(ids)


def test_the_page_is_the_same_when_written_again(run):
    assert report_html(run) == report_html(run)


def test_every_case_has_a_row_and_every_row_its_status(study, study_html):
    rows = Page(study_html).rows("cases")
    assert len(rows) == 18
    statuses = [cell for row in rows for cell in row if cell in ("done", "failed", "timeout", "missing")]
    assert {s: statuses.count(s) for s in set(statuses)} == {
        "done": 15,
        "failed": 1,
        "timeout": 1,
        "missing": 1,
    }
    assert len(Page(study_html).rows("points")) == 6


def test_a_half_finished_study_says_so(study_html):
    page = Page(study_html)
    cautions = page.by_id("cautions").text
    assert "15 of 18 cases are done, 1 failed, 1 timeout, 1 missing" in cautions
    assert "Few realisations: 2 to 3 a point" in cautions
    assert "no <b>valid</b> mesh (failed)" in page.by_id("cases-section").text


def test_plots_are_those_of_the_axes_there_are(study_html):
    titles = [e.text for e in Page(study_html).all("b", inside="curves")]
    for wanted in ("homogenizing layer: thickness", "grain boundary: conductivity", "Bi"):
        assert f"Hot spots against {wanted}." in titles
    assert "Across the homogenizing layer, top side." in titles
    assert "Conductivity and resistance against Bi." in titles


def test_words_and_unknown_axes_are_drawn_too(tmp_path):
    folder = write_study(
        tmp_path, BASE, {"grains.boundary": ["cut", "mirror"], "mesh.size_um": [1, 2]}, [1, 2], made_up
    )
    page = Page(report_html(folder))
    titles = [e.text for e in page.all("b", inside="curves")]
    assert "Hot spots against grains: boundary." in titles
    assert "Critical current" not in page.by_id("content").text


def test_a_study_of_one_point_works(tmp_path):
    folder = write_study(tmp_path, BASE, {THICKNESS: [3]}, [1], made_up)
    page = Page(report_html(folder))
    assert len(page.rows("cases")) == 1
    assert "Few realisations: 1 a point" in page.by_id("cautions").text


def test_a_study_in_which_nothing_is_done_works(tmp_path):
    failing = {(1, 1): "failed", (2, 1): "missing"}
    folder = write_study(tmp_path, BASE, {THICKNESS: [0, 3]}, [1], made_up, failing=failing)
    assert "0 of 2 cases are done" in Page(report_html(folder)).by_id("cautions").text


def test_a_mean_over_some_of_the_realisations_says_so(tmp_path):
    def some_homogenize(case, folder):
        made_up(case, folder)
        tree = json.loads((folder / "result.json").read_text(encoding="utf-8"))
        tree["homogenizing_layer"]["top"]["homogenized_at_um"] = 1.5 if case.grains.seed == 1 else None
        (folder / "result.json").write_text(json.dumps(tree), encoding="utf-8")

    folder = write_study(tmp_path, BASE, {THICKNESS: [3, 10]}, [1, 2, 3], some_homogenize)
    page = Page(report_html(folder))
    assert (
        "Open points (homogenized at, top): some realisations have no such value" in page.by_id("curves").text
    )
    assert any("1 of 3" in cell for cell in page.rows("points")[0])


def test_the_area_sampled_is_that_of_each_point(tmp_path):
    folder = write_study(tmp_path, BASE, {"geometry.size_um": [[50, 50], [80, 50]]}, [1, 2], made_up)
    page = Page(report_html(folder))
    assert "100 … 160" in page.by_id("content").text
    assert [row[-2] for row in page.rows("points")] == ["100", "160"]


def test_axes_that_change_together_are_drawn_once(tmp_path):
    sizes = {"geometry.size_um": [[50, 50], [80, 80]], "mesh.size_um": [1.0, 2.0]}
    folder = write_study(tmp_path, BASE, sizes, [1], made_up, paired=True)
    page = Page(report_html(folder))
    titles = [e.text for e in page.all("b", inside="curves") if e.text.startswith("Hot spots")]
    assert titles == ["Hot spots against geometry: size."]
    assert "Along with it change mesh: size (µm)." in page.by_id("curves").text
    assert len(page.rows("points")) == 2


def test_a_result_that_is_not_whole_is_named(tmp_path):
    folder = write_study(tmp_path, BASE, {THICKNESS: [0, 3]}, [1, 2], made_up)
    broken = next((folder / "cases").glob("*/result.json"))
    broken.write_text(broken.read_text()[:-20])
    page = Page(report_html(folder))
    assert broken.parent.name in page.by_id("cautions").text
    assert [row for row in page.rows("cases") if "not whole" in row]


def test_key_numbers_carry_their_errors(tmp_path):
    folder = write_run(tmp_path / "run", BASE)
    tree = json.loads((folder / "result.json").read_text())
    tree["transport"]["bracket"] = {"asr_ohm_cm2": {"lower": 18.9, "upper": 19.1}}
    tree["errors"] = {
        "hot_spots": {
            "top": {
                "p99_over_mean": {"estimated_error": 0.03, "converged": False},
                "gini": {"estimated_error": 0.1, "converged": False},
                "grain_max_over_mean_area_cut": {"estimated_error": None, "converged": False},
                "max_over_mean": {
                    "estimated_error": None,
                    "converged": False,
                    "divergent": True,
                    "observed_exponent": 0.25,
                },
            }
        },
        "conductance": {"asked": 0.01, "relative_width": 0.02, "reached": False, "stopped_by": "memory"},
    }
    tree["mesh"]["gb_area_limited_fraction"] = 0.012
    (folder / "result.json").write_text(json.dumps(tree))
    page = Page(report_html(folder))
    numbers, cautions = page.by_id("numbers").text, page.by_id("cautions").text
    assert "18.90 … 19.10 certified" in numbers
    p99 = tree["hot_spots"]["top"]["p99_over_mean"]
    assert f"{p99:.2f}± 0.03" in numbers
    assert f"{2 * p99:.2g}divergent" in numbers
    assert "P99/mean, top electrode (± 2.9 %)" in cautions  # of 1.03
    assert (
        "accuracy asked for was not reached: relative width of the certified bracket 0.02, asked 0.01"
        in cautions
    )
    assert (
        "Divergent, seen to grow as the mesh was refined: pointwise max/mean, top (exponent 0.25)."
        in cautions
    )
    assert "on 1.2 % of the grain-boundary area" in cautions


def with_errors(folder, **shares):
    """Give measures of the top electrode errors of so many times their values."""
    tree = json.loads((folder / "result.json").read_text())
    spots = tree["hot_spots"]["top"]
    errors = {
        key: {"estimated_error": share * spots[key], "converged": share <= 0.02}
        for key, share in shares.items()
    }
    tree["errors"] = {"hot_spots": {"top": errors}}
    (folder / "result.json").write_text(json.dumps(tree))
    return tree


def test_measures_with_a_large_error_are_named_with_it(tmp_path):
    folder = write_run(tmp_path / "run", BASE)
    with_errors(folder, p99_over_mean=0.123, max_over_mean=0.4)
    cautions = Page(report_html(folder)).by_id("cautions").text
    assert (
        "Estimated discretisation error above 2 %: pointwise max/mean, top (± 40 %), "
        "P99/mean, top electrode (± 12 %). A finer mesh makes it smaller."
    ) in cautions
    with_errors(folder, p99_over_mean=0.019)
    assert "above 2 %" not in Page(report_html(folder)).by_id("cautions").text


def test_cards_and_all_numbers_end_where_the_error_does(tmp_path):
    folder = write_run(tmp_path / "run", BASE)
    p99 = with_errors(folder, p99_over_mean=0.2)["hot_spots"]["top"]["p99_over_mean"]
    page = Page(report_html(folder))
    off = f"{0.2 * p99:.1f}"
    assert any(e.text == f"± {off}" for e in page.all("p"))
    rows = {row[0]: row[1] for row in page.rows("all0")}
    assert rows["hot_spots.top.p99_over_mean"] == f"{p99:.1f}± {off}"
    assert not any("estimated_error" in key for key in rows)


def test_a_result_without_errors_says_that_none_are_known(run):
    assert "No errors are known" in Page(report_html(run)).by_id("numbers").text


def test_a_study_counts_cases_with_a_large_error_and_does_not_list_each(tmp_path):
    folder = write_study(tmp_path, BASE, {THICKNESS: [0, 3]}, [1, 2], made_up)
    for k, path in enumerate(sorted((folder / "cases").iterdir())):
        with_errors(path, p99_over_mean=0.01 + 0.1 * k)
    cautions = Page(report_html(folder)).by_id("cautions").text
    assert "P99/mean, top electrode (up to ± 31 %, 3 of 4 cases)" in cautions
    assert cautions.count("above 2 %") == 1


def test_means_and_cases_of_a_study_end_where_their_errors_do():
    spread = Summary(3, 2.8931, 0.2, 2.75, 3.05, 2.7, 3.1, 7, error=0.031)
    assert spread.uncertainty == pytest.approx(0.15)
    assert Summary(1, 2.8931, None, None, None, None, None, None, error=0.031).uncertainty == 0.031
    assert Summary(1, 2.8931, None, None, None, None, None, None).uncertainty is None
    row = Row(
        "1", "k", "done", "1", {"a": "2.8931", "errors.a": "0.31", "b": "14.21", "errors.b": "", "c": "1.5"}
    )
    assert [str(row.parts(key)) for key in "abcd"] == ["2.9 ± 0.3", "14 (divergent)", "1.5", "–"]


def test_a_layer_that_is_not_resolved_is_said_to_be_so(tmp_path):
    folder = write_run(tmp_path / "run", BASE)
    tree = json.loads((folder / "result.json").read_text())
    tree["homogenizing_layer"]["top"] |= {"decay_length_um": None, "reason": "the layer must be thicker."}
    (folder / "result.json").write_text(json.dumps(tree))
    page = Page(report_html(folder))
    assert "Homogenizing layer, top, not resolved: the layer must be thicker." in page.by_id("cautions").text
    assert "top: no law" in page.all("img", inside="curves")[0].attributes["alt"]


def test_an_applied_current_is_told(tmp_path):
    folder = write_run(tmp_path / "run", BASE, **{"electrodes.current_density_mA_per_cm2": 0.5})
    (text,) = (e.text for e in Page(report_html(folder)).all("p") if "µm mean" in e.text)
    assert text.endswith("0.5 mA/cm² between ideal electrodes.")


def test_the_ratio_of_a_comparison_has_the_errors_of_both(tmp_path):
    write_run(tmp_path / "bare", BASE, homogenizing_layer=None)
    write_run(tmp_path / "with_hl", BASE)
    trees = [with_errors(tmp_path / name, p99_over_mean=0.1) for name in ("bare", "with_hl")]
    bare, layered = (tree["hot_spots"]["top"]["p99_over_mean"] for tree in trees)
    assert (
        with_error(bare / layered, 0.2 * bare / layered).replace(" ±", "±")
        in Page(report_html(tmp_path)).by_id("ccd").text
    )


def test_a_comparison_shows_both_runs_and_the_ratio(tmp_path):
    write_run(tmp_path / "bare", BASE, homogenizing_layer=None)
    write_run(tmp_path / "with_hl", BASE)
    page = Page(report_html(tmp_path))
    bare, layered = (
        json.loads((tmp_path / name / "result.json").read_text())["hot_spots"]["top"]["p99_over_mean"]
        for name in ("bare", "with_hl")
    )
    assert f"{bare / layered:.3g}" in page.by_id("ccd").text
    assert "A hypothesis, not a proof." in page.by_id("ccd").text


def test_only_what_was_used_is_cited(run, tmp_path):
    used = Page(report_html(run)).by_id("citations").text
    for name in ("Lu", "NumPy", "PETSc", "hypre", "Gmsh", "Matplotlib"):
        assert name in used
    for name in ("SciPy", "DOLFINx", "mpi4py", "Marini", "Siniscalchi"):
        assert name not in used
    other = write_run(tmp_path / "gamg", BASE, **{"solver.preconditioner": "gamg"})
    assert "hypre" not in Page(report_html(other)).by_id("citations").text


@pytest.mark.parametrize(("order", "cited", "other"), [(1, "Marini", "Brezzi"), (2, "Brezzi", "Marini")])
def test_the_lower_bound_is_cited_by_the_order_of_the_elements(tmp_path, order, cited, other):
    folder = write_run(tmp_path / "run", BASE, **{"solver.order": order})
    tree = json.loads((folder / "result.json").read_text())
    tree["transport"]["bracket"] = {"asr_ohm_cm2": {"lower": 18.9, "upper": 19.1}}
    (folder / "result.json").write_text(json.dumps(tree))
    used = Page(report_html(folder)).by_id("citations").text
    assert cited in used
    assert other not in used


def test_hostile_words_stay_words(tmp_path):
    folder = write_study(tmp_path / "study", BASE, {THICKNESS: [0, 3]}, [1], made_up, name=HOSTILE)
    for name in ("table.csv", "summary.csv"):
        file = folder / name
        head, *rows = file.read_text().splitlines()
        file.write_text("\n".join([head.replace(THICKNESS, HOSTILE.replace('"', "'")), *rows]))
    run_folder = write_run(tmp_path / "run", BASE)
    tree = json.loads((run_folder / "result.json").read_text())
    tree |= {"name": HOSTILE, "warnings": [HOSTILE], HOSTILE: "</script>"}
    (run_folder / "result.json").write_text(json.dumps(tree))
    (run_folder / "provenance.json").write_text(json.dumps({HOSTILE: f'"><img src=x onerror={HOSTILE}'}))
    for html in (report_html(folder), report_html(run_folder)):
        page = Page(html)
        assert len(page.all("script")) == 1
        assert HOSTILE in page.all("h1")[0].text
        assert not any(key.startswith("on") for e in page.elements for key in e.attributes)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: folder, "must be the folder of a run"),
        (lambda folder: folder / "missing", "must be a folder of a run or a study; got nothing"),
        (lambda folder: _file(folder / "result.json", "{"), "must be a whole result; got broken JSON"),
        (lambda folder: _file(folder / "result.json", '{"name": "x"}'), "must be a result of gbflux; got no"),
        (lambda folder: _file(folder / "result.json", "[]"), "must be a result of gbflux"),
        (lambda folder: _file(folder / "case.resolved.yaml", ""), "must be the result of a finished run"),
        (lambda folder: _file(folder / "study.resolved.yaml", ""), "must hold a study"),
        (lambda folder: _file(folder / "table.csv", "a,b\n"), "table.csv: must have the columns"),
    ],
)
def test_a_folder_that_is_neither_ends_with_a_message(tmp_path, capsys, make, message):
    assert exit_code(["report", str(make(tmp_path))]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "report.html").exists()


def test_the_tables_of_a_study_that_was_stopped_are_made_first(tmp_path, capsys):
    text = f"name: stopped\ncase: {{{_flow(BASE)}}}\nsweep: {{{THICKNESS}: [0, 3]}}\nrealizations: 2\n"
    (tmp_path / "study.resolved.yaml").write_text(text)
    assert exit_code(["report", str(tmp_path)]) == 0, capsys.readouterr().err
    page = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert page.all("h1")[0].text == "stopped"
    assert "0 of 4 cases are done" in page.by_id("cautions").text
    assert len(page.rows("cases")) == 4


def _flow(text):
    """Lines of block keys as one flow mapping."""
    return ", ".join(text.split("\n")[1:-1])


def _file(path, text):
    path.write_text(text)
    return path.parent


def test_the_command_writes_the_file_and_says_where(run, tmp_path, capsys):
    target = tmp_path / "page.html"
    assert exit_code(["report", str(run), "-o", str(target)]) == 0
    assert str(target) in capsys.readouterr().out
    assert target.read_text(encoding="utf-8") == report_html(run)
    with pytest.raises(InputError, match="Choose another -o"):
        write_report(run, tmp_path / "no" / "such" / "page.html")


def test_a_page_needs_neither_dolfinx_nor_mpi(run):
    code = f"""
import sys
from pathlib import Path
from gbflux.report.page import write_report
write_report(Path({str(run)!r}))
print([name for name in ("dolfinx", "petsc4py", "mpi4py", "gmsh", "pyvista") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[]", done.stderr
