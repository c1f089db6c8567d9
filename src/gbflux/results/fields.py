"""Fields on disk: one HDF5 file that ParaView and pyvista open, and that holds all a new measuring needs.

The layout is VTKHDF 1.0, an unstructured grid of positively oriented cells without ghosts. What VTK has no
place for is in the group ``/gbflux``. In 2D the points are (x, z, 0).
"""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from gbflux.case import Case
from gbflux.conduction.records import Fields
from gbflux.errors import InputError, MissingLibrary
from gbflux.measure import Measurement
from gbflux.mesh import Mesh
from gbflux.mesh.mesh import mesh_facts, mesh_of

_VTK_TRIANGLE, _VTK_TETRAHEDRON = 5, 10
_SMALL = 1 << 20  # arrays below this many bytes are not worth packing
_TABLES = ("boundaries", "boundary_area", "boundary_normal", "size_um")
_PER_CELL = ("kind", "region", "boundary")


def _h5py() -> Any:
    try:
        import h5py
    except ImportError as error:
        raise MissingLibrary(f"output: fields need h5py; got {error}. Run `make setup`.") from error
    return h5py


def write_fields(path: Path, mesh: Mesh, solved: Fields) -> None:
    """Write mesh and fields; SI units but for points (µm).

    Parameters
    ----------
    path : Path
        ``.hdf``, so that ParaView 5.11 knows it.
    mesh : Mesh
    solved : Fields

    Raises
    ------
    OSError
        If the disk has no room for the file.
    """
    with _file_for_hdf5(path) as disk, _h5py().File(disk, "w") as file:
        root = file.create_group("VTKHDF", track_order=True)
        root.attrs["Version"] = (1, 0)
        root.attrs.create("Type", b"UnstructuredGrid", dtype=_h5py().string_dtype("ascii", 16))
        count, corners = mesh.cells.shape
        root["NumberOfPoints"] = np.array([len(mesh.points)], np.int64)
        root["NumberOfCells"] = np.array([count], np.int64)
        root["NumberOfConnectivityIds"] = np.array([mesh.cells.size], np.int64)
        _put(root, "Points", _in_space(mesh.points))
        index = np.int32 if mesh.cells.size <= np.iinfo(np.int32).max else np.int64  # VTK takes both
        _put(root, "Connectivity", mesh.cells.astype(index, copy=False).ravel())
        _put(root, "Offsets", np.arange(0, mesh.cells.size + 1, corners, dtype=index))
        _put(root, "Types", np.full(count, _VTK_TRIANGLE if corners == 3 else _VTK_TETRAHEDRON, np.uint8))
        for group, arrays in (("PointData", _point_data(solved)), ("CellData", _cell_data(mesh, solved))):
            for name, values in arrays.items():
                _put(root.require_group(group), name, values)
        own = file.create_group("gbflux")
        own.attrs["mesh"] = json.dumps(mesh_facts(mesh))
        for name in _TABLES:
            own[name] = getattr(mesh, name)


class _PatientFile(io.FileIO):
    """A file that keeps an error of the disk to itself: HDF5 ends the process when it cannot close a file."""

    fault: OSError | None = None

    def write(self, data: Any) -> int:
        """Write all of it, or nothing more after an error."""
        left = memoryview(data).cast("B")
        count = len(left)
        try:
            while len(left) and self.fault is None:
                left = left[super().write(left) :]
        except OSError as error:
            self.fault = error
        return count

    def truncate(self, size: int | None = None) -> int:
        """Change the size, unless the disk refuses."""
        try:
            return super().truncate(size)
        except OSError as error:
            self.fault = self.fault or error
            return self.tell() if size is None else size


@contextmanager
def _file_for_hdf5(path: Path) -> Iterator[io.FileIO]:
    """A file that HDF5 writes into; an error of the disk comes when HDF5 is done with it."""
    with _PatientFile(path, "w+") as disk:
        try:
            yield disk
        finally:
            if disk.fault is not None:
                raise disk.fault


def fields_bytes(mesh: Mesh) -> int:
    """About how large the file of `write_fields` will be, what is packed in it left out.

    Points have three coordinates and three values; cells a vector, two scalars, a pair, region, boundary,
    their corners and an offset.
    """
    floats, integers = 8, mesh.cells.itemsize
    point = floats * (3 + len(_point_names()))
    cell = floats * (3 + 2) + integers * (2 + 2 + mesh.cells.shape[1] + 1)
    return point * len(mesh.points) + cell * len(mesh.cells)


def _put(group: Any, name: str, values: NDArray[Any]) -> None:
    """One dataset; small integers are packed, which costs next to nothing and saves much, all else is not."""
    packed = values.dtype.itemsize == 1 and values.nbytes > _SMALL
    options = {"compression": "gzip", "compression_opts": 1, "chunks": (1 << 20,)} if packed else {}
    group.create_dataset(name, data=values, **options)


def _point_data(solved: Fields) -> dict[str, NDArray[Any]]:
    return {
        "phi": solved.phi,
        "residual": solved.residual,
        "residual_electrolyte": solved.residual_electrolyte,
    }


def _cell_data(mesh: Mesh, solved: Fields) -> dict[str, NDArray[Any]]:
    """Current density, conductivity, what each cell is; `gb_pair`: the two grains, −1 outside boundaries."""
    pair = np.full((len(mesh.cells), 2), -1, dtype=np.int32)
    layer = mesh.boundary >= 0
    pair[layer] = mesh.boundaries[mesh.boundary[layer]]
    return {
        "J": _in_space(solved.j),
        "J_magnitude": np.sqrt(np.einsum("ij,ij->i", solved.j, solved.j)),
        "sigma": solved.sigma,
        "gb_pair": pair,
        **{name: getattr(mesh, name) for name in _PER_CELL},
    }


