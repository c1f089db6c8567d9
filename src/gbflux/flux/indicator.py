"""Where a mesh has to become finer for the distribution of the current on the planes to be right.

Two parts, each a share of one, are added cell by cell.

In the bulk: what the field lacks in energy. The current density of a cell is compared with the means of its
neighbours' at its corners, within grains and layers apart, since it jumps between them (O. C. Zienkiewicz,
J. Z. Zhu, Int. J. Numer. Meth. Eng. 24 (1987) 337, doi:10.1002/nme.1620240206): the integral of
|J − J_corner|²/σ, over that of |J|²/σ. It needs no bracket, and holds where electrodes have kinetics.

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
from gbflux.flux.measure import electrode_plane, electrolyte_end
from gbflux.flux.planes import PlaneFacets, PlaneNodes
from gbflux.mesh.records import CellKind, LayeredMesh
from gbflux.mesh.simplices import signed_volumes
from gbflux.units import SIDES

_GROUPS = ((CellKind.GRAIN, CellKind.HL), (CellKind.GB,))


def indicator(mesh: LayeredMesh, fields: Fields) -> NDArray[np.float64]:
    """What each cell contributes to the error of the distributions, bulk and planes together.

    Parameters
    ----------
    mesh : LayeredMesh
    fields : Fields

    Returns
    -------
    (m,) array
        Of the order of relative errors (1); its sum is an indication, no estimate.
    """
    found = lost_energy(mesh, fields)
    for facets, nodes in planes(mesh, fields):
        density = nodes.current / nodes.area
        counted = density[np.searchsorted(nodes.node, facets.nodes)].mean(axis=1)
        counted *= nodes.area.sum() / nodes.current.sum()
        np.add.at(found, facets.cell, facet_defects(facets, nodes) * np.maximum(1.0, counted))
    return found


def planes(mesh: LayeredMesh, fields: Fields) -> list[tuple[PlaneFacets, PlaneNodes]]:
    """Electrodes, and the ends of the electrolyte at homogenizing layers."""
    ends = [electrolyte_end(mesh, fields, side) for side in mesh.slabs]
    return [electrode_plane(mesh, fields, side) for side in SIDES] + ends


def lost_energy(mesh: LayeredMesh, fields: Fields) -> NDArray[np.float64]:
    """Energy of the distance of each cell's current density from recovered ones, over all energy, (m,)."""
    volume = np.abs(signed_volumes(mesh.points, mesh.cells))
    found = np.zeros(len(mesh.cells))
    for kinds in _GROUPS:
        chosen = np.flatnonzero(np.isin(mesh.kind, kinds))
        corners, weight, j = mesh.cells[chosen], volume[chosen], fields.j[chosen]
        around = sum(np.bincount(column, weight, len(mesh.points)) for column in corners.T)
        around[around == 0] = 1.0
        for component in j.T:
            of_node = sum(np.bincount(column, weight * component, len(mesh.points)) for column in corners.T)
            of_node /= around
            found[chosen] += np.square(of_node[corners] - component[:, None]).mean(axis=1)
    energy = volume / fields.sigma
    return energy * found / float(energy @ np.square(fields.j).sum(axis=1))


def facet_defects(facets: PlaneFacets, nodes: PlaneNodes) -> NDArray[np.float64]:
    """By how much the distribution of j_h on a plane is off because of each facet, (k,).

    Parameters
    ----------
    facets : PlaneFacets
    nodes : PlaneNodes
    """
    density = nodes.current / nodes.area
    at = np.searchsorted(nodes.node, facets.nodes)
    values = density[at] * (nodes.area.sum() / nodes.current.sum())
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
    """At each node the mean of the values of the facets around it, weighted with their areas."""
    d = at.shape[1]
    weight = np.bincount(at.ravel(), np.repeat(area, d))
    return np.bincount(at.ravel(), np.repeat(area * values, d)) / weight
