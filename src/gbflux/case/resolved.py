"""The resolved case as YAML text: every default filled in, and loading back to the same `physics_hash`."""

from __future__ import annotations

import json
import math
import re
from typing import Any

from gbflux.case.model import Case

_BARE = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")
_NOT_BARE = {"true", "false", "null", "yes", "no", "on", "off", "y", "n", "inf", "nan"}


def resolved_yaml(case: Case, seeds_file: str | None = None) -> str:
    """Text of ``case.resolved.yaml``.

    Parameters
    ----------
    case : Case
        The case.
    seeds_file : str, optional
        Name to write for the file of seeds, for a copy beside the text; its absolute path if left out.

    Returns
    -------
    str
        YAML 1.2 that `parse_case` reads back to a case with the same hash.
    """
    lines = ["# A resolved case: every default filled in.", f"# physics_hash: {case.physics_hash}"]
    for key, value in resolved_data(case, seeds_file).items():
        if isinstance(value, dict):
            lines.append(f"{key}:")
            lines.extend(f"  {name}: {_flow(item)}{_comment(case, name)}" for name, item in value.items())
        else:
            lines.append(f"{key}: {_flow(value)}")
    return "\n".join(lines) + "\n"


def resolved_data(case: Case, seeds_file: str | None = None) -> dict[str, Any]:
    """The resolved case as plain data in the user's units, without absent keys."""
    data = case.model_dump(mode="json", exclude_none=True)
    if case.grains.seeds_file is not None and seeds_file is not None:
        data["grains"]["seeds_file"] = seeds_file
    return data


def _comment(case: Case, name: str) -> str:
    """Return a comment with the mean size for ``count`` and ``seeds_file``, which imply it; else empty."""
    return f"  # mean size {case.mean_grain_size_um:.6g} µm" if name in ("count", "seeds_file") else ""


def _flow(value: Any) -> str:
    """A value in YAML's flow style, in a spelling that every YAML reader takes for the same type."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_flow, value)) + "]"
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, str) and _BARE.fullmatch(value) and value.lower() not in _NOT_BARE:
        return value
    return json.dumps(value, ensure_ascii=True)


def _float(value: float) -> str:
    """A float with a point, so that readers of YAML 1.1 do not take ``1e-06`` for text."""
    if not math.isfinite(value):
        raise ValueError(f"resolved case: must be finite; got {value}")
    mantissa, _, exponent = repr(value).partition("e")
    if not exponent:
        return mantissa
    if "." not in mantissa:
        mantissa += ".0"
    return f"{mantissa}e{exponent}"
