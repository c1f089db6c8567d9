"""Layered meshes of brick-shaped grains and fields on them, made without mesher and solver."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import scipy.sparse as sp
import scipy.sparse.linalg as spla

from gbflux.conduction.records import Fields
from gbflux.mesh import ELECTROLYTE, CellKind, Mesh, MeshQuality

DELTA_UM = 0.005
#: Tags of intervals along z that belong to a slab; grains have their index, grain boundaries −1, −2, …
HL_TAG, CONTACT_TAG = 1000, 2000


def brick_mesh(grains=(2, 2, 2), grain_um=4.0, mesh_um=1.0, hl_um=(0.0, 0.0), delta_um=DELTA_UM) -> Mesh:
    """Bricks on a regular grid with layers of true thickness between them, cut into simplices.

    Parameters
    ----------
    grains : tuple of int
        Number of bricks along each axis; its length is the dimension.
    grain_um, mesh_um, delta_um : float
        Edge of a brick, of a cell and thickness of the layers (µm).
    hl_um : (float, float)
        Thickness of the bottom and the top slab (µm); 0 for none.

    Returns
    -------
    Mesh
    """
    dimension = len(grains)
    axes = [_axis(n, grain_um, mesh_um, delta_um) for n in grains]
    slabs = tuple(side for side, thickness in zip(("bottom", "top"), hl_um, strict=True) if thickness > 0)
    z, tag = axes[-1]
    height = z[-1]
    for k, side in enumerate(slabs):
        thickness = hl_um[side == "top"]
        inner = np.linspace(delta_um, thickness, max(2, round(thickness / mesh_um) + 1))
        tags = np.array([CONTACT_TAG + k] + [HL_TAG + k] * (len(inner) - 1))
        if side == "bottom":
            z, tag = np.concatenate([-inner[::-1], z]), np.concatenate([tags[::-1], tag])
        else:
            z, tag = np.concatenate([z, height + inner]), np.concatenate([tag, tags])
    axes[-1] = (z, tag)
    points = np.stack(np.meshgrid(*[x for x, _ in axes], indexing="ij"), axis=-1).reshape(-1, dimension)
    cells, block = _simplices([len(x) for x, _ in axes])
    tags = np.stack(np.meshgrid(*[t for _, t in axes], indexing="ij"), axis=-1).reshape(-1, dimension)
    kind, region, pair = _materials(tags, grains)
    boundaries, boundary = np.unique(pair, axis=0, return_inverse=True)
    if len(boundaries) and boundaries[0, 0] < 0:
        boundaries, boundary = boundaries[1:], boundary - 1
    step = (
        np.array(np.unravel_index(boundaries[:, 1], grains)).T
        - np.array(np.unravel_index(boundaries[:, 0], grains)).T
    )
    normal = step.astype(float)
    return Mesh(
        dimension=dimension,
        points=points,
        cells=cells.astype(np.int32),
        kind=kind[block].astype(np.uint8),
        region=region[block].astype(np.int32),
        boundary=boundary.ravel()[block].astype(np.int32),
        n_grains=int(np.prod(grains)),
        slabs=slabs,
        boundaries=boundaries.astype(np.int32),
        boundary_area=np.full(len(boundaries), grain_um ** (dimension - 1)),
        boundary_normal=normal,
        size_um=np.array(grains) * grain_um,
        z_electrolyte=(0.0, float(height)),
        z_electrodes=(float(z[0]), float(z[-1])),
        layer_thickness_um=delta_um,
        hash="synthetic",
        quality=MeshQuality(len(boundaries) * grain_um ** (dimension - 1), 0.0, 0.0, 0.0, 0.0, 0.0),
    )


def solved(mesh: Mesh, sigma: np.ndarray, potentials=(0.0, 0.1)) -> Fields:
    """Potential between ideal electrodes by linear elements and a direct solver.

    Parameters
    ----------
    mesh : Mesh
    sigma : (m,) array
        Conductivity (S/m).
    potentials : (float, float)
        Bottom and top (V).

    Returns
    -------
    Fields
    """
    volume, gradient = _gradients(mesh)
    matrix = _stiffness(mesh, volume * sigma, gradient)
    z = mesh.points[:, -1]
    phi = np.zeros(len(z))
    bottom, top = (np.abs(z - plane) < 1e-9 for plane in mesh.z_electrodes)
    phi[bottom], phi[top] = potentials
    free = np.flatnonzero(~(bottom | top))
    phi[free] = spla.spsolve(matrix[free][:, free].tocsc(), -(matrix[free] @ phi))
    return fields_of(mesh, sigma, phi)


def fields_of(mesh: Mesh, sigma: np.ndarray, phi: np.ndarray) -> Fields:
    """Current density and reactions of a given potential.

    Parameters
    ----------
    mesh : Mesh
    sigma : (m,) array
        S/m.
    phi : (n,) array
        V.

    Returns
    -------
    Fields
    """
    volume, gradient = _gradients(mesh)
    metre = 1e-6 ** (mesh.dimension - 2)  # volume × gradient² in µm^(dimension − 2)
    inside = np.isin(mesh.kind, [int(kind) for kind in ELECTROLYTE])
    return Fields(
        phi=phi,
        j=-np.einsum("c,cka,ck->ca", sigma, gradient, phi[mesh.cells]) * 1e6,
        sigma=sigma,
        residual=_stiffness(mesh, volume * sigma, gradient) @ phi * metre,
        residual_electrolyte=_stiffness(mesh, volume * sigma * inside, gradient) @ phi * metre,
    )


def sigma_of(mesh: Mesh, grain=0.05, gb=2.5e-5, hl=0.01) -> np.ndarray:
    """Conductivity by kind of cell (S/m); contacts are made of the homogenizing layer."""
    by_kind = {
        CellKind.GRAIN: grain,
        CellKind.HL: hl,
        CellKind.GB: gb,
        CellKind.GB_JUNCTION: gb,
        CellKind.CONTACT: hl,
    }
    return np.array([by_kind[kind] for kind in CellKind])[mesh.kind]


def uneven_sigma(mesh: Mesh, seed=3, spread=1.5) -> np.ndarray:
    """As `sigma_of`, with every grain boundary its own lognormal factor, so that currents take detours."""
    factor = np.random.default_rng(seed).lognormal(0.0, spread, len(mesh.boundaries))
    sigma = sigma_of(mesh)
    layer = mesh.boundary >= 0
    sigma[layer] *= factor[mesh.boundary[layer]]
    return sigma


def with_j(fields: Fields, j: np.ndarray) -> Fields:
    """The same fields with another current density."""
    return replace(fields, j=j)


def _axis(n, grain_um, mesh_um, delta_um):
    """Coordinates along one axis and the tag of each interval."""
    x, tag = [np.zeros(1)], []
    for k in range(n):
        start = k * grain_um + (delta_um / 2 if k else 0.0)
        end = (k + 1) * grain_um - (delta_um / 2 if k < n - 1 else 0.0)
        inner = np.linspace(start, end, max(2, round(grain_um / mesh_um) + 1))
        if k:
            tag.append(-k)
        x.append(inner if k else inner[1:])
        tag += [k] * (len(inner) - 1)
    return np.concatenate(x), np.array(tag)


def _simplices(shape):
    """Kuhn's subdivision of a box of cells; for each simplex the block it comes from."""
    dimension = len(shape)
    number = np.arange(np.prod(shape)).reshape(shape)
    blocks = np.stack(np.meshgrid(*[np.arange(n - 1) for n in shape], indexing="ij"), axis=-1).reshape(
        -1, dimension
    )
    cells = []
    for order in itertools.permutations(range(dimension)):
        corner, path = np.zeros(dimension, dtype=int), [number[tuple(blocks.T)]]
        for axis in order:
            corner[axis] += 1
            path.append(number[tuple((blocks + corner).T)])
        if np.linalg.det(np.eye(dimension)[list(order)]) < 0:
            path[-1], path[-2] = path[-2], path[-1]
        cells.append(np.stack(path, axis=1))
    block = np.tile(np.arange(len(blocks)), len(cells))
    return np.concatenate(cells), block


