"""Everything a mesh depends on, as plain data: what the mesher is given and what names a cached mesh."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from gbflux.grains import Arrangement
from gbflux.mesh.drawing import MeshSize, gmsh_version
from gbflux.mesh.sizing import SizeField

if TYPE_CHECKING:
    from gbflux.case import Case

_MESHER = 2  # raise it when the same recipe gives another mesh


@dataclass(frozen=True)
class Recipe:
    """How to make one layered mesh.

    Attributes
    ----------
    arrangement : Arrangement
        The grains.
    slabs_um : tuple of float
        Thickness of the bottom and the top homogenizing layer (µm), 0 for none.
    size : MeshSize
        Edge lengths of the cells.
    """

    arrangement: Arrangement
    slabs_um: tuple[float, float]
    size: MeshSize

    @property
    def slabs(self) -> dict[str, float]:
        """Thickness of the slabs there are (µm), bottom first."""
        return {side: um for side, um in zip(("bottom", "top"), self.slabs_um, strict=True) if um > 0}

    def to_json(self) -> str:
        """Canonical text, the same for the same recipe; of a size field only the hash."""
        data = asdict(replace(self, size=replace(self.size, field=None)))
        data["size"]["field"] = None if self.size.field is None else self.size.field.digest()
        points = data["arrangement"]["points"]
        data["arrangement"]["points"] = None if points is None else np.asarray(points, float).tolist()
        return json.dumps(data, sort_keys=True, allow_nan=False)

    @classmethod
    def from_json(cls, text: str, field: SizeField | None = None) -> Recipe:
        """The recipe that `to_json` wrote, with the size field it was written of."""
        data = json.loads(text)
        grains = data["arrangement"]
        grains["size_um"] = tuple(grains["size_um"])
        grains["points"] = None if grains["points"] is None else np.array(grains["points"])
        size = MeshSize(**{**data["size"], "field": field})
        return cls(Arrangement(**grains), tuple(data["slabs_um"]), size)

    def key(self) -> str:
        """SHA-256 (hex) of the recipe, of gmsh's version and of the mesher's own."""
        text = f"{self.to_json()} gmsh {gmsh_version()} mesher {_MESHER}"
        return hashlib.sha256(text.encode()).hexdigest()


def recipe(case: Case, field: SizeField | None = None) -> Recipe:
    """The recipe of a case's mesh; with a size field, in place of the sizes of the case."""
    grains = case.grains
    arrangement = Arrangement(
        size_um=tuple(case.size_um),
        mean_size_um=case.mean_grain_size_um,
        kind=grains.arrangement,
        boundary=grains.boundary,
        seed=grains.seed,
        relaxation_steps=grains.relaxation_steps,
        delta_um=case.delta_um,
        points=None if grains.seeds_file is None else np.array(grains.seeds_file.points),
    )
    size = MeshSize(case.mesh.size_um, case.mesh.electrode_size_um, case.mesh.reproducible, field)
    return Recipe(arrangement, tuple(case.hl_um), size)
