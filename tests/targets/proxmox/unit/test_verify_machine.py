"""The verification of a machine: how it is reached, what is checked, and how a failure reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from dev.proxmox.server import Server
from flakeship.model import codec
from flakeship.model.errors import FlakeshipError
from flakeship.model.evidence import Evidence
from flakeship.model.ports import Port
from flakeship.targets.proxmox import find
from flakeship.targets.proxmox.api import login as api_login
from flakeship.targets.proxmox.api.client import connected
from flakeship.targets.proxmox.api.login import Access
from flakeship.targets.proxmox.guest import guest, serial, verify_machine
from flakeship.targets.proxmox.requests import VerifyMachineRequest
from flakeship.targets.proxmox.resources import Marks, tags
from flakeship.verify import verify
from flakeship.verify.console import await_keys
from flakeship.verify.request import Promises, VerifyRequest
from flakeship.verify.verify import VerificationContext
from tests.targets.proxmox.unit.lab import Speaking, lab, login, make
from tests.targets.proxmox.unit.machine import NAME, TAGS, VMID
from tests.unit.verify import consoles
from tests.unit.verify.machines import ED25519, block

pytestmark = pytest.mark.usefixtures("server", "core")
ASKED = VerifyRequest(
    machine=NAME,
    ports=[Port(port=80, protocol="http"), Port(port=443, protocol="https")],
    user="nixos",
    identity="",
    toplevel="/nix/store/x",
    disk=4096,
    deadline=20.0,
)
DHCP = VerifyMachineRequest(Access(), "dev", VMID, TAGS, ASKED)
STATIC = replace(DHCP, address="192.0.2.10", verify=replace(ASKED, addressing="static"))


@dataclass
class Core:
    """Stands for the verification of the core: what it was given, and what it does with that."""

    act: Callable[[VerificationContext], object] = str
    request: VerifyRequest = ASKED
    pinned: Sequence[str] = ()
    given: list[VerificationContext] = field(default_factory=list)

    def verify(
        self, request: VerifyRequest, pinned: Sequence[str], context: VerificationContext
    ) -> Evidence:
        self.request, self.pinned = request, pinned
        self.given.append(context)
        try:
            self.act(context)
        except FlakeshipError as error:
            error.key = error.key or request.machine
            error.details = (*error.details, *context.inspect_hint([]))
            raise
        return Evidence(request.machine, 1, [ED25519], 1.5, [], "now")

    @property
    def checks(self) -> list[str]:
        return [check.name for check in self.given[-1].checks]


@pytest.fixture
def core(monkeypatch: pytest.MonkeyPatch) -> Core:
    made = Core()
    monkeypatch.setattr(verify, "verify", made.verify)
    monkeypatch.setattr(verify_machine, "_answers", lambda _: True)
    monkeypatch.setattr(guest, "PACE", 0.0)
    monkeypatch.setattr(find, "LAG", 0.2)
    monkeypatch.setattr(serial, "TURN", 0.05)
    return made


@pytest.fixture
def guests() -> Speaking:
    return Speaking()


@pytest.fixture
def server(tmp_path: Path, guests: Speaking, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with lab(tmp_path, guests) as found:
        given = login(found)
        monkeypatch.setattr(api_login, "find", lambda _: given)
        yield found


def act(server: Server, *path: str) -> None:
    """Let something happen to the machine."""
    with connected(login(server)) as api:
        make(api, "qemu", str(VMID), *path)


def failure(request: VerifyMachineRequest, pinned: Sequence[str] = ()) -> FlakeshipError:
    with pytest.raises(FlakeshipError) as caught:
        verify_machine.verify_machine(request, pinned)
    assert caught.value.key == NAME
    return caught.value


def test_a_machine_by_dhcp_is_found_by_its_agent(core: Core) -> None:
    found = verify_machine.verify_machine(DHCP, [])
    assert (found.address, found.host_keys) == ("198.18.2.12", [ED25519])
    (context,) = core.given
    with context.access.open() as route:
        assert route.address == found.address
        assert route.subnet == f"{found.address}/32"
        assert route.ports == {22: 22, 80: 80, 443: 443}
        assert route.own
        assert not route.serving
    assert core.request.addressing == "dhcp"
    # the time until it was found counts, for the deadline and for its evidence
    assert context.waited > 0
    assert core.request.deadline == ASKED.deadline - context.waited
    assert core.checks == ["api", "port-scan"]
    assert codec.parse(Evidence, codec.dump(found)).host_keys == [ED25519]


def test_a_static_address_is_verified_as_static(core: Core) -> None:
    found = verify_machine.verify_machine(STATIC, [ED25519])
    assert found.address == "192.0.2.10"
    assert core.request.addressing == "none", "where it comes from is not asked"
    assert core.checks == ["api", "port-scan", "static-address"]
    assert list(core.pinned) == [ED25519]
    six = replace(STATIC, address="2001:db8::1")
    assert verify_machine.verify_machine(six, []).address == "2001:db8::1"
    with core.given[-1].access.open() as route:
        assert route.subnet == "2001:db8::1/128"


def test_what_a_host_does_not_promise_is_left_out(core: Core) -> None:
    promises = Promises(nix=True, switch=False)
    asked = replace(STATIC, verify=replace(ASKED, promises=promises))
    verify_machine.verify_machine(asked, [])
    left_out = core.given[-1].checks[-1]
    assert left_out.name == "reactivation"
    nobody: Any = None
    assert "switchable" in left_out.run(nobody)


def test_its_console_is_that_of_the_api(guests: Speaking, core: Core) -> None:
    seen: list[list[str]] = []

    def wait(context: VerificationContext) -> None:
        while not guests.ends:
            context.watch()
        guests.say(block(ED25519))
        seen.append(await_keys(context.console, 10, watch=context.watch))

    core.act = wait
    verify_machine.verify_machine(STATIC, [])
    assert seen == [[ED25519]]


def test_a_lease_on_the_console_is_an_address(
    guests: Speaking, monkeypatch: pytest.MonkeyPatch
) -> None:
    guests.answers = False
    console = guests.console

    def speaking(vmid: int) -> Any:
        found = console(vmid)
        guests.say(consoles.LEASE)
        return found

    monkeypatch.setattr(guests, "console", speaking)
    assert verify_machine.verify_machine(DHCP, []).address == "10.0.2.15"


def test_nobody_tells_the_address(guests: Speaking, core: Core) -> None:
    guests.answers = False
    error = failure(replace(DHCP, verify=replace(ASKED, deadline=0.5)))
    assert error.code == "address-missing"
    text = "\n".join(error.details)
    assert f"qm terminal {VMID}" in text
    assert "QEMU guest agent is not running" in text
    assert verify.NOT_SERVING in text
    assert core.given == []


def test_one_that_stops_is_told_at_once(server: Server, core: Core) -> None:
    def stop(context: VerificationContext) -> None:
        context.watch()
        act(server, "status", "stop")
        await_keys(context.console, 3600, watch=context.watch)

    core.act = stop
    error = failure(STATIC)
    assert error.code == "machine-stopped"
    assert f"qm status {VMID} --verbose" in "\n".join(error.details)
    assert "started" not in error.what


def test_one_that_was_stopped_is_started_where_that_is_asked(server: Server, core: Core) -> None:
    act(server, "status", "stop")
    core.act = lambda context: context.watch()
    assert failure(STATIC).code == "machine-stopped"
    assert failure(DHCP).code == "machine-stopped"
    assert verify_machine.verify_machine(replace(STATIC, repair=1), []).machine == NAME


def test_one_that_is_somebody_elses_or_gone(core: Core) -> None:
    others = tags(VMID, Marks("prod", machine=NAME))
    error = failure(replace(STATIC, tags=others))
    assert error.code == "machine-replaced"
    assert "flakeship_stack.dev" in error.given
    assert failure(replace(STATIC, vmid=VMID + 1)).code == "machine-missing"
    assert core.given == []


def test_without_privileges_only_known_keys_are_enough(
    server: Server, core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.lab.access.add_token("few@pve!ci", {"/pool/iac": ["VM.Audit", "Pool.Audit"]})
    few = login(server, "few@pve!ci")
    monkeypatch.setattr(api_login, "find", lambda _: few)

    def wait(context: VerificationContext) -> None:
        await_keys(context.console, 2.0, watch=context.watch)

    core.act = wait
    error = failure(STATIC)
    assert error.code == "privilege-missing"
    granted = "\n".join(error.details)
    assert "--privs VM.Console;" in granted
    assert "--privs VM.GuestAgent.FileRead;" in granted
    # with known keys nobody needs to tell any: the deadline is what ends it
    known = failure(STATIC, [ED25519])
    assert known.code == "host-keys-missing"
    assert "--privs VM.Console;" in "\n".join(known.details)
    # and without the agent's addresses neither way tells where it is
    assert failure(DHCP).code == "privilege-missing"


def test_another_address_than_it_has_is_told(core: Core) -> None:
    def fail(_: VerificationContext) -> None:
        raise FlakeshipError("no", code="unreachable", key=NAME)

    core.act = fail
    error = failure(STATIC)
    assert "198.18.2.12, not 192.0.2.10" in error.details[-1]


def test_an_existing_one_is_verified_with_its_known_keys(core: Core) -> None:
    before = codec.dump(verify_machine.verify_machine(STATIC, []))
    assert verify_machine.verify_existing(STATIC, before, "dev").address == "192.0.2.10"
    assert list(core.pinned) == [ED25519]
    assert "make up STACK=dev" in core.given[-1].on_failure
    assert "nothing was changed" in core.given[-1].on_failure
    with pytest.raises(FlakeshipError) as caught:
        verify_machine.verify_existing(STATIC, "not evidence", "dev")
    assert caught.value.code == "evidence-unreadable"
    with pytest.raises(FlakeshipError) as caught:
        verify_machine.verify_existing(replace(STATIC, vmid=VMID + 1), before, "dev")
    assert caught.value.code == "machine-missing"


def test_a_changed_key_is_refused_with_the_way_to_another_machine(core: Core) -> None:
    def changed(_: VerificationContext) -> None:
        raise FlakeshipError("its key has changed", code="host-key-changed", remedy="--replace")

    core.act = changed
    error = failure(STATIC, [ED25519])
    assert f"qm destroy {VMID}" in error.remedy
    assert "--replace" not in error.remedy
