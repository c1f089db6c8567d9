"""Estimated discretisation errors of the measures of one solve, from what that solve has.

Two things make a measure m of the current density j_h of a plane (`planes`) wrong.

The facets of the plane. Averaged over the patches of its nodes, once and once more, j_h becomes a field of
the same current on coarser and coarser facets. The changes of m to these fields, m₁ and m₂, show what
finer facets would change, and how much it hangs on the facets that the mesher happened to make. It decides
where boundaries end on ideal electrodes and on homogenizing layers.

The cells of the whole mesh. The potential has the relative energy error e = ‖∇(φ − φ_h)‖²/‖∇φ_h‖², norms
weighted with σ, and what j_h varies by on the plane is wrong by some √e of it. It decides on electrodes
that a layer or a resistance keeps smooth. It is estimated by the recovered current density.

So the estimate is, m₀ the value that a uniform current has,

    a max(|m − m₁|, |m − m₂|) + b √e |m − m₀|.

A share of the area above k J̄ may be zero in all three fields and yet wrong: it also counts the area within
the error of the 99 % quantile of k J̄.

Conductivity and resistance are powers at given current or voltage: their relative errors are energy errors,
of the electrolyte and of the cell, times a factor.

a, b (at the fields of `HotSpots`) and the factor are measured: they cover the true errors of random cases
against meshes several times finer (docs/verification.md), and say nothing of a single case with certainty.

The recovered current density. That of linear elements is constant in each cell. The recovered one is
continuous in each region and linear in each cell, its nodal values the means over the cells around the nodes,
weighted with their volumes: O. C. Zienkiewicz, J. Z. Zhu, Int. J. Numer. Methods Eng. 24 (1987) 337,
doi:10.1002/nme.1620240206. It is nearer to the true one, so that ∫ |J − J_recovered|²/σ estimates the error ∫
σ|∇(φ − φ_h)|². Between grains and layers the current density jumps; as each region owns its nodes, means are
not taken across.

The indicator says where a mesh must become finer for the current's distribution on the planes. Two parts,
each a share of one, are added cell by cell. In the bulk: the energy that the recovered current density finds
lacking, over all energy; it needs no bracket, and holds where electrodes have kinetics. On electrodes and
where the electrolyte ends: what piecewise linear current densities lack on their facets. With slopes G at the
corners, means of those of the facets around, j_h misses on an edge from a to b about (G_b − G_a)·(b − a)/12
in the mean. The area mean of this over the mean current density is by how much the distribution of j_h over
area is shifted, in the mean (its Wasserstein distance). Where j_h is above its mean it counts j_h times over,
for so it counts in the root mean square. Junctions of layers count on planes alone: elsewhere nothing that is
measured hangs on them.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gbflux.conduction.records import Fields
from gbflux.measure import distribution
from gbflux.measure.hl_profile import HLProfile, fit_decay
from gbflux.measure.hot_spots import HotSpots, hot_spots, mean_density
from gbflux.measure.metrics import Metric, metric_fields
from gbflux.measure.planes import PlaneFacets, PlaneNodes, electrode_plane, electrolyte_end
from gbflux.mesh import ELECTROLYTE, CellKind, Mesh, contiguous_slice, is_kind
from gbflux.mesh.simplices import signed_volumes
from gbflux.units import OHM_M2_TO_OHM_CM2, S_PER_M_TO_S_PER_CM, SIDES

#: A measure whose estimated error is no larger than this share of it counts as converged.
CONVERGED = 0.02
#: Relative error of conductivity and resistance over the energy error.
_ENERGY = 2.5
_HOMOGENIZED, _DECAY = 0.1, 0.1  # shares of the values
_PARTS_OF_FIT = (slice(2, None), slice(None, -2))
_SOLID = (CellKind.GRAIN, CellKind.HL)
_GROUPS = (_SOLID, (CellKind.GB,))  # means of the recovered current density are taken within each


def plane_errors(
    facets: PlaneFacets,
    nodes: PlaneNodes,
    n_grains: int,
    mean_grain_size_um: float,
    spots: HotSpots,
    energy_error: float,
    is_singular: bool,
) -> dict[str, Any]:
    """Estimate the errors of the hot-spot measures of one plane.

    Parameters
    ----------
    facets, nodes, n_grains, mean_grain_size_um
        The arguments that `hot_spots` was given.
    spots : HotSpots
        Its result.
    energy_error : float
        e, from `energy_errors` (1).
    is_singular : bool
        Whether boundaries end on the plane where nothing limits the current: the largest value then grows
        without limit as the mesh is refined.

    Returns
    -------
    dict
        A tree parallel to `spots`: for each measure ``estimated_error`` (None where the measure is) and
        ``converged``, for the pointwise maximum also ``divergent``; its error is None where that is so.
    """
    once = replace(nodes, current=_averaged(facets, nodes))
    twice = replace(nodes, current=_averaged(facets, once))
    coarse = [asdict(hot_spots(facets, field, n_grains, mean_grain_size_um)) for field in (once, twice)]
    tree: dict[str, Any] = {}
    for name, measure, (a, b) in _factors(facets.nodes.shape[1]):
        views = [view[name] for view in coarse]
        tree[name] = _errors(getattr(spots, name), views, measure.uniform, a, b * energy_error**0.5)
    _add_area_within(tree, facets, nodes, spots)
    tree["max_over_mean"]["divergent"] = is_singular
    if is_singular:
        tree["max_over_mean"] |= {"estimated_error": None, "converged": False}
    return tree


@functools.cache
def _factors(dimension: int) -> list[tuple[str, Metric, tuple[float, float]]]:
    """Measures with the a and b of their errors; last those where these depend on the dimension."""
    alike, others = [], []
    for name, measure in metric_fields(HotSpots).items():
        if isinstance(measure.error, tuple):
            alike.append((name, measure, measure.error))
        elif measure.error is not None:
            others.append((name, measure, measure.error[dimension]))
    return alike + others


def _averaged(facets: PlaneFacets, nodes: PlaneNodes) -> NDArray[np.float64]:
    """Currents of the nodes when j_h is replaced by its means over patches; their sum stays as it is (A)."""
    position, corners = np.searchsorted(nodes.node, facets.nodes), facets.nodes.shape[1]
    mean = (nodes.current / nodes.area)[position].mean(axis=1)
    share = np.repeat(mean * facets.area / corners, corners)
    current = np.bincount(position.ravel(), share, minlength=len(nodes.node))
    return current  # type: ignore[return-value]  # with weights it sums floats


def _errors(value: Any, coarse: list[Any], uniform: float, a: float, b: float) -> Any:
    """Error of a measure, or of each of a family; `b` with √e in it."""
    if isinstance(value, Mapping):
        return {key: _errors(value[key], [view[key] for view in coarse], uniform, a, b) for key in value}
    if value is None:
        return error(None, None)
    change = max(abs(value - view) if view is not None else 0.0 for view in coarse)
    return error(value, a * change + b * abs(value - uniform))


def _add_area_within(tree: dict[str, Any], facets: PlaneFacets, nodes: PlaneNodes, spots: HotSpots) -> None:
    """Add to errors of area fractions the area whose current density is within its error of the limit."""
    j = nodes.at_corners(facets) / mean_density(facets, nodes)
    margin = tree["p99_over_mean"]["estimated_error"] / spots.p99_over_mean
    limits = np.array([float(name) for name in spots.area_fraction_above])
    near = distribution.share_above(
        j, facets.area, np.concatenate([limits * (1 - margin), limits * (1 + margin)])
    )
    for (name, share), below, above in zip(
        spots.area_fraction_above.items(), *np.split(near, 2), strict=True
    ):
        found = tree["area_fraction_above"][name]
        found |= error(share, found["estimated_error"] + max(below - share, share - above))


def energy_errors(mesh: Mesh, fields: Fields, volume: NDArray[np.float64]) -> tuple[float, float]:
    """Estimate relative energy errors.

    Parameters
    ----------
    volume : (m,) float64 array
        Of the cells (µm³; in 2D µm²).

    Returns
    -------
    electrolyte, whole : float
        Of the electrolyte alone and of all cells (1).
    """
    all_of_it, lacking = energy(fields, volume), lacking_energy(mesh, fields, volume, _SOLID)
    in_electrolyte = is_kind(mesh.kind, ELECTROLYTE)
    electrolyte, whole = (
        float(lacking[chosen].sum() / all_of_it[chosen].sum()) for chosen in (in_electrolyte, slice(None))
    )
    return electrolyte, whole


def transport_errors(sigma_eff: float, asr: float, electrolyte: float, whole: float) -> dict[str, Any]:
    """Estimate the errors of conductivity and resistance.

    Parameters
    ----------
    sigma_eff : float
        Of the electrolyte (S/m).
    asr : float
        Of the cell (Ω m²).
    electrolyte, whole : float
        From `energy_errors`.

    Returns
    -------
    dict
        By the keys of `Transport`, in their units.
    """
    return {
        "sigma_eff_S_per_cm": error(sigma_eff, _ENERGY * electrolyte * sigma_eff, S_PER_M_TO_S_PER_CM),
        "asr_ohm_cm2": error(asr, _ENERGY * whole * asr, OHM_M2_TO_OHM_CM2),
    }


def profile_errors(profile: HLProfile) -> dict[str, Any]:
    """Estimate the errors of the lengths read off the profile across a homogenizing layer.

    Planes are half a mesh size apart. `homogenized_at_um` hangs on the largest value of a plane, set by a few
    cells: its error is one plane's distance and a tenth of it. That of `decay_length_um` is a tenth of it
    and what it changes by when the nearest planes or the farthest are left out of the fit. Both shares are
    round numbers that cover nearly all of the cases in docs/verification.md.

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


