"""What a newcomer reads is true: links lead somewhere, cases parse, commands and keys exist."""

from __future__ import annotations

import csv
import importlib.util
import re
import shlex
import shutil
from pathlib import Path
from types import ModuleType

import pytest
import typer

from gbflux import load_case, parse_case
from gbflux.case.blocks import Mesh
from gbflux.cli.main import app
from gbflux.study import load_study

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "meshes/README.md")),
    *sorted((ROOT / "docs").glob("*.md")),
]
every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`([^`\n]+)`")
PICTURE_BYTES = 400_000


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def blocks(page: Path, language: str) -> list[str]:
    """Fenced blocks of one language; an empty one is none."""
    return [body for name, body in FENCE.findall(text_of(page)) if name == language]


def anchors(page: Path) -> set[str]:
    """Anchors that GitHub makes of headings."""
    prose = FENCE.sub("", text_of(page))
    titles = re.findall(r"^#+ (.+)$", prose, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


def module(path: Path) -> ModuleType:
    """A script as a module."""
    specification = importlib.util.spec_from_file_location(path.stem, path)
    loaded = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(loaded)
    return loaded


@every_page
def test_relative_links_and_pictures_exist(page):
    for target in LINK.findall(FENCE.sub("", text_of(page))):
        if target.startswith(("http://", "https://", "mailto:")):
            continue
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        assert file.exists(), f"{page.name}: {target}"
        assert file.is_relative_to(ROOT), f"{page.name}: {target}"
        if anchor:
            assert anchor in anchors(file), f"{page.name}: {target}"


def test_pictures_are_small():
    for picture in (ROOT / "docs" / "pictures").rglob("*.png"):
        assert picture.stat().st_size <= PICTURE_BYTES, picture.name


@every_page
def test_yaml_blocks_are_cases_or_studies(page, tmp_path):
    for case in (ROOT / "configs").glob("*.yaml"):
        shutil.copy(case, tmp_path)
    for block in blocks(page, "yaml"):
        if re.search(r"^case:", block, re.MULTILINE):
            (tmp_path / page.name).write_text(block, encoding="utf-8")
            assert load_study(tmp_path / page.name).points
        else:
            parse_case(block, page.name, folder=ROOT / "meshes")


def test_readme_explains_the_main_job():
    assert parse_case(blocks(ROOT / "README.md", "yaml")[0]).physics_hash == (
        load_case(ROOT / "configs" / "lu2021.yaml").physics_hash
    )


@every_page
def test_inline_cases_parse(page):
    """`block: {key: value}` in running text: keys of the case file."""
    minimal = """
geometry: {size_um: [50, 50, 50]}
grains: {mean_size_um: 10, conductivity_S_per_cm: 5.0e-4}
grain_boundary: {thickness_nm: 5, conductivity_S_per_cm: 2.5e-7}
"""
    for code in CODE.findall(FENCE.sub("", text_of(page))):
        if re.fullmatch(r"(mesh|electrodes|output|solver): \{.*\}", code):
            parse_case(minimal + code + "\n", page.name)


@every_page
def test_python_blocks_compile(page):
    for block in blocks(page, "python"):
        compile(block, page.name, "exec")


def command_lines(page: Path) -> list[str]:
    """Everything on a page that starts the command gbflux."""
    text = text_of(page)
    shell = "\n".join(body for name, body in FENCE.findall(text) if name in ("", "sh", "bash"))
    lines = [line.split("#")[0] for line in shell.splitlines()] + CODE.findall(FENCE.sub("", text))
    found = [re.search(r"(?:^|\s|/)gbflux (.+)$", line) for line in lines]
    return [match[1] for match in found if match]


@every_page
def test_commands_and_options_exist(page):
    commands = typer.main.get_command(app).commands
    for line in command_lines(page):
        words = shlex.split(re.sub(r"[\[\]…]", " ", line))
        if words[0].startswith("-") or words[0] == ".":
            continue
        assert words[0] in commands, f"{page.name}: gbflux {line}"
        command = commands[words[0]]
        if hasattr(command, "commands") and len(words) > 1:  # a group of commands
            assert words[1] in command.commands, f"{page.name}: gbflux {line}"
            command = command.commands[words[1]]
        known = {option for parameter in command.params for option in parameter.opts}
        options = {word.split("=")[0] for word in words[1:] if word.startswith("-")}
        assert options <= known | {"-h", "--help", "--debug"}, f"{page.name}: gbflux {line}"


def test_readme_shows_every_command():
    shown = {shlex.split(line)[0] for line in command_lines(ROOT / "README.md")}
    assert set(typer.main.get_command(app).commands) <= shown


@every_page
def test_make_targets_exist(page):
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"(?:^|`)make ([a-z][a-z0-9-]*)(?=\s*(?:`|#|$))", text_of(page), re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"{page.name}: make {target}"


def result_keys() -> set[str]:
    """Dotted keys of ``result.json``, those of blocks too."""
    from gbflux.results import METRICS

    return {".".join(key.split(".")[:n]) for key in METRICS for n in range(1, key.count(".") + 2)}


@pytest.mark.parametrize("name", ["README.md", "docs/files.md", "docs/method.md"])
def test_keys_of_the_result_exist(name):
    known = result_keys()
    pattern = re.compile(
        r"(?:mesh|solver|transport|hot_spots|hot_spots_electrolyte|homogenizing_layer)\.\w[\w.]*"
    )
    case_keys = {f"mesh.{name}" for name in Mesh.model_fields}
    for code in CODE.findall(FENCE.sub("", text_of(ROOT / name))):
        if pattern.fullmatch(code) and code not in case_keys:
            key = code.removesuffix(".200_nm").removesuffix(".1_um").removesuffix(".3_um")
            assert key in known, f"{name}: {code}"


def test_the_list_of_what_is_verified_is_complete():
    linked = {Path(target).name for target in LINK.findall(text_of(ROOT / "docs" / "verification.md"))}
    tests = {path.name for path in (ROOT / "tests" / "verification").glob("test_*.py")}
    assert tests <= linked


def test_reference_of_keys_is_fresh():
    maker = module(ROOT / "docs" / "make_cases.py")
    page = text_of(maker.PAGE)
    assert maker.page(page) == page, "run docs/make_cases.py"


def test_definitions_of_metrics_are_fresh_and_whole():
    from gbflux.measure.metrics import metric_fields

    maker = module(ROOT / "docs" / "make_metrics.py")
    page = text_of(maker.PAGE)
    assert maker.page(page) == page, "run docs/make_metrics.py"
    for record in maker.RECORDS.values():
        assert all(found.definition for found in metric_fields(record).values()), record


def test_reference_names_every_key():
    from gbflux.case import schema_text

    page = text_of(ROOT / "docs" / "cases.md")
    for key in re.findall(r'"(\w+)": \{\n\s+"(?:default|description|anyOf|\$ref)', schema_text()):
        assert f"`{key}`" in page or f"{key}: ..." in page, key


def test_files_page_names_every_file_column_and_array(tmp_path):
    """On the smallest 3D mesh, with everything a run writes."""
    h5py = pytest.importorskip("h5py")
    pytest.importorskip("dolfinx")
    from gbflux import run

    run(load_case(ROOT / "meshes" / "two_grains.yaml"), tmp_path / "out")
    page = text_of(ROOT / "docs" / "files.md")
    for path in (tmp_path / "out").rglob("*"):
        if path.is_file():
            assert f"`{path.relative_to(tmp_path / 'out')}`" in page
    for name in ("grains.csv", "boundaries.csv"):
        with (tmp_path / "out" / name).open(encoding="utf-8") as stream:
            for column in next(csv.reader(stream)):
                assert f"`{column}`" in page, f"{name}: {column}"
    with h5py.File(tmp_path / "out" / "fields.hdf") as file:
        arrays = {*file["VTKHDF/CellData"], *file["VTKHDF/PointData"], *file["gbflux"]}
    surface = (tmp_path / "out" / "electrode_top.vtp").read_text(encoding="ascii")
    arrays |= set(re.findall(r"Name='(J_\w+|grain)'", surface))
    for name in arrays:
        assert f"`{name}`" in page or name == "size_um", name


def test_the_drawing_of_the_rooms_is_fresh():
    maker = module(ROOT / "docs" / "make_architecture.py")
    rooms, page = maker.imports(), (ROOT / "docs/architecture.md").read_text("utf-8")
    assert maker.page(page, rooms) == page, "run docs/make_architecture.py"
    assert maker.drawing(rooms) == maker.DRAWING.read_text("utf-8"), "run docs/make_architecture.py"


def test_the_architecture_names_files_and_functions_that_exist():
    page = (ROOT / "docs/architecture.md").read_text("utf-8")
    places = re.findall(r"`((?:[a-z_]+/)*[a-z_]+\.py)`(?:\*\*)?((?:, `[A-Za-z_.]+`)*)", page)
    assert len(places) > 20
    for file, names in places:
        text = next(
            (ROOT / base / file).read_text("utf-8")
            for base in ("src/gbflux", ".")
            if (ROOT / base / file).exists()
        )
        for name in re.findall(r"`([\w.]+)`", names):
            assert re.search(rf"(def|class) {name.split('.')[-1]}\b", text), f"{file}: {name}"
