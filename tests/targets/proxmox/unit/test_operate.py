"""The user's commands on a stack: logins, verifications, and what a status and a destroy tell."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any

import pytest

from flakeship.model.codec import plain
from flakeship.model.errors import FlakeshipError
from flakeship.model.evidence import CheckResult
from flakeship.operate import actions
from flakeship.ssh.options import Endpoint, SshOptions
from flakeship.state.outputs import header
from flakeship.state.stack import Stack
from flakeship.targets.base import Verified
from flakeship.targets.proxmox import operate
from flakeship.targets.proxmox.api.login import Access
from flakeship.targets.proxmox.cutover import cutover
from flakeship.targets.proxmox.guest import verify_machine
from flakeship.targets.proxmox.operate import ProxmoxOperator
from flakeship.targets.proxmox.outputs import ServerDetails, StackDetails, Template
from flakeship.targets.proxmox.requests import (
    ActiveMachine,
    Cutover,
    CutoverRequest,
    DnsRecord,
    MachineEvidence,
    VerifyMachineRequest,
)
from flakeship.targets.proxmox.resources import VM, Marks, tags
from flakeship.verify.request import VerifyRequest
from tests.unit.verify.machines import ED25519

BEFORE = Access("https://old.example.com:8006")
NOW = {"endpoint": "https://pve1.example.com:8006", "fingerprint": "AA:" * 31 + "AA"}
ACTIVE, STANDBY, FAILED = "web-22222222-1a2b", "web-11111111-1a2b", "web-33333333-1a2b"
LOGIN = SshOptions(Endpoint(ACTIVE, "192.0.2.10", 22, "nixos", "/key"), [ED25519]).command_line()
PASSED = [CheckResult("ssh", True, 5, "logged in")]


def verification(machine: str, address: str) -> dict[str, Any]:
    toplevel = "/nix/store/00000000000000000000000000000000-nixos"
    asked = VerifyRequest(machine, [], "nixos", "/key", toplevel, 2048)
    request = VerifyMachineRequest(BEFORE, "dev", 9001, [], asked)
    evidence = MachineEvidence(machine, 1, [ED25519], 3.0, PASSED, address=address)
    return {
        "urn": f"u::{machine}",
        "type": "flakeship:proxmox:Verification",
        "inputs": plain(request),
        "outputs": {"result": plain(evidence)},
    }


def vm(machine: str, vmid: int, address: str = "") -> dict[str, Any]:
    own = tags(vmid, Marks(stack="dev", machine=machine, address=address))
    return {
        "urn": f"u::server-{machine}",
        "type": VM,
        "id": str(vmid),
        "inputs": {"tags": own},
    }


def moved(**leading: Any) -> dict[str, Any]:
    active = ActiveMachine(ACTIVE, 9002, [], "192.0.2.10", "nixos", "/key", [ED25519])
    request = CutoverRequest(BEFORE, "dev", "web", active, **leading)
    return {
        "urn": "u::web",
        "type": "flakeship:proxmox:Cutover",
        "inputs": plain(request),
        "outputs": {"result": plain(Cutover(active, **leading))},
    }


OUTPUTS = {
    "flakeship": header("proxmox"),
    "running": {"web": "web-22222222"},
    "servers": {
        "web": {
            "target": "proxmox",
            "machine": ACTIVE,
            "release": "web-22222222",
            "address": "192.0.2.10",
            "ssh": LOGIN,
            "proxmox": plain(ServerDetails(9002, "pve1")),
        }
    },
    "proxmox": plain(StackDetails(["pve1"], {"web-22222222": [Template(9000, "pve1")]})),
}
MACHINES = [vm(ACTIVE, 9002), vm(STANDBY, 9001)]
CHECKED = [verification(ACTIVE, "192.0.2.10"), verification(STANDBY, "192.0.2.11")]


def stack(*resources: dict[str, Any], outputs: dict[str, Any] = OUTPUTS) -> Stack:
    own = {"urn": "u::dev", "type": "pulumi:pulumi:Stack", "outputs": outputs}
    return Stack("dev", {"resources": [own, *resources]})


WHOLE = stack(*MACHINES, *CHECKED, moved(service_address="192.0.2.5/24"))


def set_to(monkeypatch: pytest.MonkeyPatch, given: dict[str, Any]) -> None:
    monkeypatch.setattr(
        operate, "configuration", lambda _: {"flakeship:proxmox": {"objectValue": given}}
    )


@pytest.mark.parametrize("name", ["", "web", ACTIVE])
def test_a_server_is_reached_by_its_stored_login(name: str) -> None:
    assert shlex.join(actions.login(WHOLE, name)) == LOGIN


def test_a_standby_machine_is_reached_where_it_was_verified() -> None:
    words = actions.login(WHOLE, STANDBY)
    assert words[-1] == "nixos@192.0.2.11"
    assert f"HostKeyAlias={STANDBY}" in words
    assert f"KnownHostsCommand=/usr/bin/env echo {STANDBY} {ED25519}" in words
    assert "IdentityFile=/key" in words


def test_an_unverified_machine_is_asked_for_its_key_at_its_static_address() -> None:
    words = actions.login(stack(*CHECKED, vm(FAILED, 9003, "192.0.2.12")), FAILED)
    assert words[-1] == "nixos@192.0.2.12"
    assert not any(word.startswith("KnownHosts") for word in words)


def test_of_an_unverified_machine_by_dhcp_its_agent_tells() -> None:
    with pytest.raises(FlakeshipError) as caught:
        actions.login(stack(*CHECKED, vm(FAILED, 9003)), FAILED)
    assert caught.value.code == "address-missing"
    assert "9003" in caught.value.remedy


@pytest.mark.parametrize("resources", [[], [vm(FAILED, 9003)], [*CHECKED, *MACHINES]])
def test_an_unknown_machine_is_told(resources: Sequence[dict[str, Any]]) -> None:
    with pytest.raises(FlakeshipError) as caught:
        actions.login(stack(*resources), FAILED)
    assert caught.value.code == "server-unknown"


def test_what_only_looks_like_a_machine_is_none() -> None:
    other = vm(FAILED, 9003, "192.0.2.12") | {"type": "other:index:Server"}
    with pytest.raises(FlakeshipError) as caught:
        actions.login(stack(*CHECKED, other), FAILED)
    assert caught.value.code == "server-unknown"


def test_a_login_that_others_wrote_is_not_run() -> None:
    servers = {"web": OUTPUTS["servers"]["web"] | {"ssh": "sh -c 'touch /tmp/x'"}}
    with pytest.raises(FlakeshipError) as caught:
        actions.login(stack(outputs={**OUTPUTS, "servers": servers}), "web")
    assert caught.value.code == "state-unreadable"


def test_the_settings_of_now_reach_the_api(monkeypatch: pytest.MonkeyPatch) -> None:
    set_to(monkeypatch, {**NOW, "vmIds": "nonsense"})
    assert ProxmoxOperator(WHOLE).access == Access(NOW["endpoint"], fingerprint=NOW["fingerprint"])
    set_to(monkeypatch, {})
    assert ProxmoxOperator(WHOLE).access == Access()


@pytest.mark.parametrize(
    ("key", "value"), [("endpoint", "http://pve1"), ("fingerprint", "AB"), ("tokenFile", "/none")]
)
def test_settings_that_cannot_be_read_are_told(
    monkeypatch: pytest.MonkeyPatch, key: str, value: str
) -> None:
    set_to(monkeypatch, {key: value})
    with pytest.raises(FlakeshipError) as caught:
        ProxmoxOperator(WHOLE).sweep()
    assert caught.value.code == "setting-invalid"


class Checks:
    """What the verifications and the checks of cutovers were asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[VerifyMachineRequest] = []
        self.moved: list[Cutover] = []
        self.refusal: FlakeshipError | None = None
        monkeypatch.setattr(verify_machine, "verify_existing", self.verify_existing)
        monkeypatch.setattr(cutover, "check_active", self.check_active)
        set_to(monkeypatch, NOW)

    def verify_existing(
        self, request: VerifyMachineRequest, previous: str, name: str
    ) -> MachineEvidence:
        assert (ED25519 in previous, name) == (True, "dev")
        self.asked.append(request)
        return MachineEvidence(request.machine, 1, [ED25519], 3.0, PASSED, address="192.0.2.1")

    def check_active(self, last: Cutover) -> str:
        self.moved.append(last)
        if self.refusal:
            raise self.refusal
        return "192.0.2.5 is there"


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> Checks:
    return Checks(monkeypatch)


