"""A tessellation as a gmsh model, by the built-in kernel.

One point per vertex, one line per edge, one plane surface per face, one volume per cell, in micrometres;
every tag is the number in the tessellation plus one. The built-in kernel takes the topology as given; a
solid-modelling kernel would search for it with an absolute tolerance.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from gbflux.errors import MissingLibrary
from gbflux.grains.tessellation import Tessellation
from gbflux.mesh.sizing import SizeField
from gbflux.units import LAYER_CELLS

_HXT, _DELAUNAY = 10, 1
_FADE = 3.0  # distance over which cells grow, per growth


@dataclass(frozen=True)
class MeshSize:
    """Edge lengths of the mesh.

    Attributes
    ----------
    size_um : float
        Edge length away from the planes where grains end (µm).
    end_size_um : float
        Edge length at those planes (µm).
    reproducible : bool
        Serial Delaunay in place of parallel HXT: the same mesh every time, several times slower.
    field : SizeField or None
        Edge lengths that vary in space, in place of all others.
    end_um : float
        Length that cells are cut to across the lines (2D: points) where grain boundaries end on those planes
        (µm); 0 for no cuts.
    """

    size_um: float
    end_size_um: float
    reproducible: bool = False
    field: SizeField | None = None
    end_um: float = 0.0

    @property
    def cut_um(self) -> float:
        """`end_um` of the size field where there is one, else `end_um` itself (µm)."""
        return self.end_um if self.field is None else self.field.end_um

    @property
    def range_um(self) -> tuple[float, float]:
        """Smallest and largest edge length asked for (µm)."""
        sizes = (self.size_um, self.end_size_um) if self.field is None else self.field.size_um
        return float(min(sizes)), float(max(sizes))

    @property
    def graded_um(self) -> float:
        """Distance from the planes where grains end from which on cells have the full size (µm)."""
        fine, coarse = self.end_size_um, self.size_um
        return 0.0 if fine == coarse else fine + _FADE * abs(coarse - fine)

    def scaled(self, factor: float) -> MeshSize:
        """All edge lengths multiplied; the length that cells are cut to stays."""
        sizes = {"size_um": factor * self.size_um, "end_size_um": factor * self.end_size_um}
        return replace(self, field=self.field and self.field.scaled(factor), **sizes)


def load_gmsh():
    """The gmsh module.

    Raises
    ------
    MissingLibrary
        If gmsh cannot be imported.
    """
    ctrl_c = signal.getsignal(signal.SIGINT)
    try:
        import gmsh
    except (ImportError, OSError) as error:
        raise MissingLibrary(
            f"mesh: gmsh must be importable; got {error}. "
            "Run `make setup`, or install python3-gmsh or the gmsh wheel."
        ) from error
    if ctrl_c is not None and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, ctrl_c)  # old gmsh lets Ctrl-C end the process without a word
    return gmsh


def gmsh_version() -> str:
    """Version of gmsh."""
    return load_gmsh().__version__


def cores() -> int:
    """Processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def set_options(gmsh, size: MeshSize) -> None:
    """Algorithm, threads, and size from the field alone. Optimize = 1 is what keeps slivers out."""
    threads = 1 if size.reproducible else cores()
    smallest, largest = size.range_um
    options = {
        "General.Verbosity": 1,
        "General.NumThreads": threads,
        "Mesh.MeshSizeMin": 0.0 if size.field is None else smallest,
        "Mesh.MeshSizeMax": largest,
        "Mesh.MeshSizeFromPoints": 0,
        "Mesh.MeshSizeExtendFromBoundary": 0,
        "Mesh.Algorithm3D": _DELAUNAY if size.reproducible else _HXT,
        "Mesh.Optimize": 1,
    }
    for name, value in options.items():
        gmsh.option.setNumber(name, value)


def draw(gmsh, t: Tessellation) -> None:
    """Points, lines, surfaces and volumes; every tag is the number in the tessellation plus one."""
    geo, d = gmsh.model.geo, t.dimension
    for k, vertex in enumerate(t.vertices):
        geo.addPoint(*vertex, *([0.0] if d == 2 else []), 0, k + 1)
    lines: dict[tuple[int, int], int] = {}
    of_cell: list[list[int]] = [[] for _ in range(t.n_cells)]
    for f, cells in enumerate(t.face_cells):
        loop = (t.face(f) + 1).tolist()
        if d == 2:
            geo.addLine(*loop, f + 1)
        else:
            geo.addCurveLoop(
                [_line(geo, lines, a, b) for a, b in zip(loop, loop[1:] + loop[:1], strict=True)], f + 1
            )
            geo.addPlaneSurface([f + 1], f + 1)
        for cell in cells:
            if cell >= 0:
                of_cell[cell].append(f + 1)
    for cell, faces in enumerate(of_cell):
        if d == 2:
            geo.addCurveLoop(_signed_loop(t, faces), cell + 1)
            geo.addPlaneSurface([cell + 1], cell + 1)
        else:
            geo.addSurfaceLoop(faces, cell + 1)
            geo.addVolume([cell + 1], cell + 1)
    geo.synchronize()


