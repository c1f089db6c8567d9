"""Rules between keys: each a plain function of the blocks it names, run where those blocks are valid."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from gbflux import units
from gbflux.case.blocks import (
    Accuracy,
    Electrodes,
    Geometry,
    GrainBoundary,
    Grains,
    HomogenizingLayer,
    Mesh,
    Output,
    conductivity_at,
)
from gbflux.case.grain_size import mean_grain_size_um, tiled_lengths_um
from gbflux.case.kinetics import exchange_current_density_at
from gbflux.units import SIDES


class Finding(NamedTuple):
    """One mistake: the path of the key, as strings, and the message."""

    place: tuple[str, ...]
    message: str


LARGEST_GB_SHARE = 0.1  # of the grain size: beyond it a grain boundary is a phase, not a layer


def size_has_an_entry_per_dimension(geometry: Geometry) -> Iterator[Finding]:
    n, dimension = len(geometry.size_um), geometry.dimension
    if n != dimension:
        wanted = "[x, z]" if dimension == 2 else "[x, y, z]"
        message = f"must have {dimension} entries in {dimension}D; got {n}. Give {wanted} in µm."
        yield Finding(("geometry", "size_um"), message)


def one_size_of_grains(grains: Grains) -> Iterator[Finding]:
    given = [key for key in ("mean_size_um", "count", "seeds_file") if getattr(grains, key) is not None]
    if not given:
        yield Finding(("grains",), "needs a size. Give mean_size_um (µm), or count, or seeds_file.")
    for key in given[1:]:
        yield Finding(("grains", key), f"must not stand beside {given[0]}. Give one of them.")


def seeds_are_left_alone(grains: Grains) -> Iterator[Finding]:
    if grains.seeds_file is None:
        return
    if grains.arrangement != "voronoi":
        message = f"must be voronoi with a seeds_file; got {grains.arrangement}. Leave arrangement out."
        yield Finding(("grains", "arrangement"), message)
    if grains.relaxation_steps:
        message = f"must be 0 with a seeds_file; got {grains.relaxation_steps}. Leave relaxation_steps out."
        yield Finding(("grains", "relaxation_steps"), message)
    if grains.boundary == "cut":
        message = (
            "must be mirror with a seeds_file, for its seeds lie in the box; got cut. Leave boundary out."
        )
        yield Finding(("grains", "boundary"), message)


def seeds_lie_in_the_box(geometry: Geometry, grains: Grains) -> Iterator[Finding]:
    seeds, dimension = grains.seeds_file, geometry.dimension
    if seeds is None or len(geometry.size_um) != dimension:
        return
    first_at: dict[tuple[float, ...], int] = {}
    for i, point in enumerate(seeds.points):
        if len(point) != dimension:
            reason = f"must have {dimension} columns; got {len(point)}"
        elif not all(0 < x < length for x, length in zip(point, geometry.size_um, strict=True)):
            box = " x ".join(f"{length:g}" for length in geometry.size_um)
            reason = f"must be inside the box of {box} µm; got {', '.join(f'{x:g}' for x in point)}"
        elif point in first_at:
            reason = f"is the seed of line {seeds.lines[first_at[point]]} again"
        else:
            first_at[point] = i
            continue
        yield Finding(("grains", "seeds_file"), f"{seeds.where(i)}: {reason}")
        return


def grains_fit_into_the_box(geometry: Geometry, grains: Grains) -> Iterator[Finding]:
    smallest = min(tiled_lengths_um(geometry, grains))
    if grains.mean_size_um is not None and grains.mean_size_um > smallest:
        message = (
            f"must be <= {smallest:g} µm, the shortest side of the box; got {grains.mean_size_um:g}. "
            "Enlarge geometry.size_um or make the grains smaller."
        )
        yield Finding(("grains", "mean_size_um"), message)


def boundary_is_thin(geometry: Geometry, grains: Grains, grain_boundary: GrainBoundary) -> Iterator[Finding]:
    d_nm = mean_grain_size_um(geometry, grains) / units.NM_TO_UM
    if grain_boundary.thickness_nm > LARGEST_GB_SHARE * d_nm:
        message = (
            f"must be <= {LARGEST_GB_SHARE * d_nm:g} nm, a tenth of the grain size; "
            f"got {grain_boundary.thickness_nm:g}. Make it thinner or the grains larger."
        )
        yield Finding(("grain_boundary", "thickness_nm"), message)


def boundary_is_thinner_than_cells(grain_boundary: GrainBoundary, mesh: Mesh) -> Iterator[Finding]:
    thickness_um = grain_boundary.thickness_nm * units.NM_TO_UM
    for key in ("size_um", "electrode_size_um"):
        size = getattr(mesh, key)
        if size <= thickness_um:
            message = (
                f"must be > {thickness_um:g} µm, the grain-boundary thickness; got {size:g}. "
                "The layer is meshed by itself: a tenth of the grain size is enough."
            )
            yield Finding(("mesh", key), message)


def ends_are_longer_than_boundaries_are_thick(grain_boundary: GrainBoundary, mesh: Mesh) -> Iterator[Finding]:
    shortest_um = units.SHORTEST_END * grain_boundary.thickness_nm * units.NM_TO_UM
    if 0 < mesh.boundary_end_um < shortest_um:
        message = (
            f"must be 0 (cells stay whole) or >= {shortest_um:g} µm, {units.SHORTEST_END} thicknesses of the "
            f"grain boundary; got {mesh.boundary_end_um:g}. Leave it out for 0.005 of the grain size, ten "
            "thicknesses at the least."
        )
        yield Finding(("mesh", "boundary_end_um"), message)


def cells_fit_into_the_box(geometry: Geometry, mesh: Mesh) -> Iterator[Finding]:
    smallest = min(geometry.size_um)
    for key in ("size_um", "electrode_size_um"):
        size = getattr(mesh, key)
        if size >= smallest:
            message = (
                f"must be < {smallest:g} µm, the shortest side of the box; got {size:g}. Make it smaller."
            )
            yield Finding(("mesh", key), message)


def electrode_cells_are_the_finer(mesh: Mesh) -> Iterator[Finding]:
    if mesh.electrode_size_um > mesh.size_um:
        message = (
            f"must be <= mesh.size_um, {mesh.size_um:g} µm; got {mesh.electrode_size_um:g}. "
            "Electrodes are where the mesh has to be finest."
        )
        yield Finding(("mesh", "electrode_size_um"), message)


def layer_is_complete(homogenizing_layer: HomogenizingLayer) -> Iterator[Finding]:
    if homogenizing_layer.conductivity_S_per_cm is None:
        message = "needs conductivity_S_per_cm (S/cm), for its thickness is not 0."
        yield Finding(("homogenizing_layer",), message)


def layer_is_thicker_than_boundaries(
    grain_boundary: GrainBoundary, homogenizing_layer: HomogenizingLayer
) -> Iterator[Finding]:
    least = grain_boundary.thickness_nm * units.NM_TO_UM
    if homogenizing_layer.thickness_um <= least:
        message = (
            f"must be 0 (none) or > {least:g} µm, the grain-boundary thickness; "
            f"got {homogenizing_layer.thickness_um:g}. Is it in µm?"
        )
        yield Finding(("homogenizing_layer", "thickness_um"), message)


def electrodes_differ(electrodes: Electrodes) -> Iterator[Finding]:
    if electrodes.bottom_V == electrodes.top_V:
        message = f"must differ from bottom_V; got {electrodes.top_V:g} V for both. No voltage, no current."
        yield Finding(("electrodes", "top_V"), message)


def current_or_potential(electrodes: Electrodes) -> Iterator[Finding]:
    current = electrodes.current_density_mA_per_cm2
    place = ("electrodes", "current_density_mA_per_cm2")
    if current is not None and electrodes.top_V is not None:
        yield Finding(place, "must not stand beside top_V, which follows from it. Give one of them.")
    if current is None and electrodes.top_V is None:
        yield Finding(("electrodes", "top_V"), "must be a number in V; got nothing.")
    if current == 0:
        yield Finding(place, "must not be 0 mA/cm²: without current there is nothing to measure.")


def kinetics_conduct(electrodes: Electrodes, temperature_C: float) -> Iterator[Finding]:
    for side in SIDES:
        law = electrodes.kinetics and getattr(electrodes.kinetics, side)
        density = 1.0 if law is None else exchange_current_density_at(law, temperature_C)
        if not (math.isfinite(density) and density > 1e-100):
            message = (
                f"makes the exchange current density at {temperature_C:g} °C {density:g} A/m². "
                "Check the energy (eV) and the temperatures (°C)."
            )
            energy = law.activation_energy_eV is not None
            key = "activation_energy_eV" if energy else "exchange_current_density_mA_per_cm2"
            yield Finding(("electrodes", "kinetics", side, key), message)


def accuracy_asks_for_something(accuracy: Accuracy) -> Iterator[Finding]:
    if not accuracy.asked:
        message = "needs a target. Give conductance, hot_spots or hot_spot, or leave the block out."
        yield Finding(("accuracy",), message)


def accuracy_is_certifiable(accuracy: Accuracy, electrodes: Electrodes) -> Iterator[Finding]:
    if electrodes.kinetics is None:
        return
    for key in accuracy.asked.keys() & {"conductance", "hot_spot"}:
        message = (
            "must not stand beside electrodes.kinetics: they make the current nonlinear, and no bracket "
            "certifies it. Drop one of them, or give the linear limit as electrodes.asr_ohm_cm2."
        )
        yield Finding(("accuracy", key), message)


def a_hot_spot_is_certified(accuracy: Accuracy, output: Output) -> Iterator[Finding]:
    asked = output.certify
    if accuracy.hot_spot is not None and asked is not None and not (asked.grains or asked.windows_um):
        message = "must name a current to certify for accuracy.hot_spot; has none. Give grains or windows_um."
        yield Finding(("output", "certify"), message)


def grains_conduct(grains: Grains, temperature_C: float) -> Iterator[Finding]:
    yield from _conducts("grains", grains, temperature_C)


def boundaries_conduct(grain_boundary: GrainBoundary, temperature_C: float) -> Iterator[Finding]:
    yield from _conducts("grain_boundary", grain_boundary, temperature_C)


def layer_conducts(homogenizing_layer: HomogenizingLayer, temperature_C: float) -> Iterator[Finding]:
    yield from _conducts("homogenizing_layer", homogenizing_layer, temperature_C)


def _conducts(name: str, block: Any, temperature_C: float) -> Iterator[Finding]:
    """The conductivity at the case's temperature is a number one can compute with."""
    if block.conductivity_S_per_cm is None:
        return
    sigma = conductivity_at(block, temperature_C)
    if not (math.isfinite(sigma) and sigma > 1e-100):
        message = (
            f"makes the conductivity at {temperature_C:g} °C {sigma:g} S/m. "
            "Check the energy (eV) and the temperatures (°C)."
        )
        key = "conductivity_S_per_cm" if block.activation_energy_eV is None else "activation_energy_eV"
        yield Finding((name, key), message)


CHECKS: tuple[Callable[..., Iterator[Finding]], ...] = (
    size_has_an_entry_per_dimension,
    one_size_of_grains,
    seeds_are_left_alone,
    seeds_lie_in_the_box,
    grains_fit_into_the_box,
    boundary_is_thin,
    boundary_is_thinner_than_cells,
    ends_are_longer_than_boundaries_are_thick,
    cells_fit_into_the_box,
    electrode_cells_are_the_finer,
    layer_is_complete,
    layer_is_thicker_than_boundaries,
    electrodes_differ,
    current_or_potential,
    kinetics_conduct,
    accuracy_asks_for_something,
    accuracy_is_certifiable,
    a_hot_spot_is_certified,
    grains_conduct,
    boundaries_conduct,
    layer_conducts,
)


def findings(blocks: Mapping[str, Any]) -> list[Finding]:
    """Return the findings of every rule whose blocks are all there.

    Parameters
    ----------
    blocks : mapping
        Blocks of a case by name; one that is absent or None skips the rules that need it.
    """
    found: list[Finding] = []
    for check in CHECKS:
        names = inspect.signature(check).parameters
        if all(blocks.get(name) is not None for name in names):
            found.extend(check(**{name: blocks[name] for name in names}))
    return found
