"""Each check fails on a real machine that has been spoiled in just the way it looks for."""

from __future__ import annotations

import json
import re
from typing import Any

from flakeship.system.process import Result, run
from tests.operations import COMMAND, creation
from tests.targets.local.e2e.conftest import Appliance

ENDLESS = (
    "ip addr change $(ip -o -4 addr show dev eth0 | awk '{print $4}') dev eth0 "
    "valid_lft forever preferred_lft forever"
)
CLIENT = "setsid nc -ll -p 41235 -e true </dev/null >/dev/null 2>&1 &"  # of a mesh, say
# By root's hand on a machine that has passed. Each line spoils what the check named beside it sees.
SPOILED = {
    "root-login": "mkdir -p /root/.ssh && cp /home/nixos/.ssh/authorized_keys /root/.ssh/",
    "password-login": (
        "systemctl stop sshd; sleep 1; dropbear -E -r /etc/ssh/ssh_host_ed25519_key -p 22"
    ),
    "port-80": "systemctl stop web",
    "dhcp": f"rm /run/udhcpc/*.lease; {ENDLESS}",
    "listeners": "{ setsid nc -ll -p 9999 -e true </dev/null >/dev/null 2>&1 & }",
    "firewall": "nft add rule inet filter input tcp dport 9999 accept",
    "nix-build": "systemctl stop nix-daemon && rm -rf /nix/var/nix/daemon-socket",
}


VERIFICATION = "flakeship:local:Verification"
HELD = 'services.pull = { command = "sleep 600"; oneshot = true; };'
LATE = "services.late = { command = \"sh -c 'sleep 25; exec busybox httpd -f -p 8081 -h /tmp'\"; };"


def stated(appliance: Appliance) -> tuple[dict[str, Any], str]:
    """The verification's inputs and its result, as the state holds them."""
    state = json.loads(appliance.pulumi("stack", "export").stdout)
    resources = state["deployment"]["resources"]
    (found,) = [each for each in resources if each["type"] == VERIFICATION]
    return found["inputs"], json.dumps(found["outputs"]["result"])


def verify_machine(appliance: Appliance, request: dict[str, Any], before: str) -> Result:
    return run(
        COMMAND,
        stdin=creation(VERIFICATION, request, before),
        cwd=appliance.path,
        env=appliance.env,
        check=False,
        timeout=300,
    )


def verify_stack(appliance: Appliance) -> Result:
    """The checks of every machine of the stack."""
    command = [".venv/bin/python", "-m", "flakeship", "verify"]
    return run(command, cwd=appliance.path, env=appliance.env, check=False, timeout=300)


def failed(result: Result) -> set[str]:
    assert result.code == 1, result.stdout
    assert "Traceback" not in result.stderr
    return set(re.findall(r"^  ✗ ([\w-]+):", result.stderr, re.MULTILINE))


def test_a_boot_that_does_not_end_names_what_holds_it(appliance: Appliance) -> None:
    """And a service that listens late has the time that its port gives it (nixpkgs #14991)."""
    appliance.edit("services = { };", HELD)
    appliance.config("bootTimeout", "45")
    said = appliance.up(check=False)
    assert re.search(
        r"system: still starting after 45 s, held by: pull\.service start running", said
    )
    appliance.edit(HELD, LATE)
    appliance.edit("    80\n", "    80\n    8081\n")
    appliance.config("bootTimeout", "300")
    appliance.config("servers[0].ports[1].port", "8081")
    appliance.config("servers[0].ports[1].protocol", "http")
    appliance.config("servers[0].ports[1].timeout", "60")
    appliance.up()
    seen = {each["name"]: each["detail"] for each in appliance.evidence()["checks"]}
    assert seen["port-8081"].startswith("HTTP/1.")
    # the other tests have the host as it was
    appliance.edit("    80\n    8081\n", "    80\n")
    appliance.edit(LATE, "services = { };")
    appliance.unset("servers[0].ports[1]")


def test_a_stack_may_give_its_machines_access_to_the_workstation(appliance: Appliance) -> None:
    appliance.up()
    checks = {check["name"] for check in appliance.evidence()["checks"]}
    assert "isolation" in checks
    before = appliance.machine()
    appliance.config("local.workstationAccess", "true")
    appliance.up()
    assert appliance.machine() != before
    assert "isolation" not in {check["name"] for check in appliance.evidence()["checks"]}
    request, printed = stated(appliance)
    closed = request | {"workstation_access": False}
    assert failed(verify_machine(appliance, closed, printed)) == {"isolation"}


def test_what_is_no_fault_is_told(appliance: Appliance) -> None:
    """A lease without an end, and a listener that the firewall closes."""
    appliance.up()
    request, before = stated(appliance)
    script = f"{ENDLESS} ; {CLIENT}"
    appliance.ssh(f"sudo sh -c {json.dumps(script)} </dev/null >/tmp/told 2>&1")
    done = verify_machine(appliance, request, before)
    assert done.code == 0, done.stderr
    seen = {each["name"]: each["detail"] for each in json.loads(done.stdout)["checks"]}
    assert "on eth0, lease without an end (/run/udhcpc/eth0.lease)" in seen["dhcp"]
    assert re.search(r"; closed by the firewall: tcp \S+:41235", seen["listeners"])
    assert seen["root-size"].endswith(" MiB of a disk of 2048 MiB")
    assert seen["firewall"].startswith("IPv4")


def test_every_check_fails_on_what_it_looks_for(appliance: Appliance) -> None:
    appliance.up()
    request, before = stated(appliance)
    again = verify_stack(appliance)
    assert again.code == 0, again.stderr
    assert "✓ nix-build" in again.stdout

    script = " ; ".join(SPOILED.values())
    appliance.ssh(f"sudo sh -c {json.dumps(script)} </dev/null >/tmp/spoiled 2>&1", check=False)
    wrong = {"toplevel": "/nix/store/another", "disk": 8192}
    spoiled = request | {"verify": request["verify"] | wrong}
    again = verify_machine(appliance, spoiled, before)
    assert re.search(r"✗ listeners: not declared: tcp \S+:9999", again.stderr)
    seen = failed(again)
    assert seen >= {*SPOILED, "toplevel", "root-size", "greeting"}
    assert failed(verify_stack(appliance)) >= {*SPOILED}
    assert not seen & {"host-key", "port-22", "sudo"}


def test_without_sudo_nothing_can_be_seen(appliance: Appliance) -> None:
    request, before = stated(appliance)
    appliance.ssh("sudo rm /etc/sudoers")
    seen = failed(verify_machine(appliance, request, before))
    assert {"sudo", "firewall"} <= seen


def test_a_machine_that_does_not_answer_names_the_last_error(appliance: Appliance) -> None:
    request, before = stated(appliance)
    soon = request["verify"] | {"deadline": 2}
    nobody = request | {"ports": {"22": 9, "80": 9}, "verify": soon}
    said = verify_machine(appliance, nobody, before)
    assert said.code == 1
    assert "refused" in said.stderr
    assert "console" in said.stderr
