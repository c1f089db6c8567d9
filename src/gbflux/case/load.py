"""Text or file -> case. Every mistake at once, with the line and column of its key.

Overrides, ``{"homogenizing_layer.thickness_um": 0}``, take the place of values before anything is checked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from gbflux.case import rules
from gbflux.case.blocks import TARGETS, per_cent
from gbflux.case.grain_files import near_miss
from gbflux.case.model import Case
from gbflux.case.rules import Finding
from gbflux.case.text import findings_of
from gbflux.case.yaml import Document, read_document
from gbflux.errors import CaseError, InputError, Problem
from gbflux.units import SIDES

LARGEST_CASE_BYTES = 2**20
_REMEDIES = {"case": " `gbflux init NAME` writes a case."}  # for a file that is not there
Place = tuple[str, ...]


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

    A relative ``seeds_file`` is looked for in the folder; a case without a name takes the one given.
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
        overrides = overrides or {}
        data, astray = apply_overrides(self.document.data, overrides)
        # nothing may stand after the colon of a top-level key: all of a block is commented out
        empty = {key for key, value in data.items() if value is None and key in Case.model_fields}
        data = {"name": self.name, **{key: value for key, value in data.items() if key not in empty}}
        case, found = _validated(data, self.folder)
        problems = [Problem("override", None, None, ".".join(place), message) for place, message in astray]
        problems = [*self.document.problems, *problems, *_problems(self.document, data, overrides, found)]
        if case is None or problems:
            raise CaseError(sorted(problems, key=lambda p: (p.line is None, p.line or 0, p.column or 0)))
        return case


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


def _validated(data: Mapping[str, Any], folder: Path) -> tuple[Case | None, list[Finding]]:
    """The case, or None and what is wrong: keys by themselves, and those rules between keys that can run."""
    valid: dict[str, Any] = {}  # filled by `Case` while it is validated
    try:
        return Case.model_validate(data, context={"folder": str(folder), "valid": valid}), []
    except ValidationError as error:
        if "mesh" in valid and "size_um" not in valid["mesh"].model_fields_set:
            del valid["mesh"]  # nobody gave its sizes, and the grains that they follow from are wrong
        return None, [*findings_of(error, Case), *rules.findings(valid)]
    except CaseError as error:
        return None, [Finding(tuple(p.place.split(".")), p.message) for p in error.problems]


def _problems(
    document: Document, data: Mapping[str, Any], overrides: Mapping[str, Any], found: Sequence[Finding]
) -> list[Problem]:
    """Findings with their position: the key's in the text, or the override that brought it."""
    problems: dict[Problem, None] = {}  # in order, each once: a law for both sides has its mistakes twice
    for finding in found:
        place = _written_place(data, finding.place)
        if place in document.unreadable:
            continue
        dotted = ".".join(place)
        if any(place[: len(key)] == key for key in map(_place_of, overrides)):
            problem = Problem("override", None, None, dotted, finding.message)
        else:
            problem = Problem(document.source, *document.mark(place), dotted, finding.message)
        problems[problem] = None
    return list(problems)


def _written_place(data: Any, place: Sequence[str]) -> tuple[str, ...]:
    """A place as it was written: one value that stands for both sides has no key for a side.

    Cut off below a plain value; without the side within a block that names none.
    """
    if len(place) > 3 and place[2] in SIDES:
        block = data
        for part in place[:2]:
            block = block.get(part) if isinstance(block, Mapping) else None
        if isinstance(block, Mapping) and not any(side in block for side in SIDES):
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
        raise _file_error(path, f"no such file{near_miss(path)}.{_REMEDIES.get(kind, '')}") from None
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
    """A mistake of a file as a whole."""
    return CaseError([Problem(str(path), line, column, "", message)])


def apply_overrides(
    data: Mapping[str, Any], overrides: Mapping[str, Any]
) -> tuple[dict[str, Any], list[Finding]]:
    """A copy of a case's data with overrides put in, and what is wrong with paths that lead nowhere.

    None removes a key or a whole block; a block that is absent is made.
    """
    result, problems = dict(data), []
    for path, value in overrides.items():
        place = _place_of(path)
        if not all(place):
            problems.append(Finding((str(path),), "must be a dotted path: grain_boundary.thickness_nm"))
            continue
        try:
            result = _put(result, place, _plain(value))
        except LookupError as error:
            problems.append(Finding(place, str(error.args[0])))
    return result, problems


def _place_of(path: Any) -> Place:
    """Path of keys of a dotted name."""
    return tuple(str(path).split("."))


def _plain(value: Any) -> Any:
    """NumPy's numbers and arrays, and paths, as Python's own; anything else unchanged."""
    if isinstance(value, PathLike):
        return fspath(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if type(value).__module__ == "numpy" and hasattr(value, "tolist"):
        return value.tolist()
    return value


def _put(node: Any, place: Place, value: Any) -> Any:
    """A copy of a node with the value at a place replaced; LookupError where the path leads nowhere."""
    if not place:
        return value
    key, rest = place[0], place[1:]
    if isinstance(node, list):
        if not (key.isdigit() and int(key) < len(node)):
            raise LookupError(f"must be an entry of a list of {len(node)}, counted from 0")
        return [_put(item, rest, value) if i == int(key) else item for i, item in enumerate(node)]
    if node is not None and not isinstance(node, Mapping):
        raise LookupError(f"must lead to a block; there is a value at the key before {key!r}")
    copy = dict(node or {})
    if rest and value is None and copy.get(key) is None:
        return copy
    if not rest and value is None:
        copy.pop(key, None)
        return copy
    copy[key] = _put(copy.get(key), rest, value)
    return copy


def accuracies(options: Iterable[str]) -> dict[str, float]:
    """Return the accuracies that the option ``--accuracy`` asks for, by target.

    Parameters
    ----------
    options : iterable of str
        Each one or more, with commas between, of ``0.1%`` (of the conductance) and ``hot_spots=5%``.

    Raises
    ------
    InputError
        For text of neither form, for a number without a per cent sign, and for a target named twice.

    Examples
    --------
    >>> accuracies(["0.1%", "hot_spots=5%"])
    {'conductance': 0.001, 'hot_spots': 0.05}
    """
    found: dict[str, float] = {}
    for part in ",".join(options).split(","):
        name, equals, value = part.partition("=")
        name, value = (name.strip(), value) if equals else ("conductance", part)
        if name not in TARGETS:
            raise InputError(
                f"--accuracy: must be of {', '.join(TARGETS)}; got {name!r}. Write hot_spots=5%, for example."
            )
        if name in found:
            raise InputError(f"--accuracy: must name {name} once; it stands there twice. Drop one.")
        found[name] = _fraction(value.strip())
    return found


def _fraction(text: str) -> float:
    """A percentage of the option ``--accuracy`` as a fraction of one."""
    fraction = per_cent(text)
    if fraction is not None and 0 < fraction < 1:
        return fraction
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if 0 < number < 1:
        raise InputError(
            f"--accuracy: must have a per cent sign; got {text!r}, which may mean {text}% or "
            f"{100 * number:.15g}%. Write the one you mean."
        )
    raise InputError(
        f"--accuracy: must be a percentage > 0% and < 100%; got {text!r}. Give 0.1%, or hot_spots=5%."
    )
