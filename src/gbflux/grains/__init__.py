"""Grains: tessellations of a box into convex polyhedral grains, in 2D and 3D.

Pure NumPy and SciPy; imports `errors`, `units` and `case` only. Lengths are in micrometres.
"""

from gbflux.grains.sources import Arrangement, tessellate
from gbflux.grains.tessellation import Tessellation, edge_lengths

__all__ = ["Arrangement", "Tessellation", "edge_lengths", "tessellate"]
