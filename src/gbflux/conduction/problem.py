"""One conduction problem: what must hold of its input, and its quantities scaled to numbers near 1.

Raw SI numbers (µm in m, S/m, mV) put matrix entries near 1e-9 and fall under absolute tolerances. Scaled are
length x̂ = x/ℓ with ℓ = 1 µm, conductivity σ̂ = σ/σ_ref with σ_ref the largest, potential φ̂ = (φ − V₀)/ΔV
with ΔV = V_top − V_bottom. V₀ divides ΔV as the two charge-transfer resistances do: between resistive
electrodes the cell floats at nearly one potential, and subtracting it keeps round-off in proportion to the
current.

Where a current is applied ΔV is not known. Linear problems are solved for ΔV = 1 V, and the scale is chosen
afterwards so that the current is the applied one (`Problem.rescaled`). With nonlinear electrodes the scale is
an estimate, the voltage that the current takes between them without grain boundaries, and ΔV/scale is solved
for. The first electrode has a potential, the second a potential or a current.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from gbflux.conduction.electrodes import ButlerVolmer, Electrode, Electrodes, Law, series_current
from gbflux.conduction.records import Array, SolverSettings
from gbflux.errors import InputError
from gbflux.mesh import Mesh
from gbflux.mesh.cut import Cut
from gbflux.units import SIDES, UM_TO_M

if TYPE_CHECKING:
    from gbflux.conduction.facets import ScaledElectrode

PRECONDITIONERS = ("hypre", "gamg", "lu")


@dataclass(frozen=True)
class Scaling:
    """Reference values of one solve.

    Attributes
    ----------
    dimension : int
        2 or 3.
    sigma : float
        Reference conductivity σ_ref (S/m).
    voltage : float
        Reference potential difference ΔV, second electrode less first, of either sign (V): the factor from φ̂
        to φ − V₀.
    offset : float
        Potential V₀ that is scaled to zero (V).
    estimate : float
        Rough mean current density from the second to the first electrode (A/m²); the applied one where there
        is one.
    """

    dimension: int
    sigma: float
    voltage: float
    offset: float
    estimate: float = 0.0

    def potential_hat(self, potential: float) -> float:
        """Return the scaled value of a potential (V)."""
        return (potential - self.offset) / self.voltage

    def exchange_hat(self, asr: float) -> float:
        """Return κ̂ = ℓ/(σ_ref ASR), the scaled exchange coefficient, for an `asr` > 0 (Ω m²)."""
        return UM_TO_M / (self.sigma * asr)

    @property
    def current_density(self) -> float:
        """Factor from ĵ to j: σ_ref ΔV/ℓ (A/m²)."""
        return self.sigma * self.voltage / UM_TO_M

    @property
    def current(self) -> float:
        """Factor from a scaled nodal current to SI: σ_ref ΔV ℓ^(dimension − 2) (A; in 2D A/m)."""
        return self.sigma * self.voltage * UM_TO_M ** (self.dimension - 2)


def scaling_of(
    dimension: int, largest_sigma: float, electrodes: Electrodes, height_um: float = 1.0
) -> Scaling:
    """Choose the reference values of a solve.

    Parameters
    ----------
    dimension : int
        2 or 3.
    largest_sigma : float
        Largest conductivity of any cell (S/m).
    electrodes : (Electrode, Electrode)
        Their potentials differ, or the second has a current.
    height_um : float
        Distance of the electrodes (µm); counts where one is nonlinear.

    Returns
    -------
    Scaling
        V₀ lies half-way between the potentials of two ideal electrodes.

    Examples
    --------
    >>> from gbflux.conduction.electrodes import bottom_electrode, top_electrode
    >>> scaling_of(3, 0.05, (bottom_electrode(0.0), top_electrode(0.1))).offset
    0.05
    """
    first, second = electrodes
    applied, asr = second.current_density, height_um * UM_TO_M / largest_sigma
    linear, base = all(electrode.law.linear for electrode in electrodes), _given(first)
    voltage = _given(second) - base if applied is None else math.copysign(1.0, applied)
    current = math.copysign(1.0, voltage)
    if not linear:
        current = series_current(electrodes, asr, voltage) if applied is None else applied
    drops = [-float(first.law.drop(-current)[0]), float(second.law.drop(current)[0])]
    if applied is not None and not linear:
        voltage = sum(drops) + asr * current
    share = drops[0] / sum(drops) if sum(drops) != 0.0 else 0.5
    return Scaling(dimension, largest_sigma, voltage, base + share * voltage, current)


def _given(electrode: Electrode) -> float:
    """Return the potential that an electrode, checked before, has been given (V)."""
    if electrode.potential is None:
        raise TypeError(f"{electrode.name} electrode: no potential")
    return electrode.potential


@dataclass(frozen=True)
class Problem:
    """One problem to solve on a mesh.

    Attributes
    ----------
    electrodes : (Electrode, Electrode)
        In SI.
    scaled : (ScaledElectrode, ScaledElectrode)
        The same, on the nodes of this rank.
    sigma : (m_local,) float64 array
        Scaled conductivity of the local cells.
    scaling : Scaling
    height_um : float
        Distance between the electrodes (µm).
    section : float
        Area of an electrode (µm²; in 2D its length, µm).
    settings : SolverSettings
    given_sigma : (m,) float64 array or None
        On rank 0 the conductivities as given, of the cells that a cut leaves (S/m).
    cut : Cut or None
        On rank 0, where slabs end.
    """

    electrodes: Electrodes
    scaled: tuple[ScaledElectrode, ScaledElectrode]
    sigma: Array
    scaling: Scaling
    height_um: float
    section: float
    settings: SolverSettings
    given_sigma: Array | None = None
    cut: Cut | None = None

    @property
    def linear(self) -> bool:
        """Return whether all electrodes are."""
        return all(electrode.law.linear for electrode in self.electrodes)

    def estimated_density(self, electrode: int, load: float) -> float:
        """Return a rough scaled density of the current into the cell at a share of the load."""
        current = load * self.scaling.estimate
        if load != 1.0 and self.electrodes[1].current_density is None:
            asr = self.height_um * UM_TO_M / self.scaling.sigma
            current = series_current(self.electrodes, asr, load * self.scaling.voltage)
        # a current from the second electrode to the first enters at the second
        return (-current, current)[electrode] / self.scaling.current_density

    def scaled_drop(self, law: Law, j: Array) -> tuple[Array, Array]:
        """Return the drop of potential, and its derivative, of a current density, all scaled."""
        value, slope = law.drop(j * self.scaling.current_density)
        return value / self.scaling.voltage, slope * (self.scaling.current_density / self.scaling.voltage)

    def rescaled(self, entering: tuple[float, ...]) -> Scaling:
        """Return the scaling under which a linear solution has the applied current, if there is one.

        Parameters
        ----------
        entering : tuple of float
            Scaled currents that enter at the electrodes, whose scaled potentials differ by 1.
        """
        applied, scaling = self.electrodes[1].current_density, self.scaling
        if applied is None:
            return scaling
        current = 0.5 * (abs(entering[0]) + abs(entering[1]))
        wanted = abs(applied) * self.section / (scaling.sigma / UM_TO_M)
        factor = wanted / (current * abs(scaling.voltage))
        base = _given(self.electrodes[0])
        offset = base + factor * (scaling.offset - base)
        return replace(scaling, voltage=factor * scaling.voltage, offset=offset)


def potentials_under(electrodes: Electrodes, scaling: Scaling) -> tuple[float, float]:
    """Return the potentials of both electrodes (V); of one with a current as the scale has it."""
    first, second = electrodes
    base = _given(first)
    return base, base + scaling.voltage if second.potential is None else second.potential


def raise_faults(faults: Iterator[str]) -> None:
    """Raise an `InputError` with a line for each fault, if there are any."""
    if lines := list(faults):
        raise InputError("\n".join(lines))


def problem_faults(
    mesh: Mesh, sigma: Array, electrodes: Electrodes, settings: SolverSettings
) -> Iterator[str]:
    """Yield what is wrong with conductivities, electrodes and settings on a mesh that is sound."""
    yield from _sigma_faults(mesh, sigma)
    yield from _electrode_faults(electrodes)
    yield from _setting_faults(settings)


def mesh_faults(mesh: Mesh) -> Iterator[str]:
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


def patch_faults(mesh: Mesh, electrodes: Electrodes) -> Iterator[str]:
    """Yield which electrodes have no facet of the mesh: all that a cut could spoil."""
    for electrode in electrodes:
        if np.count_nonzero(electrode.patch.points(mesh)) < mesh.dimension:
            z = dict(zip(SIDES, mesh.z_electrodes, strict=True)).get(electrode.name)
            yield (
                f"conduction: the {electrode.name} electrode must be a plane of mesh points; got none "
                f"at exactly z = {z!r} µm. Set z_electrodes to coordinates that occur in the mesh."
            )


def _sigma_faults(mesh: Mesh, sigma: Array) -> Iterator[str]:
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


def _electrode_faults(electrodes: Electrodes) -> Iterator[str]:
    """Yield what is wrong with the electrodes."""
    first, second = electrodes
    for electrode in electrodes:
        name, potential = electrode.name, electrode.potential
        if potential is not None and not math.isfinite(potential):
            yield f"electrodes.{name}_V must be finite; got {potential} V. Give a potential."
        yield from _law_faults(name, electrode.law)
    if first.potential is None or first.current_density is not None:
        yield (
            f"electrodes: the {first.name} one must have a potential and no current. "
            f"Apply a current at the {second.name}."
        )
    elif (second.potential is None) == (second.current_density is None):
        yield (
            f"electrodes: the {second.name} one must have either a potential or a current; got "
            f"{second.potential} V and {second.current_density} A/m². Give one of them."
        )
    elif second.current_density is not None:
        if not (math.isfinite(second.current_density) and second.current_density != 0.0):
            yield (
                f"electrodes.current_density must be finite and not 0; got {second.current_density} A/m². "
                "Without current there is nothing to measure."
            )
    elif first.potential == second.potential:
        yield (
            f"electrodes: the potentials must differ or no current flows; got {first.potential} V at both. "
            f"Change {first.name}_V or {second.name}_V."
        )


def _law_faults(name: str, law: Law) -> Iterator[str]:
    """Yield what is wrong with the law of an electrode: its numbers must be > 0, its resistance may be 0."""
    if not (math.isfinite(law.asr) and law.asr >= 0.0):
        yield (
            f"electrodes.asr ({name}) must be finite and >= 0; got {law.asr} Ω m². "
            "Give 0 for an ideal contact."
        )
    if isinstance(law, ButlerVolmer):
        for key, value in asdict(law).items():
            if key != "asr" and not (math.isfinite(value) and value > 0.0):
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
