"""The runs of the study: a name for each, and the case it stands for.

A name such as ``3d-cut-hl10-bi1-s2-asr5`` says all that distinguishes a run from its base case,
``configs/lu2021/2d.yaml`` or ``configs/lu2021/3d.yaml``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gbflux import Case, load_case

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
BASES = {2: CONFIGS / "lu2021" / "2d.yaml", 3: CONFIGS / "lu2021" / "3d.yaml"}
#: Edge of a cell where grains end in the base cases (µm).
ELECTRODE_SIZE_UM = {2: 0.1, 3: 0.5}
BI = (0.1, 0.3, 1, 3, 10, 30, 100)
UNRELAXED_BI = (0.1, 1, 10)
BOUNDARIES = ("cut", "mirror")
SEEDS = {2: tuple(range(1, 11)), 3: (1, 2, 3, 4, 5)}
#: Charge-transfer resistances (Ω cm²).
ASR = {2: (0.02, 0.2, 2, 20, 1000), 3: (0.2, 2, 20)}


@dataclass(frozen=True)
class Run:
    """One run.

    Attributes
    ----------
    dimension : int
        2 or 3.
    boundary : str
        ``"cut"`` or ``"mirror"``.
    hl_um : float
        Thickness of both homogenizing layers (µm); 0 is bare.
    bi : float
        (δ/d)(σ_g/σ_gb).
    seed : int
        Seed of the grains.
    asr : float
        Charge-transfer resistance at each electrode (Ω cm²).
    electrode_size_um : float or None
        Edge of a cell where grains end (µm); None takes that of the base case.
    relaxation_steps : int
        Lloyd steps; 0 is Poisson–Voronoi.
    """

    dimension: int
    boundary: str
    hl_um: float
    bi: float
    seed: int
    asr: float = 0.0
    electrode_size_um: float | None = None
    relaxation_steps: int = 3

    @property
    def group(self) -> str:
        """Name without the seed's number: realisations of the same thing share it."""
        layer = f"hl{self.hl_um:g}" if self.hl_um else "bare"
        words = [f"{self.dimension}d", self.boundary, layer, f"bi{self.bi:g}"]
        words += [f"asr{self.asr:g}"] if self.asr else []
        words += [f"h{self.electrode_size_um:g}"] if self.electrode_size_um else []
        words += ["poisson"] if self.relaxation_steps == 0 else []
        return "-".join(words)

    @property
    def name(self) -> str:
        """The run's name."""
        return f"{self.group}-s{self.seed}"

    def overrides(self) -> dict[str, object]:
        """Changes that make the run of its base case, by dotted path."""
        h = self.electrode_size_um or ELECTRODE_SIZE_UM[self.dimension]
        return {
            "name": self.name,
            "grains.boundary": self.boundary,
            "grains.seed": self.seed,
            "grains.relaxation_steps": self.relaxation_steps,
            "grain_boundary.conductivity_S_per_cm": float(f"{2.5e-7 / self.bi:.12g}"),
            "homogenizing_layer.thickness_um": self.hl_um,
            "electrodes.asr_ohm_cm2": self.asr,
            "mesh.electrode_size_um": h,
            "mesh.size_um": max(h, 0.5) if self.dimension == 2 else min(4 * h, h + 1, 2.0),
            "output.fields": False,
            "output.figures": False,
        }

    def case(self) -> Case:
        """The case."""
        return load_case(BASES[self.dimension], self.overrides())


def all_runs() -> list[Run]:
    """Every run of the study: seed by seed, runs that share a mesh next to each other, the dearest last."""
    runs = [*_scan(), *_thicknesses(), *_resistances(), *_meshes(), *_unrelaxed()]
    return sorted(dict.fromkeys(runs), key=_mesh_order)


def _mesh_order(run: Run) -> tuple:
    h = run.electrode_size_um or ELECTRODE_SIZE_UM[run.dimension]
    last = h <= 0.25 and run.dimension == 3 and run.hl_um > 0, run.dimension == 3 and run.seed > 1
    return (*last, run.seed, run.dimension, run.relaxation_steps, run.boundary, h, run.hl_um, run.asr, run.bi)


def _scan() -> list[Run]:
    """Bi, both boundaries: bare, in a layer of 10 µm, behind one of 3 µm."""
    return [
        Run(dimension, boundary, hl_um, bi, seed)
        for dimension in (2, 3)
        for boundary in BOUNDARIES
        for hl_um in (0, 3, 10)
        for bi in BI
        for seed in SEEDS[dimension]
    ]


def _thicknesses() -> list[Run]:
    """Layers of 1, 2 and 5 µm."""
    return [
        Run(dimension, "cut", hl_um, bi, seed)
        for dimension in (2, 3)
        for hl_um in (1, 2, 5)
        for bi in ((0.3, 1, 3, 10) if dimension == 2 else (1, 10))
        for seed in SEEDS[dimension][: 6 if dimension == 2 else 1]
    ]


def _resistances() -> list[Run]:
    """Charge transfer, bare and with layers."""
    return [
        Run(dimension, "cut", hl_um, bi, seed, asr=asr)
        for dimension in (2, 3)
        for hl_um in (0, 10)
        for asr in ASR[dimension]
        for bi in ((1, 3, 10) if dimension == 2 else (1, 10))
        for seed in SEEDS[dimension][: 3 if dimension == 2 else 1]
    ]


def _meshes() -> list[Run]:
    """Finer and finer where grains end, on the same grains."""
    sizes = {2: (1, 0.5, 0.25, 0.1, 0.05, 0.025, 0.01), 3: (1, 0.5, 0.25)}
    return [
        Run(dimension, "cut", hl_um, bi, 1, asr=asr, electrode_size_um=h if h != own else None)
        for dimension, own in ELECTRODE_SIZE_UM.items()
        for h in sizes[dimension]
        for bi in ((0.3, 1, 10) if dimension == 2 else (1, 10))
        for hl_um, asr in ((0, 0), (3, 0), (10, 0), (0, 2))
        if (dimension, h, hl_um) != (3, 0.25, 3)
    ]


def _unrelaxed() -> list[Run]:
    """Bare Poisson–Voronoi grains, not evened out."""
    return [Run(3, "cut", 0, bi, 1, relaxation_steps=0) for bi in UNRELAXED_BI]
