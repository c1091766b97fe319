"""The generated pages are what the code says now, and every key in them is described."""

from __future__ import annotations

from pathlib import Path

import pytest

from dev.reference import pages, tables


@pytest.mark.parametrize("name", pages.PAGES)
def test_a_generated_page_is_up_to_date(name: str) -> None:
    now = pages.PAGES[name]()
    assert (pages.FOLDER / name).read_text() == now, "run `make format`"


def test_every_key_has_a_description() -> None:
    rows = [
        line
        for page in ("settings.md", "manifest.md")
        for line in pages.PAGES[page]().splitlines()
        if line.startswith("| `") and line.count(" | ") >= 4
    ]
    assert len(rows) > 60
    assert [row for row in rows if not row.removesuffix(" |").rpartition(" | ")[2].strip()] == []


def test_only_a_page_that_has_changed_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "FOLDER", tmp_path)
    assert len(pages.write()) == len(pages.PAGES)
    (tmp_path / "settings.md").write_text("stale")
    assert pages.write() == [tmp_path / "settings.md"]
    assert pages.write() == []


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ({"type": "integer", "minimum": 1, "maximum": 9}, ("whole number", "1 to 9")),
        ({"type": "integer", "minimum": 0}, ("whole number", "from 0")),
        ({"type": "integer", "gt": 0, "le": 2**26, "unit": "MiB"}, ("size", "up to 64T")),
        (
            {"type": "number", "exclusiveMinimum": 0, "maximum": 60, "unit": "seconds"},
            ("number of seconds", "above 0 to 60"),
        ),
        ({"type": "string", "enum": ["a", ""]}, ("text", '`a`, `""`')),
        ({"type": "string", "pattern": "^a$", "title": "Key"}, ("text", "`^a$`")),
        ({"type": "string", "pattern": "^a$", "title": "an a"}, ("text", "an a")),
        ({"type": "array", "items": {"type": "string"}}, ("list: text", "")),
        (
            {"type": "object", "patternProperties": {"^a$": {"type": "string"}}},
            ("map: name to text", ""),
        ),
        (
            {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "null"}]},
            ("whole number", "from 1"),
        ),
    ],
)
def test_a_field_in_words(field: tables.Schema, words: tuple[str, str]) -> None:
    assert (tables.type_of(field, {}), tables.allowed(field)) == words
