"""Gets what the tests of pages need: Playwright from PyPI, and a Chromium of the distribution's.

Playwright's own browsers are downloads from elsewhere, which a closed network has not.
"""

from __future__ import annotations

import shutil
import sys

from dev.setup import packages, paths
from dev.setup.progress import say
from dev.setup.tools import UV, Found, Machine, Tool, locate
from flakeship.model.errors import FlakeshipError
from flakeship.system.process import run

CHROMIUMS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
"""The commands that a Chromium may have; the smallest one comes first."""
CHROMIUM = Tool(
    "Chromium",
    CHROMIUMS[:1],
    packages={
        "apt-get": "chromium-headless-shell",
        "dnf": "chromium-headless",
        "zypper": "chromium",
        "pacman": "chromium",
    },
)


def found() -> str | None:
    """The path of the Chromium that the tests use; None where there is none."""
    return next(filter(None, map(shutil.which, CHROMIUMS)), None)


def ensure(machine: Machine) -> None:
    """Install what is missing. Where that fails it says why: the tests that need it are skipped."""
    uv = str(locate(UV, machine).path or UV.name)
    python = ["--python", sys.executable]
    # --inexact: packages that somebody has added stay
    run(
        [uv, "sync", "--frozen", "--quiet", "--inexact", "--group", "browser", *python],
        cwd=paths.ROOT,
    )
    if found():
        return
    missing = Found(CHROMIUM, problem=f"none of {', '.join(CHROMIUMS)} is on PATH")
    install = packages.command([missing], machine)
    if not (machine.root and machine.manager == "apt-get"):
        say(f"{missing.problem}, so the tests of pages are skipped. Run: {install}")
        return
    say(f"Chromium: by apt-get, because {missing.problem}")
    try:
        packages.install([missing], machine)
    except FlakeshipError as error:
        say(f"Chromium cannot be installed, so the tests of pages are skipped: {error}")
