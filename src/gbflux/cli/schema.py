"""`gbflux schema`: print the JSON schema of a case."""

from __future__ import annotations

import typer


def schema() -> None:
    """Print the JSON schema of a case file, for editors that check YAML while it is written."""
    from gbflux.case import schema_text

    typer.echo(schema_text(), nl=False)