def error(value: float | None, estimate: float | None, unit: float = 1.0) -> dict[str, Any]:
    """The record of an estimate: the error, and whether it is small beside the value.

    Parameters
    ----------
    value, estimate : float or None
        Both in one unit.
    unit : float
        Factor from it to the unit of the record.
    """
    if estimate is None or not math.isfinite(estimate):
        return {"estimated_error": None, "converged": False}
    small = value is not None and bool(estimate <= CONVERGED * abs(value))
    return {"estimated_error": float(estimate) * unit, "converged": small}


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


def indicator(mesh: Mesh, fields: Fields) -> NDArray[np.float64]:
    """Contribution of each cell to the error of the distributions, bulk and planes together.

    Returns
    -------
    (m,) array
        Of the order of relative errors (1); its sum is an indication, no estimate.
    """
    found = lost_energy(mesh, fields)
    for facets, nodes in planes(mesh, fields):
        counted = nodes.at_corners(facets).mean(axis=1) / mean_density(facets, nodes)
        np.add.at(found, facets.cell, facet_defects(facets, nodes) * np.maximum(1.0, counted))
    return found


def planes(mesh: Mesh, fields: Fields) -> list[tuple[PlaneFacets, PlaneNodes]]:
    """Electrodes, and the ends of the electrolyte at homogenizing layers."""
    ends = [electrolyte_end(mesh, fields, side) for side in mesh.slabs]
    return [electrode_plane(mesh, fields, side) for side in SIDES] + ends


