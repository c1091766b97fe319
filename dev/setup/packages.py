"""Gets what the distribution's package manager brings."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dev.setup.progress import say, watch
from dev.setup.tools import MANAGERS, PACKAGED, Found, Machine, locate
from flakeship.model.errors import FlakeshipError
from flakeship.system.process import run

POLICY = Path("/usr/sbin/policy-rc.d")
"""Debian's packages ask it whether they may start their services."""


def command(missing: list[Found], machine: Machine) -> str:
    """Write the one command that installs all that is missing."""
    return machine.install(
        " ".join(found.tool.packages.get(machine.manager, found.tool.name) for found in missing)
    )


def ensure(machine: Machine) -> None:
    """Install what is missing as root by apt-get; elsewhere stop with the command to run."""
    missing = [found for tool in PACKAGED if (found := locate(tool, machine)).problem]
    if missing:
        problems = ", ".join(found.problem for found in missing)
        if not (machine.root and machine.manager == "apt-get"):
            raise FlakeshipError(f"{problems}. Run: {command(missing, machine)}")
        say(f"{' and '.join(found.tool.name for found in missing)}: by apt-get, because {problems}")
        install(missing, machine)
    for tool in PACKAGED:
        found = locate(tool, machine)
        if found.problem:
            raise FlakeshipError(f"{tool.name}: {found.problem}. Run: {command([found], machine)}")
        say(f"{tool.name} {found.version}: {found.where}")


def install(missing: list[Found], machine: Machine) -> None:
    """Run apt-get; lists that cannot be updated are no reason to fail, packages are."""
    env = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    run(["apt-get", "-qq", "update"], env=env, check=False)
    names = [name for found in missing for name in found.tool.packages[machine.manager].split()]
    watch(
        [*MANAGERS["apt-get"].split(), *names],
        lambda count, _last: f"apt-get: {count} lines",
        env=env,
    )


@contextmanager
def without_services() -> Iterator[None]:
    """Let no package that is installed start its services, unless the system has a policy."""
    ours = not POLICY.exists()
    if ours:
        POLICY.write_text("#!/bin/sh\nexit 101\n")
        POLICY.chmod(0o755)
    try:
        yield
    finally:
        if ours:
            POLICY.unlink()
