"""Gets the Pulumi plugins that a stack needs, and chooses the PULUMI_HOME that has them."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dev.setup import gobuild, paths, state
from dev.setup.engine import NO_ANSWER, Choice, is_own_build, site_answers
from dev.setup.progress import say
from dev.setup.tools import COMMAND_PLUGIN, Found, Machine
from flakeship.model.errors import FlakeshipError
from flakeship.system.files import write
from flakeship.system.process import run

TARGET = re.compile(r"""^\s*["']?flakeship:target["']?\s*:\s*["']?([\w-]+)""", re.MULTILINE)
DEFAULT_TARGET = "local"
CACHE = paths.STATE / "plugins.json"


@dataclass(frozen=True)
class Plugin:
    """A resource plugin; the part of dev/engine that stands in for it has its name.

    `server` is where it is downloaded; empty for those of Pulumi's own site.
    """

    name: str
    version: str
    server: str = ""

    @property
    def part(self) -> gobuild.Part:
        """What it is built from where it cannot be installed."""
        return gobuild.plugin(self.name, self.version)

    @property
    def folder(self) -> str:
        """What Pulumi calls its folder."""
        return f"resource-{self.name}-v{self.version}"

    @property
    def install(self) -> list[str]:
        """The words of the command that installs it."""
        server = ["--server", self.server] if self.server else []
        return ["plugin", "install", "resource", self.name, self.version, *server]

    def program(self, home: Path) -> Path:
        """Where it is in a PULUMI_HOME."""
        return home / "plugins" / self.folder / f"pulumi-resource-{self.name}"

    def is_installed(self) -> bool:
        """Whether the user's own Pulumi has it."""
        return self.program(state.user_home(os.environ)).exists()

    def is_built(self) -> bool:
        """Whether ours exists and is up to date."""
        return gobuild.is_built(self.part)


COMMAND = Plugin("command", COMMAND_PLUGIN)


def declared() -> Mapping[str, tuple[Plugin, ...]]:
    """The plugins of each target in addition to the command plugin, as its spec declares them.

    They are cached by the content of the specs: importing these takes longer than a set-up that has
    nothing to do. Nothing is declared before the Python packages are installed, for `make doctor`.
    """
    digest = hashlib.sha256()
    for spec in sorted((paths.ROOT / "flakeship" / "targets").glob("*/spec.py")):
        digest.update(f"{spec.parent.name}\0".encode() + spec.read_bytes())
    try:
        cached = json.loads(CACHE.read_text())
    except (OSError, ValueError):
        cached = {}
    if cached.get("specs") != digest.hexdigest():
        try:
            from flakeship.targets import registry  # noqa: PLC0415
        except ModuleNotFoundError:
            return {}
        plugins = {
            name: [[each.name, each.version, each.server] for each in registry.spec(name).plugins]
            for name in registry.names()
        }
        cached = {"specs": digest.hexdigest(), "plugins": plugins}
        if CACHE.parent.is_dir():
            write(CACHE, json.dumps(cached, indent=1))
    return {
        target: tuple(Plugin(*each) for each in plugins)
        for target, plugins in cached["plugins"].items()
    }


def needed(stack: str, named: Sequence[str] = ()) -> tuple[Plugin, ...]:
    """List the plugins of a stack's target and of those that are named.

    One that is built already stays in use beside them, so that .state/env.sh serves every stack,
    whichever was set up last. It is never built again for a stack that does not need it.
    """
    targets = declared()
    known = {name: plugins for name, plugins in targets.items() if plugins}
    if unknown := [name for name in named if name not in known]:
        raise FlakeshipError(
            "unknown plugin",
            code="plugin-unknown",
            key="PLUGINS",
            given=" ".join(unknown),
            allowed=", ".join(known),
        )
    of_stack = targets.get(target(stack), ())
    of_named = [plugin for name in named for plugin in known[name]]
    asked = (COMMAND, *dict.fromkeys([*of_stack, *of_named]))
    others = [plugin for plugins in known.values() for plugin in plugins if plugin not in asked]
    kept = tuple(plugin for plugin in others if plugin.is_built())
    return asked + kept if all(plugin.is_built() for plugin in asked) else asked


def wanted_by(plugin: Plugin) -> str:
    """The target that a plugin belongs to, which is what PLUGINS names."""
    return next(name for name, plugins in declared().items() if plugin in plugins)


def target(stack: str) -> str:
    """Read the target in a stack's settings; without a line that names it, it is the default.

    It is read as text, for no YAML reader need be there yet. What is wrong with the file is for
    Pulumi to tell.
    """
    file = paths.ROOT / f"Pulumi.{stack.rpartition('/')[2]}.yaml"
    try:
        found = TARGET.search(file.read_text(errors="replace"))
    except OSError:
        return DEFAULT_TARGET
    return found[1] if found else DEFAULT_TARGET


def choose_plugins(
    missing: Sequence[Plugin], unbuilt: Sequence[Plugin], own: bool, site: Callable[[], bool]
) -> Choice:
    """Choose what is installed, else Pulumi's site, else a build from Go modules.

    `missing` are not in the user's home, `unbuilt` not in ours, and `own` is our own engine, which
    uses only our home. All come from one home, as Pulumi looks in one.
    """
    if not unbuilt or not (missing or own):
        return Choice("present", "")
    if own:
        return Choice("build", "Pulumi itself is built from them")
    lack = f"Pulumi has no {' and '.join(plugin.folder for plugin in missing)}"
    if site():
        return Choice("installer", lack)
    return Choice("build", f"{lack} and {NO_ANSWER}")


def ensure(
    found: Found,
    plugins: Sequence[Plugin],
    machine: Machine,
    site: Callable[[], bool] = site_answers,
) -> None:
    """Get the plugins for an engine; report the choice and the reason."""
    missing = [plugin for plugin in plugins if not plugin.is_installed()]
    unbuilt = [plugin for plugin in plugins if not plugin.is_built()]
    choice = choose_plugins(missing, unbuilt, is_own_build(found), site)
    if choice.kind == "installer":
        choice = by_installer(found, missing, choice)
    if choice.kind == "build":
        for plugin in unbuilt:
            if not (gobuild.SOURCES / plugin.name).is_dir():
                raise FlakeshipError(
                    f"plugin {plugin.name} {plugin.version} cannot be built, because {choice.why}",
                    code="plugin-missing",
                    remedy=f"run `{' '.join(['pulumi', *plugin.install])}`",
                )
            say(f"plugin {plugin.name} {plugin.version}: from Go modules, because {choice.why}")
        gobuild.build(tuple(plugin.part for plugin in plugins), machine)


def by_installer(found: Found, missing: Sequence[Plugin], choice: Choice) -> Choice:
    """Let Pulumi install plugins in the user's home; where it fails, choose to build them."""
    env = {**os.environ, "PULUMI_HOME": str(state.user_home(os.environ))}
    for plugin in missing:
        say(f"plugin {plugin.name} {plugin.version}: `pulumi plugin install`, because {choice.why}")
        try:
            run([found.path or "pulumi", *plugin.install], timeout=600, env=env)
        except FlakeshipError as error:
            return Choice("build", f"`pulumi plugin install` failed: {error}")
    return choice


def home_for(found: Found, plugins: Sequence[Plugin]) -> Path | None:
    """Choose PULUMI_HOME: ours, unless the user's own engine has all plugins in its own home."""
    if not is_own_build(found) and all(plugin.is_installed() for plugin in plugins):
        return None
    return gobuild.engine() / "home"
