"""Conductivity of every cell from the numbers of a case; the same on every mesh of the same grains."""

from __future__ import annotations

import numpy as np
from numpy.random import PCG64, Generator, SeedSequence
from numpy.typing import NDArray

from gbflux.case import Case
from gbflux.conduction.problem import MICROMETRE
from gbflux.mesh.records import CellKind, LayeredMesh, is_kind, those


def conductivities(mesh: LayeredMesh, case: Case) -> NDArray[np.float64]:
    """Return the conductivity of every cell.

    Parameters
    ----------
    mesh : LayeredMesh
        The cells: what they are and to which grain or boundary they belong.
    case : Case
        Conductivities at the case's temperature, contact resistance and variations.

    Returns
    -------
    (m,) float64 array
        Conductivities (S/m).
    """
    sigma = np.full(len(mesh.cells), np.nan)
    in_grain = those(mesh.kind == CellKind.GRAIN)
    sigma[in_grain] = grain_conductivities(case, mesh.n_grains)[mesh.region[in_grain]]
    in_boundary = those(is_kind(mesh.kind, (CellKind.GB, CellKind.GB_JUNCTION)))
    sigma[in_boundary] = boundary_conductivities(case, mesh.boundaries)[mesh.boundary[in_boundary]]
    if mesh.slabs:
        sigma[those(mesh.kind == CellKind.HL)] = case.sigma_hl
        thickness = mesh.layer_thickness_um * MICROMETRE
        sigma[those(mesh.kind == CellKind.CONTACT)] = contact_conductivity(
            thickness, case.contact_asr, case.sigma_hl
        )
    return sigma


def grain_conductivities(case: Case, n_grains: int) -> NDArray[np.float64]:
    """Return (n_grains,) conductivities, drawn in the order of grain ids where they vary (S/m)."""
    variation = case.grains.variation
    if variation is None:
        return np.full(n_grains, case.sigma_grain)
    normal = Generator(PCG64(variation.seed)).standard_normal(n_grains)
    return lognormal(case.sigma_grain, variation.sigma, normal)


def boundary_conductivities(case: Case, boundaries: NDArray[np.int32]) -> NDArray[np.float64]:
    """Return (nb,) conductivities of the boundaries between grains a < b (S/m).

    Where they vary each pair of grains has a stream of its own, so that a boundary too small for one mesh
    does not shift the values of all others.
    """
    variation = case.grain_boundary.variation
    if variation is None:
        return np.full(len(boundaries), case.sigma_gb)
    pairs = boundaries.tolist()
    streams = (Generator(PCG64(SeedSequence(variation.seed, spawn_key=(a, b)))) for a, b in pairs)
    normal = np.fromiter((stream.standard_normal() for stream in streams), dtype=np.float64, count=len(pairs))
    return lognormal(case.sigma_gb, variation.sigma, normal)


def lognormal(median: float, sigma: float, normal: NDArray[np.float64]) -> NDArray[np.float64]:
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
