"""The study behind ``docs/lu2021.md``: which cases are run, what is kept of them, tables and pictures.

`docs/make_lu2021.py` is the command. May import all of gbflux; nothing in gbflux imports it.
"""
