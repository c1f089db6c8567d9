"""Mean size and number of grains: given one, the other; and the mesh sizes that follow from them."""

from __future__ import annotations

import math

from gbflux.case.blocks import Geometry, Grains

DIGITS = 12  # of a size made of a count: 125 grains in (50 µm)^3 are 10 µm exactly


def rounded(value: float) -> float:
    """A float at 12 significant digits, to compare computed sizes with written ones."""
    return float(f"{value:.{DIGITS}g}")


def tiled_lengths_um(geometry: Geometry, grains: Grains) -> tuple[float, ...]:
    """Lengths of the box that grains divide (µm): all of them; for columns those of their section."""
    return geometry.size_um[:-1] if grains.arrangement == "columnar" else geometry.size_um


def mean_grain_size_um(geometry: Geometry, grains: Grains) -> float:
    """Mean grain size (µm): as given, or (volume / count)^(1/dimension); for columns of their section."""
    if grains.mean_size_um is not None:
        return grains.mean_size_um
    count = len(grains.seeds_file.points) if grains.seeds_file else grains.count or 1
    lengths = tiled_lengths_um(geometry, grains)
    return rounded((math.prod(lengths) / count) ** (1 / len(lengths)))


def grain_count(geometry: Geometry, grains: Grains) -> int:
    """Number of grains of the mean size in the box; a cut box shows more, some of them small."""
    if grains.seeds_file:
        return len(grains.seeds_file.points)
    if grains.count is not None:
        return grains.count
    lengths = tiled_lengths_um(geometry, grains)
    return max(1, round(math.prod(lengths) / mean_grain_size_um(geometry, grains) ** len(lengths)))


def default_mesh_size_um(geometry: Geometry, grains: Grains, delta_um: float) -> float:
    """Edge length of cells (µm): a tenth of the mean grain size, not more than a quarter of a thin box.

    Twice the grain-boundary thickness (µm) at the least: layers are meshed by themselves.
    """
    size = min(mean_grain_size_um(geometry, grains) / 10, min(geometry.size_um) / 4)
    return rounded(max(size, 2 * delta_um))


def default_boundary_end_um(geometry: Geometry, grains: Grains, delta_um: float) -> float:
    """Length of cells across the lines where boundaries end on the planes where grains end (µm).

    Ten times the grain-boundary thickness (µm) at the least.
    """
    return rounded(max(0.005 * mean_grain_size_um(geometry, grains), 10 * delta_um))
