"""Electrode surfaces for ParaView and pyvista: VTK PolyData in XML, arrays in base64."""

from __future__ import annotations

import base64
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_NAMES = {"f8": "Float64", "i8": "Int64", "i4": "Int32", "u1": "UInt8"}


def write_polydata(path: Path, points: NDArray, facets: NDArray, cell_data: dict[str, NDArray]) -> None:
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


def _array(name: str, values: NDArray) -> str:
    """One DataArray element: the byte count, then the bytes."""
    values = np.ascontiguousarray(values)
    data = values.astype(values.dtype.newbyteorder("<")).tobytes()
    text = base64.b64encode(np.uint64(len(data)).tobytes() + data).decode("ascii")
    width = values.shape[1] if values.ndim == 2 else 1
    kind = _NAMES[values.dtype.str[1:]]
    head = f"<DataArray type='{kind}' Name='{name}' NumberOfComponents='{width}' format='binary'>"
    return f"{head}{text}</DataArray>"
