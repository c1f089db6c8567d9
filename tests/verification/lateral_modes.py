"""One lateral mode driven through a stack of flat layers: meshes, and the exact potential and current.

The lowest layer is so resistive that it prescribes the current: at each place its own conductivity times the
voltage over it. That varies sideways like 1 + a cos(kx), in 3D 1 + a cos(k₁x) cos(k₂y), all sides insulating.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from conduction_cases import currents_into, solved
from numpy.typing import NDArray

from gbflux.conduction import Resistance, Solution, top_electrode
from gbflux.mesh import CellKind, Mesh
from meshes_by_hand import GB_UM, Layer, stack

#: Conductance of the driving layer over that of the rest, by which the current is not prescribed.
LOOSE = 1.0e-5
SWING = 0.5
VOLT = 0.1


@dataclass(frozen=True)
class Sheet:
    """A flat layer of conductivity `sigma` (S/m) and thickness (µm)."""

    kind: CellKind
    thickness_um: float
    sigma: float
    intervals: int = 1


@dataclass(frozen=True)
class Driven:
    """A driven stack: mesh, solution, mean J_z (A/m²), the mode at the mesh points, k (1/µm)."""

    mesh: Mesh
    solution: Solution
    mean: float
    mode: NDArray[np.float64]
    k: float
    half_waves: tuple[int, ...]

    def amplitude(self, z: float) -> float:
        """Return the mode's share of J_z in the plane at `z` (µm), from what enters the cells below it."""
        points, cells = self.mesh.points, self.mesh.cells
        on = np.flatnonzero(np.abs(points[:, -1] - z) < 1.0e-6)
        below = points[cells].mean(axis=1)[:, -1] < z
        entering = currents_into(self.mesh, self.solution, below)[on]
        area = np.prod(np.ptp(points[:, :-1], axis=0) * 1.0e-6)
        squared = 0.5 ** np.count_nonzero(self.half_waves)
        return float(-entering @ self.mode[on] / area / squared)


def driven(
    sheets: Sequence[Sheet],
    dimension: int,
    across: int,
    width_um: float,
    half_waves: Sequence[int],
    asr: float = 0.0,
) -> Driven:
    """Drive a stack with half_waves[i] half waves along side i; `asr` is that of the top electrode (Ω m²)."""
    layers = [Layer(CellKind.CONTACT, GB_UM), *(Layer(s.kind, s.thickness_um, s.intervals) for s in sheets)]
    mesh = stack(layers, dimension, across, width_um, shift=0.0)
    wave = np.pi * np.array(half_waves) / width_um
    drive = LOOSE * GB_UM / sum(sheet.thickness_um / sheet.sigma for sheet in sheets)
    centre = mesh.points[mesh.cells].mean(axis=1)
    step = width_um / across
    column = (np.floor(centre[:, :-1] / step) + 0.5) * step  # all cells of a column conduct alike
    mean_of_cos = np.sinc(wave * step / 2 / np.pi)  # over a column, relative to its middle
    lateral = np.prod(mean_of_cos * np.cos(wave * column), axis=1)
    bottom = -GB_UM + np.cumsum([GB_UM, *(sheet.thickness_um for sheet in sheets)])
    of_cell = np.searchsorted(bottom[:-1], centre[:, -1]) - 1
    of_cell[centre[:, -1] < 0] = -1
    sigma = np.where(of_cell < 0, drive * (1 + SWING * lateral), np.array([s.sigma for s in sheets])[of_cell])
    top = top_electrode(VOLT, Resistance(asr))
    solution = solved(mesh, sigma, top=top, rtol=1.0e-12, preconditioner="lu")
    mode = np.prod(np.cos(wave * mesh.points[:, :-1]), axis=1)
    mean = -drive * VOLT / (GB_UM * 1.0e-6)  # current flows down, from the top electrode at VOLT
    return Driven(mesh, solution, mean, mode, float(np.linalg.norm(wave)), tuple(half_waves))


def exact_mode(
    sheets: Sequence[Sheet], k: float, heights: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return potential (V m²/A) and J_z (1) of mode k at heights z (µm) for J_z = 1 at z = 0, φ = 0 on top.

    In each layer φ = φ₀ cosh kz − J₀/(σk) sinh kz and J = J₀ cosh kz − φ₀σk sinh kz; both are continuous. The
    ratio φ/J follows from the top downwards.
    """
    per_m = k * 1.0e6
    ratio = [0.0]
    for sheet in reversed(sheets):
        t, y = np.tanh(k * sheet.thickness_um), sheet.sigma * per_m
        ratio.append((ratio[-1] + t / y) / (1.0 + ratio[-1] * y * t))
    potential, current = np.empty(len(heights)), np.empty(len(heights))
    phi, j, start = ratio[-1], 1.0, 0.0
    for sheet in sheets:
        y = sheet.sigma * per_m
        here = heights >= start - 1.0e-9
        z = k * (heights[here] - start)
        potential[here] = phi * np.cosh(z) - j / y * np.sinh(z)
        current[here] = j * np.cosh(z) - phi * y * np.sinh(z)
        c, s = np.cosh(k * sheet.thickness_um), np.sinh(k * sheet.thickness_um)
        phi, j = phi * c - j / y * s, j * c - phi * y * s
        start += sheet.thickness_um
    return potential, current


def exact_potential(sheets: Sequence[Sheet], driven_stack: Driven) -> NDArray[np.float64]:
    """Return φ at the mesh points of the stack, NaN in the driving layer (V)."""
    z = driven_stack.mesh.points[:, -1]
    mode, _ = exact_mode(sheets, driven_stack.k, np.maximum(z, 0.0))
    ends = np.cumsum([0.0, *(sheet.thickness_um for sheet in sheets)])
    resistance = np.cumsum([0.0, *(sheet.thickness_um / sheet.sigma for sheet in sheets)]) * 1.0e-6
    to_the_top = resistance[-1] - np.interp(z, ends, resistance)
    phi = VOLT + driven_stack.mean * (to_the_top + SWING * driven_stack.mode * mode)
    return np.where(z < 0, np.nan, phi)
