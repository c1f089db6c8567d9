"""A solved case in memory: mesh, fields and what was measured on them."""

from __future__ import annotations

from dataclasses import dataclass

from gbflux.case import Case
from gbflux.conduction.records import Fields
from gbflux.measure import Measurement
from gbflux.mesh import Mesh


@dataclass(frozen=True)
class Snapshot:
    """Everything pictures and tables are made of. Exists on MPI rank 0 only.

    Attributes
    ----------
    case : Case
        The case that was solved.
    mesh : Mesh
        The mesh.
    fields : Fields
        The solved fields, in the mesh's numbering.
    measurement : Measurement
        The measures.
    """

    case: Case
    mesh: Mesh
    fields: Fields
    measurement: Measurement
