"""Conductivity of every cell from the numbers of a case; the same on every mesh of the same grains."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.random import PCG64, Generator, SeedSequence

from gbflux.case import Case
from gbflux.conduction.records import Array, IntArray
from gbflux.mesh import CellKind, Mesh, contiguous_slice, is_kind
from gbflux.units import UM_TO_M

if TYPE_CHECKING:
    from gbflux.case.blocks import Variation


@dataclass(frozen=True)
class Material:
    """Conductivities of what a cell is made of.

    Attributes
    ----------
    grain, boundary, hl : float
        Of grains, grain boundaries and homogenizing layers (S/m); medians where they vary.
    contact_asr : float
        Area-specific resistance of the contact between electrolyte and homogenizing layer (Ω m²).
    grain_variation, boundary_variation : Variation or None
        How conductivities scatter from grain to grain and from boundary to boundary.
    """

    grain: float
    boundary: float
    hl: float = 0.0
    contact_asr: float = 0.0
    grain_variation: Variation | None = None
    boundary_variation: Variation | None = None

    @classmethod
    def of(cls, case: Case) -> Material:
        """Return the material of a case at its temperature."""
        return cls(
            case.sigma_grain,
            case.sigma_gb,
            0.0 if case.sigma_hl is None else case.sigma_hl,
            case.contact_asr,
            case.grains.variation,
            case.grain_boundary.variation,
        )

    def conductivities(self, mesh: Mesh) -> Array:
        """Return (m,) the conductivity of every cell (S/m)."""
        sigma = np.full(len(mesh.cells), np.nan)
        in_grain = contiguous_slice(mesh.kind == CellKind.GRAIN)
        sigma[in_grain] = self.of_grains(mesh.n_grains)[mesh.region[in_grain]]
        in_boundary = contiguous_slice(is_kind(mesh.kind, (CellKind.GB, CellKind.GB_JUNCTION)))
        sigma[in_boundary] = self.of_boundaries(mesh.boundaries)[mesh.boundary[in_boundary]]
        if mesh.slabs:
            sigma[contiguous_slice(mesh.kind == CellKind.HL)] = self.hl
            thickness = mesh.layer_thickness_um * UM_TO_M
            sigma[contiguous_slice(mesh.kind == CellKind.CONTACT)] = contact_conductivity(
                thickness, self.contact_asr, self.hl
            )
        return sigma

    def of_grains(self, n_grains: int) -> Array:
        """Return (n_grains,) conductivities, drawn in the order of grain ids where they vary (S/m)."""
        if self.grain_variation is None:
            return np.full(n_grains, self.grain)
        normal = Generator(PCG64(self.grain_variation.seed)).standard_normal(n_grains)
        return lognormal(self.grain, self.grain_variation.sigma, normal)

    def of_boundaries(self, boundaries: IntArray) -> Array:
        """Return (nb,) conductivities of the boundaries between grains a < b (S/m).

        Where they vary each pair of grains has a stream of its own, so that a boundary too small for one mesh
        does not shift the values of all others.
        """
        variation = self.boundary_variation
        if variation is None:
            return np.full(len(boundaries), self.boundary)
        pairs = boundaries.tolist()
        streams = (Generator(PCG64(SeedSequence(variation.seed, spawn_key=(a, b)))) for a, b in pairs)
        normal = np.fromiter(
            (stream.standard_normal() for stream in streams), dtype=np.float64, count=len(pairs)
        )
        return lognormal(self.boundary, variation.sigma, normal)


def conductivities(mesh: Mesh, case: Case) -> Array:
    """Return (m,) the conductivity of every cell of a case's mesh (S/m)."""
    return Material.of(case).conductivities(mesh)


def lognormal(median: float, sigma: float, normal: Array) -> Array:
    """Return lognormal values from standard normal ones; `sigma` is the deviation of their logarithm.

    Examples
    --------
    >>> lognormal(2.0, 0.5, np.array([0.0, 2.0])).round(3).tolist()
    [2.0, 5.437]
    """
    return median * np.exp(sigma * normal)


def contact_conductivity(thickness: float, contact_asr: float, sigma_hl: float) -> float:
    """Return σ_c of a contact layer, contact and homogenizing layer in series: t/σ_c = ASR + t/σ_HL.

    Parameters
    ----------
    thickness : float
        Thickness t of the layer (m).
    contact_asr : float
        Area-specific resistance of the contact (Ω m²).
    sigma_hl : float
        Conductivity of the homogenizing layer that the contact layer displaces (S/m).

    Returns
    -------
    float
        Conductivity (S/m).

    Examples
    --------
    >>> contact_conductivity(5e-9, 5e-7, 0.01)
    0.005
    """
    return thickness / (contact_asr + thickness / sigma_hl)
