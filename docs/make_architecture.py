"""Draw ``docs/pictures/architecture.svg`` and the rooms in ``docs/architecture.md`` from the imports.

``python docs/make_architecture.py``. A room is a folder or file of the package. An arrow leads from a room to
one that imports it; arrows that follow from others are left out. A room stands below all that it imports.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path
from xml.sax.saxutils import escape

from generated import with_part

HERE = Path(__file__).resolve().parent
PACKAGE = HERE.parent / "src" / "gbflux"
PAGE = HERE / "architecture.md"
DRAWING = HERE / "pictures" / "architecture.svg"
BEGIN = "<!-- begin: made by docs/make_architecture.py -->"
BOX_WIDTH, BOX_HEIGHT, COLUMN, ROW, MARGIN = 430, 40, 480, 66, 12  # pixels

Rooms = Mapping[str, set[str]]


def main() -> None:
    """Write the drawing and the generated part of the page."""
    rooms = imports()
    DRAWING.write_text(drawing(rooms), encoding="utf-8")
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8"), rooms), encoding="utf-8")


def imports() -> dict[str, set[str]]:
    """Return for each room the other rooms that its files import."""
    own = {"__init__", "__main__", "_version"}
    names = {p.stem for p in PACKAGE.iterdir() if p.suffix == ".py" or (p / "__init__.py").exists()}
    rooms: dict[str, set[str]] = {name: set() for name in sorted(names - own)}
    for room, found in rooms.items():
        for file in files_of(room):
            found |= {name.split(".")[1] for name in imported(file) if name.startswith("gbflux.")}
        found &= set(rooms) - {room}
    return rooms


def imported(path: Path) -> Iterator[str]:
    """Yield the dotted names of all that a file of the package imports; relative ones made absolute."""
    package = ["gbflux", *path.relative_to(PACKAGE).parts[:-1]]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{module}.{name.name}" for name in node.names)


def files_of(room: str) -> list[Path]:
    """Return the source files of a room."""
    folder = PACKAGE / room
    return sorted(folder.rglob("*.py")) if folder.is_dir() else [PACKAGE / f"{room}.py"]


def words_of(room: str) -> str:
    """Return what a room holds: the first sentence of its docstring, without the name before a colon."""
    file = PACKAGE / room / "__init__.py"
    text = ast.get_docstring(
        ast.parse((file if file.exists() else PACKAGE / f"{room}.py").read_text("utf-8"))
    )
    if not text:
        raise SystemExit(f"{room}: must have a docstring; got none. Say in its first line what it holds.")
    first = text.split("\n")[0].split(". ")[0].rstrip(".")
    head, colon, rest = first.partition(": ")
    words = rest if colon and len(head.split()) <= 3 else first
    return words[0].upper() + words[1:]


def reduced(rooms: Rooms) -> dict[str, set[str]]:
    """Return the imports without those that follow from others."""

    def all_below(name: str) -> set[str]:
        return rooms[name].union(*(all_below(other) for other in rooms[name]))

    return {
        name: {one for one in found if not any(one in all_below(other) for other in found - {one})}
        for name, found in rooms.items()
    }


def depths(rooms: Rooms) -> dict[str, int]:
    """Return the length of the longest chain of imports below each room."""
    known: dict[str, int] = {}

    def depth(name: str) -> int:
        if name not in known:
            known[name] = 1 + max((depth(other) for other in rooms[name]), default=-1)
        return known[name]

    return {name: depth(name) for name in rooms}


def places(rooms: Rooms) -> dict[str, tuple[int, int]]:
    """Return row and column of each room; the first column is for what most others stand on."""
    rows: dict[int, list[str]] = {}
    for name, depth in depths(rooms).items():
        rows.setdefault(depth, []).append(name)
    used = {name: sum(name in found for found in rooms.values()) for name in rooms}
    return {
        name: (depth, column)
        for depth, names in rows.items()
        for column, name in enumerate(sorted(names, key=lambda n: (-used[n], n)))
    }


def drawing(rooms: Rooms) -> str:
    """Return the drawing as SVG."""
    at = places(rooms)
    width = MARGIN * 2 + BOX_WIDTH + COLUMN * max(column for _, column in at.values())
    height = MARGIN * 2 + BOX_HEIGHT + ROW * max(row for row, _ in at.values())
    corner = {name: (MARGIN + COLUMN * column, MARGIN + ROW * row) for name, (row, column) in at.items()}
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" font-family="sans-serif">',
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" '
        'orient="auto"><path d="M0 0 8 4 0 8z" fill="#555"/></marker></defs>',
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
    ]
    lines += [
        arrow(corner[one], corner[name]) for name, found in reduced(rooms).items() for one in sorted(found)
    ]
    lines += [box(name, *corner[name]) for name in rooms]
    return "\n".join([*lines, "</svg>", ""])


def arrow(start: tuple[int, int], end: tuple[int, int]) -> str:
    """Return a line from one box down to another; between columns it bends once, clear of the boxes."""
    (x0, y0), (x1, y1) = start, end
    if x0 == x1:
        path = f"M{x0 + BOX_WIDTH // 2} {y0 + BOX_HEIGHT}V{y1}"
    elif x0 < x1:  # leaves to the right
        path = f"M{x0 + BOX_WIDTH} {y0 + BOX_HEIGHT // 2}H{x1 + BOX_WIDTH // 4}V{y1}"
    else:  # leaves to the left, down between the columns; heights differ lest two lines of a row meet
        gap = (COLUMN - BOX_WIDTH) // 2
        high, low = y1 + BOX_HEIGHT // 4, y0 + BOX_HEIGHT * 3 // 4
        path = f"M{x0} {low}H{x0 - gap}V{high}H{x1 + BOX_WIDTH}"
    return f'<path d="{path}" fill="none" stroke="#555" marker-end="url(#tip)"/>'


def box(name: str, x: int, y: int) -> str:
    """Return a box with the room's name and what it holds."""
    words = words_of(name)
    short = words if len(words) <= 66 else words[:65].rsplit(" ", 1)[0].rstrip(",;:") + " …"
    return (
        f'<rect x="{x}" y="{y}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="5" fill="#eef3f8" '
        f'stroke="#456"/><text x="{x + 10}" y="{y + 17}" font-size="14" font-weight="bold">{name}</text>'
        f'<text x="{x + 10}" y="{y + 33}" font-size="12" fill="#333">{escape(short)}</text>'
    )


def page(text: str, rooms: Rooms) -> str:
    """Return the page with its generated part made anew."""
    order = sorted(rooms, key=lambda name: (depths(rooms)[name], name))
    table = ["| room | holds | imports |", "| --- | --- | --- |"]
    for name in order:
        others = ", ".join(f"`{other}`" for other in order if other in rooms[name]) or "–"
        table.append(f"| `{name}` | {words_of(name)} | {others} |")
    return with_part(text, BEGIN, "\n".join([*table, ""]))


if __name__ == "__main__":
    main()
