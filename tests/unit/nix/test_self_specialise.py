"""How a machine becomes what its disks say: the script in a root of its own, with stand-ins."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / "nix/modules/self-specialise.sh"
# Each writes into the file `calls` how it was called. A disk is a directory below `disks`.
STAND_INS = {
    "udevadm": "",
    "findmnt": "echo /dev/sda1",
    "lsblk": 'echo "/dev/sda1 part"; echo "/dev/sda  disk"',
    "blkid": 'ls "$ROOT/disks" | grep "^${4#LABEL=}" | sed "s|^|/dev/|"',
    "mount": """
        for at; do :; done
        if [ -e "$ROOT/broken" ]; then exit 32; fi
        cp -r "$ROOT/disks/${at##*/}/." "$at"
        """,
    "nix": "",
    "nixos-rebuild": """
        if [ -e "$ROOT/interrupt" ]; then rm "$ROOT/interrupt"; kill -KILL "$(cat "$ROOT/pid")"; fi
        for line in $(seq 30); do echo "line $line"; done
        grep --quiet good "$ROOT/etc/nixos/hosts/self/default.nix" || exit 1
        ln -fns "$ROOT/store/specialised" "$ROOT/nix/var/nix/profiles/system"
        """,
    "sync": "",
    "systemctl": "",
}
FLEET = {"flake.nix": "a flake", "common/default.nix": "{ }", "hosts/web/default.nix": "{ }"}


class Machine:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.bin = root / "bin"
        self.journal = ""
        for folder in ("bin", "dev", "disks", "store/base", "store/specialised", "run", "sys/fs"):
            (root / folder).mkdir(parents=True)
        (root / "nix/var/nix/profiles").mkdir(parents=True)
        (root / "run/current-system").symlink_to(root / "store/base")
        (root / "nix/var/nix/profiles/system").symlink_to(root / "store/base")
        for name, text in STAND_INS.items():
            self.stand_in(name, text)

    def stand_in(self, name: str, text: str) -> None:
        file = self.bin / name
        file.write_text(f'#!/bin/bash\necho "{name} $*" >> "$ROOT/calls"\n{text}\n')
        file.chmod(0o755)

    def disk(self, name: str, files: dict[str, str]) -> None:
        """Attach a disk, or write to one."""
        for file, text in files.items():
            path = self.root / "disks" / name / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def fleet(self, own: str = "good") -> None:
        self.disk("NIXOS-FLEET", FLEET)
        self.disk("NIXOS-SELF", {"default.nix": own})

    def boot(self, status: int = 0, *, follow: bool = False) -> str:
        """Run it as a boot would; what the console shows, without our name in front."""
        (self.root / "dev/console").write_text("")
        (self.root / "calls").write_text("")
        done = subprocess.run(
            ["bash", "-c", 'echo $$ > "$ROOT/pid"; exec bash "$0" --override-input a b', SCRIPT],
            env=os.environ
            | {
                "ROOT": str(self.root),
                "PATH": f"{self.bin}:{os.environ['PATH']}",
                "VARIANT": "raw",
                "FOLLOW": "true" if follow else "false",
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == status, done.stdout + done.stderr
        self.journal = done.stdout
        return (self.root / "dev/console").read_text().replace("self-specialise: ", "")

    def calls(self, name: str) -> list[str]:
        lines = (self.root / "calls").read_text().splitlines()
        return [line for line in lines if line.split()[0] == name]

    def reboots(self) -> int:
        return len(self.calls("systemctl"))

    def has(self, path: str) -> str:
        return (self.root / path).read_text()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_it_becomes_what_the_disks_say(machine: Machine) -> None:
    machine.fleet()
    useless = {".git/config": "", "lost+found/x": "", "hosts/self/old.nix": ""}
    machine.disk("NIXOS-FLEET", useless)
    console = machine.boot()
    assert "NIXOS-FLEET is here, on /dev/NIXOS-FLEET" in console
    assert console.endswith(f"installed, rebooting into {machine.root}/store/specialised\n")
    assert machine.has("etc/nixos/hosts/self/default.nix") == "good"
    assert json.loads(machine.has("etc/nixos/machine.json")) == {
        "variant": "raw",
        "bootDisk": "/dev/sda",
    }
    nixos = machine.root / "etc/nixos"
    files = {str(path.relative_to(nixos)) for path in nixos.rglob("*") if path.is_file()}
    assert files == {*FLEET, "hosts/self/default.nix", "machine.json"}
    assert machine.calls("nix") == [f"nix flake lock --override-input a b path:{nixos}"]
    assert machine.calls("nixos-rebuild") == [
        f"nixos-rebuild boot --no-reexec --flake path:{nixos}#self"
    ]
    assert machine.calls("systemctl") == ["systemctl --no-block reboot"]
    mounts = machine.calls("mount")
    assert mounts
    assert all("--options ro,nodev,nosuid,noexec /dev/NIXOS-" in call for call in mounts)


def test_once_it_is_it_again_does_nothing(machine: Machine) -> None:
    machine.fleet()
    machine.boot()
    assert "is installed already" in machine.boot(follow=True)
    assert machine.calls("nixos-rebuild") == []
    assert machine.reboots() == 0
    assert [path.name for path in (machine.root / "etc").iterdir()] == ["nixos"]


def test_once_it_is_it_no_disk_makes_it_another(machine: Machine) -> None:
    machine.fleet()
    machine.boot()
    machine.disk("NIXOS-SELF", {"default.nix": "good, but whose?"})
    machine.disk("NIXOS-KEYS", {"authorized_keys": "whose?"})
    assert "no disk is looked at (flakeship.selfSpecialise.follow)" in machine.boot()
    assert {line.split()[0] for line in machine.has("calls").splitlines()} == set()
    assert machine.has("etc/nixos/hosts/self/default.nix") == "good"
    assert not (machine.root / "root").exists()


def test_a_changed_disk_is_followed_where_that_is_wished(machine: Machine) -> None:
    machine.fleet()
    machine.boot()
    machine.disk("NIXOS-SELF", {"default.nix": "good and new"})
    machine.boot(follow=True)
    assert machine.reboots() == 1
    assert machine.has("etc/nixos/hosts/self/default.nix") == "good and new"
    assert machine.has("etc/nixos.previous/hosts/self/default.nix") == "good"


def test_a_root_on_zfs_keeps_the_id_of_its_pool(machine: Machine) -> None:
    machine.fleet()
    (machine.root / "etc").mkdir()
    (machine.root / "etc/hostid").touch()
    machine.stand_in("hostid", "echo 0123abcd")
    machine.stand_in("findmnt", """[[ "$*" == *" --target /boot" ]] && echo /dev/sda1""")
    machine.boot()
    assert json.loads(machine.has("etc/nixos/machine.json")) == {
        "variant": "raw",
        "bootDisk": "/dev/sda",
        "hostId": "0123abcd",
    }


def test_a_boot_disk_that_is_not_known_is_not_said(machine: Machine) -> None:
    machine.fleet()
    machine.stand_in("lsblk", "echo not a block device >&2; exit 32")
    machine.boot()
    assert machine.reboots() == 1
    assert json.loads(machine.has("etc/nixos/machine.json")) == {"variant": "raw"}


def test_no_reboot_into_the_system_that_runs_already(machine: Machine) -> None:
    machine.fleet()
    (machine.root / "run/current-system").unlink()
    (machine.root / "run/current-system").symlink_to(machine.root / "store/specialised")
    assert "this machine is it already" in machine.boot()
    assert machine.reboots() == 0


def test_without_disks_it_stays_a_plain_machine(machine: Machine) -> None:
    assert "no configuration is attached (NIXOS-FLEET, NIXOS-SELF)" in machine.boot()
    assert machine.calls("nixos-rebuild") == []
    assert not (machine.root / "etc").exists()


def test_one_disk_may_hold_all(machine: Machine) -> None:
    machine.disk("NIXOS-FLEET", FLEET | {"hosts/self/default.nix": "good"})
    machine.boot()
    assert machine.reboots() == 1


@pytest.mark.parametrize(
    ("name", "files", "says"),
    [
        (
            "NIXOS-FLEET",
            {"flake.nix": ""},
            "no default.nix on NIXOS-SELF, no hosts/self/default.nix",
        ),
        ("NIXOS-FLEET", {"hosts/self/default.nix": ""}, "NIXOS-FLEET has no flake.nix"),
        ("NIXOS-SELF", {"default.nix": ""}, "NIXOS-SELF is here, but no NIXOS-FLEET to go with it"),
        ("NIXOS-KEYS", {"id": "a key"}, "NIXOS-KEYS is here, but no NIXOS-FLEET to go with it"),
    ],
)
def test_what_is_missing_is_said(
    machine: Machine, name: str, files: dict[str, str], says: str
) -> None:
    machine.disk(name, files)
    console = machine.boot(status=1)
    assert says in console
    assert "the next boot tries again" in console
    assert not (machine.root / "etc/nixos").exists()
    assert not (machine.root / "root").exists()


def test_two_disks_of_one_name_are_refused(machine: Machine) -> None:
    machine.fleet()
    machine.disk("NIXOS-FLEET2", FLEET)
    console = machine.boot(status=1)
    assert "NIXOS-FLEET is there more than once: auto /dev/NIXOS-FLEET auto /dev/NIXOS" in console


def test_a_disk_that_cannot_be_mounted_is_said(machine: Machine) -> None:
    machine.fleet()
    (machine.root / "broken").touch()
    assert "NIXOS-FLEET: /dev/NIXOS-FLEET cannot be mounted" in machine.boot(status=1)


@pytest.mark.parametrize(
    ("tag", "ends", "types"),
    [
        ("sys/fs/virtiofs/3/tag", "\n", "virtiofs --options ro,nodev,nosuid,noexec NIXOS-FLEET"),
        (
            "sys/bus/virtio/drivers/9pnet_virtio/virtio1/mount_tag",
            "\0",
            "9p --options ro,nodev,nosuid,noexec,trans=virtio,version=9p2000.L NIXOS-FLEET",
        ),
    ],
)
def test_shares_are_found_by_their_tags(machine: Machine, tag: str, ends: str, types: str) -> None:
    machine.disk("NIXOS-FLEET", FLEET | {"hosts/self/default.nix": "good"})
    machine.stand_in("blkid", "exit 2")
    file = machine.root / tag
    file.parent.mkdir(parents=True)
    file.write_text(f"NIXOS-FLEET{ends}")
    machine.boot()
    (call,) = machine.calls("mount")
    assert call == f"mount --types {types} {machine.root}/run/self-specialise/NIXOS-FLEET"
    assert machine.reboots() == 1


def test_keys_are_for_root_alone(machine: Machine) -> None:
    ssh = machine.root / "root/.ssh"
    ssh.mkdir(parents=True, mode=0o755)
    (ssh / "known_hosts").write_text("kept")
    (ssh / "id").write_text("old")
    machine.fleet()
    machine.disk("NIXOS-KEYS", {"id": "a key", "age/key": "another"})
    for file in (machine.root / "disks").rglob("*"):
        file.chmod(0o755)
    console = machine.boot()
    assert machine.has("root/.ssh/id") == "a key"
    assert machine.has("root/.ssh/known_hosts") == "kept"
    modes = {str(path.relative_to(ssh)): path.stat().st_mode & 0o777 for path in ssh.rglob("*")}
    assert modes == {"age": 0o700, "age/key": 0o600, "id": 0o600, "known_hosts": 0o600}
    assert ssh.stat().st_mode & 0o777 == 0o700
    assert "a key" not in console


def test_a_failed_build_shows_its_end_and_is_tried_again(machine: Machine) -> None:
    machine.fleet(own="bad")
    for _ in range(2):
        console = machine.boot(status=1)
        assert "  | line 11\n" in console
        assert "  | line 30\n" in console
        assert "line 10\n" not in console
        assert "did not succeed; all that it said is in /var/log/self-specialise.log" in console
        assert len(machine.calls("nixos-rebuild")) == 1
        assert machine.reboots() == 0
    machine.disk("NIXOS-SELF", {"default.nix": "good"})
    machine.boot()
    assert machine.reboots() == 1


def test_the_console_shows_only_what_is_harmless(machine: Machine) -> None:
    machine.fleet()
    key = "ssh-ed25519 AAAA"
    build = (
        rf"\033[31mred\033]0;title\007\nfirst\033\0HOST\r\n"
        rf"-----BEGIN SSH HO\033ST KEY KEYS-----\n{key}\n\302\205-----END SSH HOST KEY KEYS-----\n"
        rf"https://us-er:to-ken@example.org/x?y\n"
    )
    machine.stand_in("nixos-rebuild", f"printf '{build}'; exit 1")
    console = machine.boot(status=1)
    assert console.isascii()
    assert console.replace("\n", "").isprintable()
    shown = [line for line in console.splitlines() if line.startswith("  | ")]
    assert shown == [
        "  | [31mred]0;title",
        "  | firstHOST",
        f"  | {key}",
        "  | https://***@example.org/x?y",
    ]
    assert "to-ken" in machine.journal


def test_what_it_says_is_as_harmless(machine: Machine) -> None:
    machine.disk("NIXOS-FLEET", FLEET)
    machine.disk("NIXOS-FLEET\033[2J", FLEET)
    console = machine.boot(status=1)
    assert "NIXOS-FLEET is there more than once" in console
    assert console.replace("\n", "").isprintable()


def test_what_may_hold_a_token_is_for_root_alone(machine: Machine) -> None:
    machine.fleet()
    log = machine.root / "var/log/self-specialise.log"
    log.parent.mkdir(parents=True)
    log.touch(0o644)
    machine.boot()
    assert log.stat().st_mode & 0o777 == 0o600
    assert (machine.root / "var/lib/self-specialise").stat().st_mode & 0o777 == 0o700
    assert "line 30" in log.read_text()


def test_what_is_mended_by_hand_is_not_overwritten(machine: Machine) -> None:
    machine.fleet(own="bad")
    machine.boot(status=1)
    (machine.root / "etc/nixos/hosts/self/default.nix").write_text("good")
    assert "/etc/nixos is taken as it is now" in machine.boot()
    assert machine.reboots() == 1


def test_killed_while_it_builds_it_builds_again(machine: Machine) -> None:
    machine.fleet()
    (machine.root / "interrupt").touch()
    machine.boot(status=-9)
    machine.boot()
    assert machine.reboots() == 1


@pytest.mark.parametrize("left", ["etc/nixos.next/half", "etc/nixos.previous/former"])
def test_killed_while_it_copies_it_copies_again(machine: Machine, left: str) -> None:
    machine.fleet()
    file = machine.root / left
    file.parent.mkdir(parents=True)
    file.touch()
    machine.boot()
    assert machine.reboots() == 1
    assert not (machine.root / "etc/nixos/half").exists()
    assert (machine.root / "etc/nixos.previous").exists() == ("previous" in left)


def test_any_other_failure_is_said_too(machine: Machine) -> None:
    machine.fleet()
    machine.stand_in("tar", "exit 3")
    console = machine.boot(status=1)
    assert "FAILED: " in console
    assert "journalctl -u self-specialise has its words" in console
    assert machine.reboots() == 0


def test_a_failure_is_said_also_where_output_goes_into_a_file(machine: Machine) -> None:
    machine.fleet()
    (machine.root / "disks/NIXOS-FLEET/machine.json").symlink_to("/dev/full")
    machine.stand_in(
        "mount",
        """
        for at; do :; done
        cp --recursive "$ROOT/disks/${at##*/}/." "$at"
        """,
    )
    assert "FAILED: printf" in machine.boot(status=1)
    assert "FAILED: printf" in machine.journal
