from pathlib import Path

import pytest

from dev.setup import engine, gobuild, nix, packages
from dev.setup.tools import GIT, NIX, PULUMI, QEMU, SSH, Found, Machine
from flakeship.model.errors import CommandError, FlakeshipError
from tests.setup.conftest import program

MISSING = Found(PULUMI, problem="pulumi is not on PATH")
ON_PATH = Found(PULUMI, Path("/usr/bin/pulumi"), "3.260.0")


def unasked() -> bool:
    pytest.fail("the site is not to be asked")


def own_build() -> Found:
    return Found(PULUMI, gobuild.engine() / "bin" / "pulumi", "3.259.0")


def test_pulumi_on_path_is_taken() -> None:
    assert engine.choose_engine(ON_PATH, False, unasked).kind == "present"


def test_pulumis_installer_comes_before_our_own_build() -> None:
    choice = engine.choose_engine(MISSING, False, lambda: True)
    assert choice == engine.Choice("installer", "pulumi is not on PATH")


def test_pulumi_is_built_where_its_site_does_not_answer() -> None:
    choice = engine.choose_engine(MISSING, False, lambda: False)
    assert choice == engine.Choice(
        "build", "pulumi is not on PATH and get.pulumi.com does not answer"
    )


def test_an_own_build_stays_without_asking_the_site() -> None:
    assert engine.choose_engine(own_build(), True, unasked).kind == "present"


def test_an_own_build_follows_its_sources() -> None:
    choice = engine.choose_engine(own_build(), False, unasked)
    assert choice == engine.Choice("build", "dev/engine has changed")


def test_where_pulumis_installer_fails_pulumi_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: object) -> None:
        raise CommandError("no route to github.com")

    monkeypatch.setattr(engine, "watch", fail)
    choice = engine.by_installer(engine.Choice("installer", "pulumi is not on PATH"))
    assert choice == engine.Choice("build", "Pulumi's installer failed: no route to github.com")


@pytest.mark.parametrize("own", [True, False])
def test_the_language_host_of_yaml_is_built_beside_our_own_engine_alone(
    own: bool, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[gobuild.Part] = []
    monkeypatch.setattr(engine, "locate", lambda *_: own_build() if own else ON_PATH)
    monkeypatch.setattr(gobuild, "build", lambda parts, _: asked.extend(parts))
    engine.ensure_yaml(machine)
    assert asked == [gobuild.LANGUAGE_YAML] * own


def test_nix_on_path_is_taken(machine: Machine) -> None:
    found = Found(NIX, Path("/usr/bin/nix"), "2.26.3")
    assert nix.choose_nix(found, machine, keyring=False).kind == "present"


def test_debians_nix_is_for_root_on_debian(machine: Machine) -> None:
    old = Found(NIX, Path("/usr/bin/nix"), "2.8.0", "nix on PATH is 2.8.0, older than 2.18")
    assert nix.choose_nix(old, machine, keyring=True) == nix.Choice("debian", old.problem)


def test_elsewhere_nix_is_for_the_user_to_install(folder: Path) -> None:
    choice = nix.choose_nix(
        Found(NIX, problem="nix is not on PATH"), Machine(str(folder), root=False), keyring=False
    )
    assert choice.kind == "stop"
    assert choice.why == (
        "nix is not on PATH, and installing it here requires root and Debian's apt-get and keyring"
    )


def test_a_stop_for_nix_names_the_official_command(folder: Path) -> None:
    with pytest.raises(FlakeshipError, match=r"Run: sh <\(curl -L https://nixos.org/nix/install\)"):
        nix.ensure(Machine(str(folder), root=False))


def test_a_stop_for_packages_names_one_command_for_all(folder: Path) -> None:
    program(folder, "git", "git version 2.39.5")
    with pytest.raises(FlakeshipError) as stop:
        packages.ensure(Machine(str(folder), root=False, manager="apt-get"))
    assert str(stop.value) == (
        "ssh is not on PATH, qemu-system-x86_64 is not on PATH. Run: sudo apt-get install -y "
        "--no-install-recommends openssh-client qemu-system-x86 qemu-utils"
    )


def test_root_on_debian_installs_packages(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(Path(machine.path), "git", "git version 2.39.5")
    program(Path(machine.path), "ssh", "OpenSSH_9.2p1")
    program(Path(machine.path), "ssh-keygen", "")
    asked: list[str] = []

    def install(missing: list[Found], _machine: Machine) -> None:
        asked.extend(found.tool.name for found in missing)
        for name in QEMU.commands:
            program(Path(machine.path), name, "QEMU emulator version 7.2.22")

    monkeypatch.setattr(packages, "install", install)
    packages.ensure(machine)
    assert asked == ["QEMU"]


def test_every_packaged_tool_has_packages_for_every_manager() -> None:
    for tool in (GIT, SSH, QEMU):
        assert set(tool.packages) == {"apt-get", "dnf", "zypper", "pacman"}
