"""The few numbers that decide what a case will show, from its materials and lengths alone."""

from __future__ import annotations

from dataclasses import dataclass

from gbflux import units
from gbflux.case.model import Case


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
        hl_asr_ohm_cm2=tuple(_hl_asr_ohm_cm2(case, thickness) for thickness in case.hl_um),
        electrode_asr_ohm_cm2=tuple(_electrode_asr_ohm_cm2(case, side) for side in (0, 1)),
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
    if law is not None:
        thermal = units.GAS_CONSTANT_J_PER_MOL_K * units.kelvin(case.temperature_C) / units.FARADAY_C_PER_MOL
        coefficients = law.anodic_transfer_coefficient + law.cathodic_transfer_coefficient
        asr += thermal / (coefficients * case.exchange_current_density[side])
    return asr * units.OHM_M2_TO_OHM_CM2