def names(done: Sequence[Verified]) -> dict[str, list[str]]:
    return {each.machine: [check.name for check in each.checks] for each in done}


def test_every_machine_is_verified_and_the_active_one_with_its_address(checks: Checks) -> None:
    done = actions.verify(WHOLE)
    assert names(done) == {ACTIVE: ["ssh", "cutover"], STANDBY: ["ssh"]}
    assert [each.active.machine for each in checks.moved] == [ACTIVE]
    assert {each.access.endpoint for each in checks.asked} == {NOW["endpoint"]}
    assert all(each.verify.deadline <= 30 for each in checks.asked)


def test_one_machine_can_be_verified(checks: Checks) -> None:
    assert names(actions.verify(WHOLE, STANDBY)) == {STANDBY: ["ssh"]}
    assert not checks.moved


def test_an_address_that_does_not_lead_there_fails(checks: Checks) -> None:
    checks.refusal = FlakeshipError("it is gone", code="service-address-lost")
    with pytest.raises(FlakeshipError) as caught:
        actions.verify(WHOLE)
    assert caught.value.code == "checks-failed"
    assert "it is gone" in str(caught.value)


def test_a_status_tells_where_things_are() -> None:
    operator = ProxmoxOperator(WHOLE)
    told = operator.describe("web", WHOLE.outputs.servers["web"])
    assert ["9002" in line and "pve1" in line and ACTIVE in line for line in told] == [True]
    assert ["9000" in line for line in operator.describe_release("web-22222222")] == [True]
    assert not operator.describe_release("web-77777777")
    assert not operator.orphans()


DNS = DnsRecord("web.example.com", "192.0.2.53", 53, "example.com", "k", "hmac-sha256", "/k", 60)


@pytest.mark.parametrize(
    ("leading", "released"),
    [
        ({}, []),
        ({"service_address": "192.0.2.5/24"}, ["the address 192.0.2.5"]),
        ({"dns": DNS}, ["the name web.example.com"]),
    ],
)
def test_a_destroy_tells_what_goes(leading: dict[str, Any], released: list[str]) -> None:
    found = ProxmoxOperator(stack(*MACHINES, moved(**leading))).removal()
    assert [(each.server, {*each.gone}) for each in found] == [("web", {ACTIVE, STANDBY})]
    assert [thing.one for thing in found[0].released] == released
