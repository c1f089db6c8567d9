"""Measures of a solved case: currents, hot spots, homogenizing layers, tables of grains and boundaries.

May import the rooms up to conduction, of that its records alone; NumPy and SciPy only, on MPI rank 0.
"""

from gbflux.measure.hl_profile import HLProfile
from gbflux.measure.hot_spots import HotSpots
from gbflux.measure.measure import (
    BoundaryTable,
    GrainTable,
    Measurement,
    measure,
    write_boundaries,
    write_grains,
)
from gbflux.measure.parts import ElectrodePart, electrode_parts
from gbflux.measure.transport import Transport

__all__ = [
    "BoundaryTable",
    "ElectrodePart",
    "GrainTable",
    "HLProfile",
    "HotSpots",
    "Measurement",
    "Transport",
    "electrode_parts",
    "measure",
    "write_boundaries",
    "write_grains",
]
