r"""Electrodes: a named patch of the mesh, the law of its contact, and a potential or a current.

A **patch** says which facets of the mesh belong to an electrode; `Plane` is the default maker, the plane at
the bottom or the top of the cell. A **law** says what drop of potential V − φ a current density takes, V
being the potential of the metal and φ that of the cell beside it: none for an ideal contact, j·ASR for a
resistance, and for Butler–Volmer's law with a film of resistance R in series

.. math:: j = i_0 \left[e^{\alpha_a F\eta/RT} - e^{-\alpha_c F\eta/RT}\right], \quad
    V - \varphi = \eta + j\,R

j is the density of the current that enters the cell, η the overpotential. All electrodes are of the same
metal: what it holds against the electrolyte at rest is the same everywhere and left out, so V = φ where no
current flows. i₀ and the coefficients are constants; the concentration of the carrier is (one kind of ion, no
depletion).

The solver takes the law the other way round, η of j: it grows as a logarithm, so that nothing overflows, and
no value is ever cut off. With x = Fη/RT, y = j/i₀ > 0, α = α_a and β = α_c it is the root of

    h(x) = α x − log(y + exp(−β x)),    h' in [α, α + β],  h'' ≤ 0,

which Newton's method from x = 0 reaches from below, whatever y (y < 0: the same with α and β exchanged and
the signs of x and y). Small overpotentials: η = j RT/((α + β) F i₀).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import ArrayLike

from gbflux.conduction.records import Array, Mask
from gbflux.mesh import Mesh
from gbflux.units import FARADAY_C_PER_MOL, GAS_CONSTANT_J_PER_MOL_K, SIDES

_MOST_STEPS = 60
#: Logarithm of the smallest share of the current without electrodes that is looked for.
_LEAST_SHARE = -400.0


class Patch(Protocol):
    """Locator of an electrode's facets: all facets whose vertices it finds."""

    def points(self, mesh: Mesh) -> Mask:
        """Return (n,) which mesh points lie on it."""


@dataclass(frozen=True)
class Plane:
    """The electrode plane at one side of a cell, ``"bottom"`` or ``"top"``, wherever the mesh has it."""

    side: str

    def points(self, mesh: Mesh) -> Mask:
        """Return (n,) which mesh points have exactly its coordinate."""
        on: Mask = mesh.points[:, -1] == mesh.z_electrodes[SIDES.index(self.side)]
        return on


class Law(Protocol):
    """The drop of potential between the metal of an electrode and the cell beside it."""

    linear: ClassVar[bool]

    @property
    def asr(self) -> float:
        """Return the area-specific resistance in series with everything else (Ω m²)."""

    def drop(self, j: ArrayLike) -> tuple[Array, Array]:
        """Return V − φ (V) and d(V − φ)/dj (Ω m²) of current densities that enter the cell (A/m²)."""


@dataclass(frozen=True)
class Resistance:
    """A contact of constant area-specific resistance `asr` (Ω m²), ideal where that is 0."""

    asr: float = 0.0
    linear: ClassVar[bool] = True

    def drop(self, j: ArrayLike) -> tuple[Array, Array]:
        """Return V − φ (V) and d(V − φ)/dj (Ω m²) of current densities that enter the cell (A/m²)."""
        j = np.asarray(j, dtype=float)
        return self.asr * j, np.full_like(j, self.asr)


@dataclass(frozen=True)
class ButlerVolmer:
    """Charge transfer by Butler–Volmer's law.

    Attributes
    ----------
    exchange_current_density : float
        i₀ (A/m²).
    anodic, cathodic : float
        Transfer coefficients α_a of the current into the cell and α_c of that out of it (1).
    temperature : float
        T (K).
    asr : float
        Area-specific resistance in series (Ω m²).
    """

    exchange_current_density: float
    anodic: float
    cathodic: float
    temperature: float
    asr: float = 0.0
    linear: ClassVar[bool] = False

    def drop(self, j: ArrayLike) -> tuple[Array, Array]:
        """Return V − φ (V) and d(V − φ)/dj (Ω m²) of current densities that enter the cell (A/m²)."""
        j = np.asarray(j, dtype=float)
        eta, slope = overpotential(self, j)
        return eta + self.asr * j, slope + self.asr

    @property
    def thermal_voltage(self) -> float:
        """Return RT/F (V)."""
        return GAS_CONSTANT_J_PER_MOL_K * self.temperature / FARADAY_C_PER_MOL


IDEAL = Resistance(0.0)


