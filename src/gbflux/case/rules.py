"""Between blocks of a case: sizes that follow from other blocks, and rules that hold between keys.

A rule is a function of the blocks it names, run where those blocks are valid. A new one is one function here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple, TypeVar

from gbflux import units
from gbflux.case.blocks import (
    Accuracy,
    Electrodes,
    Geometry,
    GrainBoundary,
    Grains,
    HomogenizingLayer,
    Kinetics,
    Mesh,
    Output,
    conductivity_at,
    exchange_current_density_at,
)
from gbflux.case.grain_files import FILE_KEYS
from gbflux.units import SIDES

DIGITS = 12  # of a size made of a count: 125 grains in (50 µm)^3 are 10 µm exactly
LARGEST_GB_SHARE = 0.1  # of the grain size: beyond it a grain boundary is a phase, not a layer


class Finding(NamedTuple):
    """One mistake: the path of the key, as strings, and the message."""

    place: tuple[str, ...]
    message: str


Rule = TypeVar("Rule", bound=Callable[..., Iterator[Finding]])
_RULES: list[tuple[tuple[str, ...], Callable[..., Iterator[Finding]]]] = []


def findings(blocks: Mapping[str, Any]) -> list[Finding]:
    """Return the findings of every rule whose blocks are all there.

    Parameters
    ----------
    blocks : mapping
        Valid blocks of a case by name; one that is absent or None skips the rules that need it.
    """
    found: list[Finding] = []
    for names, check in _RULES:
        given = [blocks.get(name) for name in names]
        if all(block is not None for block in given):
            found.extend(check(*given))
    return found


def _rule(*blocks: str) -> Callable[[Rule], Rule]:
    """Decorator of a rule between blocks of these names, which become its arguments."""

    def register(check: Rule) -> Rule:
        _RULES.append((blocks, check))
        return check

    return register


def rounded(value: float) -> float:
    """A float at 12 significant digits, to compare computed sizes with written ones."""
    return float(f"{value:.{DIGITS}g}")


def tiled_lengths_um(geometry: Geometry, grains: Grains) -> tuple[float, ...]:
    """Lengths of the box that grains divide (µm): all of them; for columns those of their section."""
    return geometry.size_um[:-1] if grains.arrangement == "columnar" else geometry.size_um


def mean_grain_size_um(geometry: Geometry, grains: Grains) -> float:
    """Mean grain size (µm): as given, or (volume / count)^(1/dimension); for columns of their section."""
    if grains.mean_size_um is not None:
        return grains.mean_size_um
    lengths = tiled_lengths_um(geometry, grains)
    return rounded((math.prod(lengths) / (_count(grains) or 1)) ** (1 / len(lengths)))


def grain_count(geometry: Geometry, grains: Grains) -> int:
    """Number of grains of the mean size in the box; a cut box shows more, some of them small."""
    lengths = tiled_lengths_um(geometry, grains)
    size = mean_grain_size_um(geometry, grains)
    return _count(grains) or max(1, round(math.prod(lengths) / size ** len(lengths)))


def _count(grains: Grains) -> int | None:
    """Number of grains where it is given, by itself or by a file."""
    return len(grains.file.points) if grains.file else grains.count


def with_mesh_sizes(mesh: Any, blocks: Mapping[str, Any]) -> Any:
    """A mesh block before validation, with absent sizes filled from the grains where those are known.

    A tenth of a grain, not more than a quarter of a thin box; ends of boundaries 0.005 of a grain; both in
    proportion to the thickness of grain boundaries at the least, for layers are meshed by themselves.
    What is not a mapping comes back unchanged, for validation to refuse.
    """
    if isinstance(mesh, Mesh):
        mesh = mesh.model_dump(exclude_unset=True)
    geometry, grains = blocks.get("geometry"), blocks.get("grains")
    if not isinstance(mesh, Mapping) or geometry is None or grains is None:
        return mesh
    boundary = blocks.get("grain_boundary")
    delta_um = boundary.thickness_nm * units.NM_TO_UM if boundary else 0.0
    grain_um = mean_grain_size_um(geometry, grains)
    size_um = rounded(max(min(grain_um / 10, min(geometry.size_um) / 4), 2 * delta_um))
    filled = {"size_um": size_um, **mesh}
    size = filled["size_um"]
    # half of it, the default, would be thinner than the layers of grain boundaries
    if isinstance(size, (int, float)) and size / 2 <= delta_um < size:
        filled.setdefault("electrode_size_um", size)
    filled.setdefault("boundary_end_um", rounded(max(0.005 * grain_um, 10 * delta_um)))
    return filled


@_rule("geometry")
def size_has_an_entry_per_dimension(geometry: Geometry) -> Iterator[Finding]:
    n, dimension = len(geometry.size_um), geometry.dimension
    if n != dimension:
        wanted = "[x, z]" if dimension == 2 else "[x, y, z]"
        message = f"must have {dimension} entries in {dimension}D; got {n}. Give {wanted} in µm."
        yield Finding(("geometry", "size_um"), message)


@_rule("grains")
def one_size_of_grains(grains: Grains) -> Iterator[Finding]:
    given = [key for key in ("mean_size_um", "count", *FILE_KEYS) if getattr(grains, key) is not None]
    if not given:
        yield Finding(("grains",), "needs a size. Give mean_size_um (µm), or count, or seeds_file.")
    for key in given[1:]:
        yield Finding(("grains", key), f"must not stand beside {given[0]}. Give one of them.")


@_rule("grains")
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


@_rule("geometry", "grains")
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


@_rule("geometry", "grains")
def grains_fit_into_the_box(geometry: Geometry, grains: Grains) -> Iterator[Finding]:
    smallest = min(tiled_lengths_um(geometry, grains))
    if grains.mean_size_um is not None and grains.mean_size_um > smallest:
        message = (
            f"must be <= {smallest:g} µm, the shortest side of the box; got {grains.mean_size_um:g}. "
            "Enlarge geometry.size_um or make the grains smaller."
        )
        yield Finding(("grains", "mean_size_um"), message)


@_rule("geometry", "grains", "grain_boundary")
def boundary_is_thin(geometry: Geometry, grains: Grains, boundary: GrainBoundary) -> Iterator[Finding]:
    d_nm = mean_grain_size_um(geometry, grains) / units.NM_TO_UM
    if boundary.thickness_nm > LARGEST_GB_SHARE * d_nm:
        message = (
            f"must be <= {LARGEST_GB_SHARE * d_nm:g} nm, a tenth of the grain size; "
            f"got {boundary.thickness_nm:g}. Make it thinner or the grains larger."
        )
        yield Finding(("grain_boundary", "thickness_nm"), message)


@_rule("grain_boundary", "mesh")
def boundary_is_thinner_than_cells(boundary: GrainBoundary, mesh: Mesh) -> Iterator[Finding]:
    thickness_um = boundary.thickness_nm * units.NM_TO_UM
    for key in ("size_um", "electrode_size_um"):
        size = getattr(mesh, key)
        if size <= thickness_um:
            message = (
                f"must be > {thickness_um:g} µm, the grain-boundary thickness; got {size:g}. "
                "The layer is meshed by itself: a tenth of the grain size is enough."
            )
            yield Finding(("mesh", key), message)


@_rule("grain_boundary", "mesh")
def ends_are_longer_than_boundaries_are_thick(boundary: GrainBoundary, mesh: Mesh) -> Iterator[Finding]:
    shortest_um = units.SHORTEST_END * boundary.thickness_nm * units.NM_TO_UM
    if 0 < mesh.boundary_end_um < shortest_um:
        message = (
            f"must be 0 (cells stay whole) or >= {shortest_um:g} µm, {units.SHORTEST_END} thicknesses of the "
            f"grain boundary; got {mesh.boundary_end_um:g}. Leave it out for 0.005 of the grain size, ten "
            "thicknesses at the least."
        )
        yield Finding(("mesh", "boundary_end_um"), message)


@_rule("geometry", "mesh")
def cells_fit_into_the_box(geometry: Geometry, mesh: Mesh) -> Iterator[Finding]:
    smallest = min(geometry.size_um)
    for key in ("size_um", "electrode_size_um"):
        size = getattr(mesh, key)
        if size >= smallest:
            message = (
                f"must be < {smallest:g} µm, the shortest side of the box; got {size:g}. Make it smaller."
            )
            yield Finding(("mesh", key), message)


@_rule("mesh")
def electrode_cells_are_the_finer(mesh: Mesh) -> Iterator[Finding]:
    if mesh.electrode_size_um > mesh.size_um:
        message = (
            f"must be <= mesh.size_um, {mesh.size_um:g} µm; got {mesh.electrode_size_um:g}. "
            "Electrodes are where the mesh has to be finest."
        )
        yield Finding(("mesh", "electrode_size_um"), message)


@_rule("homogenizing_layer")
def layer_is_complete(layer: HomogenizingLayer) -> Iterator[Finding]:
    if layer.conductivity_S_per_cm is None:
        message = "needs conductivity_S_per_cm (S/cm), for its thickness is not 0."
        yield Finding(("homogenizing_layer",), message)


@_rule("grain_boundary", "homogenizing_layer")
def layer_is_thicker_than_boundaries(boundary: GrainBoundary, layer: HomogenizingLayer) -> Iterator[Finding]:
    least = boundary.thickness_nm * units.NM_TO_UM
    if layer.thickness_um <= least:
        message = (
            f"must be 0 (none) or > {least:g} µm, the grain-boundary thickness; "
            f"got {layer.thickness_um:g}. Is it in µm?"
        )
        yield Finding(("homogenizing_layer", "thickness_um"), message)


@_rule("electrodes")
def electrodes_differ(electrodes: Electrodes) -> Iterator[Finding]:
    if electrodes.bottom_V == electrodes.top_V:
        message = f"must differ from bottom_V; got {electrodes.top_V:g} V for both. No voltage, no current."
        yield Finding(("electrodes", "top_V"), message)


@_rule("electrodes")
def current_or_potential(electrodes: Electrodes) -> Iterator[Finding]:
    current = electrodes.current_density_mA_per_cm2
    place = ("electrodes", "current_density_mA_per_cm2")
    if current is not None and electrodes.top_V is not None:
        yield Finding(place, "must not stand beside top_V, which follows from it. Give one of them.")
    if current is None and electrodes.top_V is None:
        yield Finding(("electrodes", "top_V"), "must be a number in V; got nothing.")
    if current == 0:
        yield Finding(place, "must not be 0 mA/cm²: without current there is nothing to measure.")


@_rule("electrodes", "temperature_C")
def kinetics_conduct(electrodes: Electrodes, temperature_C: float) -> Iterator[Finding]:
    for side in SIDES:
        law: Kinetics | None = getattr(electrodes.kinetics, side, None)
        if law is not None:
            place = ("electrodes", "kinetics", side)
            density = exchange_current_density_at(law, temperature_C)
            words = f"exchange current density at {temperature_C:g} °C {density:g} A/m²"
            yield from _is_positive(place, law, words, density, "exchange_current_density_mA_per_cm2")


@_rule("accuracy")
def accuracy_asks_for_something(accuracy: Accuracy) -> Iterator[Finding]:
    if not accuracy.asked:
        message = "needs a target. Give conductance, hot_spots or hot_spot, or leave the block out."
        yield Finding(("accuracy",), message)


@_rule("accuracy", "electrodes")
def accuracy_is_certifiable(accuracy: Accuracy, electrodes: Electrodes) -> Iterator[Finding]:
    if electrodes.kinetics is None:
        return
    for key in accuracy.asked.keys() & {"conductance", "hot_spot"}:
        message = (
            "must not stand beside electrodes.kinetics: they make the current nonlinear, and no bracket "
            "certifies it. Drop one of them, or give the linear limit as electrodes.asr_ohm_cm2."
        )
        yield Finding(("accuracy", key), message)


@_rule("accuracy", "output")
def a_hot_spot_is_certified(accuracy: Accuracy, output: Output) -> Iterator[Finding]:
    asked = output.certify
    if accuracy.hot_spot is not None and asked is not None and not (asked.grains or asked.windows_um):
        message = "must name a current to certify for accuracy.hot_spot; has none. Give grains or windows_um."
        yield Finding(("output", "certify"), message)


def _conducts(name: str, block: Any, temperature_C: float) -> Iterator[Finding]:
    """The conductivity at the case's temperature is a number one can compute with."""
    if block.conductivity_S_per_cm is not None:
        sigma = conductivity_at(block, temperature_C)
        words = f"conductivity at {temperature_C:g} °C {sigma:g} S/m"
        yield from _is_positive((name,), block, words, sigma, "conductivity_S_per_cm")


def _is_positive(place: tuple[str, ...], block: Any, words: str, value: float, key: str) -> Iterator[Finding]:
    """A value that Arrhenius' law has carried to the case's temperature neither vanishes nor overflows."""
    if not (math.isfinite(value) and value > 1e-100):
        key = key if block.activation_energy_eV is None else "activation_energy_eV"
        yield Finding((*place, key), f"makes the {words}. Check the energy (eV) and the temperatures (°C).")


for _name in ("grains", "grain_boundary", "homogenizing_layer"):
    _rule(_name, "temperature_C")(partial(_conducts, _name))
