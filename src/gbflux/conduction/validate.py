"""Requirements of a solve on its input, checked on rank 0 before any collective work."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict

import numpy as np
from numpy.typing import NDArray

from gbflux.conduction.records import ButlerVolmer, Electrode, SolverSettings
from gbflux.errors import InputError
from gbflux.mesh import Mesh
from gbflux.units import SIDES

PRECONDITIONERS = ("hypre", "gamg", "lu")


def check_input(
    mesh: Mesh, sigma: NDArray[np.float64], bottom: Electrode, top: Electrode, settings: SolverSettings
) -> None:
    """Raise if a solve could not be done, with all that is wrong.

    Parameters
    ----------
    mesh : Mesh
        The mesh.
    sigma : (m,) array
        Conductivity of each cell (S/m).
    bottom, top : Electrode
        The electrodes.
    settings : SolverSettings
        Tolerance, limits, preconditioner and order.

    Raises
    ------
    InputError
        With a line for each fault.
    """
    _raise([*_mesh_faults(mesh), *_problem_faults(mesh, sigma, bottom, top, settings)])


def check_mesh(mesh: Mesh) -> None:
    """Raise an `InputError` if no solve could be done on a mesh."""
    _raise(list(_mesh_faults(mesh)))


def check_planes(mesh: Mesh) -> None:
    """Raise an `InputError` if an electrode is no plane of points: all that a cut could spoil."""
    _raise(list(_plane_faults(mesh)))


def check_problem(
    mesh: Mesh,
    sigma: NDArray[np.float64],
    bottom: Electrode,
    top: Electrode,
    settings: SolverSettings,
) -> None:
    """Raise an `InputError` if a mesh that `check_mesh` has passed cannot be solved on with these."""
    _raise(list(_problem_faults(mesh, sigma, bottom, top, settings)))


def _raise(faults: list[str]) -> None:
    """Raise all faults as one error, if there are any."""
    if faults:
        raise InputError("\n".join(faults))


def _problem_faults(
    mesh: Mesh,
    sigma: NDArray[np.float64],
    bottom: Electrode,
    top: Electrode,
    settings: SolverSettings,
) -> Iterator[str]:
    """Yield what is wrong with all but the mesh."""
    yield from _sigma_faults(mesh, sigma)
    yield from _electrode_faults(bottom, top)
    yield from _setting_faults(settings)


def _mesh_faults(mesh: Mesh) -> Iterator[str]:
    """Yield what makes the mesh unfit for a solve."""
    dimension, points, cells = mesh.dimension, mesh.points, mesh.cells
    if dimension not in (2, 3) or points.shape[1:] != (dimension,) or cells.shape[1:] != (dimension + 1,):
        yield (
            "conduction: points must be (n, dimension) and cells (m, dimension + 1), dimension 2 or 3; "
            f"got {points.shape} and {cells.shape} with dimension {dimension}. Make the mesh anew."
        )
        return
    used = np.zeros(len(points), dtype=bool)
    used[cells] = True
    if not used.all():
        yield (
            f"conduction: every mesh point must belong to a cell; got {np.count_nonzero(~used)} loose "
            "points. Leave them out of the mesh."
        )
    yield from _plane_faults(mesh)


def _plane_faults(mesh: Mesh) -> Iterator[str]:
    """Yield which electrodes are no planes of points."""
    for name, z in zip(SIDES, mesh.z_electrodes, strict=True):
        if np.count_nonzero(mesh.points[:, -1] == z) < mesh.dimension:
            yield (
                f"conduction: the {name} electrode must be a plane of mesh points; got none "
                f"at exactly z = {z!r} µm. Set z_electrodes to coordinates that occur in the mesh."
            )


def _sigma_faults(mesh: Mesh, sigma: NDArray[np.float64]) -> Iterator[str]:
    """Yield what is wrong with the conductivities."""
    sigma = np.asarray(sigma)
    if sigma.shape != (len(mesh.cells),):
        yield (
            f"conduction: sigma must hold one conductivity for each of {len(mesh.cells)} cells; "
            f"got shape {sigma.shape}. Give an (m,) array in S/m."
        )
        return
    wrong = ~(np.isfinite(sigma) & (sigma > 0.0))
    if wrong.any():
        first = int(np.argmax(wrong))
        yield (
            f"conduction: sigma must be finite and > 0 S/m; got {sigma[first]!s} in cell {first} and "
            f"{np.count_nonzero(wrong) - 1} more. Give every cell a positive conductivity."
        )


def _electrode_faults(bottom: Electrode, top: Electrode) -> Iterator[str]:
    """Yield what is wrong with the electrodes."""
    for name, electrode in (("bottom", bottom), ("top", top)):
        if electrode.potential is not None and not math.isfinite(electrode.potential):
            yield f"electrodes.{name}_V must be finite; got {electrode.potential} V. Give a potential."
        if not (math.isfinite(electrode.asr) and electrode.asr >= 0.0):
            yield (
                f"electrodes.asr ({name}) must be finite and >= 0; got {electrode.asr} Ω m². "
                "Give 0 for an ideal contact."
            )
        if electrode.kinetics is not None:
            yield from _kinetics_faults(name, electrode.kinetics)
    if bottom.potential is None or bottom.current_density is not None:
        yield "electrodes: the bottom one must have a potential and no current. Apply a current at the top."
    elif (top.potential is None) == (top.current_density is None):
        yield (
            "electrodes: the top one must have either a potential or a current; got "
            f"{top.potential} V and {top.current_density} A/m². Give one of them."
        )
    elif top.current_density is not None:
        if not (math.isfinite(top.current_density) and top.current_density != 0.0):
            yield (
                f"electrodes.current_density must be finite and not 0; got {top.current_density} A/m². "
                "Without current there is nothing to measure."
            )
    elif bottom.potential == top.potential:
        yield (
            f"electrodes: the potentials must differ or no current flows; got {bottom.potential} V at both. "
            "Change bottom_V or top_V."
        )


def _kinetics_faults(name: str, law: ButlerVolmer) -> Iterator[str]:
    """Yield what is wrong with Butler–Volmer's law of an electrode."""
    for key, value in asdict(law).items():
        if not (math.isfinite(value) and value > 0.0):
            yield f"electrodes.kinetics ({name}): {key} must be finite and > 0; got {value}. Correct it."


def _setting_faults(settings: SolverSettings) -> Iterator[str]:
    """Yield what is wrong with the solver's settings."""
    if not 0.0 < settings.rtol < 1.0:
        yield f"solver.rtol must be between 0 and 1; got {settings.rtol}. Give 1e-10."
    if settings.max_iterations < 1:
        yield f"solver.max_iterations must be at least 1; got {settings.max_iterations}. Give 500."
    if settings.preconditioner not in PRECONDITIONERS:
        yield (
            f"solver.preconditioner must be one of {', '.join(PRECONDITIONERS)}; "
            f"got {settings.preconditioner!r}. Give hypre."
        )
    if settings.order not in (1, 2):
        yield f"solver.order must be 1 or 2; got {settings.order}. Give 1."
