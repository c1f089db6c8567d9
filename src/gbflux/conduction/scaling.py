"""The one place where SI units become numbers near 1 and come back.

Raw SI numbers (µm in m, S/m, mV) put matrix entries near 1e-9 and fall under absolute tolerances. Scaled are
length x̂ = x/ℓ with ℓ = 1 µm, conductivity σ̂ = σ/σ_ref with σ_ref the largest, potential φ̂ = (φ − V₀)/ΔV
with ΔV = V_top − V_bottom. V₀ divides ΔV as the two charge-transfer resistances do: between resistive
electrodes the cell floats at nearly one potential, and subtracting it keeps round-off in proportion to the
current.
"""

from __future__ import annotations

from dataclasses import dataclass

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
    """

    dimension: int
    sigma: float
    voltage: float
    offset: float

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


def scaling_of(dimension: int, largest_sigma: float, bottom: Electrode, top: Electrode) -> Scaling:
    """Choose the reference values of a solve.

    Parameters
    ----------
    dimension : int
        2 or 3.
    largest_sigma : float
        Largest conductivity of any cell (S/m).
    bottom, top : Electrode
        The electrodes; their potentials differ.

    Returns
    -------
    Scaling
        V₀ lies half-way between the potentials of two ideal electrodes.

    Examples
    --------
    >>> scaling_of(3, 0.05, Electrode(0.0), Electrode(0.1)).offset
    0.05
    """
    voltage = top.potential - bottom.potential
    resistance = bottom.asr + top.asr
    share = bottom.asr / resistance if resistance > 0.0 else 0.5
    return Scaling(dimension, largest_sigma, voltage, bottom.potential + share * voltage)
