"""Estimated discretisation errors of the measures of one solve, from what that solve has.

Hot spots. The current density j_h of a plane (`planes`) is averaged over the patches of its nodes, once and
once more: fields of the same current on coarser and coarser facets. What a measure changes by from j_h to
them tells what finer facets would change, and how much it hangs on which facets the mesher happened to make.
With m the measure of j_h and m₁, m₂ those of the averaged fields the estimate is

    a max(|m − m₁|, |m − m₂|/2) + b |m| D,     D = rms(j₁ − j_h)/J̄, at most 1,

D the same for the field as a whole, so that a measure that happens to agree on all three is not thought to be
exact. `_FACTORS` has a and b of each measure, found by experiment: such that the estimate covers the true
errors of random cases against meshes several times finer (docs/verification.md).

Conductivity and resistance. They are powers at given current or voltage, so their relative error is that of
the energy, ‖∇(φ − φ_h)‖² in the norm of σ over ‖∇φ_h‖². In grains and homogenizing layers the gradient is
estimated by the recovered one, continuous in each region and linear in each cell, its nodal values the means
over the cells around the nodes: O. C. Zienkiewicz, J. Z. Zhu, Int. J. Numer. Methods Eng. 24 (1987) 337,
doi:10.1002/nme.1620240206. `_RECOVERED` times that is the estimate, found likewise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gbflux.conduction.records import Fields
from gbflux.flux import distribution
from gbflux.flux.hl_profile import HLProfile, fit_decay
from gbflux.flux.hot_spots import HotSpots, hot_spots, mean_density
from gbflux.flux.planes import PlaneFacets, PlaneNodes
from gbflux.mesh.records import ELECTROLYTE, CellKind, LayeredMesh, is_kind, those

#: A measure whose estimated error is no larger than this share of it counts as converged.
CONVERGED = 0.02
#: a and b by measure, see above; the families `window_max_over_mean` and `area_fraction_above` by member.
_FACTORS = {
    "max_over_mean": (3.0, 0.0),
    "p95_over_mean": (3.0, 0.1),
    "p99_over_mean": (3.0, 0.1),
    "p999_over_mean": (3.0, 0.1),
    "window_max_over_mean": (3.0, 0.2),
    "grain_max_over_mean": (2.5, 0.02),
    "grain_max_over_median": (2.5, 0.02),
    "grain_max_over_min": (2.5, 0.02),
    "grain_max_over_mean_area_cut": (2.5, 0.02),
    "rms_over_mean": (3.0, 0.02),
    "gini": (3.0, 0.05),
    "area_fraction_above": (3.0, 0.1),
}
_RECOVERED = 2.0
_HOMOGENIZED, _DECAY = 0.1, 0.05  # shares of the values
_PARTS_OF_FIT = (slice(2, None), slice(None, -2))
_SOLID = (CellKind.GRAIN, CellKind.HL)


def plane_errors(
    facets: PlaneFacets,
    nodes: PlaneNodes,
    n_grains: int,
    mean_grain_size_um: float,
    spots: HotSpots,
    is_singular: bool,
) -> dict[str, Any]:
    """Estimate the errors of the hot-spot measures of one plane.

    Parameters
    ----------
    facets, nodes, n_grains, mean_grain_size_um
        What `hot_spots` was given.
    spots : HotSpots
        What it found.
    is_singular : bool
        Whether boundaries end on the plane where nothing limits the current: the largest value then grows
        without limit as the mesh is refined.

    Returns
    -------
    dict
        A tree parallel to `spots`: for each measure ``estimated_error`` (None where the measure is) and
        ``converged``, for the pointwise maximum also ``divergent``; its error is None where that is so.
    """
    position = np.searchsorted(nodes.node, facets.nodes)
    once = replace(nodes, current=_averaged(facets, nodes, position))
    twice = replace(nodes, current=_averaged(facets, once, position))
    coarse = [asdict(hot_spots(facets, field, n_grains, mean_grain_size_um)) for field in (once, twice)]
    change = (once.density - nodes.density)[position] / mean_density(facets, nodes)
    whole = min(1.0, distribution.root_mean_square(change, facets.area))
    tree: dict[str, Any] = {}
    for name, factors in _FACTORS.items():
        tree[name] = _errors(getattr(spots, name), [view[name] for view in coarse], factors, whole)
    tree["max_over_mean"]["divergent"] = is_singular
    if is_singular:
        tree["max_over_mean"] |= {"estimated_error": None, "converged": False}
    return tree


def _averaged(facets: PlaneFacets, nodes: PlaneNodes, position: NDArray[np.intp]) -> NDArray[np.float64]:
    """Currents of the nodes when j_h is replaced by its means over patches; their sum stays as it is."""
    corners = facets.nodes.shape[1]
    mean = (nodes.current / nodes.area)[position].mean(axis=1)
    share = np.repeat(mean * facets.area / corners, corners)
    return np.bincount(position.ravel(), share, minlength=len(nodes.node))


def _errors(value: Any, coarse: list[Any], factors: tuple[float, float], whole: float) -> Any:
    """Error of a measure, or of each of a family."""
    if isinstance(value, Mapping):
        return {key: _errors(value[key], [view[key] for view in coarse], factors, whole) for key in value}
    if value is None:
        return error(None, None)
    once, twice = (abs(value - view) if view is not None else 0.0 for view in coarse)
    a, b = factors
    return error(value, a * max(once, twice / 2) + b * abs(value) * whole)


def transport_errors(
    mesh: LayeredMesh, fields: Fields, volume: NDArray[np.float64], sigma_eff: float, asr: float
) -> dict[str, Any]:
    """Estimate the errors of the conductivity and the resistance.

    Parameters
    ----------
    mesh : LayeredMesh
    fields : Fields
    volume : (m,) float64 array
        Of the cells (µm³; in 2D µm²).
    sigma_eff, asr : float
        The values (S/m; Ω m²).

    Returns
    -------
    dict
        ``sigma_eff`` and ``asr``, errors in their units.
    """
    in_electrolyte = is_kind(mesh.kind, ELECTROLYTE)
    energy = np.einsum("ci,ci->c", fields.j, fields.j) * volume / fields.sigma
    wrong = _recovered_energy(mesh, fields, volume)
    electrolyte, whole = (
        _RECOVERED * float(wrong[chosen].sum() / energy[chosen].sum())
        for chosen in (in_electrolyte, slice(None))
    )
    return {"sigma_eff": error(sigma_eff, electrolyte * sigma_eff), "asr": error(asr, whole * asr)}


def _recovered_energy(mesh: LayeredMesh, fields: Fields, volume: NDArray[np.float64]) -> NDArray[np.float64]:
    """∫ |j − recovered j|²/σ of each cell, zero in layers, (m,) (W µm³/m³; the unit cancels)."""
    cells = those(is_kind(mesh.kind, _SOLID))
    corners, v = mesh.cells[cells], volume[cells]
    around = np.zeros(len(mesh.points))
    for corner in corners.T:
        around += np.bincount(corner, v, len(around))
    around[around == 0] = 1.0
    d, found = mesh.dimension, np.zeros(len(volume))
    square = np.zeros(len(corners))
    for j in np.ascontiguousarray(fields.j[cells].T):
        weighted, total = v * j, np.zeros(len(around))
        for corner in corners.T:
            total += np.bincount(corner, weighted, len(around))
        total /= around
        off = [total.take(corner) - j for corner in corners.T]
        # the mean square of a linear function with these values at d + 1 corners
        square += sum(x * x for x in off) + sum(off) ** 2
    found[cells] = square * v / ((d + 1) * (d + 2) * fields.sigma[cells])
    return found


def profile_errors(profile: HLProfile) -> dict[str, Any]:
    """Estimate the errors of what the profile across a homogenizing layer says.

    Planes are half a mesh size apart. `homogenized_at_um` hangs on the largest value of a plane, set by a few
    cells: its error is that of a shift by one plane, and by as much as the curve is uneven there. That of
    `decay_length_um` is what it changes by when the nearest planes or the farthest are left out of the fit.

    Returns
    -------
    dict
        ``homogenized_at_um`` and ``decay_length_um``.
    """
    distance = np.asarray(profile.distance_um)
    step = float(np.diff(distance).max())
    at, length = profile.homogenized_at_um, profile.decay_length_um
    shift = None if at is None else step + _HOMOGENIZED * at
    change = None
    if length is not None:
        std, thickness = np.asarray(profile.std_over_mean), float(distance[-1])
        others = [fit_decay(distance[part], std[part], thickness) for part in _PARTS_OF_FIT]
        lengths = [fit[0] for fit in others if fit is not None]
        change = _DECAY * length + max((abs(x - length) for x in lengths), default=0.0)
    return {"homogenized_at_um": error(at, shift), "decay_length_um": error(length, change)}


def error(value: float | None, estimate: float | None) -> dict[str, Any]:
    """The record of an estimate: the error, and whether it is small beside the value."""
    small = value is not None and estimate is not None and estimate <= CONVERGED * abs(value)
    return {"estimated_error": None if estimate is None else float(estimate), "converged": small}


def observed_exponent(spots: Sequence[HotSpots]) -> float | None:
    """p of max ∝ (smallest facet)^−p by least squares over all rounds; None where facets hardly differ.

    >>> from types import SimpleNamespace as Spot
    >>> spots = [Spot(max_over_mean=h**-0.25, smallest_facet_um=h) for h in (0.4, 0.2, 0.1)]
    >>> round(observed_exponent(spots), 12)
    0.25
    """
    facet = np.log([spot.smallest_facet_um for spot in spots])
    largest = np.log([spot.max_over_mean for spot in spots])
    if np.ptp(facet) < np.log(1.5):
        return None
    facet -= facet.mean()
    return float(-(facet @ (largest - largest.mean())) / (facet @ facet))
