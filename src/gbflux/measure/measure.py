"""All measures of one solved case."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gbflux.conduction.records import Fields
from gbflux.measure.cells import CellGeometry, cell_geometry
from gbflux.measure.estimated_errors import energy_errors, plane_errors, profile_errors, transport_errors
from gbflux.measure.hl_profile import HLProfile, hl_profile
from gbflux.measure.hot_spots import HotSpots, hot_spots
from gbflux.measure.metrics import freeze
from gbflux.measure.planes import PlaneFacets, PlaneNodes, electrode_plane, electrolyte_end
from gbflux.measure.tables import BoundaryTable, GrainTable, boundary_table, grain_table
from gbflux.measure.transport import Transport, cross_section, transport
from gbflux.mesh.records import LayeredMesh
from gbflux.units import SIDES

#: Records that results hold too.
PARTS = ("transport", "hot_spots", "hot_spots_electrolyte", "homogenizing_layer")


@dataclass(frozen=True)
class Measurement:
    """Measures of a solved case. Sides are ``"bottom"`` and ``"top"``.

    Attributes
    ----------
    transport : Transport
        The cell as a whole, without certified bounds.
    current_imbalance : float
        |sum of the reactions on both electrodes| over the current (1).
    hot_spots : read-only dict of HotSpots
        On each electrode.
    hot_spots_electrolyte : read-only dict of HotSpots
        Where the electrolyte ends, for the sides with a homogenizing layer.
    homogenizing_layer : read-only dict of HLProfile
        Profile across each homogenizing layer.
    electrodes : read-only dict of (PlaneFacets, PlaneNodes)
        Facets and nodes of each electrode.
    grains : GrainTable
    boundaries : BoundaryTable
    errors : read-only dict
        Estimated discretisation errors, in a tree parallel to `transport`, `hot_spots`,
        `hot_spots_electrolyte` and `homogenizing_layer`, see `estimated_errors`.
    """

    transport: Transport
    current_imbalance: float
    hot_spots: Mapping[str, HotSpots]
    hot_spots_electrolyte: Mapping[str, HotSpots]
    homogenizing_layer: Mapping[str, HLProfile]
    electrodes: Mapping[str, tuple[PlaneFacets, PlaneNodes]]
    grains: GrainTable
    boundaries: BoundaryTable
    errors: Mapping[str, Any]

    def __post_init__(self) -> None:
        freeze(self, *PARTS[1:], "electrodes", "errors")

    @property
    def parts(self) -> dict[str, Any]:
        """The records that a result takes over, by their names in it."""
        return {name: getattr(self, name) for name in PARTS}


def measure(
    mesh: LayeredMesh,
    fields: Fields,
    *,
    mean_grain_size_um: float,
    potentials: tuple[float, float],
    ideal: tuple[bool, bool] = (True, True),
    geometry: CellGeometry | None = None,
) -> Measurement:
    """Measure a solved case.

    Parameters
    ----------
    mesh : LayeredMesh
    fields : Fields
    mean_grain_size_um : float
        d (µm).
    potentials : (float, float)
        Of the bottom and the top electrode (V).
    ideal : (bool, bool)
        Whether these have neither a resistance nor kinetics: the largest current density then has no limit
        where boundaries end on them.
    geometry : CellGeometry, optional
        Geometry of the mesh's cells, where it is known.

    Returns
    -------
    Measurement

    Raises
    ------
    InputError
        When no current flows.
    """
    geometry = cell_geometry(mesh) if geometry is None else geometry
    electrodes = {
        side: electrode_plane(mesh, fields, side, geometry.at_electrode(mesh, side)) for side in SIDES
    }
    ends = {side: electrolyte_end(mesh, fields, side, geometry.at_ends[side]) for side in SIDES}
    bottom, top = (float(fields.residual[electrodes[side][1].node].sum()) for side in SIDES)
    current = (abs(bottom) + abs(top)) / 2
    mean = current / cross_section(mesh)
    whole, in_si = transport(
        mesh,
        fields,
        geometry.volume,
        current=current,
        voltage=potentials[1] - potentials[0],
        mean_grain_size_um=mean_grain_size_um,
    )
    energy = energy_errors(mesh, fields, geometry.volume)

    def of_plane(plane: tuple[PlaneFacets, PlaneNodes], unlimited: bool) -> tuple[HotSpots, dict[str, Any]]:
        """Hot spots of a plane and their errors; singular if boundaries end where nothing limits currents."""
        spots = hot_spots(*plane, mesh.n_grains, mean_grain_size_um, mean)
        singular = unlimited and len(mesh.boundaries) > 0
        errors = plane_errors(*plane, mesh.n_grains, mean_grain_size_um, spots, energy[1], singular)
        return spots, errors

    on_electrodes = {
        side: of_plane(electrodes[side], perfect and side not in mesh.slabs)
        for side, perfect in zip(SIDES, ideal, strict=True)
    }
    on_ends = {side: of_plane(ends[side], True) for side in mesh.slabs}
    grains = grain_table(mesh, fields, geometry, (ends["bottom"][1], ends["top"][1]))
    boundaries = boundary_table(mesh, fields, geometry.volume)
    profiles = {side: hl_profile(mesh, fields, side, mean, geometry) for side in mesh.slabs}
    return Measurement(
        transport=whole,
        current_imbalance=abs(bottom + top) / current,
        hot_spots={side: spots for side, (spots, _) in on_electrodes.items()},
        hot_spots_electrolyte={side: spots for side, (spots, _) in on_ends.items()},
        homogenizing_layer=profiles,
        electrodes=electrodes,
        grains=grains,
        boundaries=boundaries,
        errors={
            "transport": transport_errors(*in_si, *energy),
            "hot_spots": {side: errors for side, (_, errors) in on_electrodes.items()},
            "hot_spots_electrolyte": {side: errors for side, (_, errors) in on_ends.items()},
            "homogenizing_layer": {side: profile_errors(profile) for side, profile in profiles.items()},
        },
    )
