"""A page as a parser that is not a browser's sees it."""

from __future__ import annotations

from collections import Counter
from html.parser import HTMLParser

VOID = {"meta", "link", "br", "img", "input"}
SVG = {"line", "rect"}


class Parsed(HTMLParser):
    """The tags with their attributes, the text, and whether every element ends where it should."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in SVG, tag
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.texts.append(data)

    @property
    def text(self) -> str:
        """All that is shown, in one line."""
        return " ".join("".join(self.texts).split())

    def all(self, attribute: str) -> list[str]:
        """The values of an attribute, in order."""
        return [found[attribute] for _, found in self.tags if attribute in found]

    @property
    def names(self) -> Counter[str]:
        """How many elements of each name there are."""
        return Counter(name for name, _ in self.tags)
