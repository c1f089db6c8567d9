"""Contacts: how large they are, what resistance they have, how wide a filament of some resistance is.

Plain functions in SI, each with its source.
"""
