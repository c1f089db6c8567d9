"""`gbflux demo-data`: made-up measurements from known truth."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def demo_data(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Folder for the files.")],
    seed: Annotated[int, typer.Option("--seed", min=0, help="Same seed, same files.")] = 1,
    kind: Annotated[list[str] | None, typer.Option("--kind", help="Only this kind; may be repeated.")] = None,
) -> None:
    """Write made-up measurements of every kind, and truth.json with what is behind them.

    Raises
    ------
    InputError
        If a kind is not known or the folder cannot be written.
    """
    from gbflux.lab.demo import write_demo_data

    files = write_demo_data(directory, seed, kind)
    typer.echo(f"wrote {len(files)} files into {directory}; the truth is in {files[-1].name}")
