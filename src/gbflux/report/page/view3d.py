"""The electrodes of a 3D run as small arrays that the page's script draws with WebGL: to turn and look at."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib import colormaps
from numpy.typing import NDArray

from gbflux.errors import InputError
from gbflux.measure.distribution import weighted_quantiles
from gbflux.report import style
from gbflux.report.page.run_folder import Run
from gbflux.report.page.wording import written
from gbflux.results.vtp import read_polydata
from gbflux.units import A_PER_M2_TO_MA_PER_CM2, SIDES

_STEPS = 65535  # of a coordinate in its box, and of the current density up to the limit of the colours
_SHOWN = 0.99  # share of the area that the colours tell apart


@dataclass(frozen=True)
class View:
    """View of a run to turn: its name, number of facets, end of the colours (mA/cm²), data as JSON."""

    label: str
    facets: str
    limit: str
    data: str


@dataclass(frozen=True)
class _Surface:
    """One electrode: points (µm), triangles, current density of each and around each point (A/m²)."""

    points: NDArray[np.float64]
    facets: NDArray[np.int64]
    size: NDArray[np.float64]
    at_points: NDArray[np.float64]

    @property
    def area(self) -> NDArray[np.float64]:
        """Areas of the triangles (µm²)."""
        p, q, r = (self.points[self.facets[:, k]] for k in range(3))
        return np.linalg.norm(np.cross(q - p, r - p), axis=1) / 2


def electrode_views(runs: Sequence[Run]) -> list[View]:
    """Electrodes of runs on one scale of colours.

    Raises
    ------
    InputError
        If a run is 2D, or the surfaces are missing.
    """
    surfaces = {run.path: [_surface(run, side) for side in SIDES] for run in runs}
    every = [surface for pair in surfaces.values() for surface in pair]
    size, area = (np.concatenate([getattr(s, name) for s in every]) for name in ("size", "area"))
    limit = float(weighted_quantiles(size, area, [_SHOWN])[0]) or 1.0
    return [_view(run.label, surfaces[run.path], limit) for run in runs]


def _surface(run: Run, side: str) -> _Surface:
    """One electrode of a run."""
    if run.result.get("dimension") != 3:
        raise InputError(
            f"--view3d: must be given with a 3D run; {run.path} holds one in {run.result.get('dimension')}D. "
            "Leave the option out."
        )
    points, facets, data = read_polydata(run.path / f"electrode_{side}.vtp")
    size = data.get("J_normal", data["J_magnitude"])  # runs of earlier versions have the cells' alone
    return _Surface(points, facets, size, _at_points(len(points), facets, size, data["grain"] >= 0))


def _at_points(
    count: int, facets: NDArray[np.int64], size: NDArray[np.float64], in_grain: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Mean over the facets around each point; ends of grain boundaries count where there is nothing else."""
    weight = np.where(in_grain, 1.0, 1e-9)
    total, sum_ = np.zeros(count), np.zeros(count)
    for column in facets.T:
        np.add.at(total, column, weight)
        np.add.at(sum_, column, weight * size)
    return sum_ / np.maximum(total, 1e-30)


def _view(label: str, pair: Sequence[_Surface], limit: float) -> View:
    """Data of one run: coordinates and current densities in 16 bits."""
    corners = np.concatenate([s.points for s in pair])
    low, high = corners.min(axis=0), corners.max(axis=0)
    span = np.where(high > low, high - low, 1.0)
    colours = colormaps[style.COLOURS](np.linspace(0, 1, 64), bytes=True)[:, :3]
    surfaces = [
        {
            "points": _packed((s.points - low) / span * _STEPS, "<u2"),
            "facets": _packed(s.facets, "<u4"),
            "values": _packed(np.clip(s.size / limit, 0, 1) * _STEPS, "<u2"),
            "heights": _packed(np.clip(s.at_points / limit, 0, 1) * _STEPS, "<u2"),
        }
        for s in pair
    ]
    tree = {"size": (high - low).tolist(), "colours": colours.tolist(), "surfaces": surfaces}
    count = sum(len(s.facets) for s in pair)
    return View(label, written(count), written(limit * A_PER_M2_TO_MA_PER_CM2, 3), json.dumps(tree))


def _packed(values: NDArray, kind: str) -> str:
    """Whole numbers as base64."""
    return base64.b64encode(np.ascontiguousarray(np.rint(values).astype(kind)).tobytes()).decode("ascii")
