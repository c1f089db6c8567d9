"""YAML text as plain data, with the line and column of every key; and a resolved case as YAML text.

YAML 1.2. The text is composed into nodes by ruamel.yaml and the nodes are walked here, not handed to a
constructor: that would stop at the first duplicate key and lose positions.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from gbflux.case.grain_files import FILE_KEYS
from gbflux.case.model import Case
from gbflux.errors import CaseError, Problem

_TAG = "tag:yaml.org,2002:"
# what ruamel raises on broken texts, beside its own errors: its asserts and lookups are not guarded
_COMPOSER_FAULTS = (
    YAMLError,
    ValueError,
    AssertionError,
    LookupError,
    AttributeError,
    TypeError,
    NotImplementedError,
)

# text that needs no quotes, and words among it that readers of YAML take for something else
_BARE = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")
_NOT_BARE = {"true", "false", "null", "yes", "no", "on", "off", "y", "n", "inf", "nan"}


@dataclass(frozen=True)
class Document:
    """A YAML document.

    Attributes
    ----------
    source : str
        File name for messages.
    data : dict
        The document as dict, list, str, int, float, bool and None.
    problems : tuple of Problem
        Mistakes of the text itself that still leave data to look at: duplicate keys, values of unknown kind.
    unreadable : frozenset of tuple of str
        Places of the values of unknown kind: there is no use in validating them.
    root : ruamel.yaml.nodes.Node
        The nodes, for `mark`.
    """

    source: str
    data: dict[str, Any]
    problems: tuple[Problem, ...]
    unreadable: frozenset[tuple[str, ...]]
    root: Node

    def mark(self, place: Sequence[str]) -> tuple[int, int]:
        """Line and column, from 1, of a key; of the nearest key above where the text does not have it."""
        node, start = self.root, self.root.start_mark
        for part in place:
            if isinstance(node, MappingNode):
                pair = _find(node, part)
                if pair is None:
                    break
                start, node = pair[0].start_mark, pair[1]
            elif isinstance(node, SequenceNode) and part.isdigit() and int(part) < len(node.value):
                node = node.value[int(part)]
                start = node.start_mark
            else:
                break
        return start.line + 1, start.column + 1

    def below(self, key: str) -> Document:
        """The block at a key of the top as a document of its own, without the problems noted already."""
        unreadable = frozenset(place[1:] for place in self.unreadable if place[0] == key)
        pair = _find(self.root, key) if isinstance(self.root, MappingNode) else None
        return Document(self.source, self.data[key], (), unreadable, pair[1] if pair else self.root)


def read_document(
    text: str, source: str, remedy: str = "`gbflux init NAME` writes a case to start from."
) -> Document:
    """Read a YAML text whose top is a mapping.

    Parameters
    ----------
    text, source : str
        The text, and where it comes from, for errors.
    remedy : str
        Advice for a text that is empty or no mapping.

    Raises
    ------
    CaseError
        If the text is not YAML, is empty, or is not a mapping.
    """
    root = _compose(text, source)
    if root is None:
        raise _error(source, 1, 1, f"is empty. {remedy}")
    if not isinstance(root, MappingNode):
        line, column = root.start_mark.line + 1, root.start_mark.column + 1
        raise _error(source, line, column, f"must be blocks of keys (`key: ...`). {remedy}")
    walk = _Walk(source)
    data = walk.value(root, ())
    return Document(source, data, tuple(walk.problems), frozenset(walk.unreadable), root)


def _error(source: str, line: int, column: int, message: str) -> CaseError:
    """A mistake of the text as a whole."""
    return CaseError([Problem(source, line, column, "", message)])


def _compose(text: str, source: str) -> Node | None:
    """The document's nodes, or a CaseError where the text is not YAML."""
    try:
        root: Node | None = YAML(typ="rt", pure=True).compose(text)
        return root
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise _error(source, line, column, _explain(error)) from None
    except ReaderError as error:
        before = text[: error.position]
        line, column = before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
        message = (
            f"holds the character #x{ord(text[error.position]):04x}, which YAML does not allow. Is it a text?"
        )
        raise _error(source, line, column, message) from None
    except RecursionError:
        raise _error(source, 1, 1, "is nested too deeply. A case has three levels.") from None
    except _COMPOSER_FAULTS as error:
        problem = str(error).splitlines()[0] if str(error) else repr(error)
        raise _error(source, 1, 1, f"is not YAML: {problem}") from None


