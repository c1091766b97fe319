"""The command flakeship-address in network namespaces: what neighbours see of it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pytest

from flakeship.model import codec
from flakeship.model.errors import CommandError, FlakeshipError
from flakeship.system.process import run, start
from flakeship.targets.proxmox.api.login import Access
from flakeship.targets.proxmox.cutover import guest
from flakeship.targets.proxmox.cutover.cutover import check_active, cut_over
from flakeship.targets.proxmox.requests import ActiveMachine, CutoverRequest
from tests.targets.proxmox.e2e.namespaces import SHELLS, UNUSABLE, Namespace, machines, usable

pytestmark = pytest.mark.skipif(not usable(), reason=UNUSABLE)

ADDRESSES = ["10.77.0.99/24", "fd77::99/64"]
PROBER = """
import socket, sys, time
address, file, longest, last, answers = sys.argv[1], sys.argv[2], 0.0, time.monotonic(), 0
while True:
    begun = time.monotonic()
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as probe:
        probe.settimeout(0.02)
        # a closed port of a machine with the address refuses at once
        answered = probe.connect_ex((address, 9)) == 111
    now = time.monotonic()
    if answered:
        longest, last, answers = max(longest, now - last), now, answers + 1
        with open(file, "w") as out:
            out.write(f"{answers} {longest}")
    time.sleep(max(0.0, begun + 0.02 - now))
"""


@pytest.fixture
def net(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[list[Namespace]]:
    """Three machines in one network; the command runs in dash, or in the shell of `EITHER`."""
    with machines(tmp_path, 3, SHELLS[getattr(request, "param", "sh")]) as made:
        yield made


EITHER = pytest.mark.parametrize("net", SHELLS, indirect=True)


def until(holds: Callable[[], bool]) -> None:
    """Wait for what happens soon; the limit is for a machine that is very busy."""
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end, "it has not happened"
        time.sleep(0.05)


@contextmanager
def keeping(each: Namespace) -> Iterator[Callable[[], int | None]]:
    """The service runs; the result is its exit code, None while it goes on."""
    with start(each.argv("keep"), pipes=False) as process:
        yield process.poll


@EITHER
@pytest.mark.parametrize("address", ADDRESSES)
def test_neighbours_learn_where_it_is(net: list[Namespace], address: str) -> None:
    old, new, client = net
    old.address("set", address)
    assert client.neighbour(address, ask=True) == old.mac
    old.address("drop")
    assert client.neighbour(address) == old.mac
    new.address("set", address)
    # the client has sent nothing meanwhile
    assert client.neighbour(address) == new.mac
    assert not old.has(address)
    assert not old.stored.exists()
    assert new.address("show") == f"stored {address}\nhere eth0 {new.mac}"
    assert (new.folder / "systemctl").read_text() == "start flakeship-address\n"


@pytest.mark.parametrize("address", ADDRESSES)
def test_who_has_it_is_asked(net: list[Namespace], address: str) -> None:
    old, new, _ = net
    assert new.address("ask", address) == "free"
    # it is not taken by asking
    assert not new.has(address)
    old.address("set", address)
    assert new.address("ask", address) == old.mac
    assert old.address("ask", address) == "here"
    old.address("drop")
    # nobody goes by an answer of a minute ago
    assert new.address("ask", address) == "free"


def test_an_address_of_the_machine_itself_is_left_alone(net: list[Namespace]) -> None:
    for own in ("10.77.0.1/24", "fd77::1/64"):
        with pytest.raises(CommandError) as caught:
            net[0].address("set", own)
        assert "is an address of this machine itself" in caught.value.stderr
        assert not net[0].stored.exists()
        net[0].address("drop")
        assert net[0].has(own)


def test_it_is_set_and_dropped_again_and_again(net: list[Namespace]) -> None:
    first, second = ADDRESSES
    net[0].address("set", first)
    net[0].address("set", first)
    net[0].address("set", second)
    assert not net[0].has(first)
    assert net[0].has(second)
    net[0].address("drop")
    net[0].address("drop")
    assert not net[0].has(second)
    assert net[0].address("show") == ""


def test_a_killed_command_is_completed(net: list[Namespace]) -> None:
    """Stored and not added, and added with another prefix."""
    net[0].stored.parent.mkdir()
    net[0].stored.write_text(f"{ADDRESSES[0]}\n")
    net[0].address("set", ADDRESSES[0])
    assert net[0].has(ADDRESSES[0])
    net[0].stored.write_text("10.77.0.99/25\n")
    net[0].address("drop")
    assert not net[0].has(ADDRESSES[0])


@EITHER
@pytest.mark.parametrize("line", ["stop", ""])
def test_who_is_not_told_to_go_leaves_all_as_it_was(net: list[Namespace], line: str) -> None:
    """As after a workstation that has vanished."""
    first, second = ADDRESSES
    net[0].address("set", first)
    for words in (["set", second, "wait"], ["drop", "wait"]):
        done = run(net[0].argv(*words), stdin=line, check=False, timeout=30)
        assert (done.code, done.stdout) == (1, "ready\n")
        assert net[0].address("show") == f"stored {first}\nhere eth0 {net[0].mac}"
        assert not net[0].has(second)
    done = run(net[1].argv("set", second, "wait"), stdin=line, check=False, timeout=30)
    assert done.code == 1
    assert not net[1].stored.exists()


def test_it_says_when_it_has_moved(net: list[Namespace]) -> None:
    for words in (["set", ADDRESSES[0], "wait"], ["drop", "wait"]):
        done = run(net[0].argv(*words), stdin="go\n", timeout=30)
        assert done.stdout == "ready\ndone\n"
        assert net[0].has(ADDRESSES[0]) == (words[0] == "set")


def test_its_interface_is_that_of_the_route(net: list[Namespace]) -> None:
    each = net[0]
    each.ip("link", "add", "eth1", "type", "veth", "peer", "eth2")
    each.ip("link", "set", "eth2", "up")
    each.ip("link", "set", "eth1", "up")
    each.ip("addr", "add", "10.78.0.1/24", "dev", "eth1")
    each.address("set", "10.78.0.99/24")
    assert "here eth1" in each.address("show")
    with pytest.raises(CommandError) as caught:
        each.address("set", "10.79.0.99/24")
    assert "no route" in caught.value.stderr
    each.ip("route", "add", "default", "via", "10.77.0.2")
    each.address("set", "10.79.0.99/24")
    assert "here eth0" in each.address("show")


@pytest.mark.parametrize("words", [[], ["take"], ["set"], ["ask"], ["set", "10.77.0.99"]])
def test_what_it_is_not_told_it_does_not_do(net: list[Namespace], words: list[str]) -> None:
    with pytest.raises(CommandError) as caught:
        net[0].address(*words)
    assert "flakeship-address: " in caught.value.stderr


@EITHER
@pytest.mark.parametrize("address", ADDRESSES)
def test_it_comes_back_after_a_boot(net: list[Namespace], address: str) -> None:
    """And after the network's configuration has removed it. It waits for the network."""
    each, _, client = net
    each.stored.parent.mkdir()
    each.stored.write_text(f"{address}\n")
    each.ip("link", "set", "eth0", "down")
    each.ip("addr", "flush", "dev", "eth0")
    with keeping(each) as ended:
        time.sleep(0.5)
        assert ended() is None
        each.ip("link", "set", "eth0", "up")
        each.ip("addr", "add", "10.77.0.1/24", "dev", "eth0")
        each.ip("addr", "add", "fd77::1/64", "dev", "eth0")
        until(lambda: each.has(address))
        each.ip("addr", "del", address, "dev", "eth0")
        until(lambda: each.has(address))
        assert client.neighbour(address, ask=True) == each.mac
        each.address("drop")
        until(lambda: ended() is not None)
    assert ended() == 0
    assert not each.has(address)


