"""One row for each grain, and one for each grain boundary; as arrays and as CSV with the unit in each header.

Signs: a grain's currents are those of its ends on the bottom and top plane of the electrolyte, positive along
the mean current. A boundary's current is positive from grain a to grain b.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gbflux.conduction.balance import boundary_currents
from gbflux.conduction.records import Fields
from gbflux.measure.cells import CellGeometry, grain_mean_j
from gbflux.measure.planes import PlaneNodes
from gbflux.mesh.records import CellKind, LayeredMesh, those
from gbflux.units import A_PER_M2_TO_MA_PER_CM2, NM_TO_UM, S_PER_M_TO_S_PER_CM, SIDES


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


def grain_table(
    mesh: LayeredMesh, fields: Fields, geometry: CellGeometry, ends: tuple[PlaneNodes, PlaneNodes]
) -> GrainTable:
    """Geometry and currents of every grain.

    Parameters
    ----------
    mesh : LayeredMesh
    fields : Fields
    geometry : CellGeometry
    ends : (PlaneNodes, PlaneNodes)
        Nodes of the bottom and the top plane of the electrolyte.

    Returns
    -------
    GrainTable
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


def boundary_table(mesh: LayeredMesh, fields: Fields, volume: NDArray[np.float64]) -> BoundaryTable:
    """Thickness, conductivity and current of every grain boundary.

    Parameters
    ----------
    mesh : LayeredMesh
    fields : Fields
    volume : (m,) array
        Cell volumes (µm³; in 2D µm²).

    Returns
    -------
    BoundaryTable
    """
    cells = those(mesh.kind == CellKind.GB)
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
    """Write ``grains.csv``.

    Parameters
    ----------
    path : Path
    table : GrainTable
    """
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
    path : Path
    table : BoundaryTable
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
