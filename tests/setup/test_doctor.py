from pathlib import Path

import pytest

from dev.setup import doctor, nix, paths
from dev.setup.doctor import Row
from dev.setup.plugins import COMMAND
from dev.setup.tools import NIX, PULUMI, Machine
from tests.setup.conftest import OPENSTACK, PROXMOX, install, program


@pytest.fixture(autouse=True)
def debian(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    keyring = tmp_path / "keyring.gpg"
    keyring.touch()
    monkeypatch.setattr(nix, "KEYRING", keyring)


def fixes(machine: Machine) -> dict[str, str]:
    return {row.name: row.fix for row in doctor.tool_rows(machine, [COMMAND, OPENSTACK])}


def test_every_missing_tool_has_its_command(machine: Machine) -> None:
    apt = "apt-get install -y --no-install-recommends"
    assert fixes(machine) == {
        "uv": "make setup",
        "git": f"{apt} git",
        "OpenSSH client": f"{apt} openssh-client",
        "QEMU": f"{apt} qemu-system-x86 qemu-utils",
        "Nix": "make setup",
        "Pulumi": "make setup",
        "Pulumi's command": "make setup",
        "Pulumi's openstack": "make setup PLUGINS=openstack",
        "Go": "",
    }


def test_a_missing_plugin_is_asked_for_by_the_name_of_its_target(machine: Machine) -> None:
    rows = {row.name: row for row in doctor.tool_rows(machine, [PROXMOX])}
    assert rows["Pulumi's proxmoxve"].fix == "make setup PLUGINS=proxmox"


def test_a_user_is_told_what_takes_root(folder: Path) -> None:
    told = fixes(Machine(str(folder), root=False, manager="apt-get"))
    assert told["QEMU"].startswith("sudo apt-get install ")
    assert told["Nix"] == NIX.official


def test_what_is_there_needs_no_fix(machine: Machine) -> None:
    for name in PULUMI.commands:
        program(Path(machine.path), name, "v3.300.0")
    rows = {row.name: row for row in doctor.tool_rows(machine, [COMMAND, OPENSTACK])}
    assert rows["Pulumi"] == Row("Pulumi", "3.300.0", "3.259.0", f"{machine.path}/pulumi (PATH)")
    assert "Go" not in rows


def test_plugins_are_looked_for_where_pulumi_will_look(machine: Machine) -> None:
    for name in PULUMI.commands:
        program(Path(machine.path), name, "v3.300.0")
    install(COMMAND)
    rows = {row.name: row for row in doctor.tool_rows(machine, [COMMAND])}
    where = "~/.pulumi/plugins/resource-command-v1.2.1"
    assert rows["Pulumi's command"] == Row("Pulumi's command", "1.2.1", "1.2.1", where)
    rows = {row.name: row for row in doctor.tool_rows(machine, [COMMAND, OPENSTACK])}
    assert rows["Pulumi's openstack"].version == "missing"
    assert rows["Pulumi's openstack"].where == (
        "no resource-openstack-v5.5.1 in ~/.cache/flakeship/engine/home"
    )


def test_an_old_tool_is_shown_with_its_version(machine: Machine) -> None:
    for name in NIX.commands:
        program(Path(machine.path), name, "nix (Nix) 2.8.0")
    row = next(row for row in doctor.tool_rows(machine, [COMMAND, OPENSTACK]) if row.name == "Nix")
    assert row.version == "2.8.0"
    assert row.where == "nix on PATH is 2.8.0, older than 2.18"


def test_the_table_puts_the_command_below_what_is_missing() -> None:
    rows = [Row("git", "2.39.5", "", "/usr/bin/git"), Row("Nix", "missing", "2.18", "no", "fix it")]
    assert doctor.table(rows).splitlines() == [
        "        found    needed   where",
        "   git  2.39.5            /usr/bin/git",
        "x  Nix  missing  >= 2.18  no",
        "                          run: fix it",
    ]


def test_a_virtual_environment_of_another_lock_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    (tmp_path / "uv.lock").write_text("new")
    program(tmp_path / ".venv" / "bin", "python", "")
    (tmp_path / ".venv" / "made-from-uv.lock").write_text("old")
    assert doctor.state_rows("dev")[0].fix == "make setup"
