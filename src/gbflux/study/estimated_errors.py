"""How far the hot-spot measures may be from those of an infinitely fine mesh, judged by the last two rounds.

An estimate, not a bound: what a measure changed by from the last mesh but one to the last. The pointwise
maximum has no limit where a grain boundary ends at an ideal electrode or on a homogenizing layer; there its
growth with the mesh is given instead, as the exponent p of max ∝ (smallest facet)^−p.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from gbflux.case import Case
from gbflux.flux import HotSpots, Measurement
from gbflux.mesh import LayeredMesh
from gbflux.units import SIDES

#: A measure whose last change is no larger than this share of it counts as converged.
CONVERGED = 0.02
_POINTWISE, _FACET = "max_over_mean", "smallest_facet_um"


def hot_spot_errors(
    case: Case, mesh: LayeredMesh, measurements: Sequence[Measurement]
) -> dict[str, dict[str, Any]]:
    """Errors of the hot-spot measures, in a tree parallel to theirs.

    Parameters
    ----------
    case : Case
    mesh : LayeredMesh
        The last mesh.
    measurements : sequence of Measurement
        One for each round.

    Returns
    -------
    dict
        ``hot_spots`` and ``hot_spots_electrolyte``, each by side.
    """
    found: dict[str, dict[str, Any]] = {}
    for part in ("hot_spots", "hot_spots_electrolyte"):
        found[part] = {}
        for side in getattr(measurements[-1], part):
            spots = [getattr(m, part)[side] for m in measurements]
            singular = part == "hot_spots_electrolyte" or _is_singular(case, mesh, side)
            found[part][side] = side_errors(spots, singular and len(mesh.boundaries) > 0)
    return found


def _is_singular(case: Case, mesh: LayeredMesh, side: str) -> bool:
    """Whether grain boundaries end at an ideal electrode on this side."""
    asr = case.electrode_asr[SIDES.index(side)]
    return asr == 0.0 and side not in mesh.slabs


def side_errors(spots: Sequence[HotSpots], singular: bool) -> dict[str, Any]:
    """Errors of the measures of one plane.

    Parameters
    ----------
    spots : sequence of HotSpots
        One for each round.
    singular : bool
        Whether the field on the plane has no largest value.

    Returns
    -------
    dict
        For each measure ``estimated_error`` (None with a single round, or where it is not defined) and
        ``converged``; for the pointwise maximum also ``divergent`` and ``observed_exponent``.
    """
    values = [asdict(spot) for spot in spots[-2:]]
    tree = {name: _errors(values[-1][name], values[0][name], len(values) > 1) for name in values[-1]}
    del tree[_FACET]
    pointwise = tree[_POINTWISE]
    if singular:
        pointwise |= {"estimated_error": None, "converged": False}
    tree[_POINTWISE] = {**pointwise, "divergent": singular, "observed_exponent": observed_exponent(spots)}
    return tree


def _errors(last: Any, before: Any, known: bool) -> Any:
    """Error of a measure, or of each of a family."""
    if isinstance(last, dict):
        return {name: _errors(last[name], before[name], known) for name in last}
    if last is None or before is None or not known:
        return {"estimated_error": None, "converged": False}
    change = abs(float(last) - float(before))
    return {"estimated_error": change, "converged": change <= CONVERGED * abs(float(last))}


def observed_exponent(spots: Sequence[HotSpots]) -> float | None:
    """p of max ∝ (smallest facet)^−p by least squares over all rounds; None where facets hardly differ.

    >>> from types import SimpleNamespace as Spot
    >>> spots = [Spot(max_over_mean=h**-0.25, smallest_facet_um=h) for h in (0.4, 0.2, 0.1)]
    >>> round(observed_exponent(spots), 12)
    0.25
    """
    facet = np.log([getattr(spot, _FACET) for spot in spots])
    largest = np.log([getattr(spot, _POINTWISE) for spot in spots])
    if np.ptp(facet) < np.log(1.5):
        return None
    facet -= facet.mean()
    return float(-(facet @ (largest - largest.mean())) / (facet @ facet))
