"""The weak form of ohmic conduction, in the scaled quantities of `scaling`.

Find φ with  ∫ σ∇φ·∇v dx + Σ_e ∫_e κ_e (φ − V_e) v ds = 0  for all v that vanish on the ideal electrodes,
where φ = V_e. κ_e is the exchange coefficient of an electrode with a charge-transfer resistance: σ ∂φ/∂n =
κ_e (V_e − φ). No current crosses the rest of the boundary (the natural condition). Holds in 2D and 3D and for
every polynomial order. The electrodes' terms are integrated by `electrode_facets`, since an electrode may lie
inside the mesh, with cells on one side only.
"""

from __future__ import annotations

import ufl
from ufl.core.expr import Expr


def conduction(sigma: Expr, phi: Expr, v: Expr, dx: ufl.Measure = ufl.dx) -> ufl.Form:
    """Return ∫ σ∇φ·∇v dx, the current that enters through v."""
    return sigma * ufl.inner(ufl.grad(phi), ufl.grad(v)) * dx


def current_density(sigma: Expr, phi: Expr) -> Expr:
    """Return −σ∇φ."""
    return -sigma * ufl.grad(phi)
