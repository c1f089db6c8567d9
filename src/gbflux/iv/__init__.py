"""What experiments leave: instruments' files, and the numbers in them with their uncertainty.

Pure NumPy and SciPy; imports `errors`, `units`, `grains` and `contact`. Everything inside is in SI.
"""
