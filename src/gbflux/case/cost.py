"""Numbers that follow from a case without computing it: its cost, what it will show, what looks odd in it.

Cells, nodes, memory and time are estimated from lengths alone and compared with the memory of this machine.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from gbflux import units
from gbflux.case.model import Case
from gbflux.errors import InputError

# Constants of the estimate, measured on runs of 8 to 1000 grains on two cores. Retune them when the mesher
# or the solver changes; nothing but the estimate depends on them.
CELLS_PER_NODE = {2: 2.0, 3: 5.5}  # of a conforming mesh, before grains get nodes of their own
TRANSITION = 2.0  # cells grow from electrode_size to size over so many sizes
FACET_AREA = {2: 1.0, 3: 0.43}  # facet of a grain boundary, in h^(dimension - 1)
LAYER_CELLS_PER_FACET = {2: 2.0, 3: 3.8}  # its own 2 or 3, and its share of triple lines and points
NODES_PER_FACET = {2: 1.0, 3: 0.6}  # copies of nodes that a facet of a grain boundary adds
EDGES = 1.15  # mean edge that leads away from the end of a boundary, in sizes there
CELLS_PER_CUT = {2: (11.0, 24.0), 3: (45.0, 105.0)}  # at a node of a line: on one side of its plane, on both
GRAIN_SURFACE = {  # surface of a grain of volume 1: bricks, relaxed Voronoi cells, Poisson-Voronoi cells
    2: {"brick": 4.0, "relaxed": 3.8, "poisson": 4.0},
    3: {"brick": 6.0, "relaxed": 5.4, "poisson": 5.82},
}
MEMORY_START_MIB = 450.0  # Python, DOLFINx and gmsh before the first cell
MEMORY_PER_CELL_KIB = 0.7
MESH_PER_CELL_S = 4.5e-6
REST_PER_CELL_S = 4.5e-6
NEWTON_PER_CELL_S = 3.5e-6  # what electrodes with kinetics add: three linear problems in place of one
START_S = 5.0
REPRODUCIBLE_FACTOR = 4.0  # serial Delaunay over HXT
SECOND_ORDER_FACTOR = {2: 3.0, 3: 5.0}  # memory and time of everything after the mesh
# By order: facets' unknowns, their matrix, the clusters; time on one core.
BRACKET_PER_CELL_KIB = {1: {2: 0.6, 3: 2.1}, 2: {2: 1.5, 3: 5.0}}
BRACKET_PER_CELL_S = {1: {2: 3.0e-6, 3: 1.3e-5}, 2: {2: 2.3e-5, 3: 1.2e-4}}
LOCAL_CURRENT = {1: 0.35, 2: 0.7}  # time of one certified local current over that of the bracket
# Entries of the factors of nested dissection: first * nodes**second
LU_ENTRIES = {2: (30.0, 1.0), 3: (8.0, 4 / 3)}
LU_ENTRY_BYTES = 12.0

COARSEST_CELLS_PER_GRAIN = 4
MIB = 2**20
_CONTROL_GROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Estimate:
    """Expected cost of a case, within about a factor of 1.5.

    Attributes
    ----------
    cells, nodes : int
        Of the layered mesh.
    memory_MiB : float
        Peak of all processes together (MiB).
    time_s : float
        Of a run on two cores, mesh included (s).
    """

    cells: int
    nodes: int
    memory_MiB: float
    time_s: float


def estimate(case: Case) -> Estimate:
    """Expected cells, nodes, memory and time of a case."""
    dimension = case.dimension
    facets = _facets(case)
    conforming = _conforming_cells(case) + _cells_of_cuts(case)
    cells = conforming + LAYER_CELLS_PER_FACET[dimension] * facets
    nodes = conforming / CELLS_PER_NODE[dimension] + NODES_PER_FACET[dimension] * facets
    order = SECOND_ORDER_FACTOR[dimension] if element_order(case) == 2 else 1.0
    mesher = MESH_PER_CELL_S * (REPRODUCIBLE_FACTOR if case.mesh.reproducible else 1.0)
    bracket = BRACKET_PER_CELL_S[element_order(case)][dimension] if certifies(case) else 0.0
    bracket *= 1.0 + LOCAL_CURRENT[element_order(case)] * local_currents(case)
    newton = NEWTON_PER_CELL_S if any(case.electrode_kinetics) else 0.0
    time = START_S + (mesher + (REST_PER_CELL_S + newton) * order + bracket) * cells
    return Estimate(_whole(cells), _whole(nodes), memory_MiB(case, cells, nodes), time)


def certifies(case: Case) -> bool:
    """Test whether the conductance is bounded from both sides."""
    if case.output.bracket or case.certify is not None:
        return True
    return case.refined_for("conductance")


def local_currents(case: Case) -> int:
    """Count the local currents that are certified, at most."""
    asked = case.certify
    if asked is None or any(case.electrode_kinetics):
        return 0
    return sum(len(asked.windows_um) + (asked.grains if um == 0.0 else 0) for um in case.hl_um)


def element_order(case: Case) -> int:
    """The order of the elements: 2 where an accuracy of the conductance is asked for.

    Linear elements reach that far later. Hot spots they reach with as many cells, which cost less each.
    """
    return 2 if case.refined_for("conductance") else case.solver.order


def memory_MiB(case: Case, cells: float, nodes: float) -> float:
    """Peak memory of all processes together for a mesh of so many cells and nodes (MiB)."""
    order = SECOND_ORDER_FACTOR[case.dimension] if element_order(case) == 2 else 1.0
    bracket = BRACKET_PER_CELL_KIB[element_order(case)][case.dimension] if certifies(case) else 0.0
    per_cell = MEMORY_PER_CELL_KIB * order + bracket
    memory = MEMORY_START_MIB + per_cell * units.KIB_TO_MIB * cells
    if case.solver.preconditioner == "lu":
        factor, power = LU_ENTRIES[case.dimension]
        memory += factor * (nodes * order) ** power * LU_ENTRY_BYTES / MIB
    return memory


def bulk_cells(volume_um: float, size_um: float, dimension: int) -> float:
    """Cells of edge length h that fill a volume.

    >>> bulk_cells(50.0**3, 1.0, 3)
    575000.0
    """
    return units.CELLS_PER_VOLUME[dimension] * volume_um / size_um**dimension


def refinement_cells(
    area_um: float, depth_um: float, size_um: float, electrode_size_um: float, dimension: int
) -> float:
    """Cells that a plane adds on one side, where cells grow linearly from `electrode_size` to `size` (µm).

    The integral of 1/h(z)^dimension - 1/size^dimension over the transition, or over the depth behind the
    plane (µm) if less, times the area of the plane (µm²; in 2D its length, µm).
    """
    depth = min(depth_um, TRANSITION * size_um)
    slope = (size_um - electrode_size_um) / (TRANSITION * size_um)
    if slope <= 0:
        return 0.0
    far = electrode_size_um + slope * depth
    power = dimension - 1
    integral = (electrode_size_um**-power - far**-power) / (power * slope)
    return units.CELLS_PER_VOLUME[dimension] * area_um * (integral - depth / size_um**dimension)


def gb_area_um(case: Case) -> float:
    """Area of all grain boundaries (µm²; in 2D their length, µm).

    Half the surface of all grains; where grains end at the box (mirror), less half of the box's own surface.
    """
    if case.grain_count == 1 and case.grains.boundary == "mirror":
        return 0.0
    columnar = case.grains.arrangement == "columnar"
    lengths = case.size_um[:-1] if columnar else case.size_um
    height = case.size_um[-1] if columnar else 1.0
    if len(lengths) == 1:
        return lengths[0] / case.mean_grain_size_um * height
    relaxed = "relaxed" if case.grains.relaxation_steps else "poisson"
    surface = GRAIN_SURFACE[len(lengths)]["brick" if case.grains.arrangement == "brick" else relaxed]
    area = surface / 2 * math.prod(lengths) / case.mean_grain_size_um
    if case.grains.boundary == "mirror":
        area = max(0.0, area - sum(math.prod(lengths) / length for length in lengths))
    return area * height


def _conforming_cells(case: Case) -> float:
    """Cells before layers are put in: electrolyte and slabs, refined where grains end."""
    size, fine = case.mesh.size_um, case.mesh.electrode_size_um
    area = math.prod(case.size_um[:-1])
    depth = case.size_um[-1]
    cells = bulk_cells(area * depth, size, case.dimension)
    cells += 2 * refinement_cells(area, depth / 2, size, fine, case.dimension)
    cells = units.crowded(cells, case.grain_count, case.dimension)
    for thickness in case.hl_um:
        if thickness < units.LAYER_CELLS * fine:  # prisms, one for each facet and layer of cells
            prisms = area / (FACET_AREA[case.dimension] * fine ** (case.dimension - 1))
            cells += case.dimension * units.cells_across(thickness, case.delta_um) * prisms
        else:
            inside = min(size, thickness / units.LAYER_CELLS)
            cells += bulk_cells(area * thickness, inside, case.dimension)
            cells += refinement_cells(area, thickness, inside, fine, case.dimension)
    return cells


def _cells_of_cuts(case: Case) -> float:
    """Cells that cuts towards the ends of grain boundaries add on both planes where grains end."""
    levels = units.expected_cuts(EDGES * case.mesh.electrode_size_um, case.boundary_end_um)
    # of surfaces that lie every way, a section of area A cuts lines of length π/4 A for each area in a volume
    # (2D: of lines, 2/π points for each length in an area); columnar grains are cut straight
    share = 1.0 if case.grains.arrangement == "columnar" else {2: 2 / math.pi, 3: math.pi / 4}[case.dimension]
    ends = share * gb_area_um(case) / case.size_um[-1] / case.mesh.electrode_size_um ** (case.dimension - 2)
    return levels * ends * sum(CELLS_PER_CUT[case.dimension][um > 0] for um in case.hl_um)


def _facets(case: Case) -> float:
    """Facets that layers grow on: grain boundaries, and planes between electrolyte and slabs."""
    power, per_facet = case.dimension - 1, FACET_AREA[case.dimension]
    planes = math.prod(case.size_um[:-1]) * sum(thickness > 0 for thickness in case.hl_um)
    facets = gb_area_um(case) / (per_facet * case.mesh.size_um**power)
    return facets + planes / (per_facet * case.mesh.electrode_size_um**power)


def _whole(value: float) -> int:
    """A count from a float that may have overflowed."""
    return round(value) if math.isfinite(value) else 10**300


@dataclass(frozen=True)
class Memory:
    """Memory of this machine, or of the container's share of it.

    Attributes
    ----------
    available_MiB, total_MiB : float
        Free now, and installed or allowed in all (MiB).
    """

    available_MiB: float
    total_MiB: float


def machine_memory() -> Memory | None:
    """Memory of this machine; None where the system does not say."""
    try:
        import psutil
    except ImportError:
        return None
    machine = psutil.virtual_memory()
    available, total = machine.available / MIB, machine.total / MIB
    limit = _control_group_bytes("memory.max")
    if limit is not None and limit / MIB < total:  # a container's or a job's share of the machine
        used = _control_group_bytes("memory.current") or 0
        total = limit / MIB
        available = min(available, max(0.0, total - used / MIB))
    return Memory(available, total)


def require_memory(expected: Estimate, memory: Memory | None) -> str | None:
    """Refuse a case that needs more memory than the machine has; with None, unknown, nothing is refused.

    Returns
    -------
    str or None
        A warning if the case needs more than is free now.

    Raises
    ------
    InputError
        If the case cannot fit.
    """
    if memory is None:
        return None
    needed = f"about {in_gib(expected.memory_MiB)} for about {expected.cells:,} cells"
    if expected.memory_MiB > memory.total_MiB:
        raise InputError(
            f"memory: must be <= {in_gib(memory.total_MiB)}, all this machine has; the case needs {needed}. "
            "Raise mesh.size_um or make the box smaller, or use a larger machine."
        )
    if expected.memory_MiB > memory.available_MiB:
        return (
            f"the case needs {needed}, but only {in_gib(memory.available_MiB)} are free now. "
            "Close other programs or raise mesh.size_um."
        )
    return None


def in_gib(memory_MiB: float) -> str:
    """Memory for people.

    >>> in_gib(512), in_gib(13000)
    ('512 MiB', '12.7 GiB')
    """
    return f"{memory_MiB:.0f} MiB" if memory_MiB < 1024 else f"{memory_MiB / 1024:,.1f} GiB"


def _control_group_bytes(name: str) -> int | None:
    """A number of the control group this process is in (bytes); None where there is none, or no limit."""
    try:
        text = (_CONTROL_GROUP / name).read_text(encoding="ascii").strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None


@dataclass(frozen=True)
class DerivedNumbers:
    """Numbers that follow from a case without computing it.

    Attributes
    ----------
    biot : float
        Bi = (δ/d) σ_g/σ_gb: resistance of a grain boundary over that of a grain. Below 0.1 it hardly shows.
    kapitza_length_um : float
        δ σ_g/σ_gb: thickness of grain that resists as much as one boundary (µm).
    gb_asr_ohm_cm2 : float
        δ/σ_gb: area-specific resistance of one grain boundary (Ω cm²).
    hl_asr_ohm_cm2 : tuple of float
        Area-specific resistance of the bottom and the top homogenizing layer with its contact
        (Ω cm²); 0.0 for none.
    electrode_asr_ohm_cm2 : tuple of float
        Area-specific resistance of the bottom and the top electrode at rest (Ω cm²): that of a film, and of
        kinetics RT/((α_a + α_c) F i₀).
    brick_layer_S_per_cm : float
        σ_g/(1 + Bi): conductivity of a brick layer of these grains and boundaries (S/cm), for δ much below d.
    """

    biot: float
    kapitza_length_um: float
    gb_asr_ohm_cm2: float
    hl_asr_ohm_cm2: tuple[float, float]
    electrode_asr_ohm_cm2: tuple[float, float]
    brick_layer_S_per_cm: float


def derived_numbers(case: Case) -> DerivedNumbers:
    """Numbers that follow from a case at its temperature.

    Examples
    --------
    >>> from gbflux.case import parse_case
    >>> case = parse_case('''
    ... geometry: {size_um: [50, 50, 50]}
    ... grains: {mean_size_um: 10, conductivity_S_per_cm: 5e-4}
    ... grain_boundary: {thickness_nm: 5, conductivity_S_per_cm: 2.5e-7}
    ... ''')
    >>> round(derived_numbers(case).biot, 12)
    1.0
    """
    ratio = case.sigma_grain / case.sigma_gb
    biot = case.delta_um / case.mean_grain_size_um * ratio
    gb_asr = case.delta_um * units.UM_TO_M / case.sigma_gb
    return DerivedNumbers(
        biot=biot,
        kapitza_length_um=case.delta_um * ratio,
        gb_asr_ohm_cm2=gb_asr * units.OHM_M2_TO_OHM_CM2,
        hl_asr_ohm_cm2=(_hl_asr_ohm_cm2(case, case.hl_um[0]), _hl_asr_ohm_cm2(case, case.hl_um[1])),
        electrode_asr_ohm_cm2=(_electrode_asr_ohm_cm2(case, 0), _electrode_asr_ohm_cm2(case, 1)),
        brick_layer_S_per_cm=case.sigma_grain / (1 + biot) * units.S_PER_M_TO_S_PER_CM,
    )


def _hl_asr_ohm_cm2(case: Case, thickness_um: float) -> float:
    """Area-specific resistance of one homogenizing layer and its contact (Ω cm²); 0.0 for none."""
    if case.sigma_hl is None or thickness_um == 0:
        return 0.0
    return (thickness_um * units.UM_TO_M / case.sigma_hl + case.contact_asr) * units.OHM_M2_TO_OHM_CM2


def _electrode_asr_ohm_cm2(case: Case, side: int) -> float:
    """Area-specific resistance of one electrode where no current flows (Ω cm²); 0.0 for an ideal one."""
    asr, law = case.electrode_asr[side], case.electrode_kinetics[side]
    current_density = case.exchange_current_density[side]
    if law is not None and current_density is not None:
        # Butler–Volmer's law linearised at rest: di/dη = (α_a + α_c) F i₀ / RT
        thermal = units.GAS_CONSTANT_J_PER_MOL_K * units.kelvin(case.temperature_C) / units.FARADAY_C_PER_MOL
        coefficients = law.anodic_transfer_coefficient + law.cathodic_transfer_coefficient
        asr += thermal / (coefficients * current_density)
    return asr * units.OHM_M2_TO_OHM_CM2


def remarks(case: Case) -> list[str]:
    """Sentences on what is allowed in a case and still probably not meant."""
    found = []
    if case.mesh.size_um * COARSEST_CELLS_PER_GRAIN > case.mean_grain_size_um:
        found.append(
            f"mesh.size_um {case.mesh.size_um:g} is coarse for grains of {case.mean_grain_size_um:.4g} µm: "
            f"hot spots need {COARSEST_CELLS_PER_GRAIN} cells or more across a grain."
        )
    if case.grains.count is not None and case.grains.boundary == "cut":
        found.append(
            f"grains.count {case.grains.count:,} gives the mean size, {case.mean_grain_size_um:.4g} µm; a "
            "cut box shows pieces of more grains. With boundary: mirror grains end at the box."
        )
    if case.sigma_gb > case.sigma_grain:
        found.append("grain boundaries conduct better than grains: they will not concentrate the current.")
    materials = (case.grains, case.grain_boundary, case.homogenizing_layer)
    laws = any(case.electrode_kinetics)  # whose overpotentials go with the temperature
    activated = any(m is not None and m.activation_energy_eV for m in materials)
    if case.temperature_C != 25 and not laws and not activated:
        found.append("temperature_C changes nothing: no conductivity has an activation_energy_eV.")
    return found