def _in_space(vectors: NDArray[Any]) -> NDArray[np.float64]:
    """Three columns for VTK."""
    if vectors.shape[1] == 3:
        return vectors
    return np.column_stack([vectors, np.zeros(len(vectors))])


def read_fields(path: Path) -> tuple[Mesh, Fields]:
    """Read what `write_fields` wrote.

    Raises
    ------
    InputError
        If the file is missing or not one of ours.
    """
    try:
        with _h5py().File(path, "r") as file:
            root, own = file["VTKHDF"], file["gbflux"]
            facts = json.loads(own.attrs["mesh"])
            dimension = facts["dimension"]
            cell_data, point_data = root["CellData"], root["PointData"]
            arrays = {
                "points": np.ascontiguousarray(root["Points"][:, :dimension]),
                "cells": root["Connectivity"][:].reshape(-1, dimension + 1).astype(np.int32, copy=False),
                **{name: cell_data[name][:] for name in _PER_CELL},
                **{name: own[name][:] for name in _TABLES},
            }
            mesh = mesh_of(facts, arrays)
            j = np.ascontiguousarray(cell_data["J"][:, :dimension])
            solved = Fields(
                j=j, sigma=cell_data["sigma"][:], **{name: point_data[name][:] for name in _point_names()}
            )
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path}: must hold the fields of a run; got {error}. "
            "Run the case again with output.fields: true."
        ) from error
    return mesh, solved


def _point_names() -> tuple[str, ...]:
    return ("phi", "residual", "residual_electrolyte")


_NAMES = {"f8": "Float64", "i8": "Int64", "i4": "Int32", "u1": "UInt8"}


def write_polydata(
    path: Path, points: NDArray[Any], facets: NDArray[Any], cell_data: dict[str, NDArray[Any]]
) -> None:
    """Write triangles, or segments where `facets` has two columns.

    Parameters
    ----------
    path : Path
        File to write, ``.vtp``.
    points : (n, 3) float array
        Points (µm).
    facets : (k, 3) or (k, 2) int array
        Point numbers.
    cell_data : dict of (k,) or (k, 3) arrays
        One value or vector per facet.
    """
    kind = "Polys" if facets.shape[1] == 3 else "Lines"
    offsets = np.arange(1, len(facets) + 1, dtype=np.int64) * facets.shape[1]
    body = [
        f"<Piece NumberOfPoints='{len(points)}' NumberOf{kind}='{len(facets)}'>",
        "<Points>",
        _array("Points", points.astype(np.float64)),
        f"</Points><{kind}>",
        _array("connectivity", facets.astype(np.int64).ravel()),
        _array("offsets", offsets),
        f"</{kind}><CellData>",
        *[_array(name, values) for name, values in cell_data.items()],
        "</CellData></Piece>",
    ]
    head = (
        "<?xml version='1.0'?>\n<VTKFile type='PolyData' version='1.0' byte_order='LittleEndian' "
        "header_type='UInt64'><PolyData>"
    )
    path.write_text("\n".join([head, *body, "</PolyData></VTKFile>\n"]), encoding="ascii")


def _array(name: str, values: NDArray[Any]) -> str:
    """One DataArray element: the byte count, then the bytes."""
    values = np.ascontiguousarray(values)
    data = values.astype(values.dtype.newbyteorder("<")).tobytes()
    text = base64.b64encode(np.uint64(len(data)).tobytes() + data).decode("ascii")
    width = values.shape[1] if values.ndim == 2 else 1
    kind = _NAMES[values.dtype.str[1:]]
    head = f"<DataArray type='{kind}' Name='{name}' NumberOfComponents='{width}' format='binary'>"
    return f"{head}{text}</DataArray>"


def read_polydata(path: Path) -> tuple[NDArray[Any], NDArray[Any], dict[str, NDArray[Any]]]:
    """Read what `write_polydata` wrote: points, facets and data of the facets.

    Raises
    ------
    InputError
        If the file is missing or another program's.
    """
    try:
        piece = _only(ElementTree.parse(path).getroot(), "PolyData/Piece")
        points = _values(_only(piece, "Points/DataArray"))
        block = next(b for b in (piece.find("Polys"), piece.find("Lines")) if b is not None)
        connectivity, offsets = (_values(array) for array in block.findall("DataArray"))
        data = {array.get("Name", ""): _values(array) for array in piece.findall("CellData/DataArray")}
        return points, connectivity.reshape(len(offsets), -1), data
    except OSError as error:
        raise InputError(f"{path}: must be an electrode's surface; got {error.strerror}.") from error
    except (ElementTree.ParseError, AttributeError, StopIteration, ValueError, KeyError) as error:
        raise InputError(
            f"{path}: must be a surface as gbflux writes it; got {error!r}. Run the case again with --force."
        ) from error


def _only(element: ElementTree.Element, path: str) -> ElementTree.Element:
    """The element at a path below; a ValueError where there is none."""
    found = element.find(path)
    if found is None:
        raise ValueError(f"no {path}")
    return found


def _values(array: ElementTree.Element) -> NDArray[Any]:
    """Values of a DataArray element, after their byte count."""
    kind = {name: code for code, name in _NAMES.items()}[array.get("type", "")]
    values = np.frombuffer(base64.b64decode(array.text or ""), np.uint8)[8:].view(f"<{kind}")
    width = int(array.get("NumberOfComponents", "1"))
    return values.reshape(-1, width) if width > 1 else values


@dataclass(frozen=True)
class Snapshot:
    """A solved case in memory: all that pictures and tables are made of. Exists on MPI rank 0 only."""

    case: Case
    mesh: Mesh
    fields: Fields  # in the mesh's numbering
    measurement: Measurement
