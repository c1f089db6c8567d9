"""All measures of one solved case, with a row for each grain and each grain boundary.

Signs of the tables: a grain's currents are those of its ends on the bottom and top plane of the electrolyte,
positive along the mean current. A boundary's current is positive from grain a to grain b.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gbflux.conduction.balance import boundary_currents
from gbflux.conduction.records import Fields
from gbflux.measure.cells import CellGeometry, cell_geometry, grain_mean_j
from gbflux.measure.estimated_errors import energy_errors, plane_errors, profile_errors, transport_errors
from gbflux.measure.hl_profile import HLProfile, hl_profile
from gbflux.measure.hot_spots import HotSpots, hot_spots
from gbflux.measure.metrics import freeze
from gbflux.measure.planes import PlaneFacets, PlaneNodes, electrode_plane, electrolyte_end
from gbflux.measure.transport import Transport, cross_section, transport
from gbflux.mesh import CellKind, Mesh, contiguous_slice
from gbflux.units import A_PER_M2_TO_MA_PER_CM2, NM_TO_UM, S_PER_M_TO_S_PER_CM, SIDES

#: Records that results hold too.
PARTS = ("transport", "hot_spots", "hot_spots_electrolyte", "homogenizing_layer")


@dataclass(frozen=True)
class GrainTable:
    """Grains in the order of their id.

    Attributes
    ----------
    centroid_um : (n_grains, dimension) array
        Centre of volume (µm).
    volume_um3 : (n_grains,) array
        Volume without the layers around it (µm³; in 2D area, µm²).
    exposed_area_um2 : (2, n_grains) array
        Lumped area on the bottom and the top plane of the electrolyte (µm²; in 2D length, µm).
    current : (2, n_grains) array
        Current through these (A; in 2D A/m).
    mean_current_density : (n_grains,) array
        Volume mean of |J| (A/m²).
    """

    centroid_um: NDArray[np.float64]
    volume_um3: NDArray[np.float64]
    exposed_area_um2: NDArray[np.float64]
    current: NDArray[np.float64]
    mean_current_density: NDArray[np.float64]


@dataclass(frozen=True)
class BoundaryTable:
    """Grain boundaries in the order of ``mesh.boundaries``.

    Attributes
    ----------
    grains : (nb, 2) array
        The grains a < b.
    area_um2 : (nb,) array
        µm²; in 2D the length, µm.
    thickness_um : (nb,) array
        Mean thickness: volume of the layer, its junctions left out, over area (µm).
    sigma : (nb,) array
        Mean conductivity of the layer (S/m).
    current : (nb,) array
        Net current from a to b: area × mean of J·n over the layer, n from a to b (A; in 2D A/m).
    """

    grains: NDArray[np.int32]
    area_um2: NDArray[np.float64]
    thickness_um: NDArray[np.float64]
    sigma: NDArray[np.float64]
    current: NDArray[np.float64]


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
    mesh: Mesh,
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
    mean_grain_size_um : float
        d (µm).
    potentials : (float, float)
        Of the bottom and the top electrode (V).
    ideal : (bool, bool)
        Whether these have neither a resistance nor kinetics: the largest current density then has no limit
        where boundaries end on them.
    geometry : CellGeometry, optional
        Geometry of the mesh's cells, where it is known.

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


def grain_table(
    mesh: Mesh, fields: Fields, geometry: CellGeometry, ends: tuple[PlaneNodes, PlaneNodes]
) -> GrainTable:
    """Geometry and currents of every grain.

    Parameters
    ----------
    ends : (PlaneNodes, PlaneNodes)
        Nodes of the bottom and the top plane of the electrolyte.
    """

    def sums(nodes: PlaneNodes, values: NDArray[np.float64]) -> NDArray[np.float64]:
        found = np.bincount(nodes.region + 1, values, minlength=mesh.n_grains + 1)[1 : mesh.n_grains + 1]
        return found  # type: ignore[return-value]  # with weights it sums floats

    return GrainTable(
        centroid_um=geometry.grain_centroid,
        volume_um3=geometry.grain_volume,
        exposed_area_um2=np.stack([sums(nodes, nodes.area) for nodes in ends]),
        current=np.stack([sums(nodes, nodes.current) for nodes in ends]),
        mean_current_density=grain_mean_j(mesh, fields, geometry),
    )


def boundary_table(mesh: Mesh, fields: Fields, volume: NDArray[np.float64]) -> BoundaryTable:
    """Thickness, conductivity and current of every grain boundary.

    Parameters
    ----------
    volume : (m,) array
        Cell volumes (µm³; in 2D µm²).
    """
    cells = contiguous_slice(mesh.kind == CellKind.GB)
    pair, v = mesh.boundary[cells], volume[cells]

    def sums(values: NDArray[np.float64]) -> NDArray[np.float64]:
        found = np.bincount(pair, values, minlength=len(mesh.boundaries))
        return found  # type: ignore[return-value]  # with weights it sums floats

    layer = sums(v)
    filled = np.where(layer > 0, layer, 1.0)
    area = np.asarray(mesh.boundary_area, dtype=float)
    return BoundaryTable(
        grains=mesh.boundaries,
        area_um2=area,
        thickness_um=layer / np.where(area > 0, area, 1.0),
        sigma=sums(v * fields.sigma[cells]) / filled,
        current=boundary_currents(mesh, fields, cells, v),
    )


def write_grains(path: Path, table: GrainTable) -> None:
    """Write ``grains.csv``."""
    flat = table.centroid_um.shape[1] == 2
    area, ampere = (
        ("exposed_length_{}_um", "current_{}_A_per_m") if flat else ("exposed_area_{}_um2", "current_{}_A")
    )
    columns: dict[str, NDArray[Any]] = {"grain": np.arange(len(table.volume_um3))}
    columns |= {
        f"centroid_{name}_um": x for name, x in zip("xz" if flat else "xyz", table.centroid_um.T, strict=True)
    }
    columns["area_um2" if flat else "volume_um3"] = table.volume_um3
    columns |= {area.format(side): table.exposed_area_um2[k] for k, side in enumerate(SIDES)}
    columns |= {ampere.format(side): table.current[k] for k, side in enumerate(SIDES)}
    columns["mean_current_density_mA_per_cm2"] = table.mean_current_density * A_PER_M2_TO_MA_PER_CM2
    _write(path, columns)


def write_boundaries(path: Path, table: BoundaryTable, dimension: int) -> None:
    """Write ``boundaries.csv``.

    Parameters
    ----------
    dimension : int
        2 or 3.
    """
    flat = dimension == 2
    _write(
        path,
        {
            "grain_a": table.grains[:, 0],
            "grain_b": table.grains[:, 1],
            "length_um" if flat else "area_um2": table.area_um2,
            "thickness_nm": table.thickness_um / NM_TO_UM,
            "conductivity_S_per_cm": table.sigma * S_PER_M_TO_S_PER_CM,
            "current_A_per_m" if flat else "current_A": table.current,
        },
    )


def _write(path: Path, columns: dict[str, NDArray[Any]]) -> None:
    """Write columns of equal length with their names as header."""
    with Path(path).open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(zip(*(column.tolist() for column in columns.values()), strict=True))
