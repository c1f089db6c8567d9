"""Measures of a solved case: currents, hot spots, homogenizing layers, tables of grains and boundaries.

May import the rooms up to conduction, of that its records alone; NumPy and SciPy only, on MPI rank 0.
"""

from gbflux.flux.hl_profile import HLProfile
from gbflux.flux.hot_spots import HotSpots
from gbflux.flux.measure import Measurement, measure
from gbflux.flux.parts import ElectrodePart, electrode_parts
from gbflux.flux.result import as_result
from gbflux.flux.tables import BoundaryTable, GrainTable, write_boundaries, write_grains
from gbflux.flux.transport import Transport

__all__ = [
    "BoundaryTable",
    "ElectrodePart",
    "GrainTable",
    "HLProfile",
    "HotSpots",
    "Measurement",
    "Transport",
    "as_result",
    "electrode_parts",
    "measure",
    "write_boundaries",
    "write_grains",
]
