"""One HTML file for a run, a comparison or a study: folders in, a page out. Part of the room `report`.

`read_runs` and `read_study` read folders into records, `run_page` and `study_page` make of them what the
templates beside this folder show, `write_report` joins both. Files alone are read: needs no DOLFINx, no MPI.
"""

from gbflux.report.page.write import write_report

__all__ = ["write_report"]
