"""Statistics that several measurements share: noise, straight lines, survival, Weibull, error propagation."""
