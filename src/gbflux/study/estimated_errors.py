"""How far the hot-spot measures may be from those of an infinitely fine mesh, judged by the last rounds.

An estimate, not a bound. Where errors go with 1/cells, a change from a mesh of N₁ cells to one of N₂ leaves
change/(N₂/N₁ − 1); the largest of what the last two changes leave counts, times `SAFETY`. To that is added by
how much the distribution is off because j_h is linear on facets (`flux.indicator`), so that two equal values
on two coarse meshes do not count as converged. Rounds with hardly fewer cells than the next are passed over.

The pointwise maximum has no limit where a grain boundary ends at an ideal electrode or on a homogenizing
layer; there its growth with the mesh is given instead, as the exponent p of max ∝ (smallest facet)^−p.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from gbflux.case import Case
from gbflux.conduction.records import Fields
from gbflux.flux import HotSpots, Measurement
from gbflux.flux.indicator import facet_defects
from gbflux.flux.measure import electrode_plane, electrolyte_end
from gbflux.mesh import LayeredMesh
from gbflux.units import SIDES

#: A measure whose estimated error is no larger than this share of it counts as converged.
CONVERGED = 0.02
#: What the estimate from changes is multiplied by.
SAFETY = 1.5
#: Cells over those of the mesh before from which on a change tells something.
GROWN = 1.2
_POINTWISE, _FACET = "max_over_mean", "smallest_facet_um"


@dataclass(frozen=True)
class Resolution:
    """How fine a round was.

    Attributes
    ----------
    cells : int
        Of the mesh.
    defects : dict
        By ``hot_spots`` and ``hot_spots_electrolyte`` and by side, by how much the distribution of the
        current density over area is off because it is linear on facets, over its mean (1).
    """

    cells: int
    defects: Mapping[str, Mapping[str, float]]

    @classmethod
    def of(cls, mesh: LayeredMesh, fields: Fields) -> Resolution:
        """That of a mesh with the fields on it."""
        ends = {side: electrolyte_end(mesh, fields, side) for side in mesh.slabs}
        bare = {side: electrode_plane(mesh, fields, side) for side in SIDES}
        parts = {"hot_spots": bare, "hot_spots_electrolyte": ends}
        defects = {
            part: {side: float(facet_defects(*plane).sum()) for side, plane in planes.items()}
            for part, planes in parts.items()
        }
        return cls(len(mesh.cells), defects)


def hot_spot_errors(
    case: Case, mesh: LayeredMesh, measurements: Sequence[Measurement], resolutions: Sequence[Resolution]
) -> dict[str, dict[str, Any]]:
    """Errors of the hot-spot measures of the last round, in a tree parallel to theirs.

    Parameters
    ----------
    case : Case
    mesh : LayeredMesh
        The last mesh.
    measurements, resolutions : sequences of Measurement and of Resolution
        One for each round.

    Returns
    -------
    dict
        ``hot_spots`` and ``hot_spots_electrolyte``, each by side.
    """
    found: dict[str, dict[str, Any]] = {}
    cells = [one.cells for one in resolutions]
    for part in ("hot_spots", "hot_spots_electrolyte"):
        found[part] = {}
        for side in getattr(measurements[-1], part):
            spots = [getattr(m, part)[side] for m in measurements]
            singular = part == "hot_spots_electrolyte" or _is_singular(case, mesh, side)
            defect = resolutions[-1].defects[part][side]
            found[part][side] = side_errors(spots, cells, defect, singular and len(mesh.boundaries) > 0)
    return found


def _is_singular(case: Case, mesh: LayeredMesh, side: str) -> bool:
    """Whether grain boundaries end at an ideal electrode on this side."""
    return case.ideal_electrodes[SIDES.index(side)] and side not in mesh.slabs


def side_errors(
    spots: Sequence[HotSpots], cells: Sequence[int], defect: float, singular: bool
) -> dict[str, Any]:
    """Errors of the measures of one plane.

    Parameters
    ----------
    spots : sequence of HotSpots
        One for each round.
    cells : sequence of int
        Of the mesh of each round.
    defect : float
        That of the last round, see `Resolution`.
    singular : bool
        Whether the field on the plane has no largest value.

    Returns
    -------
    dict
        For each measure ``estimated_error`` (None with a single round, or where it is not defined) and
        ``converged``; for the pointwise maximum also ``divergent`` and ``observed_exponent``.
    """
    rounds = _telling(cells)
    left = _left([cells[k] for k in rounds])
    tree = _errors([asdict(spots[k]) for k in rounds], left, defect)
    del tree[_FACET]
    pointwise = tree[_POINTWISE]
    if singular:
        pointwise |= {"estimated_error": None, "converged": False}
    tree[_POINTWISE] = {**pointwise, "divergent": singular, "observed_exponent": observed_exponent(spots)}
    return tree


def _telling(cells: Sequence[int]) -> list[int]:
    """The last round and up to two before it, each with `GROWN` times fewer cells than the next.

    >>> _telling([100, 220, 230, 500])
    [0, 2, 3]
    """
    found = [len(cells) - 1]
    for k in range(len(cells) - 2, -1, -1):
        if len(found) < 3 and GROWN * cells[k] <= cells[found[0]]:
            found.insert(0, k)
    return found


def _left(cells: Sequence[int]) -> list[float]:
    """Error of the last round over the change between each round and the next, if errors go with 1/cells.

    >>> [round(left, 12) for left in _left([100, 200, 400])]
    [0.5, 1.0]
    """
    return [1 / cells[-1] / (1 / here - 1 / there) for here, there in pairwise(cells)]


def _errors(values: Sequence[Any], left: Sequence[float], defect: float) -> Any:
    """Error of a measure by its values in the last rounds, or of each of a family."""
    last = values[-1]
    if isinstance(last, dict):
        return {name: _errors([one[name] for one in values], left, defect) for name in last}
    pairs = zip(left, pairwise(values), strict=True)
    changes = [share * abs(float(b) - float(a)) for share, (a, b) in pairs if None not in (a, b)]
    if last is None or not changes or values[-2] is None:
        return {"estimated_error": None, "converged": False}
    error = SAFETY * max(changes) + defect * abs(float(last))
    return {"estimated_error": error, "converged": error <= CONVERGED * abs(float(last))}


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
