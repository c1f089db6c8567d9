"""Grains: tessellations of a box into convex polyhedral grains, in 2D and 3D.

Pure NumPy and SciPy; of the core `case` alone is imported, for types. Lengths are in micrometres. A new
source of grains is one class in `sources`.
"""

from gbflux.grains.sources import Arrangement, tessellate
from gbflux.grains.tessellation import Tessellation, edge_lengths

__all__ = ["Arrangement", "Tessellation", "edge_lengths", "tessellate"]