@EITHER
@pytest.mark.parametrize("address", ADDRESSES)
def test_a_machine_that_starts_late_does_not_bring_it_back(
    net: list[Namespace], address: str
) -> None:
    late, active, client = net
    active.address("set", address)
    late.stored.parent.mkdir()
    late.stored.write_text(f"{address}\n")
    with keeping(late) as ended:
        until(lambda: ended() is not None)
    assert ended() == 0
    assert not late.has(address)
    assert not late.stored.exists()
    assert client.neighbour(address, ask=True) == active.mac


def test_without_an_address_there_is_nothing_to_keep(net: list[Namespace]) -> None:
    assert net[0].address("keep") == ""
    assert net[0].address("show") == ""


@contextmanager
def probed(client: Namespace, address: str, file: Path) -> Iterator[None]:
    """The client asks a closed port every 20 ms."""
    words = [sys.executable, "-c", PROBER, address.partition("/")[0], str(file)]
    with start(["ip", "netns", "exec", client.name, *words], pipes=False):
        until(file.exists)
        yield
        answers = count(file)
        until(lambda: count(file) > answers + 5)


def count(file: Path) -> int:
    """The answers so far."""
    return int((file.read_text() or "0").split()[0])


@EITHER
@pytest.mark.parametrize("address", ADDRESSES)
def test_a_whole_cutover(
    net: list[Namespace],
    address: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    old, new, client = net
    shells = {each.name: each for each in net}

    def login(at: ActiveMachine, _: str = "") -> nullcontext[Namespace]:
        return nullcontext(shells[at.machine])

    monkeypatch.setattr(guest, "login", login)
    first = cut_over(CutoverRequest(Access(), "prod", "web", old.machine(), address), "")
    probes = tmp_path / "probes"
    with probed(client, address, probes):
        second = cut_over(
            CutoverRequest(Access(), "prod", "web", new.machine(), address), codec.dump(first)
        )
    assert new.mac in check_active(second)
    assert not old.has(address)
    with pytest.raises(FlakeshipError):
        check_active(first)
    with capsys.disabled():
        print(f"\n{address}: {float(probes.read_text().split()[1]) * 1000:.0f} ms of silence")
    # and what somebody else has is not taken
    client.ip("addr", "add", ADDRESSES[0].replace("99", "98"), "dev", "eth0")
    taken = CutoverRequest(Access(), "prod", "web", new.machine(), "10.77.0.98/24")
    with pytest.raises(FlakeshipError) as caught:
        cut_over(taken, codec.dump(second))
    assert caught.value.code == "address-in-use"
    assert client.mac in caught.value.what
    assert new.has(address)
