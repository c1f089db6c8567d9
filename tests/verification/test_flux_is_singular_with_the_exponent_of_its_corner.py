"""Where a boundary ends on an electrode or on a layer the potential goes like ρ^λ, the flux like ρ^(λ − 1).

Grain of angle α on an ideal electrode beside boundary material that fills the rest, r = σ_gb/σ_g:

    cos(λα) sin(λ(π − α)) + r sin(λα) cos(λ(π − α)) = 0

An insulating boundary that ends at right angles on a homogenizing layer: λ = (2/π) arctan √(σ_HL/σ_g). Meshes
are graded towards the corner over many decades.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from conduction_cases import solved

from gbflux.mesh import CellKind
from meshes_by_hand import oriented, plain_mesh
from meshes_polar import cell_angles, rings, with_slit

#: λ by α and r.
WEDGES = {
    (90, 1e-3): 1.0,
    (110, 1e-1): 0.8489,
    (110, 1e-3): 0.8185,
    (120, 1e-1): 0.7935,
    (120, 1e-2): 0.7547,
    (120, 1e-3): 0.7505,
    (120, 1e-4): 0.7500,
    (135, 1e-3): 0.6674,
    (150, 1e-1): 0.6977,
    (150, 1e-3): 0.6012,
}
#: λ by σ_HL/σ_g.
LAYER_ENDS = {0.1: 0.195, 0.2: 0.268, 1.0: 0.5}
RATIO = 1.15  # of radii
STEP = 3.75  # degrees


def graded(largest: float, smallest: float) -> np.ndarray:
    """Radii (µm)."""
    return largest * RATIO ** np.arange(-int(np.log(largest / smallest) / np.log(RATIO)), 1.0)


@pytest.mark.parametrize(("alpha", "ratio"), WEDGES)
def test_boundary_on_an_electrode(alpha: int, ratio: float) -> None:
    """The slope of log φ on the grain's middle line from 5 pm to 50 nm, in a box of 10 µm."""
    exponent = WEDGES[alpha, ratio]
    left = np.cos(exponent * np.radians(alpha)) * np.sin(exponent * np.radians(180 - alpha))
    right = ratio * np.sin(exponent * np.radians(alpha)) * np.cos(exponent * np.radians(180 - alpha))
    assert left + right == pytest.approx(0.0, abs=2.0e-4)
    angle = np.unique(np.append(np.arange(0.0, 180.1, STEP), [alpha, alpha / 2]))
    sector = rings(angle, graded(5.0, 5.0e-7), 10.0)
    cells = oriented(sector.points, sector.cells)
    mesh = plain_mesh(sector.points, cells, np.full(len(cells), CellKind.GRAIN), (0.0, 10.0))
    sigma = np.where(cell_angles(mesh.points, mesh.cells) < alpha, 1.0, ratio)
    phi = solved(mesh, sigma, rtol=1.0e-9, preconditioner="lu").fields.phi
    near = np.flatnonzero((sector.radius > 5.0e-6) & (sector.radius < 5.0e-2))
    on_middle = phi[sector.number[near, np.flatnonzero(angle == alpha / 2)[0]]]
    slope = np.polyfit(np.log(sector.radius[near]), np.log(on_middle), 1)[0]
    print(f"measured: λ {slope:.4f}, exact {exponent}")
    assert slope == pytest.approx(exponent, abs=0.01)


@pytest.mark.parametrize("thickness_um", [1.0e-8, 5.0e-3], ids=["vanishing", "5 nm"])
@pytest.mark.parametrize("ratio", LAYER_ENDS)
def test_boundary_on_a_homogenizing_layer(ratio: float, thickness_um: float) -> None:
    """Slopes of the current along the boundary in the grain and of that below it in the layer.

    Current enters the right grain alone. Odd in x, the potential is A ρ^λ + B ρ^(−λ) beyond the end of a
    boundary of thickness δ, B/A ~ −δ^(2λ). So the current below falls less fast, that in the grain faster, or
    the other way round, and only slowly, like (δ/ρ)^(2λ), do both become ρ^(λ − 1). In their product the
    correction cancels to first order. At 5 nm it is large still at 0.5 µm.
    """
    exponent = 2.0 / np.pi * np.arctan(np.sqrt(ratio))
    assert exponent == pytest.approx(LAYER_ENDS[ratio], abs=1.0e-3)
    angle = np.arange(-90.0, 90.1, STEP)
    half = rings(angle, graded(5.0, thickness_um / 50.0), 10.0)
    mesh, left, number = with_slit(half, thickness_um)
    points = mesh.points.copy()
    points[left & (points[:, 1] == mesh.z_electrodes[1]), 1] -= 1.0e-9  # off the electrode
    mesh = replace(mesh, points=points)
    below = points[mesh.cells].mean(axis=1)[:, 1] < 0.0
    sigma = np.where(below, ratio, np.where(mesh.kind == CellKind.GB, 1.0e-6 * thickness_um, 1.0))
    phi = solved(mesh, sigma, rtol=1.0e-8, preconditioner="lu").fields.phi
    radius, count = half.radius, len(half.points)
    odd = phi[:count] - phi[count:]
    middle = np.sqrt(radius[1:] * radius[:-1])
    in_layer = np.interp(np.log(middle), np.log(radius), np.log(odd[number[: len(radius), 0]]))
    in_grain = np.log(np.diff(odd[number[: len(radius), -1]]) / np.diff(radius))
    near = (middle > 0.005) & (middle < 0.05) if thickness_um == 1.0e-8 else (middle > 0.05) & (middle < 0.5)
    slopes = [1.0 + np.polyfit(np.log(middle[near]), j[near], 1)[0] for j in (in_layer, in_grain)]
    print(f"measured: λ from layer and grain {np.round(slopes, 4).tolist()}, exact {exponent:.4f}")
    assert np.mean(slopes) == pytest.approx(exponent, abs=0.01)
    if thickness_um == 1.0e-8:
        assert slopes == pytest.approx([exponent] * 2, abs=0.01)
    else:
        assert slopes[0] < exponent < slopes[1]
