"""What a guest may send through the packet filter: real frames through a real socket."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator

import pytest

from flakeship.targets.local import packet_filter

SUBNET = "10.3.4.0/24"
GATEWAY, RESOLVER, HOST = "10.3.4.2", "10.3.4.3", "192.0.2.7"
TCP, UDP, ICMP, SCTP = 6, 17, 1, 132
SYN, SYN_ACK, ACK, FIN_ACK, RST = 0x02, 0x12, 0x10, 0x11, 0x04


def ip(
    to: str,
    protocol: int,
    port: int = 80,
    flags: int = SYN,
    *,
    options: int = 0,
    fragment: int = 0x4000,
    ethertype: int = 0x0800,
) -> bytes:
    """An Ethernet frame with a packet; `options` are words of IP options."""
    body = struct.pack("!HHIIBBHHH", 40000, port, 1, 0, 0x50, flags, 1024, 0, 0)
    if protocol == UDP:
        body = struct.pack("!HHHH", 40000, port, 8, 0)
    head = struct.pack(
        "!BBHHHBBH4s4s",
        0x45 + options,
        0,
        20 + 4 * options + len(body),
        1,
        fragment,
        64,
        protocol,
        0,
        socket.inet_aton("10.3.4.15"),
        socket.inet_aton(to),
    )
    return bytes(12) + struct.pack("!H", ethertype) + head + b"\1" * 4 * options + body


PASSES = {
    "arp": bytes(12) + b"\x08\x06" + bytes(46),
    "dhcp discover": ip("255.255.255.255", UDP, 67),
    "dhcp renewal": ip(GATEWAY, UDP, 67),
    "dns": ip(RESOLVER, UDP, 53),
    "dns over tcp": ip(RESOLVER, TCP, 53),
    "ping of the gateway": ip(GATEWAY, ICMP),
    "answer to a forwarded connection": ip(GATEWAY, TCP, 51000, SYN_ACK),
    "data of a forwarded connection": ip(GATEWAY, TCP, 51000, ACK),
    "end of a forwarded connection": ip(GATEWAY, TCP, 51000, FIN_ACK),
    "refusal of a forwarded connection": ip(GATEWAY, TCP, 51000, RST),
    "internet": ip("198.51.100.1", TCP, 443),
    "internet, with options": ip("198.51.100.1", TCP, 443, options=2),
    "internet over udp": ip("198.51.100.1", UDP, 123),
    "another private network": ip("10.3.5.2", TCP, 443),
}
DROPPED = {
    "gateway": ip(GATEWAY, TCP, 5432),
    "gateway with options": ip(GATEWAY, TCP, 5432, options=3),
    "gateway, with flags that libslirp ignores": ip(GATEWAY, TCP, 5432, SYN | 0xC8),
    "gateway over udp": ip(GATEWAY, UDP, 5353),
    "gateway over sctp": ip(GATEWAY, SCTP),
    "a fragment": ip(GATEWAY, TCP, 5432, ACK, fragment=0x2000),
    "a later fragment": ip(GATEWAY, TCP, 5432, ACK, fragment=3),
    "another port of the resolver": ip(RESOLVER, TCP, 5432),
    "another port of the resolver over udp": ip(RESOLVER, UDP, 5353),
    "another port of the resolver, with options": ip(RESOLVER, TCP, 5432, options=10),
    "loopback": ip("127.0.0.1", TCP, 5432),
    "loopback over udp": ip("127.0.0.53", UDP, 53),
    "answer to loopback": ip("127.0.0.1", TCP, 5432, ACK),
    "0.0.0.0": ip("0.0.0.0", TCP, 5432),
    "broadcast": ip("255.255.255.255", UDP, 5353),
    "broadcast over tcp": ip("255.255.255.255", TCP, 67),
    "broadcast of the subnet": ip("10.3.4.255", UDP, 67),
    "another address of the subnet": ip("10.3.4.4", TCP, 80),
    "network of the subnet": ip("10.3.4.0", TCP, 80),
    "multicast": ip("224.0.0.251", UDP, 5353),
    "credentials of a cloud": ip("169.254.169.254", TCP, 80),
    "the workstation's own address": ip(HOST, TCP, 22),
    "the workstation's own address over udp": ip(HOST, UDP, 53),
    "ipv6": ip(GATEWAY, TCP, 80, ACK, ethertype=0x86DD),
    "vlan": ip("198.51.100.1", TCP, ethertype=0x8100),
    "cut": ip(GATEWAY, TCP, 5432)[:40],
    "short": b"\x08\x00",
}


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    guest, network = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with guest, network:
        packet_filter.attach(network, packet_filter.program(SUBNET, [HOST]))
        network.setblocking(False)
        yield guest, network


@pytest.mark.parametrize("name", PASSES)
def test_passes(pair: tuple[socket.socket, socket.socket], name: str) -> None:
    guest, network = pair
    guest.send(PASSES[name])
    assert network.recv(2000) == PASSES[name]


@pytest.mark.parametrize("name", DROPPED)
def test_is_dropped(pair: tuple[socket.socket, socket.socket], name: str) -> None:
    guest, network = pair
    guest.send(DROPPED[name])
    with pytest.raises(BlockingIOError):
        network.recv(2000)


def test_what_comes_back_is_not_filtered(pair: tuple[socket.socket, socket.socket]) -> None:
    guest, network = pair
    network.send(DROPPED["gateway"])
    assert guest.recv(2000) == DROPPED["gateway"]


def test_a_workstation_may_have_many_addresses() -> None:
    own = [f"192.168.{number // 250}.{number % 250}" for number in range(5000)]
    guest, network = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with guest, network:
        packet_filter.attach(network, packet_filter.program(SUBNET, own))
        network.setblocking(False)
        guest.send(ip(own[packet_filter.MOST - 1], TCP))
        guest.send(PASSES["internet"])
        assert network.recv(2000) == PASSES["internet"]


def test_own_addresses_are_those_of_the_interfaces() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("198.51.100.1", 9))
        except OSError:
            pytest.skip("this workstation has no IPv4 route")
        assert probe.getsockname()[0] in packet_filter.own_addresses()
    assert not any(address.startswith("127.") for address in packet_filter.own_addresses())