def repeat_planes(
    gmsh, t: Tessellation, size: MeshSize, end_planes: tuple[float, ...], layers: Sequence[range]
) -> None:
    """Have the planes between the layers of a slab meshed once and copied, in 3D.

    Planes so near to `end_planes` that their cells have another size than those farther out are left alone.
    """
    for slab in layers:
        faces = [_outer_face(t, cell) for cell in slab]
        z = [float(t.vertices[t.face(face)[0], -1]) for face in faces]
        even = [k for k in range(len(faces)) if min(abs(z[k] - end) for end in end_planes) >= size.graded_um]
        for k in even[1:]:
            shift = np.eye(4)
            shift[2, 3] = z[k] - z[even[0]]
            gmsh.model.mesh.setPeriodic(2, [faces[k] + 1], [faces[even[0]] + 1], shift.ravel().tolist())


def _outer_face(t: Tessellation, cell: int) -> int:
    """The face of a layer that is farthest from the grains: with the same corners as the next one."""
    faces = np.flatnonzero((t.face_cells == cell).any(axis=1))
    z = [t.vertices[t.face(face), -1] for face in faces]
    level = [face for face, heights in zip(faces, z, strict=True) if np.ptp(heights) == 0.0]
    height = np.array([t.vertices[t.face(face)[0], -1] for face in level])
    return int(level[np.argmax(np.abs(height - t.size_um[-1] / 2))])


def _line(geo, lines: dict[tuple[int, int], int], a: int, b: int) -> int:
    """Tag of the line from a to b, negative if it was drawn the other way round."""
    key = (min(a, b), max(a, b))
    if key not in lines:
        lines[key] = geo.addLine(*key, len(lines) + 1)
    return lines[key] if a < b else -lines[key]


def _signed_loop(t: Tessellation, lines: list[int]) -> list[int]:
    """Lines of a 2D cell in order, negative where run backwards."""
    ends = {line: t.face(line - 1).tolist() for line in lines}
    at: dict[int, list[int]] = {}
    for line, (a, b) in ends.items():
        at.setdefault(a, []).append(line)
        at.setdefault(b, []).append(line)
    line, here, loop = lines[0], ends[lines[0]][1], [lines[0]]
    while len(loop) < len(lines):
        line = next(other for other in at[here] if other != line)
        forward = ends[line][0] == here
        loop.append(line if forward else -line)
        here = ends[line][1] if forward else ends[line][0]
    return loop


def grade(
    gmsh, t: Tessellation, size: MeshSize, end_planes: tuple[float, ...], layers: Sequence[range] = ()
) -> None:
    """Background size field: fine in a sheet on each end plane, growing to the full size over a few cells.

    In the first layer of a slab, cells are no larger than a share 1/`LAYER_CELLS` of its thickness.
    """
    if size.field is not None:
        _follow(gmsh, size.field)
        return
    fine, coarse = size.end_size_um, size.size_um
    sheets = [(fine, plane - fine, plane + fine) for plane in end_planes]
    for slab in (slab for slab in layers if len(slab)):
        low, high = (float(ends) for ends in _extent(t, slab[0]))
        sheets.append(((high - low) / LAYER_CELLS, low, high))
    boxes = [_sheet(gmsh, t, *sheet, coarse) for sheet in sheets if sheet[0] < coarse]
    if boxes:
        field = gmsh.model.mesh.field
        least = field.add("Min")
        field.setNumbers(least, "FieldsList", boxes)
        field.setAsBackgroundMesh(least)


def _extent(t: Tessellation, cell: int) -> tuple[float, float]:
    """Lowest and highest z of a cell (µm)."""
    faces = np.flatnonzero((t.face_cells == cell).any(axis=1))
    z = t.vertices[np.concatenate([t.face(face) for face in faces]), -1]
    return z.min(), z.max()


def _sheet(gmsh, t: Tessellation, fine: float, low: float, high: float, coarse: float) -> int:
    """A field with fine cells between two heights, which grow by a third of the distance from there (µm)."""
    field = gmsh.model.mesh.field
    sheet = field.add("Box")
    start, end = t.vertices.min(axis=0) - coarse, t.vertices.max(axis=0) + coarse
    start[-1], end[-1] = low, high
    numbers = {"VIn": fine, "VOut": coarse, "Thickness": _FADE * (coarse - fine), "ZMin": -1.0, "ZMax": 1.0}
    for k, axis in enumerate("XYZ"[: t.dimension]):
        numbers |= {f"{axis}Min": start[k], f"{axis}Max": end[k]}
    for name, value in numbers.items():
        field.setNumber(sheet, name, value)
    return sheet


def _follow(gmsh, sizes: SizeField) -> None:
    """Background size field given at nodes: a view that gmsh interpolates in."""
    count, corners = sizes.cells.shape
    at = np.zeros((len(sizes.points), 4))
    at[:, : corners - 1] = sizes.points
    at[:, 3] = sizes.size_um
    data = at[sizes.cells].transpose(0, 2, 1)  # for each cell all x, all y, all z, all sizes
    gmsh.option.setNumber("Mesh.LcIntegrationPrecision", 1e-4)  # sizes have kinks
    view = gmsh.view.add("size")
    gmsh.view.addListData(view, "ST" if corners == 3 else "SS", count, data.ravel())
    field = gmsh.model.mesh.field.add("PostView")
    index = gmsh.view.getIndex(view)
    gmsh.model.mesh.field.setNumber(field, "ViewIndex", index)
    gmsh.model.mesh.field.setAsBackgroundMesh(field)
