"""What the project needs on PATH: each tool described once, for the set-up and the doctor."""

from __future__ import annotations

import os
import platform
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dev.setup import paths
from flakeship.model.errors import CommandError
from flakeship.system.process import run

ENGINE = "3.259.0"
COMMAND_PLUGIN = "1.2.1"

MANAGERS = {
    "apt-get": "apt-get install -y --no-install-recommends",
    "dnf": "dnf install -y",
    "zypper": "zypper install -y",
    "pacman": "pacman -S --noconfirm",
}


@dataclass(frozen=True)
class Tool:
    """Commands that belong together, and how to get them.

    All `commands` must exist, and the first one prints the version. `private` names the folders
    of the cache where the set-up may have put them, each with their origin, `packages` the packages
    for each package manager, and `official` is the command of the tool's makers.
    """

    name: str
    commands: tuple[str, ...]
    minimum: str = "0"
    version: str = "--version"
    private: Mapping[str, str] = field(default_factory=dict)
    packages: Mapping[str, str] = field(default_factory=dict)
    official: str = ""


GIT = Tool("git", ("git",), packages=dict.fromkeys(MANAGERS, "git"))
SSH = Tool(
    "OpenSSH client",
    ("ssh", "ssh-keygen"),
    version="-V",
    packages=dict.fromkeys(MANAGERS, "openssh-clients")
    | {"apt-get": "openssh-client", "pacman": "openssh"},
)
QEMU = Tool(
    "QEMU",
    ("qemu-system-x86_64", "qemu-img"),
    minimum="7.0",
    packages={
        "apt-get": "qemu-system-x86 qemu-utils",
        "dnf": "qemu-system-x86-core qemu-img",
        "zypper": "qemu-x86 qemu-img",
        "pacman": "qemu-base",
    },
)
NIX = Tool(
    "Nix",
    ("nix", "nix-store", "nix-instantiate"),
    minimum="2.18",
    private={"nix/bin": "Debian's package"},
    official="sh <(curl -L https://nixos.org/nix/install) --daemon",
)
PULUMI = Tool(
    "Pulumi",
    ("pulumi", "pulumi-language-python"),
    minimum=ENGINE,
    version="version",
    private={
        f"pulumi-{ENGINE}/bin": "by Pulumi's installer",
        "engine/bin": "built from Go modules",
    },
    official=f"curl -fsSL https://get.pulumi.com | sh -s -- --version {ENGINE}",
)
UV = Tool(
    "uv",
    ("uv",),
    private={"uv/bin": "from PyPI"},
    official="curl -LsSf https://astral.sh/uv/install.sh | sh",
)
GO = Tool("Go", ("go",), minimum="1.26", version="version", private={"go/tool/go/bin": "from PyPI"})

PACKAGED = (GIT, SSH, QEMU)
"""What a distribution's package manager brings."""


@dataclass(frozen=True)
class Machine:
    """What decides how tools can be installed. `path` is PATH without this set-up's folders."""

    path: str
    root: bool
    manager: str = ""
    amd64: bool = True

    @classmethod
    def detect(cls) -> Machine:
        """Describe this machine."""
        folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
        return cls(
            path=os.pathsep.join(folder for folder in folders if not paths.is_ours(folder)),
            root=os.geteuid() == 0,
            manager=next((name for name in MANAGERS if shutil.which(name)), ""),
            amd64=platform.machine() == "x86_64",
        )

    def install(self, packages: str) -> str:
        """Write the command that installs packages."""
        if not self.manager:
            return f"install {packages} with the package manager of this system"
        return ("" if self.root else "sudo ") + f"{MANAGERS[self.manager]} {packages}"


@dataclass(frozen=True)
class Found:
    """A tool as it is on this machine. With a `problem` it cannot be used."""

    tool: Tool
    path: Path | None = None
    version: str = ""
    problem: str = ""

    @property
    def origin(self) -> str:
        """Where it came from: PATH, or how this set-up installed it."""
        folder = self.path.parent if self.path else None
        own = {paths.cache() / name: origin for name, origin in self.tool.private.items()}
        return own.get(folder, "PATH") if folder else ""

    @property
    def where(self) -> str:
        """Its path and origin, for a person to read."""
        return f"{paths.short(self.path)} ({self.origin})" if self.path else "nowhere"

    @property
    def ours(self) -> bool:
        """Whether it lies in the cache of this set-up."""
        return self.path is not None and paths.is_ours(self.path)


def parse(text: str) -> str:
    """The first version number in the output of a command; empty where there is none."""
    match = re.search(r"\d+(\.\d+)+", text)
    return match[0] if match else ""


def older(version: str, minimum: str) -> bool:
    """Compare version numbers part by part."""
    return [int(part) for part in version.split(".")] < [int(part) for part in minimum.split(".")]


def probe(tool: Tool, path: str) -> Found:
    """Find a tool on a search path, with its version."""
    where = {name: shutil.which(name, path=path) for name in tool.commands}
    missing = [name for name, file in where.items() if file is None]
    first = where[tool.commands[0]]
    if first is None:
        return Found(tool, problem=f"{tool.commands[0]} is not on PATH")
    try:
        shown = run([first, tool.version], timeout=20)
    except CommandError as error:
        return Found(tool, Path(first), problem=f"{first} does not run: {error}")
    version = parse(shown.stdout + shown.stderr)
    problem = ""
    if not version:
        problem = f"`{first} {tool.version}` names no version"
    elif older(version, tool.minimum):
        problem = f"{tool.commands[0]} on PATH is {version}, older than {tool.minimum}"
    elif missing:
        problem = f"{' and '.join(missing)} is not on PATH"
    return Found(tool, Path(first), version, problem)


def locate(tool: Tool, machine: Machine) -> Found:
    """Find a tool on PATH, else where the set-up installs it; a problem is the one with PATH."""
    found = probe(tool, machine.path)
    if found.problem:
        for folder in tool.private:
            own = probe(tool, str(paths.cache() / folder))
            if not own.problem:
                return own
    return found
