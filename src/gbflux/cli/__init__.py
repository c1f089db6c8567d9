"""The command ``gbflux``: each command a small file, put together in `main`. May import every room.

A command's module imports typer at the top and the rooms inside its function: `gbflux --help` stays quick.
"""
