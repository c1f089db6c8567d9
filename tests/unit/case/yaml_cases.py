"""Random valid cases as YAML text."""

from __future__ import annotations

import json

from hypothesis import strategies as st

from gbflux.case.blocks import (
    Electrodes,
    Geometry,
    GrainBoundary,
    Grains,
    HomogenizingLayer,
    Mesh,
    Output,
    Solver,
    Variation,
)

BLOCKS = (Electrodes, Geometry, GrainBoundary, Grains, HomogenizingLayer, Mesh, Output, Solver, Variation)

MINIMAL = """\
geometry: {size_um: [50, 50, 50]}
grains: {mean_size_um: 10, conductivity_S_per_cm: 5.0e-4}
grain_boundary: {thickness_nm: 5, conductivity_S_per_cm: 2.5e-7}
"""


@st.composite
def cases(draw) -> str:
    """A valid case: 2D or 3D, size or count, with and without layer, variation and activation energy."""
    dimension = draw(st.sampled_from([2, 3]))
    size = [draw(st.floats(10, 1e4)) for _ in range(dimension)]
    by_count = draw(st.booleans())
    grains = {
        "arrangement": draw(st.sampled_from(["voronoi", "brick", "columnar"])),
        "seed": draw(st.integers(0, 2**63 - 1)),
        "conductivity_S_per_cm": draw(st.floats(1e-12, 1e3)),
        **({"count": draw(st.integers(1, 20))} if by_count else {"mean_size_um": draw(st.floats(1, 10))}),
    }
    boundary = {
        "thickness_nm": draw(st.floats(0.1, 50)),
        "conductivity_S_per_cm": draw(st.floats(1e-12, 1e3)),
        "activation_energy_eV": draw(st.none() | st.floats(0, 1)),
        "reference_temperature_C": draw(st.floats(-50, 300)),
        "variation": draw(st.none() | st.fixed_dictionaries({"sigma": st.floats(0.01, 3)})),
    }
    case = {
        "name": draw(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,20}[A-Za-z0-9]", fullmatch=True)),
        "geometry": {"size_um": size},
        "grains": grains,
        "grain_boundary": boundary,
        "temperature_C": draw(st.floats(-50, 300)),
    }
    if draw(st.booleans()):
        layer = {"thickness_um": draw(st.just(0) | st.floats(0.1, 100)), "conductivity_S_per_cm": 1e-4}
        case["homogenizing_layer"] = {**layer, "sides": draw(st.sampled_from(["both", "bottom", "top"]))}
    return json.dumps(case)
