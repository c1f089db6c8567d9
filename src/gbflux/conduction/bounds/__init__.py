"""Certified bounds on the conductance of a cell, and on the current through part of an electrode.

`bracket` holds the theorem, `crouzeix_raviart` and `linear_facets` the minimisations that give the lower
bound for elements of order 1 and 2, `clusters` their preconditioner, `local_currents` the bounds on part of
an electrode.
"""
