"""The weak form of ohmic conduction, in the scaled quantities of `scaling`.

Find φ with  ∫ σ∇φ·∇v dx + Σ_e ∫_e κ_e (φ − V_e) v ds = 0  for all v that vanish on the ideal electrodes,
where φ = V_e. κ_e is the exchange coefficient of an electrode with a charge-transfer resistance: σ ∂φ/∂n =
κ_e (V_e − φ). No current crosses the rest of the boundary (the natural condition). Holds in 2D and 3D and for
every polynomial order.
"""

from __future__ import annotations

import ufl
from ufl.core.expr import Expr


def conduction(sigma: Expr, phi: Expr, v: Expr) -> ufl.Form:
    """Return ∫ σ∇φ·∇v dx, the current that enters through v."""
    return sigma * ufl.inner(ufl.grad(phi), ufl.grad(v)) * ufl.dx


def exchange(kappa: Expr, phi: Expr, v: Expr, ds: ufl.Measure) -> ufl.Form:
    """Return ∫ κφv ds, the part of a resistive electrode's current that the potential beside it sets."""
    return kappa * ufl.inner(phi, v) * ds


def drive(kappa: Expr, potential: Expr, v: Expr, ds: ufl.Measure) -> ufl.Form:
    """Return ∫ κVv ds, the part of a resistive electrode's current that the metal's potential sets."""
    return kappa * ufl.inner(potential, v) * ds


def current_density(sigma: Expr, phi: Expr) -> Expr:
    """Return −σ∇φ."""
    return -sigma * ufl.grad(phi)
