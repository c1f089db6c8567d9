"""Make the pictures of the documentation: ``python docs/pictures/make_pictures.py``.

``layers.png`` shows how grain boundaries get their cells, on ``meshes/triple_point_2d.yaml``. ``lu2021.png``
is the figure of the main job, made smaller; it is left alone where ``results/lu2021`` has none (``make run``
makes it).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from gbflux import load_case
from gbflux.grains import tessellate
from gbflux.mesh import CellKind, Mesh, build_mesh, recipe
from gbflux.mesh.gmsh_model import mesh_conforming
from gbflux.mesh.mesh import ConformingMesh

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
GRAINS = ("#cfe3f1", "#f6e3bf", "#cfe8dd")  # one for each grain
LAYER, JUNCTION, INK = "#d55e00", "#7a1f5c", "#1b1b1f"
SHOWN_UM = 4.2  # width of the section shown
WIDTH_PX = 1000  # of the main job's figure


def main() -> None:
    """Make both."""
    layers(HERE / "layers.png")
    main_job(ROOT / "results" / "lu2021" / "comparison.png", HERE / "lu2021.png")
    for path in sorted(HERE.glob("*.png")):
        print(f"{path.name:16} {path.stat().st_size / 1000:6.0f} kB")


def main_job(source: Path, target: Path) -> None:
    """The main job's figure, narrower and in 256 colours."""
    if source.exists():
        with Image.open(source) as picture:
            height = round(picture.height * WIDTH_PX / picture.width)
            small = picture.convert("RGB").resize((WIDTH_PX, height), Image.Resampling.LANCZOS)
        palette = {"method": Image.Quantize.MEDIANCUT, "kmeans": 3, "dither": Image.Dither.NONE}
        small.quantize(256, **palette).save(target, optimize=True)


def layers(target: Path) -> None:
    """The neighbourhood of a triple point: conforming mesh, split, filled."""
    made_of = recipe(load_case(ROOT / "meshes" / "triple_point_2d.yaml"))
    conforming = mesh_conforming(tessellate(made_of.arrangement), made_of.size, ())
    layered = build_mesh(made_of).mesh
    figure = Figure(figsize=(9.6, 3.7), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, 3)
    middle = triple_point(conforming)
    draw_cells(panels[0], conforming.points, conforming.cells, [GRAINS[g] for g in conforming.region])
    draw_grains(panels[1], layered)
    draw_grains(panels[2], layered)
    draw_layers(panels[2], layered)
    titles = (
        "1  conforming mesh",
        "2  split: every grain has its own nodes",
        "3  fill: cells between the nodes",
    )
    for panel, title in zip(panels, titles, strict=True):
        frame(panel, middle, title)
    mark_copies(panels[0], conforming.points[near(conforming.points, middle, 0.01)])
    mark_copies(panels[1], layered.points[corners(layered)])
    mark_copies(panels[2], layered.points[corners(layered)])
    figure.savefig(target, dpi=110)


def triple_point(mesh: ConformingMesh) -> NDArray:
    """The point that all three grains touch (µm)."""
    touching = [set(mesh.cells[mesh.region == grain].ravel()) for grain in range(3)]
    return mesh.points[set.intersection(*touching).pop()]


def corners(mesh: Mesh) -> NDArray:
    """Nodes of the cell that closes the triple point."""
    return np.unique(mesh.cells[mesh.kind == CellKind.GB_JUNCTION])


def near(points: NDArray, place: NDArray, distance: float) -> NDArray:
    """Mask of the points within a distance of a place (µm)."""
    return np.linalg.norm(points - place, axis=1) < distance


def draw_cells(panel: Axes, points: NDArray, cells: NDArray, colours: object) -> None:
    """Triangles with thin edges."""
    panel.add_collection(
        PolyCollection(points[cells], facecolors=colours, edgecolors=INK, linewidths=0.6, joinstyle="round")
    )


def draw_grains(panel: Axes, mesh: Mesh) -> None:
    """Cells of the grains."""
    mine = mesh.kind == CellKind.GRAIN
    draw_cells(panel, mesh.points, mesh.cells[mine], [GRAINS[g] for g in mesh.region[mine]])


def draw_layers(panel: Axes, mesh: Mesh) -> None:
    """Cells of the layers and of the junction."""
    for kind, colour in ((CellKind.GB, LAYER), (CellKind.GB_JUNCTION, JUNCTION)):
        draw_cells(panel, mesh.points, mesh.cells[mesh.kind == kind], colour)


def mark_copies(panel: Axes, points: NDArray) -> None:
    """Dots on the node in question, or on its copies."""
    panel.plot(*points.T, "o", color=INK, markersize=5, zorder=3)


def frame(panel: Axes, middle: NDArray, title: str) -> None:
    """Title, section and a scale bar."""
    half = SHOWN_UM / 2
    panel.set(
        xlim=middle[0] + np.array([-half, half]), ylim=middle[1] + np.array([-half, half]), aspect="equal"
    )
    panel.set_title(title, fontsize=10, loc="left", color=INK)
    panel.set_xticks([])
    panel.set_yticks([])
    x, y = middle[0] - half + 0.2, middle[1] - half + 0.2
    panel.plot([x, x + 0.5], [y, y], color=INK, linewidth=3, solid_capstyle="butt", zorder=4)
    label = {"facecolor": "white", "edgecolor": "none", "pad": 1.5, "alpha": 0.85}
    panel.text(x, y + 0.1, "δ = 500 nm", fontsize=8, color=INK, bbox=label, zorder=4)


if __name__ == "__main__":
    main()
