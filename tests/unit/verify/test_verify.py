import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from flakeship.model.checks import BUILT_IN, Check
from flakeship.model.codec import dump
from flakeship.model.errors import FlakeshipError
from flakeship.model.evidence import Evidence
from flakeship.model.ports import Port
from flakeship.ssh import connection as ssh
from flakeship.ssh import errors
from flakeship.state.resources import replacing
from flakeship.system.process import Result
from flakeship.verify import boot_stages, verify
from flakeship.verify.checks import facts, outside, probe
from flakeship.verify.checks.verdict import Failed
from flakeship.verify.console import File
from flakeship.verify.request import Promises, Route, VerifyRequest
from flakeship.verify.schedule import ScheduledCheck
from flakeship.verify.verify import VerificationContext
from tests.unit.verify import consoles
from tests.unit.verify.machines import (
    ED25519,
    FINGERPRINT,
    OTHER,
    REQUEST,
    ROUTE,
    Process,
    block,
    http,
    recorded,
    says,
    server,
    silent,
)

LOGIN = f"""\
debug1: Server host key: {FINGERPRINT}
debug1: Authentications that can continue: publickey
Authenticated to 127.0.0.1 ([127.0.0.1]:22022) using "publickey".
"""
DENIED = """\
debug1: Authentications that can continue: publickey
debug1: Offering public key: nixos ED25519 SHA256:l1Ds agent
debug1: Authentications that can continue: publickey
root@127.0.0.1: Permission denied (publickey).
"""
NAMES = [
    *("host-key", "root-login", "password-login", "port-22", "port-80"),
    *("toplevel", "sudo", "dhcp", "listeners", "firewall", "root-size", "system"),
    *("nix-build", "own"),
]


class Guest:
    """Stands for system.process.run and start: a machine as it is seen through ssh."""

    def __init__(self) -> None:
        self.key = FINGERPRINT
        self.commands: list[str] = []
        self.logins: list[str] = []
        self.probes = [recorded("probe.txt")]
        self.build = Result(0, "/nix/store/abc-flakeship\n", "")

    @contextmanager
    def start(self, argv: list[str], **_: object) -> Iterator[Process]:
        log, code = LOGIN, 0
        file = Path(argv[argv.index("-E") + 1])
        if self.key != FINGERPRINT:
            log, code = f"Server host key: {self.key}\nHost key verification failed.\n", 255
        elif argv[-1] == "true":
            self.logins.append(argv[-2].partition("@")[0])
            log, code = DENIED, 255
        else:
            self.logins.append(argv[-1].partition("@")[0])
            file.with_name("control").touch()
        file.write_text(log)
        yield Process(code or None)

    def run(self, argv: list[str], **_: object) -> Result:
        self.commands.append(argv[-1])
        if "switch-to-configuration" in argv[-1]:
            return Result(0, f"\n{REQUEST.toplevel}\n", "")
        if argv[-1].startswith("sh -c"):
            probe = self.probes.pop(0) if len(self.probes) > 1 else self.probes[0]
            return Result(0, probe, "")
        return self.build if argv[-1].startswith("nix-build") else Result(0, "", "")


@pytest.fixture
def guest(monkeypatch: pytest.MonkeyPatch) -> Guest:
    made = Guest()
    monkeypatch.setattr(ssh, "run", made.run)
    monkeypatch.setattr(ssh, "start", made.start)
    monkeypatch.setattr(outside, "PATIENCE", 0.1)
    monkeypatch.setattr(verify, "NEW_KEYS", 0.1)
    return made


