"""The case: what a user writes, checked and resolved. Imports `errors` and `units`.

`load_case` and `parse_case` give a frozen `Case` or raise one `CaseError` with every mistake in it. A case
goes from text (`yaml`) with overrides (`load`) through its keys (`blocks`, `grain_files`) and the rules
between them (`rules`) to numbers in SI and a hash (`model`); `cost` estimates what it takes, `text` has the
words for users. A new key is a field of `blocks`, and a function of `rules` where it clashes with others.
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
