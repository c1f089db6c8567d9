"""Acceptance test of a layered mesh, which it must pass to be used.

Closure alone would pass with vanished layers, so the layers' volume is compared with what the conforming mesh
says it must be.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gbflux.errors import MeshError
from gbflux.mesh.conforming import ConformingMesh
from gbflux.mesh.junctions import Junctions
from gbflux.mesh.records import CellKind, MeshQuality
from gbflux.mesh.simplices import longest_edges, signed_volumes
from gbflux.mesh.split import Copies

CLOSURE = 1e-10  # relative: cells must fill the box
LAYER_VOLUME = 5e-3  # relative: layers must have their volume
LIMITED_AREA = 5e-3  # share of grain-boundary area that may be thinner than asked for


def facet_areas(mesh: ConformingMesh, which: NDArray | slice = slice(None)) -> NDArray[np.float64]:
    """Area of each facet, or of some (µm²; in 2D length, µm), (k,)."""
    x = mesh.points[mesh.facets[which]]
    if x.shape[2] == 2:
        return np.linalg.norm(x[:, 1] - x[:, 0], axis=1)
    return np.linalg.norm(np.cross(x[:, 1] - x[:, 0], x[:, 2] - x[:, 0]), axis=1) / 2


def limited_area(mesh: ConformingMesh, copies: Copies, limited: NDArray, n_grains: int) -> float:
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


def judge(
    points: NDArray,
    cells: NDArray,
    kind: NDArray,
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
    solid = (kind == CellKind.GRAIN) | (kind == CellKind.HL)
    return MeshQuality(
        gb_area_um2=area,
        gb_area_limited_fraction=limited_area / area if area else 0.0,
        layer_volume_error=max(errors, default=0.0),
        volume_error=abs(float(volume.sum()) / box_volume - 1),
        min_volume_um3=float(volume.min()),
        min_aspect=_min_aspect(points, cells[solid], volume[solid]),
    )


def _min_aspect(points: NDArray, cells: NDArray, volume: NDArray) -> float:
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
                f"mesh: {words}. Try another grains.seed, a thinner grain boundary or larger grains."
            )
