"""Equivalent circuits: `R0-p(R1,CPE1)-p(R2,CPE2)` as text, the impedance they have, and the arcs they make.

A hyphen puts things in series, ``p(a,b,...)`` in parallel; a branch may itself be a series. An element is a
kind and a number or word that sets it apart: ``R0``, ``CPEgb``. ω = 2πf, j² = −1.

===== ==================== ========================= ==============================================
kind  parameters           unit                      impedance
===== ==================== ========================= ==============================================
R     R                    Ω                         R
C     C                    F                         1/(jωC)
L     L                    H                         jωL
CPE   Q, n                 S sⁿ, 1                   1/(Q (jω)ⁿ), 0 < n ≤ 1
W     A                    Ω s^-½                    A (1 − j)/√ω: diffusion without end
Ws    R, tau               Ω, s                      R tanh(√(jωτ))/√(jωτ): diffusion to a source
Wo    R, tau               Ω, s                      R coth(√(jωτ))/√(jωτ): diffusion to a wall
===== ==================== ========================= ==============================================

A resistor beside a capacitor or CPE makes an arc of time constant RC, or (RQ)^(1/n). For a first guess most
blocks are laws of one amplitude and one time constant (`block_law`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gbflux.errors import InputError

#: Parameters of each kind, with their units. ``n`` alone has an upper limit.
KINDS: dict[str, tuple[tuple[str, str], ...]] = {
    "R": (("", "Ω"),),
    "C": (("", "F"),),
    "L": (("", "H"),),
    "CPE": (("_Q", "S s^n"), ("_n", "1")),
    "W": (("", "Ω s^-1/2"),),
    "Ws": (("_R", "Ω"), ("_tau", "s")),
    "Wo": (("_R", "Ω"), ("_tau", "s")),
}
_LONGEST_TEXT = 400
_TOKEN = re.compile(r"\s*(p\(|[A-Za-z]\w*|[-,()]|\S)")
_ELEMENT = re.compile(r"(CPE|Ws|Wo|[RCLW])(\w*)")
_FIRST_EXPONENT = 0.9  # of a CPE, until it is fitted
_LARGEST_ARGUMENT = 300.0  # beyond it tanh and coth are 1 to machine precision

Values = Mapping[str, float]
Complex = NDArray[np.complex128]
_LARGEST_LOGARITHM = 600.0  # of a time constant that noise drives away


@dataclass(frozen=True)
class Element:
    """One element of a circuit, such as ``CPE1``."""

    kind: str
    name: str

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of its parameters: ``("CPE1_Q", "CPE1_n")``."""
        return tuple(self.name + suffix for suffix, _ in KINDS[self.kind])

    def impedance(self, omega: NDArray[np.float64], values: Values) -> Complex:
        """Impedance (Ω) at angular frequencies (rad/s)."""
        found: Complex = _LAWS[self.kind](omega, *(values[name] for name in self.parameters))
        return found


@dataclass(frozen=True)
class Series:
    """Things one after the other."""

    parts: tuple[Part, ...]

    def impedance(self, omega: NDArray[np.float64], values: Values) -> Complex:
        """Sum of the impedances (Ω)."""
        zero = np.zeros(omega.shape, complex)
        return sum((part.impedance(omega, values) for part in self.parts), zero)


@dataclass(frozen=True)
class Parallel:
    """Things side by side."""

    branches: tuple[Part, ...]

    def impedance(self, omega: NDArray[np.float64], values: Values) -> Complex:
        """Reciprocal of the sum of the admittances (Ω)."""
        zero = np.zeros(omega.shape, complex)
        found: Complex = np.reciprocal(
            sum((1 / branch.impedance(omega, values) for branch in self.branches), zero)
        )
        return found


Part = Element | Series | Parallel


