"""Works to cite: those a run really relied on, found from its provenance and its case."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gbflux.case import Case
from gbflux.case.cost import element_order


@dataclass(frozen=True)
class Citation:
    """A work, what it was used for here, and its DOI or address."""

    what: str
    text: str
    link: str


_DOI = "https://doi.org/"
LU_2021 = Citation(
    "model of grain boundaries and homogenizing layers",
    "Z. Lu, Z. Yang, C. Li, K. Wang et al., Modulating nano-inhomogeneity at electrode–solid electrolyte "
    "interfaces for dendrite-proof solid-state batteries and long-life memristors, Adv. Energy Mater. "
    "(2021), preprint arXiv:2010.01624.",
    "https://arxiv.org/abs/2010.01624",
)
_LIBRARIES = {  # name in provenance.json -> citation
    "fenics-dolfinx": Citation(
        "finite elements",
        "I. A. Baratta et al., DOLFINx: the next generation FEniCS problem solving environment, "
        "Zenodo (2023).",
        f"{_DOI}10.5281/zenodo.10447666",
    ),
    "petsc4py": Citation(
        "linear algebra (PETSc)",
        "L. D. Dalcin, R. R. Paz, P. A. Kler, A. Cosimo, Parallel distributed computing using Python, "
        "Adv. Water Resour. 34, 1124 (2011); S. Balay et al., PETSc/TAO users manual, Argonne "
        "National Laboratory.",
        f"{_DOI}10.1016/j.advwatres.2011.04.013",
    ),
    "mpi4py": Citation(
        "parallel runs",
        "L. Dalcin, Y.-L. L. Fang, mpi4py: status update after 12 years of development, Comput. Sci. Eng. 23 "
        "(4), 47 (2021).",
        f"{_DOI}10.1109/MCSE.2021.3083216",
    ),
    "numpy": Citation(
        "arrays",
        "C. R. Harris et al., Array programming with NumPy, Nature 585, 357 (2020).",
        f"{_DOI}10.1038/s41586-020-2649-2",
    ),
    "scipy": Citation(
        "Voronoi cells, fits",
        "P. Virtanen et al., SciPy 1.0: fundamental algorithms for scientific computing in Python, Nat. "
        "Methods 17, 261 (2020).",
        f"{_DOI}10.1038/s41592-019-0686-2",
    ),
}
_GMSH = Citation(
    "mesh",
    "C. Geuzaine, J.-F. Remacle, Gmsh: a 3-D finite element mesh generator with built-in pre- and post-"
    "processing facilities, Int. J. Numer. Methods Eng. 79, 1309 (2009).",
    f"{_DOI}10.1002/nme.2579",
)
_HYPRE = Citation(
    "algebraic multigrid",
    "R. D. Falgout, U. M. Yang, hypre: a library of high performance preconditioners, ICCS 2002, LNCS "
    "2331, 632.",
    f"{_DOI}10.1007/3-540-47789-6_66",
)
_LOWER_BOUND = {  # by order of the elements
    1: Citation(
        "lower bound of the certified bracket",
        "L. D. Marini, An inexpensive method for the evaluation of the solution of the lowest order Raviart–"
        "Thomas mixed method, SIAM J. Numer. Anal. 22, 493 (1985).",
        f"{_DOI}10.1137/0722029",
    ),
    2: Citation(
        "lower bound of the certified bracket, quadratic elements",
        "D. N. Arnold, F. Brezzi, Mixed and nonconforming finite element methods: implementation, "
        "postprocessing and error estimates, RAIRO Modél. Math. Anal. Numér. 19, 7 (1985).",
        "http://www.numdam.org/item?id=M2AN_1985__19_1_7_0",
    ),
}
_MATPLOTLIB = Citation(
    "plots",
    "J. D. Hunter, Matplotlib: a 2D graphics environment, Comput. Sci. Eng. 9 (3), 90 (2007).",
    f"{_DOI}10.1109/MCSE.2007.55",
)


def citations(
    provenances: Sequence[Mapping[str, Any]],
    cases: Sequence[Case],
    results: Sequence[Mapping[str, Any]],
    plots: bool,
) -> list[Citation]:
    """Works that these runs used; a library that provenance does not name is not cited.

    Parameters
    ----------
    provenances, cases, results : sequences
        Of the runs of a page.
    plots : bool
        Whether the page shows plots.

    Returns
    -------
    list of Citation
    """
    libraries = {name for p in provenances for name, v in (p.get("libraries") or {}).items() if v}
    found = [LU_2021]
    found += [citation for name, citation in _LIBRARIES.items() if name in libraries]
    if "petsc4py" in libraries and any(case.solver.preconditioner == "hypre" for case in cases):
        found.append(_HYPRE)
    if any(p.get("gmsh") for p in provenances):
        found.append(_GMSH)
    if any((result.get("transport") or {}).get("bracket") for result in results):
        found += [_LOWER_BOUND[order] for order in sorted({element_order(case) for case in cases} or {1})]
    return found + ([_MATPLOTLIB] if plots else [])