@dataclass(frozen=True)
class Machine:
    """What is verified: an access with a route that is open already, and a console in a file."""

    request: VerifyRequest
    route: Route
    console: Path

    @contextmanager
    def open(self) -> Iterator[Route]:
        yield self.route

    def context(self, **given: Any) -> VerificationContext:
        return VerificationContext(self, File(self.console), **given)

    def of_a_cloud(self, text: str) -> VerificationContext:
        return VerificationContext(
            self,
            Tail(text),
            [
                ScheduledCheck("beside", lambda subject: subject.facts().state),
                ScheduledCheck("after", lambda subject: subject.request.user, ["own"]),
            ],
            inspect_hint=lambda lines: [f"  look yourself: {lines[0].strip()}"],
        )

    def verify(self, *pinned: str, **changed: Any) -> Evidence:
        return verify.verify(replace(self.request, **changed), pinned, self.context())


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Machine]:
    console = tmp_path / "console"
    console.write_text("Booting\x07 \x1b[31mLinux\x1b[0m\n" + block(ED25519))
    request = replace(
        REQUEST,
        checks=[Check(name="own", run="true")],
        deadline=1,
        promises=Promises(switch=False),
    )
    with server(says(b"SSH-2.0-x\r\n")) as first, server(http("200 OK", "")) as second:
        yield Machine(request, replace(ROUTE, ports={22: first, 80: second}), console)


def test_everything_passes(guest: Guest, target: Machine, caplog: pytest.LogCaptureFixture) -> None:
    found = target.verify(ED25519)
    assert [check.name for check in found.checks] == NAMES
    assert all(check.passed for check in found.checks)
    assert (found.machine, found.boot, found.host_keys) == (REQUEST.machine, 1, [ED25519])
    told = [message.split()[2] for message in caplog.messages if "✓" in message]
    assert sorted(told) == sorted(NAMES)
    assert len(caplog.messages) == 3 + len(NAMES)
    assert f": {len(NAMES)} checks passed in " in caplog.messages[-1]
    assert sorted(command.split()[0] for command in guest.commands) == ["nix-build", "sh", "true"]
    assert verify.pinned_keys(dump(found), REQUEST.machine) == [ED25519]


@pytest.mark.usefixtures("guest")
def test_ssh_is_timed_from_where_its_target_began_to_wait(target: Machine) -> None:
    found = verify.verify(target.request, [ED25519], target.context(waited=1000.0))
    assert found.seconds_to_ssh >= 1000
    assert found.seconds_to_ssh < 1000 + target.request.deadline


def failed(check: Callable[[], object]) -> dict[str, str]:
    """The details of the checks that a verification fails by, by name."""
    with pytest.raises(FlakeshipError) as failure:
        check()
    assert (failure.value.code, failure.value.key) == ("checks-failed", REQUEST.machine)
    lines = [line.removeprefix("  ✗ ") for line in failure.value.details if "  ✗ " in line]
    return dict(line.split(": ", 1) for line in lines)


def test_the_whole_report_of_a_failure(guest: Guest, target: Machine) -> None:
    guest.build = Result(1, "", "error: out of disk\n")
    with pytest.raises(FlakeshipError) as failure:
        target.verify(toplevel="/nix/store/new")
    lines = str(failure.value).splitlines()
    assert lines[0] == f"{REQUEST.machine}: 2 of 14 checks failed"
    assert lines[1].startswith("  ✗ toplevel: /nix/store/6h0ir2lm2jwxp9z0sp28vk6g3s9flfkv-")
    assert lines[2] == "  ✗ nix-build: nix-build ended with exit code 1: error: out of disk"
    assert lines[4] == "  | Booting Linux"
    assert lines[-2].startswith("No traffic was moved")
    assert lines[-1].startswith("  ssh -F /dev/null -p ")


def test_a_failure_says_what_it_means_for_the_server(guest: Guest, target: Machine) -> None:
    guest.build = Result(1, "", "")
    with pytest.raises(FlakeshipError) as failure:
        verify.verify(target.request, [], target.context(on_failure="It is live."))
    assert "It is live. To inspect this machine:" in failure.value.details
    assert "No traffic" not in str(failure.value)


@pytest.mark.parametrize("build", [Result(0, "", ""), Result(127, "", "nix-build: not found")])
def test_nix_build_fails(guest: Guest, target: Machine, build: Result) -> None:
    guest.build = build
    assert [*failed(target.verify)] == ["nix-build"]


def test_iptables_is_asked_where_nft_has_no_rules(guest: Guest, target: Machine) -> None:
    without = recorded("probe.txt").replace('"hook": "input"', '"hook": "output"')
    guest.probes = [without]
    assert failed(target.verify)["firewall"].startswith("no nftables rules refuse anything")
    assert probe.command("iptables", "ip6tables") in guest.commands  # after the facts


