"""The version of gbflux, written once."""

__version__ = "0.1.0"
