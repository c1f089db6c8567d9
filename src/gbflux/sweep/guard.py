"""Runs a command that ends when the process that started it ends, however that ends. No import of gbflux.

Started as ``python guard.py DRIVER COMMAND...``: it asks Linux for a SIGTERM at the end of its parent and
becomes the command, which keeps that wish; mpirun passes the signal on to its ranks.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import threading
import time

_PR_SET_PDEATHSIG = 1


def end_with_parent(number: int) -> None:
    """Ask for a signal when the parent process ends; where the system cannot, nothing happens."""
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)


def watch_parent(pause_s: float = 1.0) -> None:
    """End this process when its parent has ended; looked at by a thread.

    For MPI ranks: launchers may start many of them from a thread that ends, which Linux takes for the
    parent's end.
    """
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(pause_s)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True, name="watch-parent").start()


def main() -> None:
    """Become the command, unless the driver has ended already."""
    driver, command = int(sys.argv[1]), sys.argv[2:]
    end_with_parent(signal.SIGTERM)
    if os.getppid() != driver:
        sys.exit(128 + signal.SIGTERM)
    os.execvp(command[0], command)


if __name__ == "__main__":
    main()