def _explain(error: MarkedYAMLError) -> str:
    """ruamel's words, and what to do where the cause is a common one."""
    problem = " ".join(str(error.problem or error.context or "").split())
    if "'\\t'" in problem:
        return f"is not YAML: {problem}. Indent with spaces, not tabs."
    if "mapping values are not allowed" in problem:
        return f"is not YAML: {problem}. Look at the indentation; one `key: value` a line."
    if "found another document" in problem:
        return "is not YAML: a second document begins here (`---`). Give one case a file."
    if "undefined alias" in problem:
        return f"is not YAML: {problem}. Define it with & before it is used."
    context = " ".join(str(error.context or "").split())
    if not context or context == problem:
        return f"is not YAML: {problem}."
    begins = f" that begins on line {error.context_mark.line + 1}" if error.context_mark else ""
    return f"is not YAML: {problem} ({context}{begins})."


def _find(node: MappingNode, key: str) -> tuple[Node, Node] | None:
    """The key's pair of nodes, its own before merged ones."""
    for key_node, value in reversed(node.value):
        if isinstance(key_node, ScalarNode) and key_node.value == key and not _is_merge(key_node):
            return key_node, value
    for key_node, value in node.value:
        if _is_merge(key_node):
            for source in value.value if isinstance(value, SequenceNode) else [value]:
                if isinstance(source, MappingNode) and source is not node:
                    pair = _find(source, key)
                    if pair:
                        return pair
    return None


def _is_merge(node: Node) -> bool:
    """Test for the key ``<<``, which puts other blocks' keys into its own."""
    return isinstance(node, ScalarNode) and str(node.tag) == _TAG + "merge"


@dataclass
class _Walk:
    """Turns nodes into plain data and notes what is wrong. An aliased node becomes one shared object."""

    source: str
    problems: list[Problem] = field(default_factory=list)
    unreadable: set[tuple[str, ...]] = field(default_factory=set)
    done: dict[int, Any] = field(default_factory=dict)

    def value(self, node: Node, place: tuple[str, ...]) -> Any:
        """A node as plain data."""
        if id(node) not in self.done:
            # a block is noted before it is filled: an alias may stand within what it names
            if isinstance(node, MappingNode):
                block: dict[str, Any] = {}
                self.done[id(node)] = block
                self._fill(block, node, place)
            elif isinstance(node, SequenceNode):
                items: list[Any] = []
                self.done[id(node)] = items
                items.extend(self.value(item, (*place, str(i))) for i, item in enumerate(node.value))
            else:
                self.done[id(node)] = self._scalar(node, place)
        return self.done[id(node)]

    def _fill(self, result: dict[str, Any], node: MappingNode, place: tuple[str, ...]) -> None:
        """Put the entries of a mapping into a block; its own before merged ones."""
        lines: dict[str, int] = {}
        merged: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if _is_merge(key_node):
                for key, value in self._merged(value_node, place).items():
                    merged.setdefault(key, value)
                continue
            if not isinstance(key_node, ScalarNode):
                self._note(key_node, place, "must be a word before the colon")
                continue
            key = str(key_node.value)
            if key in lines:
                message = f"is given twice, first on line {lines[key]}. Keep one of them."
                self._note(key_node, (*place, key), message)
                continue
            lines[key] = key_node.start_mark.line + 1
            result[key] = self.value(value_node, (*place, key))
        for key, value in merged.items():
            result.setdefault(key, value)

    def _merged(self, node: Node, place: tuple[str, ...]) -> dict[str, Any]:
        """Return the entries of a merge key `<<`: of a mapping, or of a list of them, earlier ones first."""
        nodes = node.value if isinstance(node, SequenceNode) else [node]
        values = [self.value(item, (*place, "<<")) for item in nodes]
        if not all(isinstance(value, dict) for value in values):
            self._note(node, (*place, "<<"), "must be a block, or a list of blocks, to merge")
            return {}
        result: dict[str, Any] = {}
        for value in values:
            for key, item in value.items():
                result.setdefault(key, item)
        return result

    def _scalar(self, node: Node, place: tuple[str, ...]) -> Any:
        """A plain value; its text where its kind is unknown or not that of its tag."""
        tag, text = str(node.tag).removeprefix(_TAG), str(node.value)
        message = f"has the tag {tag!r}, which a case does not know. Leave it out."
        try:
            match tag:
                case "str" | "timestamp" | "merge":
                    return text
                case "null":
                    return None
                case "bool":
                    return _truth(text)
                case "int":
                    return _integer(text)
                case "float":
                    return _float(text)
        except ValueError:
            message = f"cannot be read as {tag}: {text[:40]!r}"
        self.unreadable.add(place)
        self._note(node, place, message)
        return text

    def _note(self, node: Node, place: tuple[str, ...], message: str) -> None:
        """Note a mistake, at the beginning of a node."""
        mark = node.start_mark
        self.problems.append(Problem(self.source, mark.line + 1, mark.column + 1, ".".join(place), message))


