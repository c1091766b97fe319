"""Gets the Pulumi engine and the plugin that the project uses."""

from __future__ import annotations

import functools
import os
import sys
import threading
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from flakeship.errors import FlakeshipError
from flakeship.process import run
from lab.setup import gobuild, paths, state
from lab.setup.progress import say, watch
from lab.setup.tools import COMMAND_PLUGIN, ENGINE, PULUMI, Found, Machine, locate

SITE = "https://get.pulumi.com/install.sh"
PATIENCE = 4.0
PLUGIN = f"resource-command-v{COMMAND_PLUGIN}"
NO_ANSWER = "get.pulumi.com does not answer"


@dataclass(frozen=True)
class Way:
    """How the engine or the plugin is got, and why so."""

    kind: Literal["there", "installer", "build"]
    why: str


def engine_way(found: Found, built: bool, site: Callable[[], bool]) -> Way:
    """Choose: what is there, else Pulumi's own installer, else built from Go modules.

    `built` says whether our own build is up to date. The site is only asked where it matters.
    """
    if is_own_build(found):
        return Way("there", "") if built else Way("build", "lab/engine has changed")
    if not found.problem:
        return Way("there", "")
    if site():
        return Way("installer", found.problem)
    return Way("build", f"{found.problem} and {NO_ANSWER}")


def plugin_way(installed: bool, built: bool, site: Callable[[], bool]) -> Way:
    """Choose the same way for the plugin of an engine that is not our own build."""
    if installed or built:
        return Way("there", "")
    if site():
        return Way("installer", f"Pulumi has no {PLUGIN}")
    return Way("build", f"Pulumi has no {PLUGIN} and {NO_ANSWER}")


def is_installed(home: Path) -> bool:
    """Whether Pulumi has the plugin in a home."""
    return (home / "plugins" / PLUGIN / "pulumi-resource-command").exists()


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


def ensure(machine: Machine) -> None:
    """Get the engine and the plugin, and say which way was taken and why."""
    site = functools.cache(site_answers)
    found = locate(PULUMI, machine)
    way = engine_way(found, all(map(gobuild.is_built, gobuild.PARTS)), site)
    if way.kind == "installer":
        way = by_installer(way)
    if way.kind == "build":
        say(f"Pulumi {ENGINE}: built from Go modules, because {way.why}")
        gobuild.build(gobuild.PARTS, machine)
    found = locate(PULUMI, machine)
    if found.problem:
        raise FlakeshipError(f"Pulumi: {found.problem}. Run: {PULUMI.official}")
    if not is_own_build(found):
        ensure_plugin(found, machine, site)
    say(f"Pulumi {found.version}: {found.where}")


def ensure_plugin(found: Found, machine: Machine, site: Callable[[], bool]) -> None:
    """Get the plugin for an engine that is not our own build."""
    installed = is_installed(state.user_home(os.environ))
    way = plugin_way(installed, gobuild.is_built(gobuild.COMMAND), site)
    if way.kind == "installer":
        say(f"plugin command {COMMAND_PLUGIN}: `pulumi plugin install`, because {way.why}")
        argv = [found.path or "pulumi", "plugin", "install", "resource", "command", COMMAND_PLUGIN]
        try:
            run(argv, timeout=600, env=without_our_home())
        except FlakeshipError as error:
            way = Way("build", f"`pulumi plugin install` failed: {error}")
    if way.kind == "build":
        say(f"plugin command {COMMAND_PLUGIN}: from Go modules, because {way.why}")
        gobuild.build((gobuild.COMMAND,), machine)


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
    """Whether this engine is the one built from lab/engine."""
    return found.path == gobuild.engine() / gobuild.CLI.program


def plugin_home(found: Found) -> Path | None:
    """Choose PULUMI_HOME: that of our own build where the plugin is there and not in the user's."""
    if not is_own_build(found) and is_installed(state.user_home(os.environ)):
        return None
    return gobuild.engine() / "home"


def without_our_home() -> dict[str, str]:
    """Give the environment in which Pulumi uses the user's own home."""
    home = str(state.user_home(os.environ))
    return {**os.environ, "PULUMI_HOME": home}
