"""`flakeship doctor`: the tools that are run, and how to get those that are missing."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass

from flakeship.model.errors import CommandError
from flakeship.system.process import run
from flakeship.targets import registry
from flakeship.targets.base import Tool

EVERY = "every stack"

TOOLS = (
    Tool("pulumi", "https://www.pulumi.com/docs/iac/download-install/"),
    Tool("nix", "https://nixos.org/download/"),
    Tool("git", "the package git"),
    Tool("ssh", "the package openssh-client or openssh"),
    Tool("ssh-keygen", "the package openssh-client or openssh"),
)


@dataclass(frozen=True)
class Found:
    """A tool, its version and path as found here (empty: missing), and how to get it."""

    command: str
    needed_for: str
    get: str
    path: str = ""
    version: str = ""

    @property
    def missing(self) -> bool:
        """Whether it is not on PATH."""
        return not self.path

    @property
    def required(self) -> bool:
        """Whether every stack needs it, and not those of one target alone."""
        return self.needed_for == EVERY


def tools() -> list[Found]:
    """Every tool as it is on PATH: those of every stack, and those of each target."""
    found = [located(tool, EVERY) for tool in TOOLS]
    for name in registry.names():
        found += [located(tool, f"the target {name}") for tool in registry.spec(name).tools]
    return found


def located(tool: Tool, needed_for: str) -> Found:
    """A tool with its path and version."""
    path = shutil.which(tool.command) or ""
    return Found(tool.command, needed_for, tool.get, path, version(path) if path else "")


def version(path: str) -> str:
    """The first version number that a command prints; empty where it prints none."""
    words = {"ssh": "-V", "ssh-keygen": "-?", "pulumi": "version"}
    try:
        done = run([path, words.get(path.rpartition("/")[2], "--version")], timeout=20, check=False)
    except CommandError:
        return ""
    found = re.search(r"\d+(\.\d+)+", done.stdout + done.stderr)
    return found[0] if found else ""


def text(found: Sequence[Found]) -> str:
    """A table for a person."""
    width = max(len(tool.command) for tool in found)
    return "\n".join(
        f"  {tool.command:{width}}  {tool.version:10} {tool.path}"
        if tool.path
        else f"x {tool.command:{width}}  missing, needed for {tool.needed_for}: {tool.get}"
        for tool in found
    )
