"""Impedance spectra, from table to conductivities.

`spectrum` reads and tests, `circuit` describes, `fit` finds parameters, `analyse` turns arcs into
resistances, `brick_layer` these into conductivities and a case.
"""
