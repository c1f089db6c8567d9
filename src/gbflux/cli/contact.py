"""`gbflux contact …`: contacts and filaments by formula, with uncertainties: ``400±20``, ``400±5%``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gbflux.cli import contact_currents, contact_mechanics
from gbflux.cli.output import FolderOption, JsonOption

contact = typer.Typer(
    name="contact",
    help="Contacts and filaments by formula; a number may carry its uncertainty: 400±20, 400±5%.",
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
MECHANICS = ("hertz", "elliptic", "jkr", "dmt")
CURRENTS = ("spreading", "sharvin", "ionic", "filament", "asr")
for room, names in ((contact_mechanics, MECHANICS), (contact_currents, CURRENTS)):
    for name in names:
        contact.command(name)(getattr(room, name))


@contact.command()
def covering(
    size: Annotated[float, typer.Option("--size-um", help="Diameter of a disc, side of a square.")],
    grain: Annotated[float, typer.Option("--grain-um", help="Mean grain size.")],
    shape: Annotated[str, typer.Option("--shape", help="disc or square.")] = "disc",
    simulate: Annotated[bool, typer.Option("--simulate", help="Try positions on grains too.")] = False,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of grains and positions.")] = 1,
    as_json: JsonOption = False,
    output: FolderOption = None,
) -> None:
    """Probability that an electrode covers a grain boundary."""
    from gbflux.cli.contact_answer import show
    from gbflux.cli.contact_quantities import Answer, Row
    from gbflux.lab.stats.covering import coverage_of_lines, simulated_coverage
    from gbflux.lab.stats.uncertainty import Measured

    exact = coverage_of_lines(size, grain, shape)
    rows = [Row("isotropic lines, 1 − exp(−τP/π)", Measured(exact), "", "lines")]
    if simulate:
        grains = max(400, int((4 * size / grain) ** 2))
        found = simulated_coverage(size, grain, shape=shape, seed=seed, grains=grains)
        rows.append(Row("Voronoi grains, simulated", Measured(found.probability, found.error), "", "voronoi"))
    options = {"size_um": size, "grain_um": grain, "shape": shape, "simulate": simulate, "seed": seed}
    show("covering", Answer(rows), as_json, output, options)
    if output is not None:
        _draw_covering(output / "contact_covering.png", size, grain, shape, rows)


def _draw_covering(path: Path, size: float, grain: float, shape: str, rows: list) -> None:
    """Probability against size; the simulated one where it was asked for."""
    import numpy as np

    from gbflux.lab.stats.covering import coverage_of_lines
    from gbflux.report.contact_figures import draw_laws

    sizes = size * np.geomspace(0.1, 10, 41)
    course = [coverage_of_lines(float(one), grain, shape) for one in sizes]
    curves = np.array([course, *([np.nan] * len(sizes) for _ in rows[1:])])
    results = [(row.name, row.unit, row.value.value, row.value.error) for row in rows]
    draw_laws(path, (f"size of the {shape} (µm)", sizes), (size, 0.0), results, curves)
