"""Measured data: instruments' files, and the numbers in them with their uncertainty.

Pure NumPy and SciPy, in SI. Of the core it imports `errors`, `units`, `grains` and the parser of case files;
only the command line and the report import it.
"""
