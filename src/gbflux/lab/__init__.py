"""Measured data: instruments' files, and the numbers in them with their uncertainty.

========== =======================================================================================
readers    tables with units in their headers, maps of scanning microscopes
stats      noise, straight lines, survival, Weibull, uncertainties, covering of grain boundaries
iv         current–voltage curves: sweeps, triggering bias, resistance of the filament
impedance  spectra: circuits and their fits, Kramers–Kronig test, brick-layer model
ccd        critical current density of stepped tests
memristor  set and reset of cycles, their statistics, a model of the filament and its fit
profile    line scans across a grain boundary
contact    contact mechanics, spreading resistance, filaments as wires
demo       files made up from known truth
========== =======================================================================================

Pure NumPy and SciPy, in SI. Of the core it imports `errors`, `units`, `grains` and the parser of case files;
only the command line and the report import it.
"""
