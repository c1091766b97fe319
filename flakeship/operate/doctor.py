"""`flakeship doctor`: the tools that are run, and how to get those that are missing."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass

from flakeship.model.errors import CommandError
from flakeship.system.process import run


@dataclass(frozen=True)
class Tool:
    """A command, its version and path as found here (empty: missing), and how to get it."""

    command: str
    needed_for: str
    get: str
    path: str = ""
    version: str = ""

    @property
    def missing(self) -> bool:
        """Whether it is not on PATH."""
        return not self.path


TOOLS = (
    Tool("pulumi", "every stack", "https://www.pulumi.com/docs/iac/download-install/"),
    Tool("nix", "every stack", "https://nixos.org/download/"),
    Tool("git", "flakes in a git repository", "the package git"),
    Tool("ssh", "verification and login", "the package openssh-client or openssh"),
    Tool("qemu-system-x86_64", "the target local", "the package qemu-system-x86 or qemu-base"),
    Tool("qemu-img", "the target local", "the package qemu-utils or qemu-img"),
)


def tools() -> list[Tool]:
    """Every tool as it is on PATH."""
    return [located(tool) for tool in TOOLS]


def located(tool: Tool) -> Tool:
    """A tool with its path and version."""
    path = shutil.which(tool.command) or ""
    return Tool(tool.command, tool.needed_for, tool.get, path, version(path) if path else "")


def version(path: str) -> str:
    """The first version number that a command prints; empty where it prints none."""
    words = {"ssh": "-V", "pulumi": "version"}
    try:
        done = run([path, words.get(path.rpartition("/")[2], "--version")], timeout=20, check=False)
    except CommandError:
        return ""
    found = re.search(r"\d+(\.\d+)+", done.stdout + done.stderr)
    return found[0] if found else ""


def text(found: Sequence[Tool]) -> str:
    """A table for a person."""
    width = max(len(tool.command) for tool in found)
    return "\n".join(
        f"{'x' if tool.missing else ' '} {tool.command:{width}}  "
        + (f"missing, needed for {tool.needed_for}: {tool.get}" if tool.missing else "")
        + (f"{tool.version:10} {tool.path}" if tool.path else "")
        for tool in found
    )
