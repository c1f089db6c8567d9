"""The two ends of a cell."""

from __future__ import annotations

#: In the order of everything that comes in pairs: electrodes, homogenizing layers, planes.
SIDES = ("bottom", "top")
