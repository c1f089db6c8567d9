"""From a conforming mesh to a layered one: open its boundaries, fill them, accept the result.

Closure alone would pass with vanished layers, so the layers' volume is compared with what the conforming mesh
says it must be.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gbflux.errors import MeshError
from gbflux.mesh.mesh import SOLID, CellKind, ConformingMesh, Mesh, MeshQuality, is_kind, mesh_hash
from gbflux.mesh.opening import (
    Copies,
    Junctions,
    LayerCells,
    displacements,
    fill_layers,
    find_junctions,
    limit,
    make_copies,
    split_cells,
    volumes_to_keep,
)
from gbflux.mesh.simplices import (
    Floats,
    Integers,
    Mask,
    is_conforming,
    longest_edges,
    normals,
    signed_volumes,
)

CLOSURE = 1e-10  # relative: cells must fill the box
LAYER_VOLUME = 5e-3  # relative: layers must have their volume
LIMITED_AREA = 5e-3  # share of grain-boundary area that may be thinner than asked for


def insert_layers(
    mesh: ConformingMesh,
    *,
    n_grains: int,
    slabs: dict[str, tuple[float, ...]],
    size_um: Floats,
    delta_um: float,
) -> Mesh:
    """Open every boundary of a conforming mesh and fill it with a layer of thickness δ.

    A boundary between two grains opens by δ/2 on each side; one between a slab and a grain opens by δ on the
    slab's side alone, so that the electrolyte keeps its thickness.

    Parameters
    ----------
    mesh : ConformingMesh
        Grains and slabs; regions ``n_grains`` and up are slabs.
    n_grains : int
        Number of grains.
    slabs : dict
        For ``"bottom"``, ``"top"`` or both, in the order of their regions, the distances from the electrolyte
        of the mesh planes in the slab, the last its thickness (µm).
    size_um : (d,) float array
        The electrolyte (µm).
    delta_um : float
        Thickness of the layers (µm).

    Raises
    ------
    MeshError
        If the mesh does not pass; the message says which figure failed.
    """
    height = float(size_um[-1])
    below = [-depth for depth in slabs.get("bottom", ())]
    above = [height + depth for depth in slabs.get("top", ())]
    electrodes = (min(below, default=0.0), max(above, default=height))
    box = _box_planes(size_um, electrodes)
    mesh = _snapped(mesh, [*box, *((len(size_um) - 1, z) for z in (*below, 0.0, height, *above))])
    boundaries = _Boundaries(mesh, n_grains)
    opened = _open(mesh, _depths(mesh, n_grains, delta_um), box)
    box_volume = float(np.prod(size_um[:-1]) * (electrodes[1] - electrodes[0]))
    with ThreadPoolExecutor() as pool:
        conforming = pool.submit(is_conforming, opened.cells, _plane_bits(opened.points, box))
        kind, region, boundary = _labels(mesh, opened.layers, boundaries, n_grains)
        digest = pool.submit(mesh_hash, opened.points, opened.cells, kind, region, boundary)
        quality = mesh_quality(
            opened.points,
            opened.cells,
            kind,
            box_volume=box_volume,
            area=boundaries.total_area,
            limited_area=limited_area(mesh, opened.copies, opened.limited, n_grains),
            layer_volume=expected_layer_volume(
                mesh, opened.junctions, boundaries.total_area, n_grains, delta_um
            ),
            # a slab withdraws by all of δ, grains stay: one layer under the whole of it
            contact_volume=len(slabs) * delta_um * float(np.prod(size_um[:-1])),
        )
    accept(quality, conforming.result())
    return Mesh(
        dimension=len(size_um),
        points=opened.points,
        cells=opened.cells,
        kind=kind,
        region=region,
        boundary=boundary,
        n_grains=n_grains,
        slabs=tuple(slabs),
        boundaries=boundaries.pairs.astype(np.int32),
        boundary_area=boundaries.area,
        boundary_normal=boundaries.normal,
        size_um=np.asarray(size_um, dtype=np.float64),
        z_electrolyte=(0.0, height),
        z_electrodes=electrodes,
        layer_thickness_um=delta_um,
        hash=digest.result(),
        quality=quality,
        node=opened.node,
    )


@dataclass(frozen=True)
class _Opened:
    """A conforming mesh with its boundaries opened and filled; cells of the layers come last."""

    points: NDArray[np.float64]
    cells: NDArray[np.int32]
    layers: LayerCells
    copies: Copies
    junctions: list[Junctions]
    limited: NDArray[np.bool_]

    @property
    def node(self) -> NDArray[np.int32]:
        """Node of the conforming mesh behind each point, (n,)."""
        inner = np.flatnonzero(self.copies.inner >= 0)
        return np.concatenate([inner, self.copies.node], dtype=np.int32, casting="same_kind")


def _open(mesh: ConformingMesh, depth: Floats, box: list[tuple[int, float]]) -> _Opened:
    """Split, fill and move; what does not wait for each other runs side by side."""
    with ThreadPoolExecutor() as pool:
        found = pool.submit(find_junctions, mesh)
        copies = make_copies(mesh)
        filled = pool.submit(lambda: fill_layers(mesh, copies, found.result()))
        cells = split_cells(mesh, copies)
        start = np.vstack([mesh.points[copies.inner >= 0], mesh.points[copies.node]])
        kept = volumes_to_keep(start, cells, copies)
        move = displacements(mesh, copies, depth, box)
    layers = filled.result()
    points, limited = limit(start, kept, layers.cells, copies, move)
    return _Opened(points, np.vstack([cells, layers.cells]), layers, copies, found.result(), limited)


def _box_planes(size_um: Floats, electrodes: tuple[float, float]) -> list[tuple[int, float]]:
    """Outer planes as (axis, position)."""
    sides = [(axis, value) for axis, length in enumerate(size_um[:-1]) for value in (0.0, float(length))]
    return sides + [(len(size_um) - 1, value) for value in electrodes]


def _snapped(mesh: ConformingMesh, planes: list[tuple[int, float]]) -> ConformingMesh:
    """The mesh with points within rounding of a plane put exactly on it."""
    points = mesh.points.copy()
    near = 1e-9 * np.ptp(points, axis=0).max()
    for axis, value in planes:
        points[np.abs(points[:, axis] - value) < near, axis] = value
    return replace(mesh, points=points)


def _plane_bits(points: Floats, planes: list[tuple[int, float]]) -> NDArray[np.uint8]:
    """For each point, one bit for each box plane it is on."""
    bits = np.zeros(len(points), dtype=np.uint8)
    for k, (axis, value) in enumerate(planes):
        bits |= (points[:, axis] == value).astype(np.uint8) << k
    return bits


def _depths(mesh: ConformingMesh, n_grains: int, delta_um: float) -> Floats:
    """Depth by which each side of each facet withdraws (µm): δ/2 between grains; at a slab, the slab by δ."""
    is_slab = mesh.facet_regions >= n_grains
    at_slab = is_slab.any(axis=1, keepdims=True)
    return np.where(at_slab, np.where(is_slab, delta_um, 0.0), delta_um / 2)


class _Boundaries:
    """Grain boundaries: pairs of grains with area and normal."""

    def __init__(self, mesh: ConformingMesh, n_grains: int) -> None:
        between = np.all(mesh.facet_regions < n_grains, axis=1)
        pairs = mesh.facet_regions[between]
        area = facet_areas(mesh)[between]
        sign = np.where(pairs[:, 0] < pairs[:, 1], 1.0, -1.0)
        self._n = n_grains
        self._key, first, index = np.unique(
            self._keys(pairs[:, 0], pairs[:, 1]), return_index=True, return_inverse=True
        )
        self.pairs = np.sort(pairs[first], axis=1)
        self.area: Any = np.bincount(index.ravel(), area, len(first))  # floats, whatever NumPy's types say
        self.normal = sign[first, None] * mesh.facet_normal[between][first]
        self.total_area = float(area.sum())

    def _keys(self, a: Integers, b: Integers) -> Integers:
        keys: Integers = np.minimum(a, b) * np.int64(self._n) + np.maximum(a, b)
        return keys

    def index(self, a: Integers, b: Integers) -> Integers:
        """Row of the boundary between grains a and b, −1 where they share none."""
        if not len(self._key):
            return np.full(len(a), -1)
        row = np.minimum(np.searchsorted(self._key, self._keys(a, b)), len(self._key) - 1)
        return np.where((a != b) & (self._key[row] == self._keys(a, b)), row, -1)


def _labels(
    mesh: ConformingMesh, layers: LayerCells, boundaries: _Boundaries, n_grains: int
) -> tuple[NDArray[np.uint8], NDArray[np.int32], NDArray[np.int32]]:
    """Kind, region and boundary of each cell; a junction cell counts to one of its boundaries."""
    solid = np.where(mesh.region < n_grains, CellKind.GRAIN, CellKind.HL)
    last = layers.regions.max(axis=1)
    contact = last >= n_grains
    kind = np.where(layers.junction, CellKind.GB_JUNCTION, CellKind.GB)
    kind = np.where(contact, CellKind.CONTACT, kind)
    boundary = np.full(len(last), -1)
    width = layers.regions.shape[1]
    for i in range(width):
        for j in range(i + 1, width):
            open_cells = np.flatnonzero((boundary < 0) & ~contact)
            pair = layers.regions[open_cells]
            boundary[open_cells] = boundaries.index(pair[:, i], pair[:, j])
    return (
        np.concatenate([solid, kind]).astype(np.uint8),
        np.concatenate([mesh.region, np.where(contact, last, -1)]).astype(np.int32),
        np.concatenate([np.full(len(solid), -1), boundary]).astype(np.int32),
    )


def facet_areas(mesh: ConformingMesh, which: Integers | slice = slice(None)) -> NDArray[np.float64]:
    """Area of each facet, or of some (µm²; in 2D length, µm), (k,)."""
    turns = normals(mesh.points[mesh.facets[which]])
    areas: Floats = np.linalg.norm(turns, axis=1) / (turns.shape[1] - 1)  # of a triangle half the product
    return areas


def limited_area(mesh: ConformingMesh, copies: Copies, limited: Mask, n_grains: int) -> float:
    """Area of grain boundaries (µm²) with a copy that was held back."""
    near = np.zeros(copies.n_nodes, dtype=bool)
    near[copies.node[limited]] = True
    facets = np.flatnonzero(near[mesh.facets].any(axis=1) & np.all(mesh.facet_regions < n_grains, axis=1))
    regions, nodes = mesh.facet_regions[facets], mesh.facets[facets]
    held = np.zeros(len(facets), dtype=bool)
    for side in (0, 1):
        held |= limited[copies.local(regions[:, [side]], nodes)].any(axis=1)
    return float(facet_areas(mesh, facets[held]).sum())


def expected_layer_volume(
    mesh: ConformingMesh, junctions: list[Junctions], area: float, n_grains: int, delta_um: float
) -> float:
    """Volume the grain-boundary layers must have (µm³): δ·area, less the overlap of strips at junctions.

    Strips of thickness δ that end at a junction cover each of its grains, of angle α, twice over a kite of
    area (δ/2)² cot(α/2).
    """
    volume = delta_um * area
    for group in junctions:
        grains_only = np.all(group.ring < n_grains, axis=1)
        nodes, angle = group.nodes[grains_only], group.angle[grains_only]
        ends = mesh.points[nodes]
        length = (
            np.linalg.norm(ends[:, -1] - ends[:, 0], axis=1) if nodes.shape[1] == 2 else np.ones(len(nodes))
        )
        volume -= float(np.sum((delta_um / 2) ** 2 / np.tan(angle / 2) * length[:, None]))
    return volume


def mesh_quality(
    points: Floats,
    cells: Integers,
    kind: NDArray[np.uint8],
    *,
    box_volume: float,
    area: float,
    limited_area: float,
    layer_volume: float,
    contact_volume: float,
) -> MeshQuality:
    """The figures by which a mesh is judged, from its cells and what they should add up to (µm, µm², µm³)."""
    volume = signed_volumes(points, cells)
    layer, contact = (kind == CellKind.GB) | (kind == CellKind.GB_JUNCTION), kind == CellKind.CONTACT
    pairs = (layer, layer_volume if area else 0.0), (contact, contact_volume)
    errors = [abs(float(volume[of].sum()) / expected - 1) for of, expected in pairs if expected]
    solid = is_kind(kind, SOLID)
    return MeshQuality(
        gb_area_um2=area,
        gb_area_limited_fraction=limited_area / area if area else 0.0,
        layer_volume_error=max(errors, default=0.0),
        volume_error=abs(float(volume.sum()) / box_volume - 1),
        min_volume_um3=float(volume.min()),
        min_aspect=_min_aspect(points, cells[solid], volume[solid]),
    )


def _min_aspect(points: Floats, cells: Integers, volume: Floats) -> float:
    """Smallest ratio of a cell's volume to that of the regular simplex with its longest edge."""
    d = points.shape[1]
    regular = np.sqrt(3) / 4 if d == 2 else np.sqrt(2) / 12
    return float((volume / (regular * longest_edges(points, cells) ** d)).min())


def accept(quality: MeshQuality, conforming: bool) -> None:
    """Raise unless cells share faces, every volume is positive, the box full and the layers' volume right."""
    q = quality
    rules = [
        (conforming, "neighbouring cells must share whole faces; some do not"),
        (q.min_volume_um3 > 0, f"every cell volume must be > 0; got {q.min_volume_um3:.3g}"),
        (q.volume_error <= CLOSURE, f"cells must fill the box to {CLOSURE:g}; got {q.volume_error:.3g}"),
        (
            q.layer_volume_error <= LAYER_VOLUME,
            f"layers must have their volume to {LAYER_VOLUME:g}; got {q.layer_volume_error:.3g}",
        ),
        (
            q.gb_area_limited_fraction <= LIMITED_AREA,
            f"at most {LIMITED_AREA:g} of the grain-boundary area may be limited; "
            f"got {q.gb_area_limited_fraction:.3g}",
        ),
    ]
    for passed, words in rules:
        if not passed:
            raise MeshError(
                f"mesh: {words}. Try another grains.seed, a thinner grain boundary, larger grains, or a "
                "mesh.electrode_size_um of four grain-boundary thicknesses or more."
            )