@pytest.mark.parametrize(
    "rules",
    [
        "",
        # of a firewall that only iptables reads whole, as NixOS' is without nftables.enable
        f"\n@@@ begin nft 2 -\n{recorded('iptables-nft.json')}\n@@@ end nft 3 0\n"
        f"@@@ begin iptables 2 -\n{recorded('nixos-iptables.txt')}\n@@@ end iptables 3 0\n"
        f"@@@ begin ip6tables 2 -\n{recorded('nixos-ip6tables.txt')}\n@@@ end ip6tables 3 0\n",
    ],
)
def test_a_verification_has_three_sessions_and_one_for_each_command_of_the_users(
    guest: Guest, target: Machine, rules: str
) -> None:
    """All facts are one; with the two logins each session costs a slow guest half a second."""
    guest.probes = [recorded("probe.txt") + rules]
    with suppress(FlakeshipError):  # these rules open more than its ports
        target.verify(promises=Promises(switch=True))
    commands = sorted(guest.commands)
    assert len(commands) == 4
    assert [command.split()[0] for command in commands] == ["nix-build", "sh", "sh", "true"]
    assert "sh -s wait=" in commands[1]
    assert "switch-to-configuration switch" in commands[2]
    assert guest.logins == ["nixos", "root"]


def test_a_service_that_listens_late_is_seen(guest: Guest, target: Machine) -> None:
    whole = recorded("probe.txt")
    guest.probes = ["\n".join(line for line in whole.splitlines() if ":80  " not in line), whole]
    assert target.verify()
    assert probe.command("listeners") in guest.commands


@pytest.mark.usefixtures("guest")
def test_a_port_that_waits_for_data_is_not_asked(target: Machine) -> None:
    waiting = [Port(port=80, protocol="http", needs_data=True)]
    names = [check.name for check in target.verify(ports=waiting).checks]
    assert names == [name for name in NAMES if name != "port-80"]


@pytest.mark.usefixtures("guest")
def test_a_udp_port_is_left_to_the_inside(target: Machine) -> None:
    declared = [*target.request.ports, Port(port=51820, protocol="udp")]
    assert failed(lambda: target.verify(ports=declared)) == {
        "listeners": "declared, but nothing listens on udp 51820",
        "firewall": "IPv4: declared, but not open: udp 51820",
    }


def test_a_probe_that_does_not_run(guest: Guest, target: Machine) -> None:
    guest.probes = ["This account is not available."]
    with pytest.raises(FlakeshipError, match="This account is not available") as failure:
        target.verify()
    assert (failure.value.code, failure.value.key) == ("probe-failed", REQUEST.machine)


def test_another_key_than_the_pinned_one_is_refused(guest: Guest, target: Machine) -> None:
    with pytest.raises(FlakeshipError) as failure:
        target.verify(OTHER)
    assert (failure.value.code, failure.value.key) == ("host-key-changed", REQUEST.machine)
    assert f"pulumi up {replacing(REQUEST.machine)}" in failure.value.remedy
    assert guest.commands == []


def test_a_server_with_another_key_than_the_pinned_one_is_refused(
    guest: Guest, target: Machine
) -> None:
    guest.key = "ssh-ed25519 SHA256:other"
    with pytest.raises(FlakeshipError, match="server:    ssh-ed25519 SHA256:other") as failure:
        target.verify(ED25519)
    assert failure.value.code == "host-key-changed"
    assert guest.commands == []


def test_a_server_with_another_key_than_the_console_announced(
    guest: Guest, target: Machine
) -> None:
    guest.key = "ssh-ed25519 SHA256:other"
    (detail,) = failed(target.verify).values()
    assert detail.startswith("ssh-ed25519 SHA256:other was shown")
    assert guest.commands == []


@pytest.mark.usefixtures("guest")
def test_a_later_announcement_of_this_boot_counts(target: Machine) -> None:
    console = target.console
    console.write_text(block(OTHER))
    tries: list[list[str]] = []

    def late(connection: ssh.Connection, seconds: float, **_: object) -> None:
        tries.append(connection.keys)
        if connection.keys == [OTHER]:
            console.write_text(block(OTHER) + block(ED25519))
            raise errors.HostKeyRefusedError("another key")
        connect(connection, seconds)

    connect = ssh.Connection.connect
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ssh.Connection, "connect", late)
        assert target.verify().host_keys == [ED25519]
    assert tries == [[OTHER], [ED25519]]


