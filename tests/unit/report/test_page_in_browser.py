"""The page in a real browser: it looks like one, asks the network for nothing, complains about nothing."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
from matplotlib.image import imread

from browser import browser, find_browser
from gbflux.report.page import write_report
from gbflux.study.worker import clean_environment
from report.test_view3d import BASE as SOLID
from report.test_view3d import write_electrodes
from study_by_hand import write_run

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_browser() is None, reason="no Chromium here; scripts/setup-browser installs one"),
]
BASE = """
geometry: {size_um: [40, 40]}
grains: {mean_size_um: 10, seed: 1, conductivity_S_per_cm: 5.0e-4}
grain_boundary: {thickness_nm: 5, conductivity_S_per_cm: 2.5e-7}
homogenizing_layer: {thickness_um: 5, conductivity_S_per_cm: 1.0e-4}
mesh: {size_um: 2.0, electrode_size_um: 1.0}
"""
STUDY = """
name: real
case: base.yaml
sweep: {homogenizing_layer.thickness_um: [0, 2, 5]}
realizations: 3
run: {ranks: 1, jobs: 1}
"""
COLUMN = "Array.from(document.getElementById('{table}').tBodies[0].rows, r => r.cells[{column}].dataset.sort)"


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Pages of a run and a study that were really computed; one case of the study has failed since."""
    folder = tmp_path_factory.mktemp("pages")
    for name, text in (("base.yaml", BASE), ("real.yaml", STUDY)):
        (folder / name).write_text(text)
    for words in (["run", "base.yaml", "-o", "run"], ["sweep", "run", "real.yaml", "-o", "study"]):
        gbflux(words, folder)
    case = next(p for p in sorted((folder / "study" / "cases").iterdir()) if "thickness_um: 5" in text_of(p))
    (case / "result.json").unlink()
    failure = {"message": "made to fail", "error": "E", "exit_code": 2, "attempts": 1, "time": "-"}
    (case / "failure.json").write_text(json.dumps(failure))
    for name in ("run", "study"):
        gbflux(["report", name], folder)
    return {name: folder / name / "report.html" for name in ("run", "study")}


def gbflux(words, folder):
    """Run a command in a process of its own."""
    command = [sys.executable, "-m", "gbflux", *words]
    environment = clean_environment()  # whatever tests before this one have loaded
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def text_of(case):
    return (case / "case.resolved.yaml").read_text()


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    with browser(find_browser(), tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture(params=["run", "study"])
def shown(request, pages, page):
    """The browser with one of the pages open, its events counted from here."""
    page.events.clear()
    page.open(pages[request.param])
    return page


def test_it_is_drawn(shown, tmp_path):
    image = imread(shown.screenshot(tmp_path / "page.png"))
    assert image.shape[:2] == (900, 1280)
    assert len(np.unique(image.reshape(-1, image.shape[2]), axis=0)) > 200
    sizes = shown.run("Array.from(document.images, i => [i.complete, i.naturalWidth])")
    assert sizes
    assert all(complete and width > 100 for complete, width in sizes)
    assert shown.run("document.documentElement.scrollWidth <= innerWidth")


def test_no_console_message_and_no_request_beyond_the_file(shown):
    shown.run("document.getElementById('theme').click()")
    assert shown.complaints() == []
    requests = [url for url in shown.requests() if not url.startswith("data:image/png;base64,")]
    assert {url.split(":")[0] for url in requests} <= {"file", "about"}
    assert len({url for url in requests if url.startswith("file:")}) == 1


def test_its_policy_stops_a_request_and_a_foreign_script(shown):
    assert shown.run("fetch('https://example.org/').then(() => 'sent', () => 'refused')") == "refused"
    shown.run(
        "document.body.append(Object.assign(document.createElement('script'), {text: 'window.bad = 1'}))"
    )
    assert shown.run("window.bad === undefined")
    assert any("Content Security Policy" in text for text in shown.complaints())


def test_a_click_on_a_heading_sorts_and_a_second_one_turns_the_order(pages, page):
    page.open(pages["study"])
    head = "document.querySelectorAll('#cases th')[4]"
    column = COLUMN.format(table="cases", column=4)
    for order, turn in (("ascending", 1), ("descending", -1)):
        page.run(f"{head}.firstElementChild.click()")
        assert page.run(f"{head}.getAttribute('aria-sort')") == order
        values = [float(v) for v in page.run(column) if v is not None]
        assert len(values) == 8
        assert values == sorted(values)[::turn]
        assert page.run(column)[-1] is None  # what failed has no number and stays below


def test_it_sorts_by_the_keyboard(pages, page):
    page.open(pages["study"])
    head = "document.querySelectorAll('#points th')[1]"
    page.run(f"{head}.firstElementChild.focus()")
    for _ in range(2):
        page.press("Enter", "Enter", "\r")
    assert page.run(f"{head}.getAttribute('aria-sort')") == "descending"
    assert page.run(COLUMN.format(table="points", column=1)) == ["5", "2", "0"]


def test_its_address_can_ask_for_an_order(pages, page):
    page.open(pages["study"], "#sort=points:1:descending")
    assert page.run(COLUMN.format(table="points", column=1)) == ["5", "2", "0"]


def test_the_filter_leaves_the_rows_that_match(pages, page):
    page.open(pages["study"])
    page.run(
        "(i => { i.value = 'FAILED'; i.dispatchEvent(new Event('input')); })"
        "(document.querySelector('[data-filter=cases]'))"
    )
    assert page.run("document.querySelectorAll('#cases tbody tr:not([hidden])').length") == 1
    assert page.run("document.querySelector('[data-count=cases]').textContent") == "1 of 9 rows"


def test_dark_and_light_follow_the_system_and_the_button(shown):
    def ground() -> int:
        return shown.run("parseInt(getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0])")

    for scheme, dark in (("dark", True), ("light", False)):
        shown.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        assert (ground() < 60) is dark
    shown.run("document.getElementById('theme').click()")
    assert ground() < 60


def test_it_fits_a_telephone(shown):
    shown.call("Emulation.setDeviceMetricsOverride", width=390, height=800, deviceScaleFactor=1, mobile=True)
    try:
        assert shown.run("document.documentElement.scrollWidth") <= 390
    finally:
        shown.call(
            "Emulation.setDeviceMetricsOverride", width=1280, height=900, deviceScaleFactor=1, mobile=False
        )


def test_electrodes_turn(page, tmp_path):
    folder = write_electrodes(write_run(tmp_path / "run", SOLID))
    page.events.clear()
    page.open(write_report(folder, view3d=True))
    if not page.run("document.querySelector('canvas') !== null"):
        assert "no WebGL 2" in page.run("document.getElementById('view3d').textContent")
        pytest.skip("this browser has no WebGL 2, and the page says so")
    pixels = (
        "(c => { const g = c.getContext('webgl2'), p = new Uint8Array(4 * c.width * c.height);"
        " g.readPixels(0, 0, c.width, c.height, g.RGBA, g.UNSIGNED_BYTE, p); return Array.from(p).join(); })"
        "(document.querySelector('canvas'))"
    )
    before = page.run(pixels)
    assert len(set(before.split(","))) > 20  # something is drawn
    page.run("document.querySelector('canvas').focus()")
    page.press("ArrowLeft", "ArrowLeft")
    page.run("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert page.run(pixels) != before
    assert not [text for text in page.complaints() if "GPU stall" not in text and "GL Driver" not in text]
