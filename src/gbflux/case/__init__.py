"""The case: what a user writes, checked and resolved. Imports `errors` and `units`.

`load_case` and `parse_case` give a frozen `Case` or raise one `CaseError` with every mistake in it.
"""

from gbflux.case.blocks import (
    Accuracy,
    Electrodes,
    Geometry,
    GrainBoundary,
    Grains,
    HomogenizingLayer,
    Mesh,
    Output,
    Solver,
    Variation,
)
from gbflux.case.cost import Estimate, estimate
from gbflux.case.kinetics import Kinetics
from gbflux.case.load import CaseSource, load_case, parse_case, read_case
from gbflux.case.memory import Memory, machine_memory, require_memory
from gbflux.case.model import Case
from gbflux.case.numbers import DerivedNumbers, derived_numbers
from gbflux.case.remarks import remarks
from gbflux.case.resolved import resolved_yaml
from gbflux.case.schema import schema_text
from gbflux.case.template import template

__all__ = [
    "Accuracy",
    "Case",
    "CaseSource",
    "DerivedNumbers",
    "Electrodes",
    "Estimate",
    "Geometry",
    "GrainBoundary",
    "Grains",
    "HomogenizingLayer",
    "Kinetics",
    "Memory",
    "Mesh",
    "Output",
    "Solver",
    "Variation",
    "derived_numbers",
    "estimate",
    "load_case",
    "machine_memory",
    "parse_case",
    "read_case",
    "remarks",
    "require_memory",
    "resolved_yaml",
    "schema_text",
    "template",
]
