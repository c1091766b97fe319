"""Units of the hosts that make something once, or start a machine again: what their modules say."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from flakeship.nix.store import NIX
from flakeship.system.process import run
from tests.nix.known import HERE
from tests.project import ROOT


@dataclass(frozen=True)
class Once:
    """A unit that makes a file at the first boot.

    `FOLDER` in `config` and `path` is the test's folder. `program` makes the file; on its command
    line the file's name follows `option`, a pattern of the shell, empty where it writes to its
    output. `mode` is how what needs the file waits for it: `direct` is as long as it takes.
    """

    module: str
    unit: str
    path: str
    config: dict[str, Any]
    program: str = ""
    option: str = ""
    mode: str | None = None
    needed_by: list[str] = field(default_factory=list)


ONCE = [
    Once(
        module="web",
        unit="web-certificate",
        path="FOLDER/certificate.pem",
        config={
            "flakeship": {"web": {"acme": False, "domain": "www.example.org"}},
            "services": {"nginx": {"user": "nginx"}},
        },
        program="openssl",
        option="-keyout|-out",
        mode="direct",
        needed_by=["nginx.service"],
    ),
    Once(
        module="age-key",
        unit="age-key",
        path="FOLDER/age/key.txt",
        config={"flakeship": {"age": {"key": "FOLDER/age/key.txt", "secrets": {}}}},
        program="age-keygen",
        option="-o",
        mode="direct",
    ),
    Once(
        module="gateway",
        unit="wireguard-key",
        path="FOLDER/wireguard/private.key",
        config={
            "flakeship": {
                "gateway": {"key": "FOLDER/wireguard/private.key", "peers": {}, "port": 1}
            }
        },
        program="wg",
        # networkd comes after it: with `direct` a machine would have no network without the key
        mode=None,
    ),
    Once(
        module="identity",
        unit="image-json",
        path="FOLDER/image.json",
        config={"flakeship": {"host": "web", "variant": "qemu", "version": "1"}},
        program="printf",
    ),
]


def said(module: str, config: dict[str, Any], attribute: str) -> Any:
    """What a module of nix/modules says of an attribute, given this configuration."""
    return evaluated(module, config, f"module.{attribute}")


def evaluated(module: str, config: dict[str, Any], expression: str) -> Any:
    """The value of an expression of a `module` of nix/modules."""
    text = json.dumps(json.dumps(config)).replace("${", r"\${")
    file = ROOT / f"nix/modules/{module}.nix"
    call = f"import {HERE}/stub/module.nix {{ file = {file}; config = builtins.fromJSON {text}; }}"
    whole = f"let module = {call}; in {expression}"
    return json.loads(run([*NIX, "eval", "--impure", "--json", "--expr", whole]).stdout)


@pytest.fixture(params=ONCE, ids=lambda once: once.unit)
def once(request: pytest.FixtureRequest) -> Once:
    """One after the other."""
    found: Once = request.param
    return found


def unit(once: Once, folder: Path) -> Any:
    """The unit, whose file is in this folder."""
    config = json.loads(json.dumps(once.config).replace("FOLDER", str(folder)))
    return said(once.module, config, f"systemd.services.{once.unit}")


def start(once: Once, folder: Path, *, fails: bool) -> int:
    """Runs the unit's script as NixOS does; its program fails half-way or writes the whole file."""
    programs = folder / "bin"
    programs.mkdir(exist_ok=True)
    find = f'while [ $# -gt 0 ]; do case "$1" in {once.option}) exec > "$2"; esac; shift; done'
    (programs / once.program).write_text(
        f"#!/bin/sh\n{find if once.option else ':'}\n"
        + ("echo half; exit 1\n" if fails else "echo whole\n")
    )
    for name in ("systemctl", "networkctl"):
        (programs / name).write_text("#!/bin/sh\nexit 1\n")
    for each in programs.iterdir():
        each.chmod(0o755)
    script = unit(once, folder)["script"]
    script = script.replace("/etc/", f"{folder}/").replace("/dev/console", "/dev/null")
    # a builtin of the shell would not be ours
    script = f"enable -n printf\nPATH={programs}:$PATH\n{script}"
    return subprocess.run(["bash", "-e", "-c", script], cwd=folder, check=False).returncode


def test_what_was_made_half_way_is_made_again(once: Once, tmp_path: Path) -> None:
    path = Path(once.path.replace("FOLDER", str(tmp_path)))
    assert start(once, tmp_path, fails=True) != 0
    assert not path.exists()
    assert start(once, tmp_path, fails=False) == 0
    assert path.read_text() == "whole\n"


@pytest.mark.parametrize("once", ONCE[:3], ids=lambda once: once.unit)
def test_it_is_tried_again(once: Once, tmp_path: Path) -> None:
    service = unit(once, tmp_path)["serviceConfig"]
    assert (service["Type"], service["Restart"]) == ("oneshot", "on-failure")
    assert service.get("RestartMode") == once.mode
    # slower than systemd's limit of five starts in ten seconds
    assert service["RestartSec"] * 5 > 10


