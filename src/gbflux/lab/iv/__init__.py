"""Current–voltage curves of one file, from table to numbers.

`sweeps` cuts a table into curves, `trigger` finds the bias at which a filament forms, `analyse` the current
limit and the resistance afterwards, and puts them together; `many` compares the curves of many files.
"""
