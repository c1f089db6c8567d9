"""Current–voltage curves of one file, from table to numbers.

`sweeps` cuts a table into curves, `trigger` finds the bias at which a filament forms, `ohmic` the current
limit and the resistance afterwards; `analyse` puts them together, `many` compares the curves of many files.
"""