def lost_energy(mesh: Mesh, fields: Fields) -> NDArray[np.float64]:
    """Energy of the distance of each cell's current density from the recovered one, over all energy, (m,)."""
    volume = np.abs(signed_volumes(mesh.points, mesh.cells))
    lacking = np.sum([lacking_energy(mesh, fields, volume, kinds) for kinds in _GROUPS], axis=0)
    share: NDArray[np.float64] = (mesh.dimension + 2) * lacking / float(energy(fields, volume).sum())
    return share


def facet_defects(facets: PlaneFacets, nodes: PlaneNodes) -> NDArray[np.float64]:
    """Error in the distribution of j_h on a plane due to each facet, (k,)."""
    at = np.searchsorted(nodes.node, facets.nodes)
    values = nodes.density[at] / mean_density(facets, nodes)
    sides = facets.points[:, 1:] - facets.points[:, :1]
    slope = np.linalg.solve(sides, (values[:, 1:] - values[:, :1])[:, :, None])[:, :, 0]
    of_node = np.stack([_mean_of_facets(at, facets.area, component) for component in slope.T], axis=1)
    missed = np.zeros(len(facets.area))
    pairs = list(combinations(range(at.shape[1]), 2))
    for a, b in pairs:
        edge = facets.points[:, b] - facets.points[:, a]
        missed += np.abs(np.einsum("fc,fc->f", of_node[at[:, b]] - of_node[at[:, a]], edge)) / 12
    # a triangle's interpolation misses 3/4 of what its three edges miss together
    missed *= 1.0 if len(pairs) == 1 else 0.75
    return missed * facets.area / float(facets.area.sum())


def _mean_of_facets(
    at: NDArray[np.integer[Any]], area: NDArray[Any], values: NDArray[Any]
) -> NDArray[np.float64]:
    """Mean at each node of the values of the facets around it, weighted with their areas."""
    d = at.shape[1]
    weight = np.bincount(at.ravel(), np.repeat(area, d))
    return np.bincount(at.ravel(), np.repeat(area * values, d)) / weight


def lacking_energy(
    mesh: Mesh, fields: Fields, volume: NDArray[np.float64], kinds: Sequence[CellKind]
) -> NDArray[np.float64]:
    """∫ |J − J_recovered|²/σ in each cell of some kinds, means taken among these; zero in the others.

    Parameters
    ----------
    volume : (m,) float64 array
        Of the cells (µm³; in 2D µm²).

    Returns
    -------
    (m,) array
        In the unit of |J|²·volume/σ, as `energy` is.
    """
    cells = contiguous_slice(is_kind(mesh.kind, kinds))
    corners, v = mesh.cells[cells], volume[cells]

    def at_points(weight: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sums at the mesh points of what the cells around them weigh."""
        sums = [np.bincount(corner, weight, len(mesh.points)) for corner in corners.T]
        return functools.reduce(np.add, sums)  # type: ignore[arg-type]  # with weights they are floats

    around = at_points(v)
    around[around == 0] = 1.0
    d = mesh.dimension
    square = np.zeros(len(corners))
    for j in np.ascontiguousarray(fields.j[cells].T):
        mean = at_points(v * j) / around
        off = [mean.take(corner) - j for corner in corners.T]
        # the mean square of a linear function with the values x at its d + 1 corners is
        # (Σ x² + (Σ x)²)/((d + 1)(d + 2))
        square += sum(x * x for x in off) + sum(off) ** 2
    found = np.zeros(len(volume))
    found[cells] = square * v / ((d + 1) * (d + 2) * fields.sigma[cells])
    return found


def energy(fields: Fields, volume: NDArray[np.float64]) -> NDArray[np.float64]:
    """∫ |J|²/σ in each cell, (m,)."""
    found: NDArray[np.float64] = np.einsum("ci,ci->c", fields.j, fields.j) * volume / fields.sigma
    return found
