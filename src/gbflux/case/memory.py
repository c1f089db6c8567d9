"""Memory of this machine, and a test whether a case fits into it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from gbflux.case.cost import Estimate
from gbflux.errors import InputError

MIB = 2**20
_CONTROL_GROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Memory:
    """Memory of this machine, or of the container's share of it.

    Attributes
    ----------
    available_MiB, total_MiB : float
        Free now, and installed or allowed in all (MiB).
    """

    available_MiB: float
    total_MiB: float


def machine_memory() -> Memory | None:
    """Memory of this machine; None where the system does not say."""
    try:
        import psutil

        machine = psutil.virtual_memory()
        available, total = machine.available / MIB, machine.total / MIB
    except ImportError:
        try:
            page = os.sysconf("SC_PAGE_SIZE") / MIB
            available, total = os.sysconf("SC_AVPHYS_PAGES") * page, os.sysconf("SC_PHYS_PAGES") * page
        except (ValueError, OSError, AttributeError):
            return None
    limit = _control_group_bytes("memory.max")
    if limit is not None and limit / MIB < total:
        used = _control_group_bytes("memory.current") or 0
        total = limit / MIB
        available = min(available, max(0.0, total - used / MIB))
    return Memory(available, total)


def require_memory(expected: Estimate, memory: Memory | None) -> str | None:
    """Refuse a case that cannot fit into memory.

    Parameters
    ----------
    expected : Estimate
        Cost of the case.
    memory : Memory or None
        Memory of the machine; None: unknown, nothing is refused.

    Returns
    -------
    str or None
        A warning if the case needs more than is free now.

    Raises
    ------
    InputError
        If the case needs more than the machine has.
    """
    if memory is None:
        return None
    needed = f"about {in_gib(expected.memory_MiB)} for about {expected.cells:,} cells"
    if expected.memory_MiB > memory.total_MiB:
        raise InputError(
            f"memory: must be <= {in_gib(memory.total_MiB)}, all this machine has; the case needs {needed}. "
            "Raise mesh.size_um or make the box smaller, or use a larger machine."
        )
    if expected.memory_MiB > memory.available_MiB:
        return (
            f"the case needs {needed}, but only {in_gib(memory.available_MiB)} are free now. "
            "Close other programs or raise mesh.size_um."
        )
    return None


def in_gib(memory_MiB: float) -> str:
    """Memory for people.

    >>> in_gib(512), in_gib(13000)
    ('512 MiB', '12.7 GiB')
    """
    return f"{memory_MiB:.0f} MiB" if memory_MiB < 1024 else f"{memory_MiB / 1024:,.1f} GiB"


def _control_group_bytes(name: str) -> int | None:
    """A number of the control group this process is in (bytes); None where there is none, or no limit."""
    try:
        text = (_CONTROL_GROUP / name).read_text(encoding="ascii").strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None
