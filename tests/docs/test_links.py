"""Every relative link in a Markdown file leads to a file, and to a section that is in it."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from dev.reference.tables import anchor
from dev.setup.check import tracked
from tests.docs.markdown import PAGES, SPAN, name, prose
from tests.project import ROOT

LINK = re.compile(r"\]\(([^)\s]+)\)")


def links(page: Path) -> list[str]:
    found = LINK.findall(SPAN.sub("", prose(page)))
    return [link for link in found if "://" not in link]


@cache
def sections(page: Path) -> frozenset[str]:
    titles = re.findall(r"^#+ +(.*)$", prose(page), re.MULTILINE)
    return frozenset(anchor(re.sub(r"[`*]|\]\([^)]*\)", "", title)) for title in titles)


def test_there_are_pages() -> None:
    assert ROOT / "README.md" in PAGES
    assert len(PAGES) > 20
    assert sum(len(links(page)) for page in PAGES) > 100


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    dead = []
    for link in links(page):
        path, _, section = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (section and section not in sections(target)):
            dead.append(link)
    assert dead == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_no_link_is_absolute(page: Path) -> None:
    assert [link for link in links(page) if link.startswith("/")] == []


def test_every_page_of_the_documentation_is_in_its_index() -> None:
    index = ROOT / "docs/README.md"
    listed = {(index.parent / link.partition("#")[0]).resolve() for link in links(index)}
    pages = {page for page in PAGES if index.parent in page.parents and page != index}
    assert {page for page in pages if "decisions" not in page.parts} <= listed


def test_every_decision_is_in_their_index() -> None:
    index = ROOT / "docs/explanation/decisions/README.md"
    listed = {link for link in links(index) if "/" not in link}
    assert listed == {page.name for page in index.parent.glob("0*.md")}


def test_pages_that_the_code_refers_to_exist() -> None:
    pattern = re.compile(r"(?<![\w/:.])docs/[\w/-]+(?:\.\w+)?")
    sources = [
        file
        for kind in ("*.py", "*.nix", "*.sh", "*.yaml", "*.example", "Makefile", "*.toml")
        for file in tracked(kind)
        if file.parent != Path(__file__).parent
    ]
    found = {(match, file) for file in sources for match in pattern.findall(file.read_text())}
    assert len(found) > 10
    # a decision may be given by its number alone
    dead = {
        (match, name(file))
        for match, file in found
        if not (ROOT / match).exists() and not [*ROOT.glob(f"{match}-*.md")]
    }
    assert dead == set()
