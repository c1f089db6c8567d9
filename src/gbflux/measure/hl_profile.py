"""Profile of the current density across a homogenizing layer, along which it evens out.

Planes parallel to the electrode cut the layer at growing distance from the electrolyte. On each plane |J| of
the cells it cuts is compared with J̄ = I/A, weighted with the exact area of the cut.

The two lengths read off the profile are defined at the fields of `HLProfile`. Of the decay's law std(J_z) = a
cosh((h − z)/λ), h the layer's thickness: it is exact for one lateral mode over an ideal electrode; of a real
spectrum the fit takes a mean, closer to the long waves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gbflux.conduction.records import Fields
from gbflux.measure.cells import CellGeometry
from gbflux.measure.distribution import weighted_quantiles
from gbflux.measure.metrics import metric
from gbflux.mesh import Mesh

Values = Sequence[float] | NDArray[np.float64]

#: Largest max|J|/J̄ of a plane that counts as homogenized.
HOMOGENIZED = 1.1
#: std(J_z)/J̄ below which there is nothing left to fit.
NOISE = 1e-6
#: Largest λ, in thicknesses of the layer, that a fit can tell from no decay.
LONGEST = 10
#: Cells across a layer below which it is not resolved.
FEWEST_CELLS = 4
_MOST_PLANES = 40
_CELL_SLACK = 0.9  # a mesher meets the size asked for within so much


@dataclass(frozen=True)
class HLProfile:
    """Spread of the current density over the distance from the electrolyte, plane by plane."""

    distance_um: tuple[float, ...] = metric(
        "distance from the electrolyte, {place}",
        "µm",
        kind="profile",
        definition="distance of each plane from the face electrolyte|layer; the first lies just beyond the "
        "contact layer",
    )
    max_over_mean: tuple[float, ...] = metric(
        "max/mean, {place}", kind="profile", definition="largest |J| on each plane, over J̄ = I/A"
    )
    p99_over_mean: tuple[float, ...] = metric(
        "P99/mean, {place}", kind="profile", definition="its 99 % quantile over the area, over J̄"
    )
    std_over_mean: tuple[float, ...] = metric(
        "std/mean, {place}", kind="profile", definition="standard deviation of J_z over the area, over J̄"
    )
    homogenized_at_um: float | None = metric(
        "homogenized at, {place}",
        "µm",
        "max/mean stays below 1.1",
        kind="length",
        definition="smallest distance from which on `max_over_mean` ≤ 1.1 on every plane, linear between "
        "the last plane above and the next: the first plane's distance if all are below; null if the "
        "electrode's plane is above",
    )
    decay_length_um: float | None = metric(
        "decay length, {place}",
        "µm",
        "λ of the fitted cosh",
        kind="length",
        definition="λ of std(J_z) = a cosh((h − z)/λ), h the thickness, by least squares on log std(J_z). "
        "The first two planes (one mesh size) are left out: there the decay is algebraic. Exact for one "
        "lateral mode over an ideal electrode, where a mode of wave length Λ decays with λ = Λ/2π. null "
        "where fewer than four planes are left with `std_over_mean` > 1e-6, or where the spread hardly "
        "falls (λ > 10 h).",
    )
    reason: str | None = metric(
        default=None,
        definition="why the two lengths are null, where the layer has fewer than four cells across: then it "
        "is the mesh that evens out the current; null where it is resolved",
    )


def hl_profile(mesh: Mesh, fields: Fields, side: str, mean: float, geometry: CellGeometry) -> HLProfile:
    """Profile across one homogenizing layer.

    Parameters
    ----------
    mesh : Mesh
    fields : Fields
    side : str
        ``"bottom"`` or ``"top"``, one of ``mesh.slabs``.
    mean : float
        J̄ = I/A (A/m²).
    geometry : CellGeometry
        Geometry of the mesh's cells.

    Returns
    -------
    HLProfile
    """
    slab = geometry.slabs[side]
    face, electrode = (slab.sign * z[side == "top"] for z in (mesh.z_electrolyte, mesh.z_electrodes))
    cell_um = _mesh_size(geometry.volume[slab.cell], mesh.dimension)
    planes = _planes(slab.start, electrode, cell_um)
    heights = slab.sign * mesh.points[:, -1]
    rows = []
    for height in planes:
        # where a plane runs along facets, cut the cells beyond it; on the electrode those before it
        beyond = height != electrode
        places = slab.cut_by(height, beyond)
        cells = slab.cell[places]
        area = geometry.volume.take(cells) * slab.shares(mesh.cells, heights, places, height, beyond)
        met = np.flatnonzero(area > 0)
        rows.append(_spread(fields.j.take(cells[met], axis=0) / mean, area[met]))
    distance = np.abs(planes - face)
    largest, p99, std = (tuple(column) for column in zip(*rows, strict=True))
    cell_height = float(np.average(slab.end - slab.begin, weights=geometry.volume[slab.cell]))
    reason = _unresolved(abs(electrode - face), cell_height)
    fit = fit_decay(distance, std, abs(electrode - face)) if reason is None else None
    return HLProfile(
        distance_um=tuple(float(s) for s in distance),
        max_over_mean=largest,
        p99_over_mean=p99,
        std_over_mean=std,
        homogenized_at_um=homogenized_at(distance, largest) if reason is None else None,
        decay_length_um=fit[0] if fit else None,
        reason=reason,
    )


def homogenized_at(distance_um: Values, max_over_mean: Values) -> float | None:
    """Smallest distance from which on max|J|/J̄ stays at or below 1.1 (µm).

    Parameters
    ----------
    distance_um, max_over_mean : (k,) sequences of float
        Planes in ascending order.

    Returns
    -------
    float or None
        None if the last plane is above.

    Examples
    --------
    >>> round(homogenized_at([0.0, 1.0, 2.0], [3.0, 1.3, 1.0]), 9)
    1.666666667
    """
    above = np.flatnonzero(np.asarray(max_over_mean) > HOMOGENIZED)
    if len(above) == 0:
        return float(distance_um[0])
    last = int(above[-1])
    if last == len(distance_um) - 1:
        return None
    (s0, s1), (y0, y1) = distance_um[last : last + 2], max_over_mean[last : last + 2]
    return float(s0 + (s1 - s0) * (y0 - HOMOGENIZED) / (y0 - y1))


def fit_decay(distance_um: Values, std_over_mean: Values, thickness_um: float) -> tuple[float, float] | None:
    """λ and a of a·cosh((h − z)/λ) fitted to the standard deviation in log space.

    Parameters
    ----------
    distance_um, std_over_mean : (k,) sequences of float
        Planes in ascending order; the first two are left out.
    thickness_um : float
        h (µm).

    Returns
    -------
    (float, float) or None
        λ (µm) and a; None if there is nothing to fit, see the head of this module.
    """
    distance, std = np.asarray(distance_um)[2:], np.asarray(std_over_mean)[2:]
    used = std > NOISE
    if used.sum() < 4:
        return None
    remaining, log_std = thickness_um - distance[used], np.log(std[used])

    def rest(log_length: Any) -> NDArray[np.float64]:
        residual: NDArray[np.float64] = log_std - log_cosh(remaining / np.exp(log_length))
        return residual

    # the best of many lengths brackets the minimum; the longest stands for no decay
    grid = np.linspace(np.log(thickness_um / 1000), np.log(LONGEST * thickness_um), 200)
    best = int(np.argmin(np.var(rest(grid[:, None]), axis=1)))
    if best == len(grid) - 1:
        return None
    found = _lowest(rest, remaining, grid[max(best - 1, 0)], grid[best + 1])
    return float(np.exp(found)), float(np.exp(np.mean(rest(found))))


def _lowest(
    rest: Callable[[float], NDArray[np.float64]], remaining: NDArray[np.float64], low: float, high: float
) -> float:
    """Find the least variance of `rest` by the root of its slope; a minimum itself shows to √eps only."""
    from scipy.optimize import brentq

    def slope(log_length: float) -> float:
        x = remaining / np.exp(log_length)
        values = rest(log_length)
        return float(np.mean((values - values.mean()) * x * np.tanh(x)))

    if slope(low) < 0.0 < slope(high):
        return float(brentq(slope, low, high, xtol=1e-14))
    return low if slope(low) >= 0.0 else high


def log_cosh(x: Any) -> Any:
    """log cosh x without overflow."""
    return np.logaddexp(x, -x) - np.log(2)


def _mesh_size(volume: NDArray[np.float64], dimension: int) -> float:
    """Edge of the regular simplex whose volume is the mean of the cells (µm)."""
    mean = float(volume.mean())  # √3/4 a² in 2D, a³/(6√2) in 3D
    return float((4 * mean / np.sqrt(3)) ** 0.5 if dimension == 2 else (6 * np.sqrt(2) * mean) ** (1 / 3))


def _unresolved(thickness_um: float, cell_height_um: float) -> str | None:
    """Return why a layer so thick is not resolved by cells of this mean height; None where it is."""
    across = thickness_um / cell_height_um
    if across >= FEWEST_CELLS * _CELL_SLACK:
        return None
    return (
        f"the layer must be at least {FEWEST_CELLS} cells thick; it is about {across:.1f}. "
        f"Set mesh.size_um to {thickness_um / FEWEST_CELLS:.2g} or less."
    )


def _planes(start: float, electrode: float, mesh_size: float) -> NDArray[np.float64]:
    """Planes half a mesh size apart from the contact layer to the electrode, 5 to 40 of them (µm)."""
    n = int(np.clip(np.ceil(2 * abs(electrode - start) / mesh_size) + 1, 5, _MOST_PLANES))
    return np.linspace(start, electrode, n)


def _spread(j: NDArray[np.float64], area: NDArray[np.float64]) -> tuple[float, float, float]:
    """max|J|, P99 of |J| and standard deviation of J_z on one plane, given J over the mean."""
    size, along, whole = np.sqrt(np.einsum("ci,ci->c", j, j)), j[:, -1], float(area.sum())
    average = np.dot(along, area) / whole
    variance = np.dot((along - average) ** 2, area) / whole
    return float(size.max()), float(weighted_quantiles(size, area, [0.99])[0]), float(np.sqrt(variance))
