"""Reads a page as a browser would, without one: elements, texts, tables."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "img", "input", "br", "link"}


@dataclass
class Element:
    """A start tag, with the text below it."""

    tag: str
    attributes: dict[str, str]
    inside: tuple[str, ...]
    texts: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """Text of the element, spaces joined."""
        return " ".join("".join(self.texts).split())


class Page(HTMLParser):
    """All elements of a page, in order; a tag that is not closed is an error."""

    def __init__(self, html: str):
        super().__init__(convert_charrefs=True)
        self.elements: list[Element] = []
        self._open: list[Element] = []
        self.feed(html)
        self.close()
        assert not self._open, f"not closed: {[e.tag for e in self._open]}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        ids = tuple(e.attributes["id"] for e in self._open if "id" in e.attributes)
        element = Element(tag, {key: value or "" for key, value in attrs}, ids)
        self.elements.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        assert self._open, f"</{tag}> closes nothing"
        assert self._open[-1].tag == tag, f"</{tag}> closes <{self._open[-1].tag}>"
        self._open.pop()

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element.texts.append(data)

    def all(self, tag: str, inside: str = "") -> list[Element]:
        """Elements of a tag, below the element with an id if one is given."""
        return [e for e in self.elements if e.tag == tag and (not inside or inside in e.inside)]

    def by_id(self, name: str) -> Element:
        """The element with an id."""
        (found,) = (e for e in self.elements if e.attributes.get("id") == name)
        return found

    def rows(self, table: str) -> list[list[str]]:
        """Texts of the cells of a table's body, by row."""
        rows: list[list[str]] = []
        for element in self.elements:
            if table in element.inside:
                if element.tag == "tr":
                    rows.append([])
                elif element.tag == "td":
                    rows[-1].append(element.text)
        return [row for row in rows if row]
