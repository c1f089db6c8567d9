"""Remarks on what is allowed in a case and still probably not meant."""

from __future__ import annotations

from gbflux.case.model import Case

COARSEST_CELLS_PER_GRAIN = 4


def remarks(case: Case) -> list[str]:
    """Sentences about a valid case that a colleague would say when looking over it."""
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
    if (
        case.temperature_C != 25
        and not laws
        and all(m is None or not m.activation_energy_eV for m in materials)
    ):
        found.append("temperature_C changes nothing: no conductivity has an activation_energy_eV.")
    return found
