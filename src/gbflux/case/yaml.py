"""YAML text as plain data, with the line and column of every key. YAML 1.2, read by ruamel.yaml.

The text is composed into nodes and the nodes are walked here, not handed to a constructor: that would stop at
the first duplicate key and lose positions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from gbflux.errors import CaseError, Problem

_TAG = "tag:yaml.org,2002:"


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
        pair = _find(self.root, key)
        return Document(self.source, self.data[key], (), unreadable, pair[1] if pair else self.root)


def read_document(
    text: str, source: str, remedy: str = "`gbflux init NAME` writes a case to start from."
) -> Document:
    """Read a YAML text whose top is a mapping.

    Parameters
    ----------
    text : str
    source : str
        Where it comes from, for errors.
    remedy : str
        Where a file that is empty or no mapping can be had from.

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
        raise _error(
            source,
            line,
            column,
            f"must be blocks of keys (`key: ...`). {remedy}",
        )
    walk = _Walk(source)
    data = walk.value(root, ())
    return Document(source, data, tuple(walk.problems), frozenset(walk.unreadable), root)


def _error(source: str, line: int, column: int, message: str) -> CaseError:
    return CaseError([Problem(source, line, column, "", message)])


def _compose(text: str, source: str) -> Node | None:
    """The document's nodes, or a CaseError where the text is not YAML."""
    try:
        return YAML(typ="rt", pure=True).compose(text)
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
    except (
        YAMLError,
        ValueError,
        AssertionError,
        LookupError,
        AttributeError,
        TypeError,
        NotImplementedError,
    ) as error:
        raise _error(
            source, 1, 1, f"is not YAML: {str(error).splitlines()[0] if str(error) else error!r}"
        ) from None


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
    for pair in reversed(node.value):
        if isinstance(pair[0], ScalarNode) and pair[0].value == key and not _is_merge(pair[0]):
            return pair
    for key_node, value in node.value:
        if _is_merge(key_node):
            for source in value.value if isinstance(value, SequenceNode) else [value]:
                if isinstance(source, MappingNode) and source is not node:
                    pair = _find(source, key)
                    if pair:
                        return pair
    return None


def _is_merge(node: Node) -> bool:
    return isinstance(node, ScalarNode) and str(node.tag) == _TAG + "merge"


@dataclass
class _Walk:
    """Turns nodes into plain data and notes what is wrong. An aliased node becomes one shared object."""

    source: str
    problems: list[Problem] = field(default_factory=list)
    unreadable: set[tuple[str, ...]] = field(default_factory=set)
    done: dict[int, Any] = field(default_factory=dict)

    def value(self, node: Node, place: tuple[str, ...]) -> Any:
        if id(node) in self.done:
            return self.done[id(node)]
        if isinstance(node, MappingNode):
            self.done[id(node)] = result = {}
            self._fill(result, node, place)
            return result
        if isinstance(node, SequenceNode):
            self.done[id(node)] = items = []
            items.extend(self.value(item, (*place, str(i))) for i, item in enumerate(node.value))
            return items
        self.done[id(node)] = scalar = self._scalar(node, place)
        return scalar

    def _fill(self, result: dict[str, Any], node: MappingNode, place: tuple[str, ...]) -> None:
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
        values = [
            self.value(item, (*place, "<<"))
            for item in (node.value if isinstance(node, SequenceNode) else [node])
        ]
        if not all(isinstance(value, dict) for value in values):
            self._note(node, (*place, "<<"), "must be a block, or a list of blocks, to merge")
            return {}
        result: dict[str, Any] = {}
        for value in values:
            for key, item in value.items():
                result.setdefault(key, item)
        return result

    def _scalar(self, node: Node, place: tuple[str, ...]) -> Any:
        tag, text = str(node.tag), str(node.value)
        try:
            match tag.removeprefix(_TAG):
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
            self.unreadable.add(place)
            self._note(node, place, f"cannot be read as {tag.removeprefix(_TAG)}: {text[:40]!r}")
            return text
        self.unreadable.add(place)
        self._note(
            node, place, f"has the tag {tag.removeprefix(_TAG)!r}, which a case does not know. Leave it out."
        )
        return text

    def _note(self, node: Node, place: tuple[str, ...], message: str) -> None:
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