@dataclass(frozen=True)
class Circuit:
    """A parsed circuit. Made by `parse_circuit`."""

    text: str  # as written, without blanks
    blocks: tuple[Part, ...]  # what is in series at the outermost level

    @property
    def elements(self) -> tuple[Element, ...]:
        """Elements in the order of the text."""
        return tuple(element for block in self.blocks for element in elements_of(block))

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of all parameters in the order of the text."""
        return tuple(name for element in self.elements for name in element.parameters)

    def unit(self, parameter: str) -> str:
        """Unit of a parameter; ``"1"`` for an exponent."""
        units = {
            element.name + suffix: unit for element in self.elements for suffix, unit in KINDS[element.kind]
        }
        return units[parameter]

    def impedance(self, frequency: NDArray[np.float64], values: Values) -> Complex:
        """Impedance of the circuit.

        Parameters
        ----------
        frequency : (n,) array
            Positive (Hz).
        values : mapping
            A value for every name in `parameters`, in its unit.

        Returns
        -------
        (n,) complex array
            Impedance (Ω).

        Examples
        --------
        >>> circuit = parse_circuit("R0-p(R1,C1)")
        >>> z = circuit.impedance(np.array([1 / (2 * np.pi)]), {"R0": 5, "R1": 10, "C1": 0.1})
        >>> print(np.round(z, 6))
        [10.-5.j]
        """
        omega = 2 * np.pi * np.asarray(frequency, dtype=float)
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            return Series(self.blocks).impedance(omega, values)


def elements_of(part: Part) -> Iterator[Element]:
    """Elements of a part of a circuit, in the order of the text."""
    if isinstance(part, Element):
        yield part
    else:
        for inner in part.parts if isinstance(part, Series) else part.branches:
            yield from elements_of(inner)


def parse_circuit(text: str) -> Circuit:
    """Read a circuit.

    Parameters
    ----------
    text : str
        Such as ``"R0-p(R1,CPE1)-W1"``; blanks do not matter.

    Raises
    ------
    InputError
        If the text is no circuit; the message points at the place.

    Examples
    --------
    >>> parse_circuit("R0 - p(R1, CPE1)").parameters
    ('R0', 'R1', 'CPE1_Q', 'CPE1_n')
    """
    return _Parser(text).circuit()


class _Parser:
    """Recursive descent over the tokens of a circuit."""

    def __init__(self, text: str):
        if len(text) > _LONGEST_TEXT:
            raise InputError(
                f"circuit: must be at most {_LONGEST_TEXT} characters; got {len(text)}. Shorten it."
            )
        self.text = text
        self.tokens = [(match[1], match.start(1)) for match in _TOKEN.finditer(text)]
        self.at = 0

    def circuit(self) -> Circuit:
        """The whole text."""
        blocks = self._series()
        if self.at < len(self.tokens):
            raise self._fault("must end here, or go on with '-'")
        parsed = Circuit("".join(token for token, _ in self.tokens), blocks)
        names = [element.name for element in parsed.elements]
        for name in names:
            if names.count(name) > 1:
                raise InputError(
                    f"circuit '{self.text}': every element must have a name of its own; {name} stands twice. "
                    f"Number them, such as R0, R1."
                )
        return parsed

    def _series(self) -> tuple[Part, ...]:
        """Parts with hyphens between them."""
        parts = [self._part()]
        while self._next() == "-":
            self.at += 1
            parts.append(self._part())
        return tuple(parts)

    def _part(self) -> Part:
        """One element, or a parallel block."""
        word = self._next()
        if word == "p(":
            self.at += 1
            branches = [self._branch()]
            while self._next() == ",":
                self.at += 1
                branches.append(self._branch())
            if self._next() != ")":
                raise self._fault("a parallel block must close with ')'")
            self.at += 1
            if len(branches) < 2:
                self.at -= 1
                raise self._fault("a parallel block needs two branches or more, such as p(R1,CPE1)")
            return Parallel(tuple(branches))
        match = _ELEMENT.fullmatch(word)
        if match is None:
            raise self._fault(
                "an element must be one of R, C, L, CPE, W, Ws, Wo with a number, such as R1 or CPE1"
            )
        self.at += 1
        return Element(match[1], word)

    def _branch(self) -> Part:
        """One branch of a parallel block; a single part stands for itself."""
        parts = self._series()
        return parts[0] if len(parts) == 1 else Series(parts)

    def _next(self) -> str:
        """Token to come; empty at the end."""
        return self.tokens[self.at][0] if self.at < len(self.tokens) else ""

    def _fault(self, rule: str) -> InputError:
        """Error at the token to come."""
        if self.at < len(self.tokens):
            word, place = self.tokens[self.at]
            found = f"'{word}' at character {place + 1}"
        else:
            found = "its end"
        return InputError(
            f"circuit '{self.text}': {rule}; got {found}. Write it like R0-p(R1,CPE1)-p(R2,CPE2)."
        )


def _diffusion_argument(omega: NDArray[np.float64], tau: float) -> Complex:
    """√(jωτ), kept where tanh does not overflow."""
    root = np.sqrt(1j * omega * tau)
    return np.where(root.real > _LARGEST_ARGUMENT, _LARGEST_ARGUMENT * (1 + 1j), root)


def _short_diffusion(omega: NDArray[np.float64], resistance: float, tau: float) -> Complex:
    """Impedance of Ws (Ω)."""
    found: Complex = resistance * np.tanh(_diffusion_argument(omega, tau)) / np.sqrt(1j * omega * tau)
    return found


def _open_diffusion(omega: NDArray[np.float64], resistance: float, tau: float) -> Complex:
    """Impedance of Wo (Ω)."""
    found: Complex = resistance / np.tanh(_diffusion_argument(omega, tau)) / np.sqrt(1j * omega * tau)
    return found


_LAWS: dict[str, Callable[..., Complex]] = {
    "R": lambda omega, r: np.full(omega.shape, r, complex),
    "C": lambda omega, c: 1 / (1j * omega * c),
    "L": lambda omega, inductance: 1j * omega * inductance,
    "CPE": lambda omega, q, n: 1 / (q * (1j * omega) ** n),
    "W": lambda omega, a: a * (1 - 1j) / np.sqrt(omega),
    "Ws": _short_diffusion,
    "Wo": _open_diffusion,
}


def in_order(
    circuit: Circuit, values: dict[str, float], fixed: Values
) -> tuple[dict[str, float], dict[str, str]]:
    """Values with alike arcs from the highest frequency down, and which name became which."""
    groups: dict[tuple[str, bool], list[tuple[Element, Element]]] = {}
    place = circuit.elements.index
    for block in circuit.blocks:
        pair = arc_elements(block)
        if pair is not None and not any(name in fixed for element in pair for name in element.parameters):
            groups.setdefault((pair[1].kind, place(pair[0]) < place(pair[1])), []).append(pair)
    ordered, renamed = dict(values), {}
    for pairs in groups.values():
        by_time = sorted(pairs, key=lambda pair: arc_time(pair[0], pair[1], values))
        for target, origin in zip(pairs, by_time, strict=True):
            for new, old in zip(target, origin, strict=True):
                for name, former in zip(new.parameters, old.parameters, strict=True):
                    ordered[name] = values[former]
                    renamed[former] = name
    return ordered, renamed


def arc_elements(block: Part) -> tuple[Element, Element] | None:
    """Resistor and capacitor (or CPE) of a block that makes an arc; None if it is no such block."""
    if not isinstance(block, Parallel) or len(block.branches) != 2:
        return None
    by_kind = {branch.kind: branch for branch in block.branches if isinstance(branch, Element)}
    other = by_kind.get("C") or by_kind.get("CPE")
    return (by_kind["R"], other) if "R" in by_kind and other is not None else None


def arc_time(resistor: Element, other: Element, values: Values) -> float:
    """Time constant of an arc of `arc_elements` (s): RC, or (RQ)^(1/n)."""
    r = values[resistor.name]
    if other.kind == "C":
        return r * values[other.name]
    logarithm = (np.log(r) + np.log(values[f"{other.name}_Q"])) / values[f"{other.name}_n"]
    return float(np.exp(np.clip(logarithm, -_LARGEST_LOGARITHM, _LARGEST_LOGARITHM)))


@dataclass(frozen=True)
class BlockLaw:
    """A block of the circuit as a law of an amplitude and, if `timed`, a time constant."""

    part: Part
    kind: str
    timed: bool
    values: Callable[[float, float], dict[str, float]]

    def shape(self, omega: NDArray[np.float64], tau: float) -> Complex:
        """Impedance at amplitude 1."""
        return self.part.impedance(omega, self.values(1.0, tau))


def block_law(part: Part) -> BlockLaw | None:
    """Block as a law of one amplitude and one time constant; None if it is no such law."""
    n = _FIRST_EXPONENT
    if isinstance(part, Element):
        name = part.name
        laws: dict[str, Callable[[float, float], dict[str, float]]] = {
            "C": lambda amplitude, tau: {name: 1 / amplitude},
            "CPE": lambda amplitude, tau: {f"{name}_Q": 1 / amplitude, f"{name}_n": n},
            "Ws": lambda amplitude, tau: {f"{name}_R": amplitude, f"{name}_tau": tau},
        }
        laws["Wo"] = laws["Ws"]
        law = laws.get(part.kind, lambda amplitude, tau: {name: amplitude})
        return BlockLaw(part, name, part.kind in ("Ws", "Wo"), law)
    pair = arc_elements(part)
    if pair is None:
        return None
    r, other = pair[0].name, pair[1].name
    if pair[1].kind == "C":
        return BlockLaw(part, "Debye", True, lambda a, tau: {r: a, other: tau / a})
    return BlockLaw(part, "Cole-Cole", True, lambda a, tau: {r: a, f"{other}_Q": tau**n / a, f"{other}_n": n})
