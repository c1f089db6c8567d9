"""Current–voltage curves: sweeps, triggering bias, current limit, resistance of the filament."""
