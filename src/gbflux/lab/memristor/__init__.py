"""Resistive switching: set and reset of each cycle, their statistics, a compact model of the filament."""
