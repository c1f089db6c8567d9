"""`gbflux contact hertz`, `elliptic`, `jkr`, `dmt`: how large a contact is."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from gbflux.cli.contact_answer import rows_of
from gbflux.cli.contact_quantities import (
    ADHESION,
    FORCE,
    GPA,
    HARDNESS,
    MATERIALS,
    NM,
    NM2,
    NN,
    RADIUS_1,
    RADIUS_2,
    SPHERE,
    Answer,
    Given,
    Row,
    command,
)

if TYPE_CHECKING:
    from gbflux.lab.stats.uncertainty import Measured


def _effective(given: Given) -> Measured:
    """Effective modulus, given or from both materials."""
    from gbflux.errors import InputError
    from gbflux.lab.contact.mechanics import effective_modulus
    from gbflux.lab.stats.uncertainty import propagate

    if "modulus" in given:
        return given["modulus"]
    if "modulus_1" not in given or "modulus_2" not in given:
        raise InputError(
            "contact: the modulus must be given, by --modulus-GPa or by --tip-modulus-GPa and "
            "--sample-modulus-GPa."
        )
    names = ("modulus_1", "poisson_1", "modulus_2", "poisson_2")
    return propagate(effective_modulus, **{name: given[name] for name in names})


def _yields(rows: list[Row], given: Given) -> list[str]:
    """The warning of `yield_warning` for the row with the pressure."""
    from gbflux.lab.contact.mechanics import yield_warning

    if "hardness" not in given:
        return []
    pressure = next(row.value.value for row in rows if row.key == "mean_pressure_GPa") * GPA
    text = yield_warning(pressure, given["hardness"].value)
    return [text] if text else []


@command((FORCE, SPHERE, *MATERIALS, HARDNESS), against=("force",))
def hertz(given: Given) -> Answer:
    """Elastic contact of a sphere on a flat, without adhesion."""
    from gbflux.lab.contact import mechanics as law

    star = _effective(given)
    laws = [
        ("contact area", law.contact_area, "nm²", NM2, "area_nm2"),
        ("contact radius", law.contact_radius, "nm", NM, "radius_nm"),
        ("approach", law.approach, "nm", NM, "approach_nm"),
        ("mean pressure", law.mean_pressure, "GPa", GPA, "mean_pressure_GPa"),
    ]
    rows = rows_of(laws, {**given, "modulus": star})
    rows.append(Row("effective modulus", star * (1 / GPA), "GPa", "modulus_GPa"))
    return Answer(rows, _yields(rows, given))


@command((FORCE, RADIUS_1, RADIUS_2, *MATERIALS, HARDNESS), against=("force",))
def elliptic(given: Given) -> Answer:
    """Elastic contact of bodies with two radii of curvature."""
    from gbflux.lab.contact.mechanics import elliptic_contact

    def part(name: str) -> Callable[..., float]:
        def law(force: float, radius_major: float, radius_minor: float, modulus: float) -> float:
            return getattr(elliptic_contact(force, radius_major, radius_minor, modulus), name)

        return law

    laws = [
        ("contact area", part("area"), "nm²", NM2, "area_nm2"),
        ("semi-axis, major", part("major"), "nm", NM, "major_nm"),
        ("semi-axis, minor", part("minor"), "nm", NM, "minor_nm"),
        ("approach", part("approach"), "nm", NM, "approach_nm"),
        ("mean pressure", part("mean_pressure"), "GPa", GPA, "mean_pressure_GPa"),
    ]
    rows = rows_of(laws, {**given, "modulus": _effective(given)})
    return Answer(rows, _yields(rows, given))


@command((FORCE, SPHERE, ADHESION, *MATERIALS), against=("force",))
def jkr(given: Given) -> Answer:
    """Contact with adhesion after Johnson, Kendall and Roberts: soft and large bodies."""
    return _adhesive("jkr", given)


@command((FORCE, SPHERE, ADHESION, *MATERIALS), against=("force",))
def dmt(given: Given) -> Answer:
    """Contact with adhesion after Derjaguin, Muller and Toporov: stiff and small bodies."""
    return _adhesive("dmt", given)


def _adhesive(kind: str, given: Given) -> Answer:
    """Both theories of adhesion."""
    from gbflux.lab.contact import mechanics as law

    radius_of, approach_of = getattr(law, f"{kind}_radius"), getattr(law, f"{kind}_approach")

    def area(force: float, radius: float, modulus: float, adhesion: float) -> float:
        return math.pi * radius_of(force, radius, modulus, adhesion) ** 2

    laws = [
        ("contact area", area, "nm²", NM2, "area_nm2"),
        ("contact radius", radius_of, "nm", NM, "radius_nm"),
        ("approach", approach_of, "nm", NM, "approach_nm"),
        ("pull-off force", getattr(law, f"{kind}_pull_off"), "nN", NN, "pull_off_nN"),
        ("Tabor number", law.tabor_number, "", 1.0, "tabor_number"),
    ]
    rows = rows_of(laws, {**given, "modulus": _effective(given)})
    tabor = rows[-1].value.value
    wrong = (kind == "jkr" and tabor < 0.1) or (kind == "dmt" and tabor > 5)
    other = {"jkr": "dmt", "dmt": "jkr"}[kind]
    warnings = [f"Tabor number {tabor:.2g}: `gbflux contact {other}` holds, not this"] if wrong else []
    return Answer(rows, warnings)