def _truth(text: str) -> bool:
    """A YAML boolean; ruamel has matched it already, an explicit tag has not."""
    words = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
    if text.lower() not in words:
        raise ValueError(text)
    return words[text.lower()]


def _integer(text: str) -> int:
    """A YAML 1.2 integer: ``12``, ``012`` (twelve), ``0x1f``, ``0o17``."""
    digits = text.replace("_", "")
    prefixed = digits.lstrip("+-").lower().startswith(("0x", "0o", "0b"))
    return int(digits, 0 if prefixed else 10)


def _float(text: str) -> float:
    """A YAML 1.2 float, with ``.inf`` and ``.nan``."""
    digits = text.replace("_", "").lower()
    return float(digits.replace(".inf", "inf").replace(".nan", "nan"))


def resolved_yaml(case: Case, grain_file: str | None = None) -> str:
    """Text of ``case.resolved.yaml``: every default filled in; `parse_case` reads it back to the same hash.

    Parameters
    ----------
    case : Case
        The case.
    grain_file : str, optional
        Name to write for the file of grains, for a copy beside the text; its absolute path if left out.
    """
    lines = ["# A resolved case: every default filled in.", f"# physics_hash: {case.physics_hash}"]
    data = case.model_dump(mode="json", exclude_none=True)
    if grain_file is not None:
        data["grains"] |= {key: grain_file for key in FILE_KEYS if key in data["grains"]}
    for key, value in data.items():
        if isinstance(value, dict):
            lines.append(f"{key}:")
            lines.extend(f"  {name}: {_flow(item)}{_comment(case, name)}" for name, item in value.items())
        else:
            lines.append(f"{key}: {_flow(value)}")
    return "\n".join(lines) + "\n"


def _comment(case: Case, name: str) -> str:
    """Return a comment with the mean size for ``count`` and files of grains, which imply it; else empty."""
    return f"  # mean size {case.mean_grain_size_um:.6g} µm" if name in ("count", *FILE_KEYS) else ""


def _flow(value: Any) -> str:
    """A value in YAML's flow style, in a spelling that every YAML reader takes for the same type."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_flow, value)) + "]"
    if isinstance(value, float):
        return _with_point(value)
    if isinstance(value, str) and _BARE.fullmatch(value) and value.lower() not in _NOT_BARE:
        return value
    return json.dumps(value, ensure_ascii=True)


def _with_point(value: float) -> str:
    """A float with a point, so that readers of YAML 1.1 do not take ``1e-06`` for text."""
    if not math.isfinite(value):
        raise ValueError(f"resolved case: must be finite; got {value}")
    mantissa, _, exponent = repr(value).partition("e")
    if not exponent:
        return mantissa
    if "." not in mantissa:
        mantissa += ".0"
    return f"{mantissa}e{exponent}"
