"""A real browser: `dev/setup/run browser`, which `make test` runs, installs it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from dev.setup import browser as setup

# Chromium's own services would look for the network; its sandbox needs what a container lacks
OPTIONS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--no-first-run"),
]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """Playwright's browser; without it the tests are skipped, with the one reason.

    Its event loop runs until it is closed: no other file could run one of its own meanwhile.
    """
    path, missing = setup.found(), "`dev/setup/run browser` installs it"
    playwright = pytest.importorskip("playwright.sync_api", reason=f"no Playwright: {missing}")
    if path is None:
        pytest.skip(f"no Chromium: {missing}")
    with playwright.sync_playwright() as running:
        launched = running.chromium.launch(executable_path=path, args=OPTIONS)
        yield launched
        launched.close()


@dataclass
class Opened:
    """A page in the browser, what it has asked for beside itself, and what its console says."""

    page: Any
    requests: list[str] = field(default_factory=list)
    console: list[str] = field(default_factory=list)


@pytest.fixture
def opened(chromium: Any, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opened]:
    """The page of a text, its width and its colours: the parameter of the test."""
    text, width, scheme = request.param
    file = tmp_path / "report.html"
    file.write_text(text)
    context = chromium.new_context(
        viewport={"width": width, "height": 844}, color_scheme=scheme, reduced_motion="reduce"
    )
    found = Opened(context.new_page())
    found.page.on("request", lambda asked: found.requests.append(asked.url))
    found.page.on("console", lambda told: found.console.append(told.text))
    found.page.on("pageerror", lambda error: found.console.append(str(error)))
    found.page.goto(file.as_uri())
    assert found.requests.pop(0) == file.as_uri()
    yield found
    context.close()
