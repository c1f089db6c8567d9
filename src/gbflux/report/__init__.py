"""Figures, tables and pages for people: sections, maps, distributions, profiles, two cases side by side.

May import the rooms up to sweep; the only room that knows matplotlib, and of that never its global state.
"""

from gbflux.report.case_figures import draw_case, draw_views
from gbflux.report.comparison import comparison_table, draw_comparison
from gbflux.report.views import CaseViews, case_views

__all__ = ["CaseViews", "case_views", "comparison_table", "draw_case", "draw_comparison", "draw_views"]
