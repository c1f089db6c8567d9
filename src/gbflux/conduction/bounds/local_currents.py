"""The current through part of an electrode between two certified bounds.

Let the metal have the potential h on the electrodes, continuous and linear on each facet of the mesh, and

    E(h) = min ∫ σ|∇φ|² dx + Σ_e ∫_e κ_e (φ − h)² ds    over φ = h at ideal electrodes,

a quadratic form of h; let B(g, w) be its bilinear form. With φ the minimiser for g and W any continuation of
w into the cell, the first variation says B(g, w) = ∫ σ∇φ·∇W dx. So for g = the potentials applied and w = 1
on part of one electrode and 0 on the rest and on the other, B(g, w) is the current that enters through that
part, weighted with w:

    Q = ∫ w σ ∂φ/∂n ds = B(g, w) = [E(g + t w) − E(g − t w)]/(4t)    for every t > 0.

It counts along the mean current: at the electrode of lower potential it is −B(g, w), and −w takes the place
of w below. With linear elements the same form is P(g, w) = Σ w_i r_i, r_i the reactions.

Two bounds on an energy. P(h) ≥ E(h), P the power of any Lagrange potential that has h at ideal electrodes,
which it can, h being linear on facets. C(h) ≤ E(h), C the least power of Crouzeix–Raviart potentials v that
have the mean of h at the centres of an ideal electrode's facets, with κ|F|(v − mean of h)² on facets F of
others. The proof in `bracket` holds: let v have the mean of φ at each facet's centre; on an ideal electrode
that is the mean of h, on another v − mean of h is the mean of φ − h, and Jensen's inequality bounds its
square. Each electrode enters by itself, so one may be ideal and the other not. With elements of order 2 the
linear function nearest to φ on each facet takes the place of the mean; as h is linear there, the one nearest
to φ − h is λ − h.

Two bounds on Q. The computed potentials u and v of both kinds are linear in h, so those for g and w give them
for g ± t w, and, with P and C for the forms of these potentials,

    Q ≤ [P(g + t w) − C(g − t w)]/(4t) = [P(g, w) + C(g, w)]/2 + (Δ_g/t + t Δ_w)/4,   Δ_h = P(h, h) − C(h, h),
    Q ≥ [C(g + t w) − P(g − t w)]/(4t) = [P(g, w) + C(g, w)]/2 − (Δ_g/t + t Δ_w)/4,

the narrowest at t = √(Δ_g/Δ_w): the mean of both values of Q, more or less √(Δ_g Δ_w)/2. No better bound can
be had from these six numbers: P − B and B − C are known to be positive semidefinite and nothing else.

Not converged, yet bounds. P needs no minimum. C(h) of a potential off the minimum by ε_h is too large by
‖ε_h‖², the norm that of the power at h = 0, and ‖ε_g ± t ε_w‖ ≤ ‖ε_g‖ + t‖ε_w‖. So with the excesses
x_h ≥ ‖ε_h‖² of `minimise`, Δ_h becomes Δ_h + x_h, and the half-width, at whatever t, grows by √(x_g x_w)/2.
Sums are wrong by `ROUND_OFF` of their terms, those of B(g, w) by no more than that of √(P(g) P(w)).

By the maximum principle no current enters at the electrode of lower potential and none leaves at the other,
so 0 ≤ Q ≤ E(g) for 0 ≤ w ≤ 1; bounds are cut off there.

Where the width is: Δ_g and Δ_w are sums over cells (`bracket`), so the width √(Δ_g Δ_w) is the sum of
(√(Δ_w/Δ_g) Δ_g,K + √(Δ_g/Δ_w) Δ_w,K)/2; where a cell is refined both gaps fall.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from gbflux.conduction.bounds.bracket import ROUND_OFF, ConductanceBounds, least_power, minimise, with_lift
from gbflux.conduction.bounds.crouzeix_raviart import Applied
from gbflux.conduction.records import Array, LocalCurrent

#: The excess of a weight's potentials is at most this share of its power, above, and of its gap, below: that
#: widens an interval by less than a hundredth.
ABOVE, BELOW = 1.0e-7, 1.0e-2


@dataclass(frozen=True)
class Gap:
    """Bounds on the energy for one h: P(h, h), P(h, h) − C(h, h) with all errors, and the excess x_h."""

    highest: float
    width: float
    excess: float


def local_current(bounds: ConductanceBounds, weight: Array, is_top: bool, gap: Array) -> LocalCurrent | None:
    """Bound the scaled current through part of an electrode; *collective*.

    Parameters
    ----------
    bounds : ConductanceBounds
        On the conductance.
    weight : (n_nodes,) float64 array
        w at the local geometry nodes, from 0 to 1, zero but on the plane of one electrode.
    is_top : bool
        Whether that is the top one, whose scaled potential is the higher.
    gap : (m_local,) float64 array
        Contribution of each local cell to the bracket of the conductance.

    Returns
    -------
    LocalCurrent or None
        For scaled potentials 1 apart, `gap` by local cell; None where round-off spoils a preconditioner.
    """
    upper = _least_above(bounds, weight)
    highest, above = bounds.power.mutual(upper, upper), bounds.power.mutual(bounds.upper, upper)
    problem = bounds.problem.with_metal(weight, upper[0])
    lowest, found, v = least_power(problem, bounds.preconditioner, highest, BELOW, bounds.settings)
    problem.rhs.destroy()
    if not math.isfinite(found.excess + bounds.minimum.excess):
        return None
    lower = v, problem.applied
    below = problem.form.mutual(bounds.lower, lower)
    sign = 1.0 if is_top else -1.0
    of_g = _gap(bounds.highest, bounds.lowest, bounds.minimum.excess)
    of_w = _gap(highest, lowest, found.excess)
    middle, half = sign * (above + below) / 2.0, _half_width(of_g, of_w)
    shares = gap, problem.form.gap(upper, lower)
    return LocalCurrent(
        value=sign * above,
        lower=max(0.0, middle - half),
        upper=min(bounds.highest * (1.0 + ROUND_OFF), middle + half),
        iterations=found.iterations,
        gap=_by_cell(of_g, of_w, *shares),
    )


def _least_above(bounds: ConductanceBounds, weight: Array) -> Applied:
    """Return a Lagrange potential of nearly the least power for a weight; *collective*."""
    applied = bounds.power.applied(weight)
    lift = np.zeros(len(applied))
    lift[bounds.upper_fixed] = applied[bounds.upper_fixed]
    residual = bounds.power.load(applied, bounds.upper_fixed)
    solution = residual.duplicate()
    solution.set(0.0)
    start = bounds.power.mutual((lift, applied), (lift, applied))
    minimise(
        bounds.upper_matrix,
        residual,
        solution,
        bounds.upper_preconditioner.apply,
        lambda lowered: ABOVE * (start - lowered),
        bounds.settings.max_iterations,
    )
    values = with_lift(solution, lift)
    residual.destroy()
    solution.destroy()
    return values, applied


def _gap(highest: float, lowest: float, excess: float) -> Gap:
    """Return how far an energy is known, round-off included."""
    width = highest - lowest + excess + ROUND_OFF * (highest + abs(lowest))
    return Gap(highest, max(width, 0.0), excess)


def _half_width(one: Gap, other: Gap) -> float:
    """Return half the length of the interval."""
    half = (math.sqrt(one.width * other.width) + math.sqrt(one.excess * other.excess)) / 2.0
    return half + ROUND_OFF * math.sqrt(one.highest * other.highest)


def _by_cell(of_g: Gap, of_w: Gap, gap_g: Array, gap_w: Array) -> Array:
    """Return the cells' contributions to the width of the interval."""
    ratio = math.sqrt(of_w.width / of_g.width)
    return (ratio * gap_g + gap_w / ratio) / 2.0 if ratio > 0.0 else np.zeros(len(gap_g))
