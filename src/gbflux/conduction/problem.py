"""The one place where SI units become numbers near 1 and come back.

Raw SI numbers (µm in m, S/m, mV) put matrix entries near 1e-9 and fall under absolute tolerances. Scaled are
length x̂ = x/ℓ with ℓ = 1 µm, conductivity σ̂ = σ/σ_ref with σ_ref the largest, potential φ̂ = (φ − V₀)/ΔV
with ΔV = V_top − V_bottom. V₀ divides ΔV as the two charge-transfer resistances do: between resistive
electrodes the cell floats at nearly one potential, and subtracting it keeps round-off in proportion to the
current.

Where a current is applied ΔV is not known. Linear problems are solved for ΔV = 1 V, and the scale is chosen
afterwards so that the current is the applied one (`kinetics.rescaled`). With nonlinear electrodes the scale
is an estimate, the voltage that the current takes between them without grain boundaries, and ΔV/scale is
solved for.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from gbflux.conduction.electrodes import drop, series_current
from gbflux.conduction.records import Electrode

#: The unit of length of a mesh (m).
MICROMETRE = 1.0e-6


@dataclass(frozen=True)
class Scaling:
    """Reference values of one solve.

    Attributes
    ----------
    dimension : int
        2 or 3.
    sigma : float
        Reference conductivity σ_ref (S/m).
    voltage : float
        Reference potential difference ΔV, top less bottom, of either sign (V).
    offset : float
        Potential V₀ that is scaled to zero (V).
    estimate : float
        Rough mean current density from top to bottom (A/m²); the applied one where there is one.
    """

    dimension: int
    sigma: float
    voltage: float
    offset: float
    estimate: float = 0.0

    def potential_hat(self, potential: float) -> float:
        """Return the scaled value of a potential (V)."""
        return (potential - self.offset) / self.voltage

    def exchange_hat(self, asr: float) -> float:
        """Return κ̂ = ℓ/(σ_ref ASR), the scaled exchange coefficient, for an `asr` > 0 (Ω m²)."""
        return MICROMETRE / (self.sigma * asr)

    @property
    def potential(self) -> float:
        """Factor from φ̂ to φ − V₀ (V)."""
        return self.voltage

    @property
    def current_density(self) -> float:
        """Factor from ĵ to j: σ_ref ΔV/ℓ (A/m²)."""
        return self.sigma * self.voltage / MICROMETRE

    @property
    def current(self) -> float:
        """Factor from a scaled nodal current to SI: σ_ref ΔV ℓ^(dimension − 2) (A; in 2D A/m)."""
        return self.sigma * self.voltage * MICROMETRE ** (self.dimension - 2)


def is_nonlinear(bottom: Electrode, top: Electrode) -> bool:
    """Return whether an electrode has kinetics."""
    return bottom.kinetics is not None or top.kinetics is not None


def scaling_of(
    dimension: int, largest_sigma: float, bottom: Electrode, top: Electrode, height_um: float = 1.0
) -> Scaling:
    """Choose the reference values of a solve.

    Parameters
    ----------
    dimension : int
        2 or 3.
    largest_sigma : float
        Largest conductivity of any cell (S/m).
    bottom, top : Electrode
        The electrodes; their potentials differ, or the top has a current.
    height_um : float
        Distance of the electrodes (µm); counts where one has kinetics.

    Returns
    -------
    Scaling
        V₀ lies half-way between the potentials of two ideal electrodes.

    Examples
    --------
    >>> scaling_of(3, 0.05, Electrode(0.0), Electrode(0.1)).offset
    0.05
    """
    applied = top.current_density
    voltage = 1.0 if applied is None else math.copysign(1.0, applied)
    if applied is None:
        voltage = top.potential - bottom.potential
    current = math.copysign(1.0, voltage)
    if is_nonlinear(bottom, top):
        asr = height_um * MICROMETRE / largest_sigma
        current = series_current(bottom, top, asr, voltage) if applied is None else applied
    drops = [-float(drop(bottom, -current)[0]), float(drop(top, current)[0])]
    if applied is not None and is_nonlinear(bottom, top):
        voltage = sum(drops) + asr * current
    share = drops[0] / sum(drops) if sum(drops) != 0.0 else 0.5
    return Scaling(dimension, largest_sigma, voltage, bottom.potential + share * voltage, current)
