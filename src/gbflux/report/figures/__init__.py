"""Figures as PNG files, one file for each subject; `style` holds the look that all of them share.

`views` finds what the figures of a case show without matplotlib, `case` draws it.
"""

Extent = tuple[float, float, float, float]  # left, right, bottom, top of an image (µm)
