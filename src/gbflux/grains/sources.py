"""Sources of grains: each makes a tessellation of a box. A new one is a class here and its line in `SOURCES`.

A source takes what it needs of an `Arrangement`. Files of grains are read with the case and stand in its hash
by that of their bytes; what they hold arrives as ``points``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from gbflux.grains.regular import bricks, extrude
from gbflux.grains.tessellation import Floats, Tessellation
from gbflux.grains.voronoi import drop_empty, lengthen_edges, relax, shortest_edge_um

if TYPE_CHECKING:
    from gbflux.case import Case

_MARGIN = 3.0  # a cut box is surrounded by this many grain sizes of seeds


@dataclass(frozen=True)
class Arrangement:
    """Parameters that determine the grains, as plain data.

    Attributes
    ----------
    size_um : tuple of float
        Box, 2 or 3 lengths, z last (µm).
    mean_size_um : float
        (volume / count)^(1/dimension) of the grains (µm); for columns the same of their cross-section.
    kind : str
        ``"voronoi"``, ``"brick"`` or ``"columnar"``.
    boundary : str
        ``"mirror"``: all seeds in the box, grains end on its faces as on mirrors; ``"cut"``: the box is cut
        out of a larger tessellation, as a polished pellet. Bricks are cut through their centres.
    seed : int
        Of the random seeds.
    relaxation_steps : int
        Lloyd steps; 0 leaves a Poisson–Voronoi tessellation.
    delta_um : float
        Grain-boundary thickness (µm), which sets the shortest edge allowed.
    points : (n, d) float array, optional
        Seeds given by the user (µm), used with ``"voronoi"`` in place of random ones.
    """

    size_um: tuple[float, ...]
    mean_size_um: float
    kind: str = "voronoi"
    boundary: str = "mirror"
    seed: int = 1
    relaxation_steps: int = 3
    delta_um: float = 0.005
    points: Floats | None = None

    @classmethod
    def of(cls, case: Case) -> Arrangement:
        """The arrangement that a case asks for."""
        grains = case.grains
        return cls(
            size_um=tuple(case.size_um),
            mean_size_um=case.mean_grain_size_um,
            kind=grains.arrangement,
            boundary=grains.boundary,
            seed=grains.seed,
            relaxation_steps=grains.relaxation_steps,
            delta_um=case.delta_um,
            points=None if grains.file is None else np.array(grains.file.points),
        )

    def as_dict(self) -> dict[str, Any]:
        """Plain data fit for JSON, the same for the same arrangement: cached meshes are named by it."""
        points = None if self.points is None else np.asarray(self.points, float).tolist()
        return {**asdict(self), "points": points}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Arrangement:
        """The arrangement that `as_dict` wrote."""
        points = None if data["points"] is None else np.array(data["points"])
        return cls(**{**data, "size_um": tuple(data["size_um"]), "points": points})

    @property
    def source(self) -> str:
        """Name of the source; given seeds are one of their own, though a case calls both voronoi."""
        return "seeds" if self.kind == "voronoi" and self.points is not None else self.kind

    @property
    def shortest_edge_um(self) -> float:
        """Shortest edge allowed (µm)."""
        return shortest_edge_um(self.delta_um, self.mean_size_um)

    @property
    def margin_um(self) -> float:
        """Width (µm) around the box that random seeds reach into: grains there are cut by its faces."""
        return _MARGIN * self.mean_size_um if self.boundary == "cut" else 0.0


class GrainSource(Protocol):
    """Maker of grains."""

    def tessellate(self, asked: Arrangement, size_um: Floats) -> Tessellation:
        """Grains of the box from the origin to `size_um`, the same on every machine and rank count."""
        ...


class RandomSeeds:
    """Voronoi cells of random seeds of the density asked for, relaxed; for `cut` around the box, too."""

    def tessellate(self, asked: Arrangement, size_um: Floats) -> Tessellation:
        around = size_um + 2 * asked.margin_um
        count = max(1, round(float(np.prod(around)) / asked.mean_size_um ** len(size_um)))
        seeds = np.random.default_rng(asked.seed).random((count, len(size_um))) * around
        return _regularised(relax(seeds, around, asked.relaxation_steps) - asked.margin_um, size_um, asked)


class GivenSeeds:
    """Voronoi cells of the seeds of a file."""

    def tessellate(self, asked: Arrangement, size_um: Floats) -> Tessellation:
        seeds = relax(np.array(asked.points, float), size_um, asked.relaxation_steps)
        return _regularised(seeds, size_um, asked)


def _regularised(seeds: Floats, size_um: Floats, asked: Arrangement) -> Tessellation:
    """Cells of seeds without edges too short for boundaries, those outside the box left out."""
    return drop_empty(lengthen_edges(seeds, size_um, asked.shortest_edge_um, seed=asked.seed))


class Bricks:
    """Equal bricks: n along an axis, or n − 1 whole ones between two halves where the box is cut."""

    def tessellate(self, asked: Arrangement, size_um: Floats) -> Tessellation:
        cuts = []
        for length in size_um:
            n = max(1, round(length / asked.mean_size_um))
            shares = np.arange(n) + 0.5 if asked.boundary == "cut" else np.arange(1, n)
            cuts.append(shares * length / n)
        return bricks(size_um, cuts)


class Columns:
    """Grains that reach from electrode to electrode: a random row in 2D, over random Voronoi cells in 3D."""

    def tessellate(self, asked: Arrangement, size_um: Floats) -> Tessellation:
        if len(size_um) == 2:
            return bricks(size_um, [self._cuts(float(size_um[0]), asked), np.empty(0)])
        return extrude(RandomSeeds().tessellate(asked, size_um[:2]), float(size_um[2]))

    @staticmethod
    def _cuts(length_um: float, asked: Arrangement) -> Floats:
        """Boundaries of a relaxed random row of columns: midpoints between neighbouring seeds."""
        around = length_um + 2 * asked.margin_um
        rng = np.random.default_rng(asked.seed)
        seeds = np.sort(rng.random(max(1, round(around / asked.mean_size_um)))) * around
        for _ in range(asked.relaxation_steps):
            ends = np.concatenate([[0.0], (seeds[1:] + seeds[:-1]) / 2, [around]])
            seeds = (ends[1:] + ends[:-1]) / 2
        cuts: Floats = (seeds[1:] + seeds[:-1]) / 2 - asked.margin_um
        shortest = asked.shortest_edge_um
        cuts = cuts[(cuts > shortest) & (cuts < length_um - shortest)]
        return cuts[np.diff(cuts, prepend=-np.inf) > shortest]


SOURCES: dict[str, GrainSource] = {
    "voronoi": RandomSeeds(),
    "seeds": GivenSeeds(),
    "brick": Bricks(),
    "columnar": Columns(),
}


def tessellate(arrangement: Arrangement) -> Tessellation:
    """Grains of a box: with at least one cell, numbered by seed, the same for the same arrangement."""
    size_um = np.asarray(arrangement.size_um, dtype=np.float64)
    return SOURCES[arrangement.source].tessellate(arrangement, size_um)
