"""Resistive switching.

`switching` measures set and reset of each cycle, `statistics` endurance and dependence on area. A compact
model of the filament: `filament_model` has the equations, `measured_cycle` the cycle it is compared with,
`filament_search` and `filament_fit` find its parameters.
"""
