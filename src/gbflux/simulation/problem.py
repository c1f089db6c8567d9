"""Electrodes and settings of a case, as the solver's own records."""

from __future__ import annotations

from gbflux.case import Case
from gbflux.case.estimate import certifies, element_order
from gbflux.conduction import (
    ButlerVolmer,
    Electrode,
    Resistance,
    SolverSettings,
    bottom_electrode,
    top_electrode,
)
from gbflux.units import kelvin


def electrodes(case: Case) -> tuple[Electrode, Electrode]:
    """The electrodes, bottom and top; an applied current enters at the top."""
    bottom, top = case.potentials
    return (
        bottom_electrode(bottom, _law(case, 0)),
        top_electrode(top, _law(case, 1), case.applied_current_density),
    )


def _law(case: Case, side: int) -> ButlerVolmer | Resistance:
    """The law of an electrode at the case's temperature."""
    law, asr = case.electrode_kinetics[side], case.electrode_asr[side]
    if law is None:
        return Resistance(asr)
    return ButlerVolmer(
        exchange_current_density=case.exchange_current_density[side],
        anodic=law.anodic_transfer_coefficient,
        cathodic=law.cathodic_transfer_coefficient,
        temperature=kelvin(case.temperature_C),
        asr=asr,
    )


def settings(case: Case, certify: bool = False) -> SolverSettings:
    """Return the solver's settings; with `certify` it keeps what bounds on local currents need."""
    s = case.solver
    return SolverSettings(
        s.rtol, s.max_iterations, s.preconditioner, element_order(case), certifies(case), certify
    )
