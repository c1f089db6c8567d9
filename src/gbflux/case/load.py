"""Text or file -> case. Every mistake at once, with the line and column of its key."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from gbflux.case import rules
from gbflux.case.blocks import (
    Electrodes,
    Geometry,
    GrainBoundary,
    Grains,
    HomogenizingLayer,
    Mesh,
)
from gbflux.case.grain_files import near_miss
from gbflux.case.model import Case, with_mesh_sizes
from gbflux.case.overrides import apply_overrides, is_overridden
from gbflux.case.quantity import Block, Number
from gbflux.case.rules import Finding
from gbflux.case.text import findings_of
from gbflux.case.yaml import Document, read_document
from gbflux.errors import CaseError, Problem
from gbflux.units import SIDES

LARGEST_CASE_BYTES = 2**20
_NEW = {"case": " `gbflux init NAME` writes a case."}


class _Temperature(Block):
    """The temperature alone, to check it apart from the other blocks."""

    temperature_C: Number = 25.0


_BLOCKS: dict[str, type[BaseModel]] = {
    "geometry": Geometry,
    "grains": Grains,
    "grain_boundary": GrainBoundary,
    "homogenizing_layer": HomogenizingLayer,
    "electrodes": Electrodes,
    "mesh": Mesh,
}


def load_case(path: str | Path, overrides: Mapping[str, Any] | None = None) -> Case:
    """Load a case from a YAML file.

    Parameters
    ----------
    path : str or Path
        The file. A case without ``name`` takes the file's; a relative ``seeds_file`` is looked for beside it.
    overrides : mapping, optional
        Values to put in place of the file's, by dotted path; None removes a key or a block.

    Returns
    -------
    Case
        Complete and checked.

    Raises
    ------
    CaseError
        With every mistake of the file and the overrides, each with its line and column.

    Examples
    --------
    >>> case = load_case("configs/lu2021.yaml", {"homogenizing_layer": None})  # doctest: +SKIP
    """
    return read_case(path).case(overrides)


def parse_case(
    text: str,
    source: str = "<string>",
    overrides: Mapping[str, Any] | None = None,
    folder: str | Path | None = None,
) -> Case:
    """Make a case of YAML text.

    Parameters
    ----------
    text : str
        The case.
    source : str
        Name of the text in messages.
    overrides : mapping, optional
        As for `load_case`.
    folder : str or Path, optional
        Where a relative ``seeds_file`` is looked for; the working folder if left out.

    Returns
    -------
    Case
        Complete and checked.

    Raises
    ------
    CaseError
        With every mistake of the text and the overrides.

    Examples
    --------
    >>> case = parse_case('''
    ... geometry: {size_um: [50, 50, 50]}
    ... grains: {mean_size_um: 10, conductivity_S_per_cm: 5e-4}
    ... grain_boundary: {thickness_nm: 5, conductivity_S_per_cm: 2.5e-7}
    ... ''')
    >>> case.grain_count, case.sigma_grain
    (125, 0.05)
    """
    folder = Path(folder) if folder else Path.cwd()
    return CaseSource(read_document(text, source), folder, "case").case(overrides)


@dataclass(frozen=True)
class CaseSource:
    """A case as it is written, read once: cases are made of it with one set of overrides after the other.

    Attributes
    ----------
    document : Document
        The text as data, with positions.
    folder : Path
        Where a relative ``seeds_file`` is looked for.
    name : str
        Of a case that does not give one.
    """

    document: Document
    folder: Path
    name: str

    def case(self, overrides: Mapping[str, Any] | None = None) -> Case:
        """The case with overrides, as for `load_case`.

        Raises
        ------
        CaseError
            With every mistake of the text and the overrides.
        """
        return _make(self.document, self.folder, overrides or {}, self.name)


def read_case(path: str | Path) -> CaseSource:
    """Read a case file without checking more than that it is YAML.

    Raises
    ------
    CaseError
        If it cannot be read or is not a YAML mapping.
    """
    path = Path(path)
    document = read_document(read_text(path), str(path))
    return CaseSource(document, path.absolute().parent, name_from(path))


def _make(document: Document, folder: Path, overrides: Mapping[str, Any], name: str) -> Case:
    """Text and overrides -> case, or every mistake in them."""
    data, found = apply_overrides(document.data, overrides)
    data = {"name": name, **_without_empty_blocks(data)}
    case, more = _validated(data, folder)
    problems = [*document.problems, *_misled(found), *_problems(document, data, overrides, more)]
    if case is None or problems:
        raise CaseError(sorted(problems, key=lambda p: (p.line is None, p.line or 0, p.column or 0)))
    return case


def _validated(data: Mapping[str, Any], folder: Path) -> tuple[Case | None, list[Finding]]:
    """The case, or None and what is wrong: keys by themselves, and those rules between keys that can run."""
    context = {"folder": str(folder)}
    try:
        return Case.model_validate(data, context=context), []
    except ValidationError as error:
        return None, [*findings_of(error), *rules.findings(_valid_blocks(data, context))]
    except CaseError as error:
        return None, [Finding(tuple(p.place.split(".")), p.message) for p in error.problems]


def _valid_blocks(data: Mapping[str, Any], context: dict[str, Any]) -> dict[str, Any]:
    """The blocks that are valid by themselves, by name."""
    blocks: dict[str, Any] = {}
    for name, model in _BLOCKS.items():
        absent = {} if name in ("electrodes", "mesh") else None
        raw = data.get(name, absent)
        if name == "mesh":
            raw = with_mesh_sizes(raw, blocks)
            if isinstance(raw, Mapping) and "size_um" not in raw:
                continue
        try:
            blocks[name] = model.model_validate(raw, context=context)
        except ValidationError:
            continue
    layer = blocks.get("homogenizing_layer")
    if layer is not None and layer.thickness_um == 0:
        del blocks["homogenizing_layer"]
    with contextlib.suppress(ValidationError):
        blocks["temperature_C"] = _Temperature(temperature_C=data.get("temperature_C", 25.0)).temperature_C
    return blocks


def _problems(
    document: Document, data: Mapping[str, Any], overrides: Mapping[str, Any], found: Sequence[Finding]
) -> list[Problem]:
    """Findings with their position: the key's in the text, or the override that brought it."""
    problems: dict[tuple[str, str], Problem] = {}
    for finding in found:
        place = _written_place(data, finding.place)
        if place in document.unreadable:
            continue
        dotted = ".".join(place)
        if is_overridden(place, overrides):
            problem = Problem("override", None, None, dotted, finding.message)
        else:
            problem = Problem(document.source, *document.mark(place), dotted, finding.message)
        problems[dotted, finding.message] = problem
    return list(problems.values())


