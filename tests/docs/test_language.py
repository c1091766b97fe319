"""The pages use the glossary's words, and name nothing of the machine that they were written on."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.markdown import PAGES, SPAN, name, prose

INSTEAD = {
    "cut-over": "cutover",
    "anew": "again",
    "for ever": "permanently",
    "rollback window": "standbyReleases",
    "jump host": "bastion",
    "leftovers": "orphaned resources",
    "hypervisor machine": "workstation",
}
"""A word of the glossary for each that is not in it."""


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_the_words_are_those_of_the_glossary(page: Path) -> None:
    text = SPAN.sub("", prose(page)).lower()
    assert [f"{word}: {INSTEAD[word]}" for word in INSTEAD if re.search(rf"\b{word}\b", text)] == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_no_path_is_of_one_machine(page: Path) -> None:
    assert re.findall(r"(?<![\w.~])/(?:work|home|Users|tmp/w)/\S*", page.read_text()) == []
