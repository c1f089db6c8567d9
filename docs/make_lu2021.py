"""Make ``docs/lu2021.md``, or print numbers of it: ``python docs/make_lu2021.py [PATTERN]``.

Without a pattern: solve every run that the results folder lacks, write ``docs/lu2021.csv``, draw
``docs/pictures/lu2021`` and write the page from ``docs/lu2021_study/page.md``. ``--only`` does one of it.
With a pattern, a regular expression for whole names of runs: solve those that are missing, and print for each
set of realisations the median, the smallest, the largest value, mean and standard deviation over its
electrodes.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from pathlib import Path
from statistics import fmean, median, stdev

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from gbflux.errors import GbfluxError  # noqa: E402
from lu2021_study.page import written_page  # noqa: E402
from lu2021_study.runs import COLUMNS, everything, read_table, rows_of, solved, write_table  # noqa: E402

PAGE = HERE / "lu2021.md"
TABLE = HERE / "lu2021.csv"
PICTURES = HERE / "pictures" / "lu2021"
RESULTS = HERE.parent / "results" / "lu2021_study"


def main() -> None:
    """Do what the command line asks for."""
    asked = arguments()
    if asked.pattern:
        show(asked.pattern, asked.results)
        return
    if asked.only in (None, "solve"):
        solve_all(asked.results)
    if asked.only in (None, "table"):
        kept, missing = write_table(TABLE, asked.results)
        print(f"{TABLE.name}: {kept} runs as before, {missing} missing")
    if asked.only in (None, "pictures"):
        draw(asked.results)
    if asked.only in (None, "page"):
        PAGE.write_text(written_page(read_table(TABLE)), encoding="utf-8")


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pattern", nargs="?", help="runs to solve and print")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder that keeps what is solved")
    parser.add_argument("--only", choices=("solve", "table", "pictures", "page"))
    return parser.parse_args()


def solve_all(folder: Path) -> None:
    """Solve what is missing; a run that fails is reported, and the next goes on."""
    runs, started = everything(), time.time()
    for k, run in enumerate(runs, 1):
        try:
            solved(run, folder)
        except GbfluxError as error:
            print(f"{run.name}: {error}")
        print(f"{k}/{len(runs)} {run.name} {time.time() - started:.0f} s", flush=True)


def show(pattern: str, folder: Path) -> None:
    """Solve the runs of a pattern, and print their numbers by sets of realisations."""
    found: dict[str, list[dict[str, float | None]]] = {}
    for run in everything():
        if re.fullmatch(pattern, run.name):
            found.setdefault(run.group, []).extend(rows_of(solved(run, folder)).values())
    for group, rows in found.items():
        print(f"{group}: {len(rows)} electrodes, median (smallest – largest), mean ± standard deviation")
        for column in COLUMNS:
            values = [row[column] for row in rows if row[column] is not None]
            if values:
                few = "" if len(values) == len(rows) else f"  ({len(values)} of {len(rows)})"
                spread = f"{fmean(values):10.4g} ± {stdev(values) if len(values) > 1 else 0.0:<9.3g}"
                middle = f"{median(values):10.4g} ({min(values):.4g} – {max(values):.4g})"
                print(f"  {column:18}{middle}{spread}{few}")


def draw(folder: Path) -> None:
    """All pictures."""
    from lu2021_study import maps, pictures

    PICTURES.mkdir(parents=True, exist_ok=True)
    rows = read_table(TABLE)
    maps.draw_maps(PICTURES)
    pictures.distance(PICTURES / "distance.png", folder)
    pictures.statements(PICTURES / "statements.png", rows)
    pictures.meshes(PICTURES / "meshes.png", rows)
    pictures.charge_transfer(PICTURES / "charge_transfer.png", rows)
    for path in sorted(PICTURES.glob("*.png")):
        print(f"{path.name:24}{path.stat().st_size / 1000:6.0f} kB")


if __name__ == "__main__":
    main()