def _misled(found: Sequence[Finding]) -> list[Problem]:
    """Problems of overrides whose path leads nowhere."""
    return [Problem("override", None, None, ".".join(finding.place), finding.message) for finding in found]


def _written_place(data: Any, place: Sequence[str]) -> tuple[str, ...]:
    """A place as it was written: one value that stands for both sides has no key for a side.

    Cut off below a plain value; without the side within a block that names none.
    """
    if len(place) > 3 and place[2] in SIDES and _stands_for_both(data, place[:2]):
        place = (*place[:2], *place[3:])
    for i, part in enumerate(place):
        if isinstance(data, Mapping):
            data = data.get(part)
            if data is None:
                break
        elif isinstance(data, (list, tuple)):
            data = data[int(part)] if part.isdigit() and int(part) < len(data) else None
        else:
            return tuple(place[:i])
    return tuple(place)


def _stands_for_both(data: Any, place: Sequence[str]) -> bool:
    """Test whether there is a block at a place, and no side in it."""
    for part in place:
        data = data.get(part) if isinstance(data, Mapping) else None
    return isinstance(data, Mapping) and not any(side in data for side in SIDES)


def _without_empty_blocks(data: Mapping[str, Any]) -> dict[str, Any]:
    """Data without top-level keys that have nothing after the colon: all of a block may be commented out."""
    return {key: value for key, value in data.items() if value is not None or key not in Case.model_fields}


def name_from(path: Path) -> str:
    """A name made from a file's, with characters that a name may not have replaced."""
    stem = re.sub(r"[^A-Za-z0-9._-]+", "_", path.name.removesuffix(".yaml").removesuffix(".yml"))
    return stem.strip("._-")[:100].rstrip(".") or "case"


def read_text(path: Path, kind: str = "case") -> str:
    """The text of a case file, or of another `kind` of file.

    Raises
    ------
    CaseError
        If there is no such text, with the reason.
    """
    try:
        if path.is_dir():
            raise _file_error(path, f"is a folder. Give a {kind} file.")
        with path.open("rb") as file:
            raw = file.read(LARGEST_CASE_BYTES + 1)
    except FileNotFoundError:
        raise _file_error(path, f"no such file{near_miss(path)}.{_NEW.get(kind, '')}") from None
    except OSError as error:
        raise _file_error(path, f"cannot be read: {error.strerror or error}.") from None
    except ValueError as error:
        raise _file_error(path, f"is not a file name: {error}.") from None
    if len(raw) > LARGEST_CASE_BYTES:
        raise _file_error(path, f"is larger than 1 MiB. A {kind} is a short YAML text.")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = raw[: error.start]
        line, column = before.count(b"\n") + 1, len(before) - (before.rfind(b"\n") + 1) + 1
        raise _file_error(path, f"is not UTF-8 text. Save the {kind} as UTF-8.", line, column) from None


def _file_error(path: Path, message: str, line: int = 1, column: int = 1) -> CaseError:
    return CaseError([Problem(str(path), line, column, "", message)])
