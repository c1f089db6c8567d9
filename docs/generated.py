"""Parts of a page that a script writes: what stands between a mark of its own and the next end mark."""

from __future__ import annotations

END = "<!-- end -->"


def with_part(text: str, begin: str, made: str) -> str:
    """Return a page with the part after the mark `begin` replaced; `made` ends in a line end."""
    head, rest = text.split(begin)
    return f"{head}{begin}\n{made}{END}{rest.split(END, 1)[1]}"
