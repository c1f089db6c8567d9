"""From a tessellation to a conforming mesh, by gmsh.

The model is drawn by the built-in kernel: one point per vertex, one line per edge, one plane surface per
face, one volume per cell, in micrometres; every tag is the number in the tessellation plus one. The built-in
kernel takes the topology as given; a solid-modelling kernel would search for it with an absolute tolerance.

Once the faces are meshed the volumes are independent of each other, so each core meshes its own share of them
in a forked copy of this process. gmsh's own threads share a single triangulation and gain much less.
"""

from __future__ import annotations

import os
import signal
import tempfile
import threading
import warnings
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gbflux.errors import MeshError, MissingLibrary
from gbflux.grains.tessellation import Tessellation, face_simplices, volumes_and_centroids
from gbflux.mesh.mesh import ConformingMesh
from gbflux.mesh.recipe import FADE, MeshSize, SizeField
from gbflux.mesh.simplices import Floats, Integers, normals, signed_volumes
from gbflux.units import LAYER_CELLS

_HXT, _DELAUNAY = 10, 1
FEWEST_CELLS = 100_000  # below these a fork does not pay
_TETRAHEDRA_PER_CUBE = 5.0  # of the mesh size: about what gmsh makes
_MOST_PROCESSES = 16
_PARENT = 1.03  # a fork first copies the memory it touches and in the end writes what it made


def load_gmsh() -> Any:
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
    return str(load_gmsh().__version__)


def cores() -> int:
    """Processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def set_options(gmsh: Any, size: MeshSize) -> None:
    """Algorithm, threads, and size from the field alone."""
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
        "Mesh.Optimize": 1,  # keeps slivers out
    }
    for name, value in options.items():
        gmsh.option.setNumber(name, value)


def draw(gmsh: Any, t: Tessellation) -> None:
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
    gmsh: Any, t: Tessellation, size: MeshSize, end_planes: tuple[float, ...], layers: Sequence[range]
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


def _line(geo: Any, lines: dict[tuple[int, int], int], a: int, b: int) -> int:
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


def set_size_field(
    gmsh: Any, t: Tessellation, size: MeshSize, end_planes: tuple[float, ...], layers: Sequence[range] = ()
) -> None:
    """Background size field: fine in a sheet on each end plane, growing to the full size over a few cells.

    In the first layer of a slab, cells are no larger than a share 1/`LAYER_CELLS` of its thickness.
    """
    if size.field is not None:
        _interpolate_sizes(gmsh, size.field)
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


def _sheet(gmsh: Any, t: Tessellation, fine: float, low: float, high: float, coarse: float) -> int:
    """A field with fine cells between two heights, which grow by a third of the distance from there (µm)."""
    field = gmsh.model.mesh.field
    sheet: int = field.add("Box")
    start, end = t.vertices.min(axis=0) - coarse, t.vertices.max(axis=0) + coarse
    start[-1], end[-1] = low, high
    numbers = {"VIn": fine, "VOut": coarse, "Thickness": FADE * (coarse - fine), "ZMin": -1.0, "ZMax": 1.0}
    for k, axis in enumerate("XYZ"[: t.dimension]):
        numbers |= {f"{axis}Min": start[k], f"{axis}Max": end[k]}
    for name, value in numbers.items():
        field.setNumber(sheet, name, value)
    return sheet


def _interpolate_sizes(gmsh: Any, sizes: SizeField) -> None:
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


@dataclass(frozen=True)
class Simplices:
    """Simplices of some entities, with nodes numbered from zero.

    Attributes
    ----------
    points : (n, 3) float array
        Nodes (µm).
    cells : (m, d + 1) int32 array
        Simplices.
    region : (m,) int32 array
        Entity of each, its tag minus one.
    """

    points: NDArray[np.float64]
    cells: NDArray[np.int32]
    region: NDArray[np.int32]


def mesh_volumes(gmsh: Any, shares: Sequence[Integers]) -> Simplices:
    """Mesh volumes of a model whose faces are meshed; each share of them by a process of its own.

    Shares hold volumes by their tag minus one; the first is meshed here. Nodes on faces come first and keep
    the order of their tags.

    Raises
    ------
    MeshError
        If one of the processes fails.
    """
    gmsh.option.setNumber("General.NumThreads", 1)
    on_faces = _nodes(gmsh)
    with tempfile.TemporaryDirectory(prefix="gbflux-") as name:
        drafts = [Path(name) / f"{k}.npz" for k in range(1, len(shares))]
        children = [_fork(gmsh, shares, k, len(on_faces), draft) for k, draft in enumerate(drafts, start=1)]
        try:
            parts = [_share(gmsh, shares, 0, len(on_faces))]
        finally:
            codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
        if any(codes):
            raise MeshError(
                f"mesh: gmsh must mesh every grain; one of its processes ended with code "
                f"{max(codes, key=abs)}."
            )
        parts += [Simplices(**np.load(draft)) for draft in drafts]
    return _joined(on_faces, parts)


def _fork(gmsh: Any, shares: Sequence[Integers], k: int, faces: int, draft: Path) -> int:
    """Start a copy of this process that meshes share k, writes it and ends; its process number."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # on forking with threads: the copy uses none
        child = os.fork()
    if child:
        return child
    code = 1  # the copy must end here whatever happens: its caller runs on in this process
    try:
        part = _share(gmsh, shares, k, faces)
        np.savez(draft, points=part.points, cells=part.cells, region=part.region)
        code = 0
    finally:
        os._exit(code)


