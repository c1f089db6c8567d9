"""Files made up from a known truth, for trying the commands and for tests of recovery.

A maker yields files of one kind, each a `DemoFile` with the truth behind it; `data` writes them.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class DemoFile:
    """A file to be written, the same bytes on every system.

    Attributes
    ----------
    name : str
    content : bytes
    truth : dict
        What is behind it, for people.
    """

    name: str
    content: bytes
    truth: dict[str, Any] = field(default_factory=dict)


def table_file(
    name: str,
    head: str,
    rows: NDArray[np.float64] | Sequence[str],
    formats: str | Sequence[str] = "%.6g",
    truth: dict[str, Any] | None = None,
) -> DemoFile:
    """A text file: a head, then rows, numbers separated by commas or lines as they are.

    Parameters
    ----------
    name, head : str
    rows : (n, m) array or sequence of str
    formats : str or sequence of str, optional
        Of the numbers.
    truth : dict, optional
    """
    stream = io.StringIO()
    stream.write(head + "\n")
    if isinstance(rows, np.ndarray):
        np.savetxt(stream, rows, fmt=formats, delimiter=",")
    else:
        stream.writelines(f"{line}\n" for line in rows)
    return DemoFile(name, stream.getvalue().encode("utf-8"), truth or {})
