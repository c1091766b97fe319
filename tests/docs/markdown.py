"""The project's Markdown files, and what is code in them."""

from __future__ import annotations

import re
from pathlib import Path

from dev.setup.check import tracked
from tests.project import ROOT

PAGES = tracked("*.md")
FENCED = re.compile(r"^( *)```(\w*)\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"^ {4,}(.*)$", re.MULTILINE)
SPAN = re.compile(r"`([^`\n]+)`")


def name(page: Path) -> str:
    """A page as a test is named after it."""
    return str(page.relative_to(ROOT))


def prose(page: Path) -> str:
    """The text without code blocks."""
    return FENCED.sub("", page.read_text())


def blocks(page: Path, language: str) -> list[str]:
    """The fenced code blocks in a language."""
    found = FENCED.findall(page.read_text())
    return [
        re.sub(rf"^{indent}", "", text, flags=re.MULTILINE)
        for indent, tag, text in found
        if tag == language
    ]


def code(page: Path) -> list[str]:
    """Spans of code, and the lines of code blocks."""
    text = page.read_text()
    fenced = [line for _, _, block in FENCED.findall(text) for line in block.splitlines()]
    rest = FENCED.sub("", text)
    spans = SPAN.findall(re.sub(r"\s*\n\s*", " ", rest))
    return [*fenced, *INDENTED.findall(rest), *spans]
