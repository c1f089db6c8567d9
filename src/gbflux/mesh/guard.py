"""Processes that end together, whichever of them ends first. No import of gbflux.

Started as ``python guard.py DRIVER COMMAND...`` it asks Linux for a SIGTERM at the end of its parent and
becomes the command, which keeps that wish; mpirun passes the signal on to its ranks. Started as
``python guard.py wait COMMAND...`` it runs the command so, waits for it, and ends it when asked to end.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence

PATIENCE_S = 10  # between asking a job to end and killing it
_SIGNALLED = 128  # and the number of the signal: exit code of a shell
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


def guarded(command: Sequence[str]) -> list[str]:
    """Words that start a command which ends with this process."""
    return [sys.executable, "-I", "-S", __file__, str(os.getpid()), *command]


def waited_for(command: Sequence[str]) -> list[str]:
    """Words that start a process which waits for a command, and passes on how it ends."""
    return [sys.executable, "-I", "-S", __file__, "wait", *command]


def wait(command: Sequence[str]) -> int:
    """Run a command to its end, in a process group of its own, and pass its exit code on.

    Ctrl-C, SIGTERM and SIGHUP end the command once, and are then reported; a second one kills it. A terminal
    would send Ctrl-C to mpirun too, which takes two of them for a wish to leave its ranks behind.
    """
    process = subprocess.Popen(guarded(command), stdin=subprocess.DEVNULL, process_group=0)
    asked = 0

    def end(number: int, _: object) -> None:
        nonlocal asked
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL if asked else signal.SIGTERM)
        asked = asked or number
        signal.alarm(PATIENCE_S)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup
            signal.signal(number, end)
    code = process.wait()
    if asked:
        print("gbflux: interrupted", file=sys.stderr)
        return _SIGNALLED + asked
    return code if code >= 0 else _SIGNALLED - code


def main() -> None:
    """Wait for the command, or become it unless the driver has ended already."""
    if sys.argv[1] == "wait":
        sys.exit(wait(sys.argv[2:]))
    driver, command = int(sys.argv[1]), sys.argv[2:]
    end_with_parent(signal.SIGTERM)
    if os.getppid() != driver:
        sys.exit(_SIGNALLED + signal.SIGTERM)
    os.execvp(command[0], command)


if __name__ == "__main__":
    main()
