"""The record of one round of refining."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Round:
    """One mesh on the way; in 2D the keys of the conductance end in ``_S_per_m``, here always in ``_S``.

    Attributes
    ----------
    cells, nodes : int
        Of the layered mesh.
    mesh_hash : str
        SHA-256 of the mesh.
    lower_S, upper_S : float or None
        Bounds on the conductance (S; 2D S/m); None where they were not asked for.
    relative_width : float or None
        (upper − lower)/upper.
    seconds : float
        Mesh, solution and measuring.
    errors : dict
        Error reached by target; empty in results of versions without it.
    """

    cells: int
    nodes: int
    mesh_hash: str
    lower_S: float | None
    upper_S: float | None
    relative_width: float | None
    seconds: float
    errors: Mapping[str, float | None] = field(default_factory=dict)

    def as_dict(self, dimension: int) -> dict[str, Any]:
        """The tree of ``result.json``."""
        ending = "_per_m" if dimension == 2 else ""
        return {key + ending if key.endswith("_S") else key: value for key, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, tree: Mapping[str, Any]) -> Round:
        """The record that `as_dict` described."""
        return cls(**{key.removesuffix("_per_m"): value for key, value in tree.items()})