def _materials(tags, grains):
    """Kind, region and pair of grains of each block from its tags along the axes."""
    n_grains = int(np.prod(grains))
    z = tags[:, -1]
    layered = tags < 0
    n_layers = layered.sum(axis=1)
    kind = np.array([CellKind.GRAIN, CellKind.GB, CellKind.GB_JUNCTION, CellKind.GB_JUNCTION], dtype=int)[
        n_layers
    ]
    low = np.where(layered, -tags - 1, tags)
    low[:, -1] = np.where(z >= HL_TAG, 0, low[:, -1])
    a = np.ravel_multi_index(low.T, grains)
    high = low.copy()
    first = layered.argmax(axis=1)
    high[np.arange(len(high)), first] += n_layers > 0
    b = np.ravel_multi_index(high.T, grains)
    slab = z >= HL_TAG
    kind[slab] = np.where(z[slab] >= CONTACT_TAG, CellKind.CONTACT, CellKind.HL)
    region = np.where(n_layers > 0, -1, a)
    region[slab] = n_grains + z[slab] % HL_TAG
    pair = np.where(((n_layers > 0) & ~slab)[:, None], np.stack([a, b], axis=1), -1)
    return kind, region, pair


def _gradients(mesh):
    """Cell volumes (µm^dimension) and gradients of the hat functions (1/µm)."""
    p = mesh.points[mesh.cells]
    edges = p[:, 1:] - p[:, :1]
    inverse = np.linalg.inv(edges)
    volume = np.linalg.det(edges) / (2 if mesh.dimension == 2 else 6)
    rest = np.swapaxes(inverse, 1, 2)
    return volume, np.concatenate([-rest.sum(axis=1, keepdims=True), rest], axis=1)


def _stiffness(mesh, weight, gradient):
    """Sparse matrix of ∫σ∇λ_i·∇λ_k."""
    k = mesh.dimension + 1
    local = np.einsum("c,cia,cja->cij", weight, gradient, gradient)
    rows, columns = np.repeat(mesh.cells, k, axis=1).ravel(), np.tile(mesh.cells, (1, k)).ravel()
    return sp.csr_matrix((local.ravel(), (rows, columns)), shape=(len(mesh.points),) * 2)
