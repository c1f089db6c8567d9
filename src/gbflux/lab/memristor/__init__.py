"""Resistive switching.

`switching` measures set and reset of each cycle, `statistics` their distribution, endurance and dependence on
area. A compact model of the filament: `filament_model` has the equations, `filament_search` and
`filament_fit` find its parameters from a measured cycle.
"""
