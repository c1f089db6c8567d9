"""Figures, tables and pages for people: sections, maps, distributions, profiles, two cases side by side.

May import the rooms up to sweep; the only room that knows matplotlib, and of that never its global state.
What the figures show is found in `views`, without it.
"""