@dataclass(frozen=True)
class Electrode:
    """An electrode, at a potential or with a current.

    Attributes
    ----------
    name : str
        Its name in messages and for `ConductionSolver.certify`.
    patch : Patch
        Where it is.
    law : Law
        Its contact with the cell.
    potential : float or None
        Potential of the metal (V); None where `current_density` is given.
    current_density : float or None
        Mean density of the current that enters the cell, instead of a potential (A/m²).
    """

    name: str
    patch: Patch
    law: Law = IDEAL
    potential: float | None = None
    current_density: float | None = None

    @property
    def ideal(self) -> bool:
        """Return whether the cell beside it has the potential of the metal."""
        return self.law.linear and self.law.asr == 0.0


Electrodes = tuple[Electrode, Electrode]


def bottom_electrode(
    potential: float | None, law: Law = IDEAL, current_density: float | None = None
) -> Electrode:
    """Return the electrode on the plane at the bottom of the cell."""
    return Electrode("bottom", Plane("bottom"), law, potential, current_density)


def top_electrode(
    potential: float | None, law: Law = IDEAL, current_density: float | None = None
) -> Electrode:
    """Return the electrode on the plane at the top of the cell.

    Examples
    --------
    >>> top_electrode(0.1, Resistance(1e-3)).ideal
    False
    """
    return Electrode("top", Plane("top"), law, potential, current_density)


def current_density(law: ButlerVolmer, eta: ArrayLike) -> Array:
    """Return j of the overpotential; infinite where the exponential overflows.

    Parameters
    ----------
    law : ButlerVolmer
    eta : array
        Overpotentials (V).

    Returns
    -------
    array
        Densities of the current that enters the cell (A/m²).

    Examples
    --------
    >>> float(current_density(ButlerVolmer(10.0, 0.5, 0.5, 298.15), 0.1).round(6))
    68.584078
    """
    x = np.asarray(eta, dtype=float) / law.thermal_voltage
    with np.errstate(over="ignore"):
        rates: Array = np.expm1(law.anodic * x) - np.expm1(-law.cathodic * x)
        return law.exchange_current_density * rates


def overpotential(law: ButlerVolmer, j: ArrayLike) -> tuple[Array, Array]:
    """Return η and dη/dj of a current density: the inverse of `current_density`.

    Parameters
    ----------
    law : ButlerVolmer
    j : array
        Densities of the current that enters the cell (A/m²).

    Returns
    -------
    eta : array
        Overpotentials (V).
    slope : array
        dη/dj > 0 (Ω m²).

    Examples
    --------
    >>> eta, slope = overpotential(ButlerVolmer(10.0, 0.5, 0.5, 298.15), [0.0, 68.584078])
    >>> eta.round(6).tolist(), slope.round(6).tolist()
    ([0.0, 0.1], [0.002569, 0.000719])
    """
    j = np.asarray(j, dtype=float)
    forward = j >= 0.0
    alpha = np.where(forward, law.anodic, law.cathodic)
    beta = np.where(forward, law.cathodic, law.anodic)
    y = np.abs(j) / law.exchange_current_density
    x = np.zeros_like(y)
    for _ in range(_MOST_STEPS):
        back = np.exp(-beta * x)
        # −h/h', written with log1p and expm1, which keep their digits where y and x are small
        step = (np.log1p(y + np.expm1(-beta * x)) - alpha * x) / (alpha + beta * back / (y + back))
        x += step
        if not np.any(np.abs(step) > 4.0 * np.finfo(float).eps * x):
            break
    back = np.exp(-beta * x)
    slope = law.thermal_voltage / (law.exchange_current_density * (alpha * (y + back) + beta * back))
    return np.copysign(law.thermal_voltage * x, j), slope


def series_current(electrodes: Electrodes, asr: float, voltage: float) -> float:
    """Return the current density through two electrodes and a resistance between them.

    Parameters
    ----------
    electrodes : (Electrode, Electrode)
        Their own potentials are not looked at.
    asr : float
        Resistance between them, > 0 (Ω m²).
    voltage : float
        Potential of the second less that of the first (V).

    Returns
    -------
    float
        Positive from the second to the first (A/m²).
    """
    from scipy.optimize import brentq

    first, second = (electrode.law for electrode in electrodes)
    most = voltage / asr

    def excess(share: float) -> float:
        j = math.exp(share) * most
        drops = second.drop(j)[0] - first.drop(-j)[0]
        return math.copysign(1.0, voltage) * (float(drops) + asr * j - voltage)

    # the logarithm of j is looked for, as j may be any power of ten below what flows without electrodes
    return math.exp(float(brentq(excess, _LEAST_SHARE, 0.0, xtol=1e-12))) * most
