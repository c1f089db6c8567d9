"""Potentials that are linear on facets, and the linear fluxes without sources that they drive in a cell.

In a cell K of constant σ let W be the vector fields τ with linear components and ∇·τ = 0. A potential λ that
is linear on each facet, alone for itself, has in K the power

    E_K(λ) = max over τ in W of 2 ∫_∂K λ τ·n ds − ∫_K |τ|²/σ dx.

With a basis τ_j of W, hats μ_i of the facets, B_ij = ∫ μ_i τ_j·n ds and A_jk = ∫ τ_j·τ_k/σ dx it is
λᵀBA⁻¹Bᵀλ, and A⁻¹Bᵀλ are the coefficients of the maximiser. Fields are those of the reference simplex,
mapped by τ = Jτ̂/|det J|, which keeps ∇·τ = 0 and B, so that A alone changes from cell to cell, with
JᵀJ/(|det J|σ).
D. N. Arnold, F. Brezzi, RAIRO Modél. Math. Anal. Numér. 19 (1985) 7, hybridise mixed elements that way.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

#: Mean over a facet of (bubble − its linear part)·(bubble′ − that of it), with bubbles 4 μ_a μ_b; its linear
#: part at a and b, and at the third corner. By dimension: own, other; near, far.
_BUBBLES = {2: (4 / 45, 0.0), 3: (7 / 225, -1 / 225)}
_LINEAR_PART = {2: (2 / 3, 0.0), 3: (3 / 5, -1 / 5)}


@lru_cache
def _reference(dimension: int) -> tuple[NDArray, NDArray, NDArray]:
    """The basis at the vertices (d + 1, j, d), B (d·facet + corner, j) and ∫ τ_j^a τ_k^b (a, b, j, k)."""
    d, unit = dimension, np.eye(dimension)
    volume = 1 / math.factorial(d)
    x = np.vstack([np.zeros(d), unit]) - 1 / (d + 1)
    fields = [np.tile(unit[c], (d + 1, 1)) for c in range(d)]
    fields += [np.outer(x[:, a], unit[c]) for c in range(d) for a in range(d) if a != c]
    fields += [np.outer(x[:, a], unit[a]) - np.outer(x[:, -1], unit[-1]) for a in range(d - 1)]
    values = np.stack(fields, axis=1)
    through = []
    for facet, gradient in enumerate(_hat_gradients(d)):
        flow = values[_others(facet, d)] @ (-gradient * volume * d)  # area times outward normal
        through.append((flow + flow.sum(axis=0)) / (d * (d + 1)))
    return values, np.vstack(through), np.einsum("vja,vw,wkb->abjk", values, _hat_products(d), values)


def _hat_gradients(d: int) -> NDArray[np.float64]:
    """∇λ_v on the reference simplex."""
    return np.vstack([-np.ones(d), np.eye(d)])


def _hat_products(d: int) -> NDArray[np.float64]:
    """∫ λ_v λ_w over the reference simplex."""
    return (np.ones((d + 1, d + 1)) + np.eye(d + 1)) / math.factorial(d + 2)


def _others(facet: int, d: int) -> NDArray[np.int64]:
    """Vertices of the facet opposite one."""
    return np.delete(np.arange(d + 1), facet)


class Cells:
    """The algebra of some cells; potentials are given corner by corner of facet by facet, d·facet + corner.

    Facet i lies opposite vertex i and its corners are in the order of the vertices.

    Parameters
    ----------
    corners : (m, d + 1, d) float array
        Vertices (µm).
    sigma : (m,) float array
        Conductivity.
    """

    def __init__(self, corners: NDArray[np.float64], sigma: NDArray[np.float64]):
        self._jacobian = np.swapaxes(corners[:, 1:] - corners[:, :1], 1, 2)
        self._weight = np.abs(np.linalg.det(self._jacobian)) * sigma
        metric = np.einsum("mia,mib->mab", self._jacobian, self._jacobian)
        self._metric = metric / self._weight[:, None, None]
        self._d = corners.shape[2]

    def matrices(self) -> NDArray[np.float64]:
        """B A⁻¹ Bᵀ of each cell, (m, d(d + 1), d(d + 1))."""
        return _reference(self._d)[1] @ self._responses()

    def powers(self, potential: NDArray[np.float64]) -> NDArray[np.float64]:
        """E_K of potentials (m, d(d + 1))."""
        return self.mutual(potential, potential)

    def mutual(self, first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
        """λᵀBA⁻¹Bᵀμ of two potentials (m, d(d + 1))."""
        return np.einsum("mj,mj->m", self._drive(first), self._fluxes(self._drive(second)))

    def distances(self, potential: NDArray[np.float64], gradient: NDArray[np.float64]) -> NDArray[np.float64]:
        """∫_K σ|∇φ − τ/σ|² dx, τ driven by a potential.

        Parameters
        ----------
        potential : (m, d(d + 1)) float array
            At the facets.
        gradient : (m, d + 1, d) float array
            ∇φ at the vertices with respect to reference coordinates; linear in between.
        """
        inverse = np.linalg.inv(self._jacobian)
        inverse = np.einsum("mai,mbi->mab", inverse, inverse) * self._weight[:, None, None]
        tau = np.einsum("vja,mj->mva", _reference(self._d)[0], self._fluxes(self._drive(potential)))
        off = np.einsum("mab,mvb->mva", inverse, gradient) - tau
        measured = np.einsum("mva,mab->mvb", off, self._metric)
        return np.einsum("mvb,mwb,vw->m", measured, off, _hat_products(self._d), optimize=True)

    def _drive(self, potential: NDArray) -> NDArray:
        """Bᵀλ, after taking off a constant, which drives nothing."""
        return (potential - potential.mean(axis=1, keepdims=True)) @ _reference(self._d)[1]

    def _fluxes(self, drive: NDArray) -> NDArray:
        """A⁻¹ times Bᵀλ: the coefficients of the fluxes."""
        a, scale = self._products()
        return np.linalg.solve(a, (scale * drive)[:, :, None])[:, :, 0] * scale

    def _responses(self) -> NDArray:
        """A⁻¹ Bᵀ."""
        a, scale = self._products()
        through = _reference(self._d)[1]
        return np.linalg.solve(a, scale[:, :, None] * through.T) * scale[:, :, None]

    def _products(self) -> tuple[NDArray, NDArray]:
        """A with a diagonal of ones, and what its rows and columns were multiplied by for that."""
        a = np.einsum("mab,abjk->mjk", self._metric, _reference(self._d)[2], optimize=True)
        scale = 1 / np.sqrt(np.einsum("mjj->mj", a))
        a *= scale[:, :, None] * scale[:, None, :]
        return a, scale


class Quadratic:
    """A potential that is quadratic in each of some cells.

    Parameters
    ----------
    at_vertices : (m, d + 1) float array
        Its values there.
    at_edges : dict
        By the two vertices of an edge, its values (m,) in the middle.
    """

    def __init__(self, at_vertices: NDArray[np.float64], at_edges: dict[tuple[int, int], NDArray]):
        self._d = at_vertices.shape[1] - 1
        self._vertices = at_vertices
        self._bubbles = {  # what it is in the middle beyond the mean of both ends
            (a, b): middle - (at_vertices[:, a] + at_vertices[:, b]) / 2
            for (a, b), middle in at_edges.items()
        }

    def at_facets(self) -> NDArray[np.float64]:
        """The potential's linear part (projection) on each facet, corner by corner, (m, d(d + 1))."""
        near, far = _LINEAR_PART[self._d]
        parts = []
        for facet in range(self._d + 1):
            corners = _others(facet, self._d)
            part = self._vertices[:, corners].copy()
            for edge, bubble in self._on(facet):
                part += bubble[:, None] * np.where(np.isin(corners, edge), near, far)
            parts.append(part)
        return np.hstack(parts)

    def beyond_linear(self, facet: int) -> NDArray[np.float64]:
        """Mean square over a facet of the potential less that linear part, (m,)."""
        own, other = _BUBBLES[self._d]
        bubbles = np.stack([bubble for _, bubble in self._on(facet)])
        return (own - other) * (bubbles**2).sum(axis=0) + other * bubbles.sum(axis=0) ** 2

    def gradient(self) -> NDArray[np.float64]:
        """Gradient of the potential at the vertices by reference coordinates, (m, d + 1, d)."""
        hats = _hat_gradients(self._d)
        gradient = np.repeat((self._vertices @ hats)[:, None, :], self._d + 1, axis=1)
        for (a, b), bubble in self._bubbles.items():
            gradient[:, a] += 4 * bubble[:, None] * hats[b]
            gradient[:, b] += 4 * bubble[:, None] * hats[a]
        return gradient

    def _on(self, facet: int) -> list[tuple[tuple[int, int], NDArray]]:
        """Edges of a facet, and what the potential is in their middles beyond the mean of both ends."""
        return [(edge, bubble) for edge, bubble in self._bubbles.items() if facet not in edge]
