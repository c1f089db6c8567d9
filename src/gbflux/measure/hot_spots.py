"""Concentration of the current on a plane: the family of hot-spot measures.

One plane of area A carries the current I; the mean is J̄ = I/A, I the sum of the nodal reactions on the
plane. All measures are of one field, the current density j_h normal to the plane that carries the reactions
(`planes`): continuous, linear on each facet, of mean J̄ on every mesh. Ends of grain boundaries count. The
definitions stand at the fields of `HotSpots`; percentiles, rms, Gini coefficient and area fractions belong to
the distribution of j_h over area (`distribution`), windows are found by `parts`.

Grain measures take reactions: the current of a grain is the sum over the nodes it owns on the plane, its
exposed area the sum of their lumped areas (its own facets and half of each grain-boundary end beside them),
so that the areas sum to A and a uniform field gives every grain exactly J̄. Grains that touch the plane with
a point or an edge alone do not count. All are None for a plane that no grain touches (electrode on a
homogenizing layer).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gbflux.errors import InputError
from gbflux.measure import distribution
from gbflux.measure.metrics import freeze, metric
from gbflux.measure.parts import AREA_CUT, hottest_window
from gbflux.measure.planes import PlaneFacets, PlaneNodes, facet_edges
from gbflux.units import UM_TO_M

#: Window diameters (µm) by the name they have in results.
WINDOWS_UM = {"200_nm": 0.2, "1_um": 1.0, "3_um": 3.0}
#: Multiples of the mean whose excess area is reported.
MULTIPLES = (2, 3, 5, 10)


@dataclass(frozen=True)
class HotSpots:
    """Hot-spot measures of one plane, each defined at its field; dimensionless but for one.

    `mean_over_mean` is None in results of versions that did not have it.
    """

    max_over_mean: float = metric(
        "pointwise max/mean, {place}",
        meaning="set by the mesh too",
        kind="extreme",
        error=(1.0, 2.0),
        definition="largest j_h/J̄, at a node. It grows without limit as the mesh is refined at an ideal "
        "electrode, where the field is singular at the foot of an oblique resistive boundary: set by the "
        "mesh, see above; read it only beside `smallest_facet_um`",
    )
    p95_over_mean: float = metric(
        "P95/mean, {plane}",
        meaning="largest but for 5 % of the area, over the mean",
        kind="extreme",
        error=(1.0, 1.5),
        definition="value that j_h/J̄ does not exceed on 95 % of the area",
    )
    p99_over_mean: float = metric(
        "P99/mean, {plane}",
        meaning="largest but for 1 % of the area, over the mean",
        kind="extreme",
        error=(1.8, 2.0),
        definition="the same for 99 %",
    )
    p999_over_mean: float = metric(
        "P99.9/mean, {plane}",
        meaning="largest but for 0.1 % of the area, over the mean",
        kind="extreme",
        error=(1.0, 2.0),
        definition="the same for 99.9 %",
    )
    window_max_over_mean: Mapping[str, float | None] = metric(
        "{of} window max/mean, {place}",
        meaning="largest mean over {of}",
        kind="extreme",
        of={name: name.replace("_", " ").replace("u", "µ") for name in WINDOWS_UM},
        error={2: (8.0, 3.0), 3: (4.0, 2.0)},  # discs average over more facets than lengths do
        definition="largest mean of j_h, over J̄, in a disc of diameter ℓ = 200 nm, 1 µm, 3 µm (in 2D a "
        "length ℓ) centred on a mesh node and clipped at the box. In 2D the mean is exact; in 3D facets are "
        "cut into parts of at most ℓ/16, and those whose middles lie in the disc count. Where nodes lie "
        "closer than ℓ/6, one centre in each square of that side is tried. null where ℓ is less than two "
        "facets; a facet's length is the mean of the longest edges of the facets that the window touches, "
        "weighted with their areas, ends of layers left out, less 5 % because a mesher does not meet the "
        "length asked for exactly.",
    )
    grain_max_over_mean: float | None = metric(
        "grain max/mean with slivers, {place}",
        meaning="largest mean over a grain",
        kind="extreme",
        error=(2.5, 0.3),
        definition="largest mean current density of a grain (its current over its exposed area), over J̄",
    )
    grain_max_over_median: float | None = metric(
        "grain max/median, {place}",
        meaning="largest mean over a grain, over the median of grains",
        kind="extreme",
        error=(2.5, 0.3),
        definition="the same over the median of the grains, each counting once",
    )
    grain_max_over_min: float | None = metric(
        "grain max/min, {place}",
        meaning="largest mean over a grain, over the smallest",
        kind="extreme",
        error=(2.5, 0.3),
        definition="the same over the smallest of the grains; null unless that is positive",
    )
    grain_max_over_mean_area_cut: float | None = metric(
        "grain max/mean, {place}",
        meaning="largest mean over a grain, slivers left out",
        kind="extreme",
        error=(2.5, 0.3),
        definition="`grain_max_over_mean` among grains with more than 0.1 d^(dimension − 1) exposed, d the "
        "mean grain size; null if there is none",
    )
    rms_over_mean: float = metric(
        "rms/mean, {plane}",
        meaning="1 for a uniform current",
        kind="mean",
        error=(0.3, 3.0),
        definition="root of the area mean of j_h², over J̄: 1 for a uniform current, never less",
    )
    gini: float = metric(
        "Gini coefficient, {plane}",
        meaning="0 for a uniform current",
        kind="mean",
        uniform=0.0,
        error=(2.0, 0.5),
        definition="Gini coefficient of j_h over area: 0 uniform, towards 1 concentrated",
    )
    area_fraction_above: Mapping[str, float] = metric(
        "area above {of} means, {plane}",
        meaning="share of the area",
        kind="share",
        of={str(k): str(k) for k in MULTIPLES},
        uniform=0.0,
        error=(0.5, 0.5),
        definition="share of the area with j_h > 2, 3, 5, 10 J̄",
    )
    smallest_facet_um: float = metric(
        "smallest facet, {plane}",
        "µm",
        kind="length",
        definition="shortest edge of a facet on the plane, ends of layers left out",
    )
    mean_over_mean: float | None = metric(
        "mean/mean of the cell, {plane}",
        meaning="1, or currents do not add up",
        kind="mean",
        default=None,
        definition="area mean of j_h over the mean current density of the whole cell: 1, or currents do not "
        "add up",
    )

    def __post_init__(self) -> None:
        freeze(self, "window_max_over_mean", "area_fraction_above")


def hot_spots(
    facets: PlaneFacets,
    nodes: PlaneNodes,
    n_grains: int,
    mean_grain_size_um: float,
    cell_mean: float | None = None,
) -> HotSpots:
    """Measure how the current concentrates on one plane.

    Parameters
    ----------
    facets : PlaneFacets
        All facets of the plane, seen from the side that is measured.
    nodes : PlaneNodes
        Their nodes, with reactions.
    n_grains : int
        Regions below this number are grains.
    mean_grain_size_um : float
        d, for the area cut-off (µm).
    cell_mean : float, optional
        Mean current density of the whole cell, for `mean_over_mean` (A/m²).

    Raises
    ------
    InputError
        When no current flows through the plane.
    """
    mean = mean_density(facets, nodes)
    j, area, edges = nodes.at_corners(facets) / mean, facets.area, facet_edges(facets)
    p95, p99, p999 = distribution.quantiles(j, area, (0.95, 0.99, 0.999))
    above = distribution.share_above(j, area, MULTIPLES)
    return HotSpots(
        mean_over_mean=None if cell_mean is None else distribution.mean(j, area) * mean / cell_mean,
        max_over_mean=float(j.max()),
        p95_over_mean=float(p95),
        p99_over_mean=float(p99),
        p999_over_mean=float(p999),
        window_max_over_mean=_windows(facets, nodes, mean),
        **_grains(facets, nodes, n_grains, mean_grain_size_um),
        rms_over_mean=distribution.root_mean_square(j, area),
        gini=distribution.gini(j, area),
        area_fraction_above={str(k): float(share) for k, share in zip(MULTIPLES, above, strict=True)},
        smallest_facet_um=float(edges.min()),
    )


def mean_density(facets: PlaneFacets, nodes: PlaneNodes) -> float:
    """Mean current density of a plane: its total current over its area (A/m²).

    Returns
    -------
    float
        Always positive.

    Raises
    ------
    InputError
        When no current flows through the plane.
    """
    total = float(nodes.current.sum())
    if not total > 0:
        raise InputError(
            f"hot spots at z = {facets.z:g} µm: the current through the plane must not be zero; "
            f"got {total:g}. Check the potentials and the conductivities."
        )
    return total / (float(facets.area.sum()) * UM_TO_M ** nodes.lateral.shape[1])


def _windows(facets: PlaneFacets, nodes: PlaneNodes, mean: float) -> dict[str, float | None]:
    """Means of the hottest windows over the mean, None where facets are too large for the window."""
    found = {name: hottest_window(facets, nodes, size) for name, size in WINDOWS_UM.items()}
    return {name: None if window.mean is None else window.mean / mean for name, window in found.items()}


def _grains(
    facets: PlaneFacets, nodes: PlaneNodes, n_grains: int, mean_grain_size_um: float
) -> dict[str, float | None]:
    """Measures over the grains' mean current densities."""
    names = ("max_over_mean", "max_over_median", "max_over_min", "max_over_mean_area_cut")
    result: dict[str, float | None] = {f"grain_{name}": None for name in names}
    exposed = np.unique(facets.grain[facets.grain >= 0])
    if len(exposed) == 0:
        return result
    current, area = (
        np.bincount(nodes.region + 1, v, minlength=n_grains + 1)[1:] for v in (nodes.current, nodes.area)
    )
    density = current[exposed] / area[exposed]
    mean = nodes.current.sum() / nodes.area.sum()
    result["grain_max_over_mean"] = float(density.max() / mean)
    result["grain_max_over_median"] = _ratio(density.max(), np.median(density))
    result["grain_max_over_min"] = _ratio(density.max(), density.min())
    large = area[exposed] > AREA_CUT * mean_grain_size_um ** nodes.lateral.shape[1]
    if large.any():
        result["grain_max_over_mean_area_cut"] = float(density[large].max() / mean)
    return result


def _ratio(value: float, reference: float) -> float | None:
    """Ratio to a reference that must be positive."""
    return float(value / reference) if reference > 0 else None
