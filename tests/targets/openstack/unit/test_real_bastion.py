"""A bastion of one's own and a server behind it, both OpenSSH's: who is trusted and told."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from flakeship.model.errors import FlakeshipError
from flakeship.ssh import connection, errors, host_keys, stored_login
from flakeship.ssh.connection import Connection
from flakeship.ssh.options import Endpoint, SshOptions
from flakeship.system import tcp
from flakeship.system.process import Result, run
from flakeship.targets.openstack.network import own_bastion
from flakeship.targets.openstack.requests import OwnBastion
from flakeship.targets.openstack.servers import checks
from flakeship.verify import port_scan
from flakeship.verify.request import Route
from tests.sshd import USER, Sshd, key, missing, running
from tests.unit.verify.machines import ED25519

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing())

UNATTENDED = ["-o", "BatchMode=yes", "-o", "ConnectTimeout=20"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its name is one that ssh and a shell must not interpret."""
    return tmp_path_factory.mktemp("50%h it's $HOME", numbered=False)


@pytest.fixture(scope="module")
def mine(folder: Path) -> str:
    return key(folder / "mine")


@pytest.fixture(scope="module")
def server(mine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    with running(tmp_path_factory.mktemp("server") / "x", mine) as found:
        yield found


@pytest.fixture(scope="module")
def gate(mine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    with running(tmp_path_factory.mktemp("gate") / "x", mine) as found:
        yield found


def bastion(gate: Sshd, folder: Path) -> OwnBastion:
    identity = str(folder / "mine")
    return OwnBastion("bastion", gate.address, USER, [gate.key], gate.port, identity)


def by_hand(through: OwnBastion, server: Sshd, folder: Path, *, pinned: str = "") -> Result:
    """The login that a state keeps, run once it is known for one of ours."""
    identity = str(folder / "mine")
    way = SshOptions(through.endpoint(identity), through.host_keys)
    proxy = way.proxy_to(server.address, server.port)
    endpoint = Endpoint("web-1", server.address, server.port, USER, identity)
    written = SshOptions(endpoint, [pinned or server.key], proxy=proxy).command_line()
    login = stored_login.read(written, "server web")
    assert shlex.join(login.words) == written
    assert shlex.join(login.bastion) == way.command_line()
    return run([*login.words, 'echo "in $SSH_CONNECTION agent [$SSH_AUTH_SOCK]"'], check=False)


def test_the_right_key_logs_in_through_it(
    gate: Sshd, server: Sshd, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSH_AUTH_SOCK", str(folder / "agent"))
    before = gate.logins, server.logins
    done = by_hand(bastion(gate, folder), server, folder)
    assert done.stdout.startswith("in 127.0.0.1 "), done.stderr
    assert done.stdout.endswith(f" {server.port} agent []\n")
    assert (gate.logins, server.logins) == (before[0] + 1, before[1] + 1)


def test_another_key_of_the_bastion_is_refused_as_its_own(
    gate: Sshd, server: Sshd, folder: Path
) -> None:
    before = gate.logins, server.connections
    done = by_hand(replace(bastion(gate, folder), host_keys=[ED25519]), server, folder)
    assert (done.code, done.stdout) == (255, "")
    assert "Host key for bastion has changed" in done.stderr
    assert "web-1" not in done.stderr
    assert (gate.logins, server.connections) == before


def test_another_key_of_the_server_is_not_told_as_the_bastions(
    gate: Sshd, server: Sshd, folder: Path
) -> None:
    before = server.logins
    done = by_hand(bastion(gate, folder), server, folder, pinned=ED25519)
    assert (done.code, done.stdout) == (255, "")
    assert "Host key for web-1 has changed" in done.stderr
    assert "bastion" not in done.stderr
    assert server.logins == before


def test_an_ipv6_address(mine: str, server: Sshd, folder: Path, tmp_path: Path) -> None:
    with running(tmp_path / "six", mine, address="::1") as gate:
        done = by_hand(bastion(gate, folder), server, folder)
        assert verified(bastion(gate, folder), server, folder) == "in\n"
    assert done.stdout.startswith("in 127.0.0.1 "), done.stderr


def verified(through: OwnBastion, server: Sshd, folder: Path, *, address: str = "") -> str:
    """What a verification does: a login on the bastion, a forward, and a login over that."""
    address = address or server.address
    with ExitStack() as opened:
        with own_bastion.named(through):
            login = opened.enter_context(Connection(through.endpoint(""), through.host_keys))
            login.connect(through.seconds, up=through.up)
            port = login.forward(address, server.port)
        route = Route("127.0.0.1", {22: port}, "127.0.0.0/8", own=False)
        opened.enter_context(own_bastion.reaching(login, through, route, address))
        endpoint = Endpoint("web-1", "127.0.0.1", port, USER, str(folder / "mine"))
        shell = opened.enter_context(Connection(endpoint, [server.key]))
        shell.connect(4)
        return shell.run("echo in").stdout


def refused(
    through: OwnBastion, server: Sshd, folder: Path, *, address: str = ""
) -> FlakeshipError:
    with pytest.raises(FlakeshipError) as raised:
        verified(through, server, folder, address=address)
    return raised.value


def test_a_verification_goes_through_it(gate: Sshd, server: Sshd, folder: Path) -> None:
    assert verified(bastion(gate, folder), server, folder) == "in\n"


def test_a_verification_tells_another_key_by_its_setting(
    gate: Sshd, server: Sshd, folder: Path
) -> None:
    before = server.connections
    wrong = replace(bastion(gate, folder), host_keys=[ED25519])
    error = refused(wrong, server, folder)
    assert error.code == "bastion-host-key-refused"
    assert error.key == "flakeship:openstack.bastion.hostKey"
    shown, expected = map(host_keys.fingerprint, (gate.key, ED25519))
    assert f"{USER}@127.0.0.1:{gate.port}" in error.what
    assert f"{shown} was shown, {expected} was expected" in error.what
    assert server.connections == before


def test_a_verification_tells_another_key_of_the_server_as_that(
    gate: Sshd, server: Sshd, folder: Path
) -> None:
    error = refused(bastion(gate, folder), replace(server, key=ED25519), folder)
    assert isinstance(error, errors.HostKeyRefusedError)
    assert "bastion" not in f"{error.key} {error}"


def test_a_key_that_the_bastion_does_not_take(
    gate: Sshd, server: Sshd, folder: Path, tmp_path: Path
) -> None:
    key(tmp_path / "other")
    other = replace(bastion(gate, folder), identity=str(tmp_path / "other"))
    before = gate.connections
    error = refused(other, server, folder)
    assert (error.code, error.key) == ("bastion-login-refused", "flakeship:openstack.bastion.user")
    assert gate.connections == before + 1  # a bastion locks out who is refused often


def test_a_bastion_that_forwards_nothing(
    mine: str, server: Sshd, folder: Path, tmp_path: Path
) -> None:
    with running(tmp_path / "shut", mine, "AllowTcpForwarding no") as gate:
        error = refused(bastion(gate, folder), server, folder)
    assert error.code == "bastion-forbids-forwarding"
    assert error.key == "flakeship:openstack.bastion"
    assert "AllowTcpForwarding" in error.remedy


def test_a_server_that_the_bastion_does_not_reach(gate: Sshd, server: Sshd, folder: Path) -> None:
    error = refused(bastion(gate, folder), server, folder, address="255.255.255.255")
    assert (error.code, error.key) == ("bastion-without-route", "web-1")
    assert "does not reach 255.255.255.255:22: connect failed: " in error.what


def test_a_server_that_refuses_is_reached(gate: Sshd, server: Sshd, folder: Path) -> None:
    error = refused(bastion(gate, folder), replace(server, port=1), folder)
    assert isinstance(error, errors.UnreachableError)


def test_a_scan_from_a_bastion_that_may_not_ask_is_blind(
    mine: str, server: Sshd, folder: Path, tmp_path: Path
) -> None:
    """It would find every other port closed."""
    limit = f"PermitOpen 127.0.0.1:{server.port}"
    with running(tmp_path / "limited", mine, limit) as gate:
        through = bastion(gate, folder)
        with pytest.raises(port_scan.BlindError, match="its SSH server forbids that"):
            scanned(through, {server.port, 9})
        assert scanned(through, {server.port}) == {server.port}


def test_faults_of_ipv6_are_told_as_the_check_reads_them(
    gate: Sshd, mine: str, folder: Path, tmp_path: Path
) -> None:
    """These are words of sshd and of the C library."""

    def faults(gate: Sshd, address: str) -> list[str]:
        through = bastion(gate, folder)
        with Connection(through.endpoint(""), through.host_keys) as login:
            login.connect(through.seconds, up=through.up)
            number = login.forward(address, 22)
            with suppress(OSError):
                tcp.exchange("127.0.0.1", number, seconds=5, enough=tcp.a_line)
            return login.forward_faults

    (unrouted,) = faults(gate, "ff0e::15")  # multicast: ENETUNREACH on every machine
    assert unrouted.endswith(checks.UNROUTED)
    with running(tmp_path / "four", mine, "AddressFamily inet") as four:
        (unrouted,) = faults(four, "2001:db8::15")
    assert unrouted.endswith(checks.UNROUTED)
    with running(tmp_path / "limited", mine, "PermitOpen 127.0.0.1:22") as limited:
        (forbidden,) = faults(limited, "2001:db8::15")
    assert forbidden.startswith(connection.FORBIDDEN)


def scanned(through: OwnBastion, asked: set[int]) -> set[int]:
    """The open ones of these ports, as the bastion sees them."""
    peer = port_scan.Neighbour(
        through.endpoint(""), through.host_keys, "127.0.0.1", through.seconds, through.up
    )
    with ExitStack() as opened:
        probers = port_scan.through(opened, peer)

        async def ask() -> set[int]:
            tasks = {port: await probers[0](port) for port in asked}
            return {port for port, task in tasks.items() if await task}

        return asyncio.run(ask())
