"""Figures as PNG files: one file for each subject. `views` finds what the figures of a case show."""
