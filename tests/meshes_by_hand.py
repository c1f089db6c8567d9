"""Layered meshes small enough to be made by hand: flat layers stacked along z on a box, in 2D and 3D.

Points inside the box are shifted sideways: the mesh is irregular, yet every layer stays flat and exact.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gbflux.mesh import CellKind, Mesh, MeshQuality

GB_UM = 0.005


@dataclass(frozen=True)
class Layer:
    """A flat layer: what it is made of, its thickness (µm), its mesh intervals across."""

    kind: CellKind
    thickness_um: float
    intervals: int = 1


#: Two slabs with contact layers and three grains with two grain boundaries between.
FULL_STACK = (
    Layer(CellKind.HL, 3.0, 2),
    Layer(CellKind.CONTACT, GB_UM),
    Layer(CellKind.GRAIN, 4.0, 3),
    Layer(CellKind.GB, GB_UM),
    Layer(CellKind.GRAIN, 5.0, 3),
    Layer(CellKind.GB_JUNCTION, GB_UM),
    Layer(CellKind.GRAIN, 3.5, 2),
    Layer(CellKind.CONTACT, GB_UM),
    Layer(CellKind.HL, 2.0, 2),
)
#: The same electrolyte between bare electrodes.
BARE_STACK = FULL_STACK[2:-2]


def stack(
    layers: Sequence[Layer],
    dimension: int = 3,
    across: int = 3,
    width_um: float = 6.0,
    seed: int = 0,
    shift: float = 0.15,
) -> Mesh:
    """Stack `layers` from the bottom up on a box `width_um` wide with `across` intervals a side.

    Points move sideways by up to `shift` intervals.
    """
    heights = np.concatenate(
        [np.full(layer.intervals, layer.thickness_um / layer.intervals) for layer in layers]
    )
    slab = sum(layer.thickness_um for layer in itertools.takewhile(_is_slab, layers))
    z = np.concatenate([[0.0], np.cumsum(heights)]) - slab
    ends = np.cumsum([layer.intervals for layer in layers])
    electrolyte = [k for k, layer in enumerate(layers) if not _is_slab(layer)]
    z_electrolyte = (
        float(z[ends[electrolyte[0]] - layers[electrolyte[0]].intervals]),
        float(z[ends[electrolyte[-1]]]),
    )
    axes = [np.linspace(0.0, width_um, across + 1)] * (dimension - 1) + [z]
    points = np.stack([a.ravel() for a in np.meshgrid(*axes, indexing="ij")], axis=1)
    cells, boxes = kuhn_cells([len(a) - 1 for a in axes])
    _shift_sideways(points, width_um, shift * width_um / across, np.random.default_rng(seed))
    labels = _labels(layers)
    of_cell = np.repeat(np.arange(len(layers)), [layer.intervals for layer in layers])[boxes]
    kind, region, boundary = (column[of_cell] for column in labels)
    n_grains = sum(layer.kind == CellKind.GRAIN for layer in layers)
    area = width_um ** (dimension - 1)
    normal = np.zeros((n_grains - 1, dimension))
    normal[:, -1] = 1.0
    gb_area = area * (n_grains - 1)
    return Mesh(
        dimension=dimension,
        points=points,
        cells=oriented(points, cells).astype(np.int32),
        kind=kind.astype(np.uint8),
        region=region.astype(np.int32),
        boundary=boundary.astype(np.int32),
        n_grains=n_grains,
        slabs=tuple(
            name for name, layer in (("bottom", layers[0]), ("top", layers[-1])) if layer.kind == CellKind.HL
        ),
        boundaries=np.stack([np.arange(n_grains - 1), np.arange(1, n_grains)], axis=1).astype(np.int32),
        boundary_area=np.full(n_grains - 1, area),
        boundary_normal=normal,
        size_um=np.array([width_um] * (dimension - 1) + [z_electrolyte[1] - z_electrolyte[0]]),
        z_electrolyte=z_electrolyte,
        z_electrodes=(float(z[0]), float(z[-1])),
        layer_thickness_um=GB_UM,
        hash="by hand",
        quality=MeshQuality(gb_area, 0.0, 0.0, 0.0, 0.0, 0.0),
    )


def plain_mesh(
    points: NDArray[np.float64],
    cells: NDArray[np.int64],
    kind: NDArray[np.integer],
    z_electrodes: tuple[float, float],
) -> Mesh:
    """Wrap positively oriented simplices of any domain (µm) as one grain, whatever else its cells are called.

    Facets in the planes `z_electrodes` touch an electrode; all other sides insulate.
    """
    dimension = points.shape[1]
    layers = np.isin(kind, (CellKind.GB, CellKind.GB_JUNCTION))
    return Mesh(
        dimension=dimension,
        points=points,
        cells=cells.astype(np.int32),
        kind=kind.astype(np.uint8),
        region=np.where(layers, -1, 0).astype(np.int32),
        boundary=np.where(layers, 0, -1).astype(np.int32),
        n_grains=1,
        slabs=(),
        boundaries=np.zeros((1, 2), np.int32),
        boundary_area=np.ones(1),
        boundary_normal=np.eye(dimension)[-1:],
        size_um=np.ptp(points, axis=0),
        z_electrolyte=z_electrodes,
        z_electrodes=z_electrodes,
        layer_thickness_um=GB_UM,
        hash="by hand",
        quality=MeshQuality(0.0, 0.0, 0.0, 0.0, 0.0, 0.0),
    )


def resistance(mesh: Mesh, sigma: NDArray[np.float64]) -> float:
    """Return ∫ dz/σ of a stack (Ω m²), from one column of cells' volumes over the area of the box."""
    area = float(np.prod(np.ptp(mesh.points, axis=0)[:-1]))
    return float(np.sum(volumes(mesh) / sigma)) / area * 1.0e-6


