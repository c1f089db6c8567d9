"""Impedance spectra, from table to conductivities.

`spectrum` reads, `kramers_kronig` tests, `circuit` describes, `guess` and `fit` find parameters, `analyse`
turns arcs into resistances, `brick_layer` these into conductivities and a case.
"""
