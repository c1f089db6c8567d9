"""The certified bracket contains the exact conductance, wherever that is known."""

from __future__ import annotations

import numpy as np
import pytest
from brackets import bracketed, checkerboard, straight_box
from conduction_cases import sigma_by_kind
from conduction_cases import solved as solved_on_one_rank
from test_crouzeix_raviart_is_dual_to_linear_elements import turned
from test_neutral_inclusion_leaves_the_field_uniform import BOX_UM, RADIUS_UM, SHELL_UM, SIGMA_CORE, meshed
from test_neutral_inclusion_leaves_the_field_uniform import neutral_matrix as matrix_of

from gbflux.conduction import Resistance, bottom_electrode, top_electrode
from meshes_by_hand import BARE_STACK, FULL_STACK, area_m2, resistance, stack
from small_cases import FLAT, LAYERS, TINY, solved

ASR = {"ideal": (0.0, 0.0), "one side": (0.0, 2.0e-3), "both": (5.0e-3, 1.0e-4)}  # Ω m²


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("asr", ASR)
@pytest.mark.parametrize("layers", [BARE_STACK, FULL_STACK], ids=["bare", "HL"])
@pytest.mark.parametrize("dimension", [2, 3])
def test_flat_layers_in_series(dimension: int, layers: tuple, asr: str, order: int) -> None:
    """Layers of 5 nm, contacts, homogenizing layers, electrodes: G = A/(Σ t/σ + ΣASR), exact for all."""
    mesh = stack(layers, dimension)
    sigma = sigma_by_kind(mesh)
    bottom, top = ASR[asr]
    found = bracketed(
        mesh,
        sigma,
        bottom_electrode(0.0, Resistance(bottom)),
        top_electrode(0.1, Resistance(top)),
        order=order,
    )
    exact = area_m2(mesh) / (resistance(mesh, sigma) + bottom + top)
    assert found.lower <= exact <= found.upper
    assert found.relative_width < 1.0e-9


@pytest.mark.parametrize("ratio", [0.5, 0.1, 1.0e-3])
@pytest.mark.parametrize("intervals", [4, 16])
def test_checkerboard(intervals: int, ratio: float) -> None:
    """σ_eff = √(σ₁σ₂) (Keller 1964, Dykhne 1970); the flux is singular at the corner: P1 alone is off."""
    mesh = straight_box(intervals)
    found = bracketed(mesh, checkerboard(mesh, 1.0, ratio))
    exact = np.sqrt(ratio)
    assert found.lower <= exact <= found.upper
    # the board is its own dual: lower · upper = σ₁σ₂
    assert found.lower * found.upper == pytest.approx(
        ratio, rel=1.0e-10 + 2.0 * found.algebraic_error / found.lower
    )


@pytest.mark.parametrize("bi", [0.1, 1.0, 10.0])
@pytest.mark.parametrize("size", [[20, 20], [20, 20, 20]], ids=["2D", "3D"])
def test_bricks(size: list, bi: float) -> None:
    """Bounds by insulating, and by equipotential, planes through the boundaries along, and across, the field.

    Bricks of d = 10 µm and the field along their edges. Equipotential planes: boundaries across the field in
    series with a layer of grains and boundaries in parallel. Insulating planes: columns of grains with
    boundaries in series, and of boundaries, in parallel. Either differs from the other by δ/d alone.
    """
    changed = {
        "geometry.size_um": size,
        "grains.arrangement": "brick",
        "grains.boundary": "mirror",
        "grain_boundary.conductivity_S_per_cm": 5.0e-4 * 5.0e-4 / bi,
        "output.bracket": True,
    }
    facts = solved(changed).result.transport.bracket
    thin, ratio = 0.005 / 20.0, 5.0e-4 / bi  # one boundary in 20 µm
    open_share = (1.0 - thin) ** (len(size) - 1)
    layer = open_share + (1.0 - open_share) * ratio
    upper = 1.0 / ((1.0 - thin) / layer + thin / ratio)
    lower = open_share / ((1.0 - thin) + thin / ratio) + (1.0 - open_share) * ratio
    assert facts.sigma_eff_S_per_cm.lower <= 5.0e-4 * upper * (1.0 + 1.0e-9)
    assert facts.sigma_eff_S_per_cm.upper >= 5.0e-4 * lower * (1.0 - 1.0e-9)
    assert facts.relative_width < 2.0e-3


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("cell", [{}, LAYERS, {"electrodes.asr_ohm_cm2": 5.0}], ids=["bare", "HL", "ASR"])
@pytest.mark.parametrize("grains", [{}, FLAT], ids=["3D", "2D"])
def test_bounds_agree_with_each_other_and_with_the_reactions(grains: dict, cell: dict, order: int) -> None:
    transport = solved(grains, cell, {"solver.order": order, "output.bracket": True}).result.transport
    facts = transport.bracket
    assert 0.0 < facts.lower_S < facts.upper_S
    assert facts.relative_width < 0.05
    assert facts.algebraic_error <= 0.01 * (facts.upper_S - facts.lower_S)
    # currents from reactions are those of the computed potential, which gives the upper bound
    assert transport.asr_ohm_cm2 == pytest.approx(facts.asr_ohm_cm2.lower, rel=1.0e-8)
    if cell:
        assert facts.sigma_eff_S_per_cm.lower is facts.sigma_eff_S_per_cm.upper is None
        assert "series" in facts.sigma_eff_reason
    else:
        assert facts.sigma_eff_reason is None
        assert transport.sigma_eff_S_per_cm == pytest.approx(facts.sigma_eff_S_per_cm.upper, rel=1.0e-8)


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("ratio", [5.0e-3, 5.0e-5, 1.0e-6], ids=["Bi 0.1", "Bi 10", "Bi 500"])
def test_a_polycrystal_and_its_dual(ratio: float, order: int) -> None:
    """Keller's product of the two conductances is 1, with true layers: between the products of the bounds."""
    mesh = solved(TINY).snapshot.mesh
    grains = np.random.default_rng(3).uniform(0.5, 2.0, mesh.n_grains)
    sigma = np.where(mesh.region < 0, ratio, grains[mesh.region])
    pair = [
        solved_on_one_rank(m, s, order=order, bracket=True).bracket
        for m, s in ((mesh, sigma), (turned(mesh), 1.0 / sigma))
    ]
    lower, upper = (np.prod([getattr(b, side) for b in pair]) for side in ("lower", "upper"))
    assert lower < 1.0 < upper
    assert upper - lower < 0.5


@pytest.mark.parametrize("ratio", [0.1, 1.0, 10.0], ids=lambda ratio: f"ρσ/R = {ratio}")
@pytest.mark.parametrize("intervals", [4, 8])
@pytest.mark.parametrize("dimension", [2, 3])
def test_neutral_inclusions(dimension: int, intervals: int, ratio: float) -> None:
    """The box conducts like its matrix.

    What is certified is the polygon, or polyhedron, in the mesh. It is off by less than linear elements are.
    """
    shell = SHELL_UM * SIGMA_CORE / (RADIUS_UM * ratio)
    matrix = matrix_of(dimension, SIGMA_CORE, shell)
    found = meshed(dimension, intervals)
    bracket = solved_on_one_rank(
        found.mesh, np.array([SIGMA_CORE, shell, matrix])[found.layer], bracket=True
    ).bracket
    exact = matrix * (BOX_UM * 1.0e-6) ** (dimension - 2)
    assert bracket.lower < exact < bracket.upper
    assert bracket.relative_width < 0.01
