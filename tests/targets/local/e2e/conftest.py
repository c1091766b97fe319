"""The appliance on the workstation: Nix builds it, QEMU boots it, and it is verified."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from flakeship.system.process import Result, run
from flakeship.system.tcp import free_ports
from tests.project import ROOT, Project, make


@dataclass(frozen=True)
class Appliance(Project):
    """A stack with the server `web`, whose port 80 is forwarded from the host port `port`."""

    port: int

    def ssh(self, command: str, *, check: bool = True) -> Result:
        """Log in by the stable name, as `flakeship ssh` does."""
        words = ["ssh", "-F", ".state/test/ssh_config", "web", command]
        return run(words, cwd=self.path, check=check, timeout=60)

    def page(self) -> str:
        """What answers on the forwarded port."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/", timeout=20) as answer:
            text: str = answer.read().decode()
            return text

    def machine(self) -> str:
        """The active machine's id."""
        return (self.path / ".state/test/active/web").read_text().strip()

    def pids(self) -> dict[str, int]:
        """The QEMU process of every machine of this stack."""
        return {command[command.index("-name") + 1]: pid for pid, command in qemus(self.path)}

    def evidence(self) -> dict[str, Any]:
        """What the verification of the server `web` holds."""
        state = json.loads(self.pulumi("stack", "export").stdout)
        machine = self.outputs()["servers"]["web"]["machine"]
        (found,) = [
            each["outputs"]["result"]
            for each in state["deployment"]["resources"]
            if each["urn"].endswith(f":Verification::{machine}")
        ]
        evidence: dict[str, Any] = found
        return evidence


def qemus(directory: Path) -> Iterator[tuple[int, list[str]]]:
    """Every QEMU that has a file below a directory open."""
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            words = (entry / "cmdline").read_text().split("\0") if entry.name.isdigit() else [""]
            if "qemu-system" in words[0] and any(directory in f.parents for f in files(entry)):
                yield int(entry.name), words


def cwd(entry: Path) -> Path:
    return (entry / "cwd").readlink()


def end_plugins(directory: Path) -> None:
    """A plugin outlives its engine where that was killed."""
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and cwd(entry) == directory:
                os.kill(int(entry.name), signal.SIGKILL)


def files(process: Path) -> Iterator[Path]:
    """The files that a process has open."""
    for file in (process / "fd").iterdir():
        with contextlib.suppress(OSError):  # it may close one while we look
            yield file.readlink()


@pytest.fixture(scope="module")
def appliance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Appliance]:
    path = tmp_path_factory.mktemp("appliance")
    made = make(path, Path("nix/appliance"), ROOT / "nix/appliance")
    port = free_ports(1)[0]
    made.config("servers[0].name", "web")
    made.config("servers[0].ports[0].port", "80")
    made.config("servers[0].ports[0].protocol", "http")
    made.config("servers[0].ports[0].hostPort", str(port))
    made.config("servers[0].checks[0].name", "greeting")
    made.config("servers[0].checks[0].http", "80")
    made.config("servers[0].checks[0].contains", "appliance")
    made.config("servers[0].dataDisks.pg", "64M")
    made.config("servers[0].checks[1].name", "disk")
    made.config("servers[0].checks[1].run", "test ! -e /data/pg/lost+found")
    made.config("servers[0].checks[1].needsData", "true")
    yield Appliance(made.path, made.flake, made.env, port)
    end_plugins(path)
    made.pulumi("destroy", "--yes", "--skip-preview")
    assert not list(qemus(path))
