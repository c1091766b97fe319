"""Which pages are generated, and from what."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from dev.reference import command_line, components, manifest, settings

FOLDER = Path(__file__).parents[2] / "docs/reference"

PAGES: Mapping[str, Callable[[], str]] = {
    "settings.md": settings.page,
    "cli.md": command_line.page,
    "manifest.md": manifest.page,
    "components.md": components.page,
}


def write() -> list[Path]:
    """Write the pages whose text has changed; their paths."""
    texts = {FOLDER / name: page() for name, page in PAGES.items()}
    stale = [path for path, text in texts.items() if not _is(path, text)]
    for path in stale:
        path.write_text(texts[path])
    return stale


def _is(path: Path, text: str) -> bool:
    return path.exists() and path.read_text() == text
