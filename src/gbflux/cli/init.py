"""`gbflux init`: write a commented case to start from."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer


def init(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the case; the file is NAME.yaml.")],
) -> None:
    """Write a commented case, NAME.yaml, that is valid as it stands. Never overwrites.

    Raises
    ------
    InputError
        If the name is not fit for a file, the file exists, or it cannot be written.
    """
    path = new_case(Path(name))
    typer.echo(f"wrote {path}. Next: gbflux check {path}")


def new_case(path: Path) -> Path:
    """Write a case under a path whose last part is its name, with or without ``.yaml``; return the file."""
    from gbflux.case import template
    from gbflux.case.model import NAME_PATTERN
    from gbflux.errors import InputError

    name = path.name.removesuffix(".yaml").removesuffix(".yml")
    if not re.fullmatch(NAME_PATTERN, name):
        raise InputError(f"init: NAME must be letters, digits, '.', '_' or '-', no blanks; got {name!r}.")
    path = path.with_name(name + (".yml" if path.name.endswith(".yml") else ".yaml"))
    try:
        file = path.open("x", encoding="utf-8")
        try:
            with file:
                file.write(template(name))
        except OSError:
            path.unlink()
            raise
    except FileExistsError:
        raise InputError(f"init: {path} exists already. Choose another name.") from None
    except OSError as error:
        reason = error.strerror or error
        raise InputError(f"init: {path} cannot be written: {reason}. Choose another folder.") from None
    return path
