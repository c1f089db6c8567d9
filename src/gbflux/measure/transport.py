"""Transport of the cell as a whole: current, conductivity, resistance, bounds, and estimates beside them.

The current is the mean of what enters at one electrode and leaves at the other, from reactions. σ_eff is of
the electrolyte alone, I L/(A ΔU), L its length and ΔU = P/I the voltage that accounts for the power P
dissipated in it. P = Σ φ_i r_i over the reactions r_i of the electrolyte, so ΔU is the difference of the
potentials of its two ends, each averaged with the current through it: defined also where the ends are not
equipotential. The other definitions stand at the fields of `Transport`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gbflux.conduction.records import Fields
from gbflux.measure.metrics import metric
from gbflux.mesh import ELECTROLYTE, CellKind, Mesh, contiguous_slice, is_kind
from gbflux.units import A_PER_M2_TO_MA_PER_CM2, OHM_M2_TO_OHM_CM2, S_PER_M_TO_S_PER_CM, UM_TO_M

_CONDUCTANCE = "bounds on the conductance of the cell"
_CURRENT = "mean of what enters at one electrode and leaves at the other"


@dataclass(frozen=True)
class Interval:
    """Two numbers that the true value lies between; None where there are no bounds."""

    lower: float | None = metric(kind="bound")
    upper: float | None = metric(kind="bound")


@dataclass(frozen=True)
class BracketFacts:
    """Certified bounds on the conductance I/ΔV of the whole cell, and what follows from them."""

    lower_S: float = metric(unit="S", kind="bound", per_depth=True, definition=_CONDUCTANCE)
    upper_S: float = metric(unit="S", kind="bound", per_depth=True, definition=_CONDUCTANCE)
    relative_width: float = metric(definition="(upper − lower)/upper")
    algebraic_error: float = metric(
        definition="bound on what the iterations left of the lower bound's minimum (S; 2D S/m), taken off "
        "`lower` already; a ten-thousandth of the width"
    )
    asr_ohm_cm2: Interval = metric(unit="Ω cm²", definition="A/G: bounds on `asr_ohm_cm2`")
    sigma_eff_S_per_cm: Interval = metric(
        unit="S/cm",
        definition="G L/A: bounds on σ_eff; null where homogenizing layers or electrode resistances are in "
        "series with the electrolyte, whose share of the power is not bounded on its own",
    )
    sigma_eff_reason: str | None = metric(default=None, definition="why it is null")


@dataclass(frozen=True)
class Transport:
    """The cell as a whole, units in the names; σ_eff, brick layer and Wiener: of the electrolyte alone.

    `voltage_V` is None in results of versions that did not have it, `bracket` where it was not asked for.
    """

    mean_current_density_mA_per_cm2: float = metric(
        "mean current density",
        "mA/cm²",
        "over the area",
        kind="mean",
        definition="current over the cross-section",
    )
    sigma_eff_S_per_cm: float = metric(
        "σ_eff of the electrolyte",
        "S/cm",
        "layers left out",
        kind="mean",
        definition="of the electrolyte alone: I L/(A ΔU). ΔU = P/I is the voltage that accounts for the "
        "power P dissipated in it, P = Σ φ_i r_i with the electrolyte's reactions: the difference of the "
        "potentials of its ends, each averaged with the current through it. Defined also where the ends are "
        "not equipotential.",
    )
    asr_ohm_cm2: float = metric(
        "resistance of the cell",
        "Ω cm²",
        "electrode to electrode",
        kind="mean",
        definition="of the whole cell: |ΔV| A/I, HLs, contacts and electrode resistances included. With "
        "kinetics a secant: it holds at this current, and differs from the slope dV/dj",
    )
    brick_layer_S_per_cm: float = metric(
        "brick layer",
        "S/cm",
        "σ_g/(1 + Bi), an estimate of σ_eff",
        kind="estimate",
        definition="σ_g/(1 + Bi), Bi = (δ/d)(σ_g/σ_gb): cubes in series and parallel, current along the "
        "field only. Where conductivities vary, means of resistivity by volume; σ_g without grain boundaries",
    )
    wiener_lower_S_per_cm: float = metric(
        "lower Wiener bound",
        "S/cm",
        "σ_eff is not below",
        kind="bound",
        definition="harmonic mean of σ over the electrolyte's volume, cell by cell; `sigma_eff` is not "
        "below it",
    )
    wiener_upper_S_per_cm: float = metric(
        "upper Wiener bound",
        "S/cm",
        "σ_eff is not above",
        kind="bound",
        definition="arithmetic mean of σ over the electrolyte's volume, cell by cell; `sigma_eff` is not "
        "above it",
    )
    current_A: float | None = metric(
        "current",
        "A",
        default=None,
        kind="mean",
        dimension=3,
        definition=_CURRENT,
    )
    current_A_per_m: float | None = metric(
        "current",
        "A/m",
        default=None,
        kind="mean",
        dimension=2,
        definition=_CURRENT,
    )
    voltage_V: float | None = metric(
        "voltage",
        "V",
        "top less bottom",
        default=None,
        kind="mean",
        definition="ΔV, top less bottom: as applied, or what the applied current takes",
    )
    bracket: BracketFacts | None = metric(
        default=None,
        definition="[certified bounds](#certified-bracket-transportbracket); null where they were not asked "
        "for or not found",
    )
    bracket_reason: str | None = metric(default=None, definition="why there can be none")

    @property
    def current(self) -> float:
        """Current through the cell (A; in 2D A/m)."""
        current = self.current_A_per_m if self.current_A is None else self.current_A
        assert current is not None  # every result of this version has one of them
        return current


def cross_section(mesh: Mesh) -> float:
    """Area normal to the current (m²; in 2D a length, m)."""
    return float(np.prod(mesh.size_um[:-1])) * UM_TO_M ** (mesh.dimension - 1)


def transport(
    mesh: Mesh,
    fields: Fields,
    volume: NDArray[np.float64],
    *,
    current: float,
    voltage: float,
    mean_grain_size_um: float,
) -> tuple[Transport, tuple[float, float]]:
    """Effective conductivity and resistance of the cell.

    Parameters
    ----------
    volume : (m,) array
        Cell volumes (µm³; in 2D µm²).
    current : float
        Through the cell (A; in 2D A/m).
    voltage : float
        Potential of the top electrode less that of the bottom one (V).
    mean_grain_size_um : float
        d, for the brick layer (µm).

    Returns
    -------
    Transport
    sigma_eff, asr : float
        Again, in SI (S/m; Ω m²).
    """
    area, length = cross_section(mesh), float(mesh.size_um[-1]) * UM_TO_M
    power = float(np.dot(fields.phi, fields.residual_electrolyte))
    lower, upper = wiener_bounds(mesh, fields, volume)
    sigma_eff, asr = current**2 * length / (area * power), abs(voltage) * area / current
    brick = brick_layer(mesh, fields, volume, mean_grain_size_um)
    found = Transport(
        mean_current_density_mA_per_cm2=current / area * A_PER_M2_TO_MA_PER_CM2,
        sigma_eff_S_per_cm=sigma_eff * S_PER_M_TO_S_PER_CM,
        asr_ohm_cm2=asr * OHM_M2_TO_OHM_CM2,
        brick_layer_S_per_cm=brick * S_PER_M_TO_S_PER_CM,
        wiener_lower_S_per_cm=lower * S_PER_M_TO_S_PER_CM,
        wiener_upper_S_per_cm=upper * S_PER_M_TO_S_PER_CM,
        voltage_V=voltage,
        current_A=current if mesh.dimension == 3 else None,
        current_A_per_m=current if mesh.dimension == 2 else None,
    )
    return found, (sigma_eff, asr)


def wiener_bounds(mesh: Mesh, fields: Fields, volume: NDArray[np.float64]) -> tuple[float, float]:
    """Harmonic and arithmetic mean of the electrolyte's conductivity by volume (S/m).

    Parameters
    ----------
    volume : (m,) array
        Cell volumes (µm³; in 2D µm²).

    Returns
    -------
    lower, upper : float
    """
    cells = contiguous_slice(is_kind(mesh.kind, ELECTROLYTE))
    v, sigma = volume[cells], fields.sigma[cells]
    total = v.sum()
    return float(total / np.sum(v / sigma)), float(np.dot(v, sigma) / total)


def brick_layer(mesh: Mesh, fields: Fields, volume: NDArray[np.float64], mean_grain_size_um: float) -> float:
    """Conductivity of a brick layer of the same grain size and materials (S/m).

    Parameters
    ----------
    volume : (m,) array
        Cell volumes (µm³; in 2D µm²).
    mean_grain_size_um : float
        d (µm).
    """
    sigma_grain = _series_mean(mesh.kind == CellKind.GRAIN, fields.sigma, volume)
    boundary = mesh.kind == CellKind.GB
    if not boundary.any():
        return sigma_grain
    bi = (
        mesh.layer_thickness_um
        / mean_grain_size_um
        * sigma_grain
        / _series_mean(boundary, fields.sigma, volume)
    )
    return sigma_grain / (1 + bi)


def _series_mean(chosen: NDArray[np.bool_], sigma: NDArray[np.float64], volume: NDArray[np.float64]) -> float:
    """Inverse of the mean resistivity of the chosen cells by volume (S/m)."""
    cells = contiguous_slice(chosen)
    v = volume[cells]
    return float(v.sum() / np.sum(v / sigma[cells]))