@pytest.mark.usefixtures("guest")
def test_another_announcement_during_the_checks_is_refused(target: Machine) -> None:
    run = probe.run

    def announce(*of_a_machine: Any, **how: Any) -> facts.Facts:
        with target.console.open("a") as console:
            console.write(block(OTHER))
        return run(*of_a_machine, **how)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(probe, "run", announce)
        with pytest.raises(FlakeshipError) as failure:
            target.verify()
    assert failure.value.code == "host-key-changed"


@pytest.mark.usefixtures("guest")
def test_what_a_host_does_not_promise_is_not_checked(target: Machine) -> None:
    """And the evidence says so, where a reader would look for it."""
    least = target.verify(addressing="static", promises=Promises(nix=False, switch=False))
    assert [check.name for check in least.checks] == NAMES
    details = {check.name: check.detail for check in least.checks}
    assert details["dhcp"].endswith("not asked where it comes from: the network has no DHCP")
    assert details["nix-build"] == "not asked: the host's manifest has `rebuildable: false`"
    nowhere = target.verify(addressing="none")
    assert "dhcp" not in [check.name for check in nowhere.checks]
    most = target.verify(addressing="dhcp", promises=Promises(nix=True, switch=True))
    assert [check.name for check in most.checks] == [*NAMES[:-1], "reactivation", "own"]
    assert {*NAMES, "reactivation"} - {"own", "port-22", "port-80"} == BUILT_IN


class Tail:
    """A console of which only the end is left."""

    name = "console of web"
    pace = 0.0

    def __init__(self, text: str) -> None:
        self.text = text

    def read(self) -> str:
        return self.text


@pytest.mark.usefixtures("guest")
def test_a_truncated_console(target: Machine) -> None:
    found = verify.verify(target.request, [ED25519], target.of_a_cloud("much later"))
    assert found.checks[0].detail.endswith("the console no longer holds its announcement")
    names = [*NAMES[:12], "beside", "after", "nix-build", "own"]
    assert [check.name for check in found.checks] == names
    details = {check.name: check.detail for check in found.checks}
    assert (details["beside"], details["after"]) == ("running", "nixos")


@pytest.mark.usefixtures("guest")
@pytest.mark.parametrize(
    ("pinned", "text", "code"),
    [([], "much later", "host-keys-missing"), ([OTHER], block(ED25519), "host-key-changed")],
    ids=["a first verification", "another key"],
)
def test_what_a_truncated_console_does_not_excuse(
    target: Machine, pinned: list[str], text: str, code: str
) -> None:
    with pytest.raises(FlakeshipError, match="look yourself: ssh") as failure:
        verify.verify(replace(target.request, deadline=0.3), pinned, target.of_a_cloud(text))
    assert (failure.value.code, failure.value.key) == (code, REQUEST.machine)


@pytest.mark.usefixtures("guest")
def test_checks_of_a_target_fail(target: Machine) -> None:
    def fail(*_: object) -> str:
        raise Failed("something else")

    checks = [ScheduledCheck("a", fail), ScheduledCheck("b", fail, ["a"])]
    context = replace(target.of_a_cloud(""), checks=checks)
    found = failed(lambda: verify.verify(target.request, [ED25519], context))
    assert found == {"a": "something else", "b": "something else"}


@pytest.mark.usefixtures("guest")
def test_a_machine_that_never_announces(target: Machine) -> None:
    target.console.write_text("")
    with pytest.raises(FlakeshipError, match=r"The console .* is empty") as failure:
        target.verify(deadline=0)
    assert failure.value.code == "host-keys-missing"
    assert failure.value.remedy == boot_stages.EMPTY.remedy
    assert f"console: {boot_stages.EMPTY.name}." in failure.value.details[0]


