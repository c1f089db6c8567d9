"""The case: what a user writes, checked and resolved. Imports `errors` and `units`.

`load_case` and `parse_case` give a frozen `Case` or raise one `CaseError` with every mistake in it.
"""

from gbflux.case.blocks import Output
from gbflux.case.cost import (
    DerivedNumbers,
    Estimate,
    Memory,
    derived_numbers,
    estimate,
    machine_memory,
    remarks,
    require_memory,
)
from gbflux.case.load import CaseSource, load_case, parse_case, read_case
from gbflux.case.model import Case
from gbflux.case.text import schema_text, template
from gbflux.case.yaml import resolved_yaml

__all__ = [
    "Case",
    "CaseSource",
    "DerivedNumbers",
    "Estimate",
    "Memory",
    "Output",
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