def area_m2(mesh: Mesh) -> float:
    """Return the electrode's area (m²; in 2D its length, m)."""
    return float(np.prod(np.ptp(mesh.points, axis=0)[:-1] * 1.0e-6))


def volumes(mesh: Mesh) -> NDArray[np.float64]:
    """Return (m,) signed volumes of the cells (µm³; in 2D µm²)."""
    corners = mesh.points[mesh.cells]
    return np.linalg.det(corners[:, 1:] - corners[:, :1]) / (2 if mesh.dimension == 2 else 6)


def _is_slab(layer: Layer) -> bool:
    return layer.kind in (CellKind.HL, CellKind.CONTACT)


def _labels(layers: Sequence[Layer]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Kind, region and boundary of each layer."""
    kinds = np.array([layer.kind for layer in layers], dtype=np.int64)
    grain = np.cumsum(kinds == CellKind.GRAIN) - 1
    n_grains = grain[-1] + 1
    in_slab = np.isin(kinds, (CellKind.HL, CellKind.CONTACT))
    in_boundary = np.isin(kinds, (CellKind.GB, CellKind.GB_JUNCTION))
    has_bottom = kinds[0] == CellKind.HL
    slab = n_grains + np.where(grain < 0, 0, int(has_bottom))
    region = np.where(in_slab, slab, np.where(in_boundary, -1, grain))
    return kinds, region, np.where(in_boundary, grain, -1)


def kuhn_cells(intervals: Sequence[int]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Simplices of a box grid, and the interval along the last axis that each lies in."""
    dimension = len(intervals)
    number = np.arange(np.prod([n + 1 for n in intervals])).reshape([n + 1 for n in intervals])
    corner = np.meshgrid(*(np.arange(n) for n in intervals), indexing="ij")
    cells = []
    for path in itertools.permutations(range(dimension)):
        offset, vertices = np.zeros(dimension, dtype=int), [number[tuple(corner)]]
        for axis in path:
            offset[axis] += 1
            vertices.append(number[tuple(c + o for c, o in zip(corner, offset, strict=True))])
        cells.append(np.stack([v.ravel() for v in vertices], axis=1))
    return np.concatenate(cells), np.tile(corner[-1].ravel(), len(cells))


def _shift_sideways(
    points: NDArray[np.float64], width_um: float, by_um: float, generator: np.random.Generator
) -> None:
    """Move points inside the box sideways, all of a vertical line alike, so that thin layers stay prisms."""
    sides, line = np.unique(points[:, :-1], axis=0, return_inverse=True)
    shift = generator.uniform(-by_um, by_um, sides.shape)
    shift[(sides == 0.0) | (sides == width_um)] = 0.0
    points[:, :-1] += shift[line.ravel()]


def oriented(points: NDArray[np.float64], cells: NDArray[np.int64]) -> NDArray[np.int64]:
    """Cells with positive volumes."""
    corners = points[cells]
    negative = np.linalg.det(corners[:, 1:] - corners[:, :1]) < 0
    cells[negative, :2] = cells[negative, 1::-1]
    return cells
