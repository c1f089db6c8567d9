"""The command ``gbflux``: its commands, and the one place where an error becomes a message and an exit code.

Exit codes: 0 done; 1 a fault of gbflux; 2 something the user can put right; 3 a solver that stopped
short, or failed cases of a study; 4 a missing library; 5 an accuracy that was asked for and missed;
130 interrupted.
"""

from __future__ import annotations

import inspect
import os
import re
import sys
import traceback
from collections.abc import Sequence
from typing import Annotated

import typer

from gbflux.cli.case_file import check, init, schema
from gbflux.cli.ccd import ccd
from gbflux.cli.compare import compare
from gbflux.cli.contact import contact
from gbflux.cli.demo_data import demo_data
from gbflux.cli.doctor import doctor
from gbflux.cli.eis import eis
from gbflux.cli.iv import iv
from gbflux.cli.memristor import memristor
from gbflux.cli.mesh import cache, mesh
from gbflux.cli.profile import profile
from gbflux.cli.report import measure, report
from gbflux.cli.run import run
from gbflux.cli.sweep import sweep
from gbflux.errors import CaseError, GbfluxError, Silenced

INTERRUPTED = 130
FAULT = 1

app = typer.Typer(
    name="gbflux",
    help="Current density at a Li|solid-electrolyte interface with grain boundaries a few nanometres thick.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
SIMULATION = (init, check, run, compare, measure, report, mesh, cache, schema, doctor)
MEASUREMENT = (iv, memristor, profile, eis, ccd, demo_data)
for command in (*SIMULATION, *MEASUREMENT):
    app.command()(command)
app.add_typer(contact)
app.add_typer(sweep)


for command_info in (one for group in (app, contact, sweep) for one in group.registered_commands):
    # Help ends where the numpydoc sections begin: they are for readers of the code.
    words = inspect.getdoc(command_info.callback) or ""
    command_info.help = re.split(r"\n\n[A-Z]\w+\n-{3,}\n", words)[0]


def _print_version(wanted: bool) -> None:
    """Print the version and stop."""
    if wanted:
        from gbflux import __version__

        typer.echo(f"gbflux {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Current density at a Li|solid-electrolyte interface with grain boundaries a few nanometres thick."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its code; ``--debug`` may stand anywhere.

    Parameters
    ----------
    arguments : sequence of str, optional
        Words after ``gbflux``; those of this process if left out.

    Raises
    ------
    SystemExit
        Always.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words
    sys.exit(exit_code([word for word in words if word != "--debug"], debug))


def exit_code(words: Sequence[str], debug: bool = False) -> int:
    """Run the command line; say on stderr what went wrong, and return the exit code."""
    try:
        result = app(list(words), standalone_mode=False, prog_name="gbflux")
        sys.stdout.flush()
        if result == INTERRUPTED:  # typer has caught the Ctrl-C
            raise KeyboardInterrupt
        return result if isinstance(result, int) else 0
    except Silenced as error:
        return error.exit_code
    except GbfluxError as error:
        _complain(str(error) if isinstance(error, CaseError) else f"gbflux: {error}", debug)
        return error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        _complain("gbflux: interrupted", debug)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output went away (`gbflux schema | head`): nobody is left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if hasattr(error, "show") and hasattr(error, "exit_code"):  # a usage error of the command-line parser
            error.show()
            return int(error.exit_code)
        _complain(f"gbflux: internal error: {type(error).__name__}: {error}\n(--debug shows where)", debug)
        return FAULT


def _complain(message: str, debug: bool) -> None:
    """A message on stderr, after the traceback where that is wanted."""
    if debug:
        traceback.print_exc()
    print(message, file=sys.stderr)


if __name__ == "__main__":
    main()
