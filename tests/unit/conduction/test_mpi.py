"""Agreement and transfer, on one rank; `tests/mpi` has the rest."""

from __future__ import annotations

import numpy as np
import pytest
from mpi4py import MPI

from gbflux.conduction import mpi
from gbflux.conduction.mpi import errors_of_root, raise_together, wait_asleep

SELF = MPI.COMM_SELF


def test_no_error_is_no_error() -> None:
    raise_together(SELF, None)
    wait_asleep(SELF)


def test_an_error_is_raised() -> None:
    with pytest.raises(ValueError, match="here"):
        raise_together(SELF, ValueError("here"))
    with pytest.raises(ValueError, match="there"), errors_of_root(SELF):
        raise ValueError("there")


def test_large_arrays_travel_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mpi, "MESSAGE", 100)
    array = np.arange(330.0).reshape(-1, 3)
    pieces = mpi._pieces(array)
    assert max(len(piece) for piece in pieces) == 100
    assert np.concatenate(pieces).tobytes() == array.tobytes()
    assert mpi._pieces(np.empty((0, 3))) == []


def test_rows_come_back_in_place() -> None:
    rows = np.array([[1.0, 2.0], [3.0, 4.0]])
    assert mpi.gather_rows(SELF, rows, [np.array([1, 0])], 2).tolist() == [[3.0, 4.0], [1.0, 2.0]]
