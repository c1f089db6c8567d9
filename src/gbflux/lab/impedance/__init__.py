"""Impedance spectra: circuits, their fits, Kramers–Kronig test, brick-layer model."""
