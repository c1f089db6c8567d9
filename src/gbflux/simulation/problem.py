"""Electrodes and settings of a case, as the solver's own records."""

from __future__ import annotations

from gbflux.case import Case
from gbflux.case.cost import certifies, element_order
from gbflux.conduction.records import ButlerVolmer, Electrode, SolverSettings
from gbflux.units import kelvin


def electrodes(case: Case) -> tuple[Electrode, Electrode]:
    """The electrodes, bottom and top; an applied current enters at the top."""
    parts = (
        case.potentials,
        case.electrode_asr,
        (_law(case, 0), _law(case, 1)),
        (None, case.applied_current_density),
    )
    bottom, top = zip(*parts, strict=True)
    return Electrode(*bottom), Electrode(*top)


def _law(case: Case, side: int) -> ButlerVolmer | None:
    """The kinetics of an electrode at the case's temperature."""
    law = case.electrode_kinetics[side]
    return law and ButlerVolmer(
        exchange_current_density=case.exchange_current_density[side],
        anodic=law.anodic_transfer_coefficient,
        cathodic=law.cathodic_transfer_coefficient,
        temperature=kelvin(case.temperature_C),
    )


def settings(case: Case, certify: bool = False) -> SolverSettings:
    """Return the solver's settings; with `certify` it keeps what bounds on local currents need."""
    s = case.solver
    return SolverSettings(
        s.rtol, s.max_iterations, s.preconditioner, element_order(case), certifies(case), certify
    )
