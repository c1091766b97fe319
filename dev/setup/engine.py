"""Gets the Pulumi engine."""

from __future__ import annotations

import functools
import sys
import threading
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from dev.setup import gobuild, paths
from dev.setup.progress import say, watch
from dev.setup.tools import ENGINE, PULUMI, Found, Machine, locate
from flakeship.model.errors import FlakeshipError

SITE = "https://get.pulumi.com/install.sh"
PATIENCE = 4.0
NO_ANSWER = "get.pulumi.com does not answer"


@dataclass(frozen=True)
class Way:
    """How the engine or its plugins are got, and why so."""

    kind: Literal["there", "installer", "build"]
    why: str


def engine_way(found: Found, built: bool, site: Callable[[], bool]) -> Way:
    """Choose: what is there, else Pulumi's own installer, else built from Go modules.

    `built` says whether our own build is up to date. The site is only asked where it matters.
    """
    if is_own_build(found):
        return Way("there", "") if built else Way("build", "dev/engine has changed")
    if not found.problem:
        return Way("there", "")
    if site():
        return Way("installer", found.problem)
    return Way("build", f"{found.problem} and {NO_ANSWER}")


@functools.cache
def site_answers() -> bool:
    """Ask Pulumi's download site, for a few seconds at most, name resolution included."""
    answers: list[bool] = []

    def ask() -> None:
        try:
            with urllib.request.urlopen(SITE, timeout=PATIENCE) as reply:
                answers.append(reply.status == 200)
        except (OSError, ValueError):
            answers.append(False)

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(PATIENCE)
    return answers == [True]


def ensure(machine: Machine, site: Callable[[], bool] = site_answers) -> Found:
    """Get the engine, and say which way was taken and why."""
    found = locate(PULUMI, machine)
    way = engine_way(found, all(map(gobuild.is_built, gobuild.PULUMI)), site)
    if way.kind == "installer":
        way = by_installer(way)
    if way.kind == "build":
        say(f"Pulumi {ENGINE}: built from Go modules, because {way.why}")
        gobuild.build(gobuild.PULUMI, machine)
    found = locate(PULUMI, machine)
    if found.problem:
        raise FlakeshipError(f"Pulumi: {found.problem}. Run: {PULUMI.official}")
    say(f"Pulumi {found.version}: {found.where}")
    return found


def by_installer(way: Way) -> Way:
    """Run Pulumi's own installer; where it fails the engine is to be built."""
    root = paths.cache() / f"pulumi-{ENGINE}"
    say(f"Pulumi {ENGINE}: by its installer into {paths.short(root)}, because {way.why}")
    code = (
        "import sys; from pulumi.automation import PulumiCommand as P; P.install(root=sys.argv[1])"
    )
    try:
        watch([sys.executable, "-c", code, root], lambda _count, _last: "Pulumi: installing")
    except FlakeshipError as error:
        return Way("build", f"Pulumi's installer failed: {error}")
    return way


def is_own_build(found: Found) -> bool:
    """Whether this engine is the one built from dev/engine."""
    return found.path == gobuild.engine() / gobuild.CLI.program