def _share(gmsh: Any, shares: Sequence[Integers], k: int, faces: int) -> Simplices:
    """Mesh share k alone; its points are those inside the volumes, numbered after those on faces."""
    others = [(3, int(volume) + 1) for j, share in enumerate(shares) if j != k for volume in share]
    if others:
        gmsh.model.removeEntities(others)
    gmsh.model.mesh.generate(3)
    points = _nodes(gmsh)
    cells, region = simplices(gmsh, 3, shares[k])
    return Simplices(points[faces:], cells, region)


def _nodes(gmsh: Any) -> NDArray[np.float64]:
    """Nodes in the order of their tags, which run from one without gaps, (n, 3)."""
    tags, xyz, _ = gmsh.model.mesh.getNodes()
    points = np.full((int(tags.max()), 3), np.nan)
    points[tags.astype(np.int64) - 1] = xyz.reshape(-1, 3)
    return points


def surface(gmsh: Any, entities: Iterable[int]) -> Simplices:
    """The mesh of 2D cells."""
    cells, region = simplices(gmsh, 2, entities)
    return Simplices(_nodes(gmsh), cells, region)


def simplices(
    gmsh: Any, dimension: int, entities: Iterable[int]
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Nodes, by their tag minus one, of all simplices of the given entities, and the entity of each."""
    blocks, owner = [np.zeros((0, dimension + 1), dtype=np.int32)], [np.zeros(0, dtype=np.int32)]
    for entity in entities:
        _, _, nodes = gmsh.model.mesh.getElements(dimension, int(entity) + 1)
        if nodes:
            block = nodes[0].astype(np.int32).reshape(-1, dimension + 1) - 1
            blocks.append(block)
            owner.append(np.full(len(block), entity, dtype=np.int32))
    return np.vstack(blocks), np.concatenate(owner)


def _joined(on_faces: Floats, parts: list[Simplices]) -> Simplices:
    """All shares in one numbering, put into theirs: the nodes on faces, then those inside each share."""
    first = 0
    for part in parts:
        if first:
            inside = part.cells >= len(on_faces)
            part.cells[inside] += first
        first += len(part.points)
    points = np.vstack([on_faces, *(part.points for part in parts)])
    return Simplices(
        points, np.vstack([part.cells for part in parts]), np.concatenate([part.region for part in parts])
    )


def mesh_conforming(
    tessellation: Tessellation,
    size: MeshSize,
    end_planes: tuple[float, ...],
    layers: Sequence[range] = (),
) -> ConformingMesh:
    """Mesh the cells of a tessellation so that neighbours share nodes on their common faces.

    Parameters
    ----------
    tessellation : Tessellation
        Grains and slabs.
    size : MeshSize
        Edge lengths.
    end_planes : tuple of float
        z of the planes where grains end (µm), meshed at ``size.end_size_um``.
    layers : sequence of range
        Cells that are the layers of each slab, from the grains outwards. In 3D the planes between them are
        meshed alike where they are to have cells of the same size.

    Raises
    ------
    MeshError
        If gmsh fails.
    """
    gmsh = load_gmsh()
    gmsh.initialize()
    try:
        volumes, facets, face = _meshed(gmsh, tessellation, size, end_planes, layers)
    except MeshError:
        raise
    except Exception as error:
        raise MeshError(
            f"mesh: gmsh {gmsh.__version__} must mesh every grain; got '{error}'. "
            "Try another grains.seed or a smaller mesh.size_um."
        ) from error
    finally:
        gmsh.finalize()
    return _oriented(tessellation, volumes, facets, face)


def _meshed(
    gmsh: Any,
    tessellation: Tessellation,
    size: MeshSize,
    end_planes: tuple[float, ...],
    layers: Sequence[range],
) -> tuple[Simplices, NDArray[np.int32], NDArray[np.int32]]:
    """Cells as gmsh makes them, then the simplices of the inner faces, and the face of each."""
    set_options(gmsh, size)
    draw(gmsh, tessellation)
    set_size_field(gmsh, tessellation, size, end_planes, layers)
    if tessellation.dimension == 3 and size.field is None:
        repeat_planes(gmsh, tessellation, size, end_planes, layers)
    gmsh.model.mesh.generate(2)
    facets, face = simplices(gmsh, tessellation.dimension - 1, _inner_faces(tessellation))
    if tessellation.dimension == 2:
        return surface(gmsh, range(tessellation.n_cells)), facets, face
    return mesh_volumes(gmsh, _shares(tessellation, size)), facets, face


def _sums(owner: Integers, values: Floats, count: int) -> Floats:
    """Sum of the values of each owner; NumPy's types take what `bincount` weighs for integers."""
    sums: Any = np.bincount(owner, values, count)
    return np.asarray(sums, dtype=np.float64)


def _inner_faces(t: Tessellation) -> NDArray[np.int64]:
    """Faces between two cells."""
    return np.flatnonzero(np.all(t.face_cells >= 0, axis=1))


def _shares(t: Tessellation, size: MeshSize) -> list[NDArray[np.int64]]:
    """Cells of the tessellation for each process, of about equal work; one share where one will do."""
    if size.field is None:
        expected = _TETRAHEDRA_PER_CUBE * volumes_and_centroids(t)[0] / size.size_um**3
    else:
        expected = _sums(size.field.region, size.field.expected_cells(), t.n_cells)
    processes = min(cores(), _MOST_PROCESSES, t.n_cells, int(expected.sum() / FEWEST_CELLS) + 1)
    if size.reproducible or processes == 1:
        return [np.arange(t.n_cells)]
    middle = np.cumsum(expected) - expected / 2
    capacity = np.ones(processes)
    capacity[0] = _PARENT
    share = np.searchsorted(np.cumsum(capacity)[:-1] / capacity.sum(), middle / expected.sum())
    parts = (np.flatnonzero(share == k) for k in range(processes))
    return [part for part in parts if len(part)]


def _oriented(t: Tessellation, volumes: Simplices, facets: Integers, face: Integers) -> ConformingMesh:
    """The mesh with twin nodes merged, unused ones dropped, cells positive, facets along their normals."""
    count = np.bincount(volumes.region, minlength=t.n_cells)
    if not count.all():
        missing = np.flatnonzero(count == 0)
        raise MeshError(
            f"mesh: gmsh must mesh every grain; got no cells in grain {missing[0]} ({len(missing)} in all). "
            "Try another grains.seed or a smaller mesh.size_um."
        )
    points = volumes.points[:, : t.dimension]
    with ThreadPoolExecutor() as pool:
        volume = pool.submit(signed_volumes, points, volumes.cells)
        same = _coincident(points)
        met, used = np.zeros(len(points), dtype=bool), np.zeros(len(points), dtype=bool)
        met[volumes.cells] = True
        used[same[met]] = True
        number = (np.cumsum(used) - 1)[same]
        points, cells, facets = points[used], number.astype(np.int32)[volumes.cells], number[facets]
        normal = _face_normals(t)[face]
    flipped = volume.result() < 0
    cells[flipped, :2] = cells[flipped, 1::-1]
    backward = np.einsum("ij,ij->i", normal, normals(points[facets])) < 0
    facets[backward, :2] = facets[backward, 1::-1]
    return ConformingMesh(points, cells, volumes.region, facets, t.face_cells[face], normal)


def _coincident(points: Floats) -> NDArray[np.int64]:
    """For each node the first one at the same place: HXT now and then meshes around two copies of a node."""
    # one number for each place, by irrational weights: equal for equal points, hardly ever for others
    key = points @ np.array([1.0, np.e, np.pi])[: points.shape[1]]
    order = np.argsort(key, kind="stable")
    twins = np.flatnonzero(np.diff(key[order]) == 0)
    same = np.arange(len(points))
    for first, second in zip(order[twins], order[twins + 1], strict=True):
        if np.array_equal(points[first], points[second]):
            same[second] = same[first]
    return same


def _face_normals(t: Tessellation) -> Floats:
    """Unit normal of each face of the tessellation, from its first cell to its second."""
    simplices, owner = face_simplices(t)
    turns = normals(t.vertices[simplices])
    normal = np.stack([_sums(owner, turn, len(t.face_cells)) for turn in turns.T], axis=1)
    normal /= np.linalg.norm(normal, axis=1)[:, None]
    middle = np.stack([_sums(owner, x, len(t.face_cells)) for x in t.vertices[simplices[:, 0]].T], axis=1)
    middle /= np.bincount(owner)[:, None]
    first = t.face_cells.max(axis=1)  # the other may be an outer side
    outward = np.einsum("ij,ij->i", normal, middle - volumes_and_centroids(t)[1][first]) > 0
    ahead = outward == (first == t.face_cells[:, 0])
    return np.where(ahead[:, None], normal, -normal)
