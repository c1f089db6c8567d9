"""Transport of the cell as a whole: current, conductivity, resistance, and simple estimates beside them.

Definitions
  current
      Mean of what enters at one electrode and leaves at the other, from reactions.
  current_imbalance
      |sum of the reactions on both electrodes| / current.
  sigma_eff
      Of the electrolyte alone: I L/(A ΔU), L its length and ΔU = P/I the voltage that accounts for the power
      P dissipated in it. P = Σ φ_i r_i over the reactions r_i of the electrolyte, so ΔU is the difference of
      the potentials of its two ends, each averaged with the current through it: defined also where the ends
      are not equipotential.
  voltage
      ΔV, potential of the top electrode less that of the bottom one: as applied, or what the current takes.
  asr
      Of the whole cell between its electrodes: |ΔV| A/I, layers and electrode resistances included. With
      kinetics ΔV is no linear function of I: a secant, which holds for this I alone.
  brick_layer
      σ_g/(1 + Bi), Bi = (δ/d)(σ_g/σ_gb): cubes in series and parallel, current along the field only. σ_g and
      σ_gb are means of resistivity by volume where they vary. Without grain boundaries σ_g.
  wiener_lower, wiener_upper
      Harmonic and arithmetic mean of σ over the electrolyte's volume, cell by cell; sigma_eff lies between
      them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gbflux.conduction.records import Fields
from gbflux.mesh import ELECTROLYTE, CellKind, Mesh, contiguous_slice, is_kind
from gbflux.units import UM_TO_M


@dataclass(frozen=True)
class Transport:
    """Figures of the whole cell in SI; definitions at the head of this module.

    Attributes
    ----------
    current : float
        A; in 2D A/m.
    mean_current_density : float
        A/m².
    sigma_eff, brick_layer, wiener_lower, wiener_upper : float
        Of the electrolyte alone (S/m).
    voltage : float
        Top less bottom (V).
    asr : float
        Of the whole cell (Ω m²).
    current_imbalance : float
        Dimensionless.
    """

    current: float
    mean_current_density: float
    sigma_eff: float
    voltage: float
    asr: float
    brick_layer: float
    wiener_lower: float
    wiener_upper: float
    current_imbalance: float


def transport(
    mesh: Mesh,
    fields: Fields,
    volume: NDArray[np.float64],
    *,
    entering: tuple[float, float],
    potentials: tuple[float, float],
    mean_grain_size_um: float,
) -> Transport:
    """Current, effective conductivity and resistance.

    Parameters
    ----------
    mesh : Mesh
    fields : Fields
    volume : (m,) array
        Cell volumes (µm³; in 2D µm²).
    entering : (float, float)
        Sums of the reactions on the bottom and the top electrode (A; in 2D A/m).
    potentials : (float, float)
        Bottom and top (V).
    mean_grain_size_um : float
        d, for the brick layer (µm).

    Returns
    -------
    Transport
    """
    current = (abs(entering[0]) + abs(entering[1])) / 2
    area = float(np.prod(mesh.size_um[:-1])) * UM_TO_M ** (mesh.dimension - 1)
    length = float(mesh.size_um[-1]) * UM_TO_M
    power = float(np.dot(fields.phi, fields.residual_electrolyte))
    lower, upper = wiener_bounds(mesh, fields, volume)
    return Transport(
        current=current,
        mean_current_density=current / area,
        sigma_eff=current**2 * length / (area * power),
        voltage=potentials[1] - potentials[0],
        asr=abs(potentials[1] - potentials[0]) * area / current,
        brick_layer=brick_layer(mesh, fields, volume, mean_grain_size_um),
        wiener_lower=lower,
        wiener_upper=upper,
        current_imbalance=abs(entering[0] + entering[1]) / current,
    )


def wiener_bounds(mesh: Mesh, fields: Fields, volume: NDArray[np.float64]) -> tuple[float, float]:
    """Harmonic and arithmetic mean of the electrolyte's conductivity by volume (S/m).

    Parameters
    ----------
    mesh : Mesh
    fields : Fields
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
    mesh : Mesh
    fields : Fields
    volume : (m,) array
        Cell volumes (µm³; in 2D µm²).
    mean_grain_size_um : float
        d (µm).

    Returns
    -------
    float
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
