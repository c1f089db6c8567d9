"""Error indicator: where a mesh must become finer for the current's distribution on the planes.

Two parts, each a share of one, are added cell by cell.

In the bulk: what the field lacks in energy, estimated by the recovered current density (`recovered`), over
all energy. It needs no bracket, and holds where electrodes have kinetics.

On electrodes and where the electrolyte ends: what piecewise linear current densities lack on their facets.
With slopes G at the corners, means of those of the facets around, j_h misses on an edge from a to b about
(G_b − G_a)·(b − a)/12 in the mean. The area mean of this over the mean current density is by how much the
distribution of j_h over area is shifted, in the mean (its Wasserstein distance). Where j_h is above its mean
it counts j_h times over, for so it counts in the root mean square.

Junctions of layers count on planes alone: elsewhere nothing that is measured hangs on them.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from gbflux.conduction.records import Fields
from gbflux.measure.hot_spots import mean_density
from gbflux.measure.measure import electrode_plane, electrolyte_end
from gbflux.measure.planes import PlaneFacets, PlaneNodes
from gbflux.measure.recovered import energy, lacking_energy
from gbflux.mesh import CellKind, Mesh
from gbflux.mesh.simplices import signed_volumes
from gbflux.units import SIDES

_GROUPS = ((CellKind.GRAIN, CellKind.HL), (CellKind.GB,))


def indicator(mesh: Mesh, fields: Fields) -> NDArray[np.float64]:
    """Contribution of each cell to the error of the distributions, bulk and planes together.

    Parameters
    ----------
    mesh : Mesh
    fields : Fields

    Returns
    -------
    (m,) array
        Of the order of relative errors (1); its sum is an indication, no estimate.
    """
    found = lost_energy(mesh, fields)
    for facets, nodes in planes(mesh, fields):
        counted = nodes.at_corners(facets).mean(axis=1) / mean_density(facets, nodes)
        np.add.at(found, facets.cell, facet_defects(facets, nodes) * np.maximum(1.0, counted))
    return found


def planes(mesh: Mesh, fields: Fields) -> list[tuple[PlaneFacets, PlaneNodes]]:
    """Electrodes, and the ends of the electrolyte at homogenizing layers."""
    ends = [electrolyte_end(mesh, fields, side) for side in mesh.slabs]
    return [electrode_plane(mesh, fields, side) for side in SIDES] + ends


def lost_energy(mesh: Mesh, fields: Fields) -> NDArray[np.float64]:
    """Energy of the distance of each cell's current density from the recovered one, over all energy, (m,)."""
    volume = np.abs(signed_volumes(mesh.points, mesh.cells))
    lacking = sum(lacking_energy(mesh, fields, volume, kinds) for kinds in _GROUPS)
    return (mesh.dimension + 2) * lacking / float(energy(fields, volume).sum())


def facet_defects(facets: PlaneFacets, nodes: PlaneNodes) -> NDArray[np.float64]:
    """Error in the distribution of j_h on a plane due to each facet, (k,).

    Parameters
    ----------
    facets : PlaneFacets
    nodes : PlaneNodes
    """
    at = np.searchsorted(nodes.node, facets.nodes)
    values = nodes.density[at] / mean_density(facets, nodes)
    sides = facets.points[:, 1:] - facets.points[:, :1]
    slope = np.linalg.solve(sides, (values[:, 1:] - values[:, :1])[:, :, None])[:, :, 0]
    of_node = np.stack([_mean_of_facets(at, facets.area, component) for component in slope.T], axis=1)
    missed = np.zeros(len(facets.area))
    pairs = list(combinations(range(at.shape[1]), 2))
    for a, b in pairs:
        edge = facets.points[:, b] - facets.points[:, a]
        missed += np.abs(np.einsum("fc,fc->f", of_node[at[:, b]] - of_node[at[:, a]], edge)) / 12
    # a triangle's interpolation misses 3/4 of what its three edges miss together
    missed *= 1.0 if len(pairs) == 1 else 0.75
    return missed * facets.area / float(facets.area.sum())


def _mean_of_facets(at: NDArray[np.integer], area: NDArray, values: NDArray) -> NDArray[np.float64]:
    """Mean at each node of the values of the facets around it, weighted with their areas."""
    d = at.shape[1]
    weight = np.bincount(at.ravel(), np.repeat(area, d))
    return np.bincount(at.ravel(), np.repeat(area * values, d)) / weight