def test_what_needs_it_comes_after_it(tmp_path: Path) -> None:
    for once in ONCE:
        found = unit(once, tmp_path)
        assert found.get("requiredBy", []) == once.needed_by
        assert set(once.needed_by) <= set(found.get("before", []))


def test_an_empty_certificate_counts_as_none(tmp_path: Path) -> None:
    conditions = unit(ONCE[0], tmp_path)["unitConfig"]
    assert conditions == {"ConditionFileNotEmpty": "!/var/lib/web/certificate.pem"}


def test_a_certificate_of_an_authority_is_not_made_here() -> None:
    config = {"flakeship": {"web": {"acme": True, "domain": "x"}}, "services": {}}
    assert said("web", config, "systemd.services.web-certificate") == {}


def test_a_machine_without_a_root_starts_again_without_a_program() -> None:
    """With nothing to run, the unit works in any initrd; nixpkgs' own has its turn before."""
    assert said("console", {}, "boot.initrd.systemd.services") == {
        "restart-on-fail": {
            "description": "Restart a machine that cannot start its system",
            "wantedBy": ["emergency.target"],
            "after": ["panic-on-fail.service"],
            "unitConfig": {"DefaultDependencies": False, "SuccessAction": "reboot-force"},
            "serviceConfig": {"Type": "oneshot"},
        }
    }
    assert {"panic=10", "boot.panic_on_fail"} <= set(said("console", {}, "boot.kernelParams"))


def access(keys: list[str], attribute: str, *, trusted: bool = False, home: bool = False) -> Any:
    config = {
        "flakeship": {"user": "admin", "authorizedKeys": keys, "trustedUser": trusted},
        "services": {"openssh": {"authorizedKeysInHomedir": home}},
    }
    return said("access", config, attribute)


@pytest.mark.parametrize(("trusted", "users"), [(True, ["admin"]), (False, {})])
def test_nix_trusts_the_user_only_when_told(trusted: bool, users: object) -> None:
    assert access([], "nix.settings.trusted-users", trusted=trusted) == users


def test_a_switch_does_not_take_the_last_key_away(tmp_path: Path) -> None:
    check = access([], "system.preSwitchChecks")["authorized-keys"]
    check = check.replace("/etc/ssh", str(tmp_path))
    now = tmp_path / "authorized_keys.d/admin"
    now.parent.mkdir()
    for keys, code in ((None, 0), ("", 0), ("ssh-ed25519 AAAA", 1)):
        if keys is not None:
            now.write_text(keys)
        done = subprocess.run(["bash", "-eu", "-c", check], check=False, capture_output=True)
        assert done.returncode == code, keys
    assert b"--override-input access" in done.stderr


def test_keys_that_are_there_or_in_the_home_need_no_check() -> None:
    assert access(["ssh-ed25519 AAAA"], "system.preSwitchChecks") == {}
    assert access([], "system.preSwitchChecks", home=True) == {}


def test_a_service_address_is_kept_without_a_boot_that_waits_for_it() -> None:
    found = said("service-address", {"systemd": {"package": "systemd"}}, "systemd.services")
    (unit,) = found.values()
    assert unit["serviceConfig"]["ExecStart"] == "/flakeship-address/bin/flakeship-address keep"
    assert unit["wantedBy"] == ["multi-user.target"]
    assert not {"before", "requiredBy", "wants", "requires"} & unit.keys()
    # it ends with success where there is no address
    assert unit["serviceConfig"]["Restart"] == "on-failure"
    assert unit["serviceConfig"]["StateDirectory"] == "flakeship"


def test_the_command_for_service_addresses_has_what_it_calls() -> None:
    config = {"systemd": {"package": "systemd"}}
    command = "(builtins.head module.environment.systemPackages)"
    inputs = evaluated("service-address", config, f"{command}.runtimeInputs")
    assert inputs == ["systemd", "coreutils", "iproute2", "util-linux"]
    # a shell application has a first line of its own
    text = evaluated("service-address", config, f"{command}.text")
    assert text == "\n".join((ROOT / "nix/modules/service-address.sh").read_text().split("\n")[1:])


def test_cloud_init_reads_the_drive_of_proxmox_ve_under_the_names_that_it_gives() -> None:
    config = {"flakeship": {"user": "nixos"}}
    settings = said("cloud-init", config, "services.cloud-init.settings")
    assert "NoCloud" in settings["datasource_list"]
    assert settings["system_info"]["network"]["renderers"] == ["networkd"]
    assert said("cloud-init", config, "services.cloud-init.network.enable")
    assert not said("cloud-init", config, "networking.usePredictableInterfaceNames")