@pytest.mark.usefixtures("guest")
def test_a_silent_machine_tells_how_far_it_came(target: Machine) -> None:
    target.console.write_text(consoles.SEABIOS + consoles.KERNEL + consoles.SCRIPT + consoles.WAITS)
    with pytest.raises(FlakeshipError) as failure:
        target.verify(deadline=0)
    error = failure.value
    assert (error.code, error.key) == ("host-keys-missing", REQUEST.machine)
    assert "`fileSystems`" in error.remedy
    assert "Failure on the console: file system." in error.details[0]
    assert "stage on the console: initrd." in error.details[0]
    assert error.details[1].startswith("  > waiting for device /dev/disk/by-label/nowhere")
    assert error.details[2].startswith("The end of the console (")


@pytest.mark.usefixtures("guest")
def test_a_machine_that_is_up_and_silent(target: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    target.console.write_text(consoles.UP)

    def silent(*_: object, **__: object) -> None:
        raise errors.UnreachableError("no SSH login", remedy="as it was")

    monkeypatch.setattr(ssh.Connection, "connect", silent)
    with pytest.raises(FlakeshipError) as failure:
        target.verify()
    assert (failure.value.code, failure.value.remedy) == ("ssh-unreachable", "as it was")
    assert "stage on the console: login prompt." in failure.value.details[0]


def test_a_failed_check_is_not_about_the_boot(guest: Guest, target: Machine) -> None:
    guest.build = Result(1, "", "")
    with pytest.raises(FlakeshipError) as failure:
        target.verify()
    assert failure.value.remedy == ""
    assert not [line for line in failure.value.details if "stage on the console" in line]


@pytest.mark.usefixtures("guest")
def test_a_console_that_cannot_be_read(target: Machine) -> None:
    class Unreadable(Tail):
        def read(self) -> str:
            raise FlakeshipError("Nova does not show it", code="console-unavailable")

    context = replace(target.of_a_cloud(""), console=Unreadable(""))
    with pytest.raises(FlakeshipError) as failure:
        verify.verify(target.request, [], context)
    assert failure.value.code == "console-unavailable"
    assert "  | Nova does not show it" in failure.value.details


def test_pins_of_earlier_evidence() -> None:
    evidence = dump(Evidence("web-1", 1, [ED25519], 1.0, []))
    assert verify.pinned_keys("", "web-1") == []
    assert verify.pinned_keys(evidence, "web-1") == [ED25519]
    assert verify.pinned_keys(evidence, "web-2") == []
    with pytest.raises(FlakeshipError) as failure:
        verify.pinned_keys("{}", "web-1")
    assert (failure.value.code, failure.value.key) == ("evidence-unreadable", "web-1")


def gone(calls: int) -> Callable[[], None]:
    """A watch that sees a machine for so many calls."""
    left = iter(range(calls))

    def look() -> None:
        if next(left, None) is None:
            raise FlakeshipError("it has stopped", code="machine-stopped")

    return look


def stopped(target: Machine, watch: Callable[[], None], **given: Any) -> FlakeshipError:
    context = target.context(watch=watch, **given)
    with pytest.raises(FlakeshipError) as failure:
        verify.verify(replace(target.request, deadline=3600), [], context)
    assert failure.value.code == "machine-stopped"
    assert verify.NOT_SERVING in "".join(failure.value.details)
    return failure.value


@pytest.mark.usefixtures("guest")
def test_a_machine_that_stops_is_not_waited_for(target: Machine) -> None:
    announced = target.console.read_text()
    target.console.write_text("boot\n")
    assert "boot" in "".join(stopped(target, gone(3)).details)
    target.console.write_text(announced)
    with server(silent) as port:
        stopped(replace(target, route=replace(ROUTE, ports={22: port})), gone(4))


@pytest.mark.usefixtures("guest")
def test_a_machine_that_stops_while_it_is_checked(target: Machine) -> None:
    seen, looks = threading.Event(), gone(3)

    def watch() -> None:
        try:
            looks()
        except FlakeshipError:
            seen.set()
            raise

    waits = ScheduledCheck("waits", lambda _: str(seen.wait(60)))
    stopped(target, watch, checks=[waits])


def test_the_evidence_says_where_the_keys_were_announced(guest: Guest, target: Machine) -> None:
    context = target.context(announced_where=lambda: "by its guest agent")
    found = verify.verify(target.request, [], context)
    assert found.checks[0].detail == f"{guest.key}, as announced by its guest agent"
