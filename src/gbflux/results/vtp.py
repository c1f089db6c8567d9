"""Electrode surfaces for ParaView and pyvista: VTK PolyData in XML, arrays in base64."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from gbflux.errors import InputError

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
    """Read what `write_polydata` wrote.

    Parameters
    ----------
    path : Path
        File, ``.vtp``.

    Returns
    -------
    points : (n, 3) float array
        Points (µm).
    facets : (k, 3) or (k, 2) int array
        Point numbers.
    cell_data : dict of arrays
        One value or vector per facet.

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
