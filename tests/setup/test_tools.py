import os
from pathlib import Path

import pytest

from dev.setup import paths
from dev.setup.tools import NIX, PULUMI, QEMU, SSH, Machine, locate, older, parse, probe
from tests.setup.conftest import program


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ("v3.259.0\n", "3.259.0"),
        ("go version go1.26.8 linux/amd64", "1.26.8"),
        ("nix (Nix) 2.26.3", "2.26.3"),
        ("nix (Nix) 2.31.0pre20250712_b1245123", "2.31.0"),
        ("QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18+b3)", "7.2.22"),
        ("OpenSSH_9.2p1 Debian-2+deb12u10, OpenSSL 3.0.19 27 Jan 2026", "9.2"),
        ("uv 0.13.9 (x86_64-unknown-linux-gnu)", "0.13.9"),
        ("no version at all", ""),
    ],
)
def test_reads_the_version_that_a_tool_tells(said: str, version: str) -> None:
    assert parse(said) == version


def test_compares_versions_as_numbers() -> None:
    assert older("2.8.0", "2.18")
    assert not older("2.18", "2.18")
    assert not older("2.18.1", "2.18")
    assert not older("10.0", "9.9")


def test_finds_a_tool_on_path(folder: Path) -> None:
    for name in NIX.commands:
        program(folder, name, "nix (Nix) 2.26.3")
    found = probe(NIX, str(folder))
    assert (found.path, found.version, found.problem) == (folder / "nix", "2.26.3", "")


def test_an_old_tool_does_not_serve(folder: Path) -> None:
    for name in NIX.commands:
        program(folder, name, "nix (Nix) 2.8.0")
    assert probe(NIX, str(folder)).problem == "nix on PATH is 2.8.0, older than 2.18"


def test_half_a_tool_does_not_serve(folder: Path) -> None:
    program(folder, "qemu-system-x86_64", "QEMU emulator version 9.0.0")
    assert probe(QEMU, str(folder)).problem == "qemu-img is not on PATH"


def test_a_broken_tool_does_not_serve(folder: Path) -> None:
    file = program(folder, "pulumi", "")
    program(folder, "pulumi-language-python", "")
    file.write_text("#!/bin/sh\nexit 1\n")
    assert "does not run" in probe(PULUMI, str(folder)).problem


def test_path_goes_before_the_cache_and_the_cache_before_nothing(machine: Machine) -> None:
    own = paths.cache() / "engine" / "bin"
    for name in PULUMI.commands:
        program(own, name, "v3.259.0")
    assert locate(PULUMI, machine).where == (
        "~/.cache/flakeship/engine/bin/pulumi (built from Go modules)"
    )
    for name in PULUMI.commands:
        program(Path(machine.path), name, "v3.300.0")
    assert locate(PULUMI, machine).path == Path(machine.path) / "pulumi"


def test_an_old_tool_on_path_gives_way_to_the_cache(machine: Machine) -> None:
    for name in PULUMI.commands:
        program(Path(machine.path), name, "v3.100.0")
        program(paths.cache() / "pulumi-3.259.0" / "bin", name, "v3.259.0")
    assert locate(PULUMI, machine).origin == "by Pulumi's installer"


def test_what_the_setup_put_on_path_is_not_taken_for_the_users(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ours = paths.cache() / "nix" / "bin"
    monkeypatch.setenv("PATH", os.pathsep.join([str(ours), "/usr/bin"]))
    assert Machine.detect().path == "/usr/bin"


def test_the_cache_follows_xdg_cache_home(monkeypatch: pytest.MonkeyPatch) -> None:
    assert paths.cache() == Path.home() / ".cache" / "flakeship"
    monkeypatch.setenv("XDG_CACHE_HOME", "/var/cache")
    assert paths.cache() == Path("/var/cache/flakeship")


@pytest.mark.parametrize(
    ("manager", "root", "command"),
    [
        ("apt-get", True, "apt-get install -y --no-install-recommends openssh-client"),
        ("apt-get", False, "sudo apt-get install -y --no-install-recommends openssh-client"),
        ("dnf", False, "sudo dnf install -y openssh-clients"),
        ("", True, "install OpenSSH client with the package manager of this system"),
    ],
)
def test_writes_the_command_that_installs(manager: str, root: bool, command: str) -> None:
    packages = SSH.packages.get(manager, SSH.name)
    assert Machine("", root=root, manager=manager).install(packages) == command
