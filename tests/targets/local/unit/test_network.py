"""QEMU's own user network and raw frames of a guest: what reaches the workstation, and what not."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from flakeship.system.tcp import free_ports
from flakeship.targets.local import packet_filter
from flakeship.targets.local.network import network
from tests.targets.local.unit.qemu_world import request
from tests.targets.local.unit.test_packet_filter import GATEWAY, RESOLVER, SUBNET, SYN, TCP, UDP, ip

GUEST = bytes.fromhex("525400123456")
SYN_ACK = 0x12

pytestmark = pytest.mark.skipif(
    not shutil.which("qemu-system-x86_64"), reason="needs qemu-system-x86_64 (`make doctor`)"
)


@dataclass
class Guest:
    """What a hostile guest has: a network card that sends any frame."""

    card: socket.socket

    def send(self, packet: bytes) -> None:
        self.card.send(b"\x52\x55" + socket.inet_aton(GATEWAY) + GUEST + packet[12:])

    def received(self, seconds: float = 1.0) -> Iterator[bytes]:
        self.card.settimeout(seconds)
        while True:
            try:
                yield self.card.recv(2000)
            except TimeoutError:
                return

    def connects(self, to: str, port: int) -> bool:
        """Whether a connection is accepted: its packet comes back with SYN and ACK."""
        self.send(checksummed(ip(to, TCP, port, SYN)))
        accepted = (frame[47] for frame in self.received() if frame[23:24] == bytes([TCP]))
        return any(flags & SYN_ACK == SYN_ACK for flags in accepted)


def checksummed(frame: bytes) -> bytes:
    """The frame with the checksums of IP and of TCP or UDP, which libslirp compares."""
    head, body = bytearray(frame[14:34]), bytearray(frame[34:])
    head[10:12] = checksum(bytes(head))
    pseudo = bytes(head[12:20]) + bytes([0, head[9]]) + len(body).to_bytes(2, "big")
    place = 16 if head[9] == TCP else 6
    body[place : place + 2] = checksum(pseudo + bytes(body))
    return frame[:14] + bytes(head) + bytes(body)


def checksum(data: bytes) -> bytes:
    data += bytes(len(data) % 2)
    total = sum(int.from_bytes(data[i : i + 2], "big") for i in range(0, len(data), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return (~total & 0xFFFF).to_bytes(2, "big")


@contextmanager
def guest(*, filtered: bool, forwarded: int) -> Iterator[Guest]:
    """A guest on the network of the target; without the filter where that is left out."""
    card, hub = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    other, unused = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with pytest.MonkeyPatch.context() as patch, card, hub, other, unused:
        # the test has the guest's socket, and QEMU another one in its place
        patch.setattr(socket, "socketpair", lambda *_: (other, hub))
        patch.setattr(packet_filter, "own_addresses", list)
        if not filtered:
            patch.setattr(packet_filter, "attach", lambda *_: None)
        with network(request(subnet=SUBNET), {80: forwarded}) as made:
            argv = made.argv[: made.argv.index("-device")]
            process = subprocess.Popen(
                [
                    "qemu-system-x86_64",
                    "-machine",
                    "none",
                    "-nodefaults",
                    "-display",
                    "none",
                    *argv,
                ],
                pass_fds=made.descriptors,
                stderr=subprocess.DEVNULL,
            )
            try:
                yield started(Guest(card))
            finally:
                process.kill()
                process.wait()


def started(made: Guest) -> Guest:
    """Ask for the gateway's hardware address until it answers."""
    question = bytes.fromhex("0001080006040001") + GUEST + socket.inet_aton("10.3.4.15")
    for _ in range(50):
        made.send(bytes(12) + b"\x08\x06" + question + bytes(6) + socket.inet_aton(GATEWAY))
        if any(frame[12:14] == b"\x08\x06" for frame in made.received(0.2)):
            return made
    raise AssertionError("QEMU's network does not answer")


@pytest.mark.parametrize("filtered", [True, False])
def test_a_guest_reaches_the_loopback_only_without_the_filter(filtered: bool) -> None:
    (forwarded,) = free_ports(1)
    with (
        socket.create_server(("127.0.0.1", 0)) as tcp,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
        guest(filtered=filtered, forwarded=forwarded) as attacker,
    ):
        udp.bind(("127.0.0.1", 0))
        udp.settimeout(1)
        port = tcp.getsockname()[1]
        for way in (GATEWAY, "127.0.0.1", "0.0.0.0"):
            assert attacker.connects(way, port) != filtered, way
            attacker.send(checksummed(ip(way, UDP, udp.getsockname()[1])))
            try:
                arrived = udp.recv(100) == b""
            except TimeoutError:
                arrived = False
            assert arrived != filtered, way
        # on every port where /etc/resolv.conf names a local resolver
        assert not (filtered and attacker.connects(RESOLVER, port))


def test_a_forwarded_connection_reaches_a_guest_behind_the_filter() -> None:
    (forwarded,) = free_ports(1)
    with (
        guest(filtered=True, forwarded=forwarded) as server,
        socket.create_connection(("127.0.0.1", forwarded), timeout=5),
    ):
        asked = [frame for frame in server.received() if frame[23:24] == bytes([TCP])]
    assert any(frame[36:38] == (80).to_bytes(2, "big") and frame[47] == SYN for frame in asked)
