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
class Choice:
    """How the engine or its plugins are installed, and why."""

    kind: Literal["present", "installer", "build"]
    why: str


def choose_engine(found: Found, built: bool, site: Callable[[], bool]) -> Choice:
    """Choose what is installed, else Pulumi's own installer, else a build from Go modules.

    `built` is whether our own build is up to date. `site` is called only where it matters.
    """
    if is_own_build(found):
        return Choice("present", "") if built else Choice("build", "dev/engine has changed")
    if not found.problem:
        return Choice("present", "")
    if site():
        return Choice("installer", found.problem)
    return Choice("build", f"{found.problem} and {NO_ANSWER}")


@functools.cache
def site_answers() -> bool:
    """Whether Pulumi's download site answers within a few seconds, name resolution included."""
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
    """Get the engine; report the choice and the reason."""
    found = locate(PULUMI, machine)
    choice = choose_engine(found, all(map(gobuild.is_built, gobuild.PULUMI)), site)
    if choice.kind == "installer":
        choice = by_installer(choice)
    if choice.kind == "build":
        say(f"Pulumi {ENGINE}: built from Go modules, because {choice.why}")
        gobuild.build(gobuild.PULUMI, machine)
    found = locate(PULUMI, machine)
    if found.problem:
        raise FlakeshipError(f"Pulumi: {found.problem}. Run: {PULUMI.official}")
    say(f"Pulumi {found.version}: {found.where}")
    return found


def ensure_yaml(machine: Machine) -> None:
    """Get what runs programs in YAML, for the tests of examples: Pulumi's installer brings it."""
    if is_own_build(locate(PULUMI, machine)) and not gobuild.is_built(gobuild.LANGUAGE_YAML):
        say("Pulumi's language host of YAML: from Go modules, because Pulumi itself is built so")
        gobuild.build((gobuild.LANGUAGE_YAML,), machine)


def by_installer(choice: Choice) -> Choice:
    """Run Pulumi's own installer; where it fails, choose to build the engine."""
    root = paths.cache() / f"pulumi-{ENGINE}"
    say(f"Pulumi {ENGINE}: by its installer into {paths.short(root)}, because {choice.why}")
    code = (
        "import sys; from pulumi.automation import PulumiCommand as P; P.install(root=sys.argv[1])"
    )
    try:
        watch([sys.executable, "-c", code, root], lambda _count, _last: "Pulumi: installing")
    except FlakeshipError as error:
        return Choice("build", f"Pulumi's installer failed: {error}")
    return choice


def is_own_build(found: Found) -> bool:
    """Whether this engine is the one built from dev/engine."""
    return found.path == gobuild.engine() / gobuild.CLI.program
