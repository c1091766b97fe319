"""A packet filter that keeps a guest from the workstation's own services (decision 0015).

QEMU's user network opens what a guest connects to as the workstation itself: the gateway is
127.0.0.1, and so are 127.0.0.1, 0.0.0.0 and, with a local resolver, every port of the DNS server's
address (libslirp: sotranslate_out4 in socket.c). A classic BPF program on a socket between the two
drops such packets in the kernel: it needs no privilege and no process of its own.
"""

from __future__ import annotations

import ctypes
import ipaddress
import re
import socket
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from flakeship.system.files import read

SO_ATTACH_FILTER = 26  # asm-generic/socket.h
FIB_TRIE = Path("/proc/net/fib_trie")
MOST = 500  # addresses: a program of 1,100 instructions, of 4,096 that there may be

LOAD, LOAD_HALF, LOAD_BYTE = 0x20, 0x28, 0x30  # linux/filter.h, at a fixed place of the frame
LOAD_HALF_AFTER, LOAD_BYTE_AFTER = 0x48, 0x50  # the same, behind the IP header
HEADER_LENGTH, AND, EQUALS, HAS_BITS, RETURN = 0xB1, 0x54, 0x15, 0x45, 0x06

ETHERTYPE, FRAGMENT, PROTOCOL, DESTINATION, IP_HEADER = 12, 20, 23, 30, 14  # places in a frame
PORT, FLAGS = 16, 27  # of the destination and of TCP, before the length of the IP header is added
IPV4, ARP, ICMP, TCP, UDP = 0x0800, 0x0806, 1, 6, 17
DHCP, DNS = 67, 53
CONNECTS, SYN = 0x37, 0x02  # FIN, SYN, RST, ACK and URG: libslirp connects where SYN alone is set

CLOSED = (
    "0.0.0.0/8",  # the kernel connects 0.0.0.0 to loopback
    "127.0.0.0/8",
    "169.254.0.0/16",  # where a workstation in a cloud reads its own credentials
    "224.0.0.0/3",  # multicast, reserved, broadcast
)


class Instruction(NamedTuple):
    """One instruction: its code and operand, and how many to skip where a test is true or false."""

    code: int
    operand: int
    true: int = 0
    false: int = 0


Program = list[Instruction]
PASS: Program = [Instruction(RETURN, 0xFFFF)]
DROP: Program = [Instruction(RETURN, 0)]
PORT_ALONE: Program = [Instruction(HEADER_LENGTH, IP_HEADER), Instruction(LOAD_HALF_AFTER, PORT)]


def services(subnet: str) -> tuple[ipaddress.IPv4Address, ipaddress.IPv4Address]:
    """QEMU's gateway and its DNS server in a machine's network."""
    first = ipaddress.IPv4Network(subnet).network_address
    return first + 2, first + 3


def program(subnet: str, own: Sequence[str] = ()) -> Program:
    """The filter for what a guest sends; `own` are the workstation's addresses.

    It passes answers to forwarded connections, DHCP, DNS and IPv4 to all other addresses.
    """
    gateway, resolver = map(int, services(subnet))
    dhcp = [*PORT_ALONE, *when(DHCP, PASS), *DROP]
    protocol = Instruction(LOAD_BYTE, PROTOCOL)
    answers = [
        Instruction(HEADER_LENGTH, IP_HEADER),
        Instruction(LOAD_BYTE_AFTER, FLAGS),
        Instruction(AND, CONNECTS),
        *when(SYN, DROP),
        *PASS,
    ]
    at_gateway = [protocol, *when(ICMP, PASS), *when(UDP, dhcp), *when(TCP, answers), *DROP]
    dns = [*PORT_ALONE, *when(DNS, PASS), *DROP]
    at_resolver = [protocol, *when(ICMP, PASS), *when(UDP, dns), *when(TCP, dns), *DROP]
    destination = Instruction(LOAD, DESTINATION)
    return [
        Instruction(LOAD_HALF, ETHERTYPE),
        *when(ARP, PASS),
        Instruction(EQUALS, IPV4, 1, 0),
        *DROP,
        Instruction(LOAD_HALF, FRAGMENT),
        *when(0x3FFF, DROP, HAS_BITS),  # a fragment could hide what it connects to
        destination,
        *when(0xFFFFFFFF, [protocol, *when(UDP, dhcp), *DROP]),
        *when(gateway, at_gateway),
        *when(resolver, at_resolver),
        *(
            each
            for address in own[:MOST]
            for each in when(int(ipaddress.ip_address(address)), DROP)
        ),
        *(each for closed in (subnet, *CLOSED) for each in _within(closed, destination)),
        *PASS,
    ]


def when(value: int, block: Program, test: int = EQUALS) -> Program:
    """A block, which ends the program, for where the loaded value passes a test."""
    return [Instruction(test, value, 0, len(block)), *block]


def _within(subnet: str, destination: Instruction) -> Program:
    network = ipaddress.IPv4Network(subnet)
    mask = Instruction(AND, int(network.netmask))
    return [destination, mask, *when(int(network.network_address), DROP)]


def attach(receiver: socket.socket, instructions: Program) -> None:
    """Drop the datagrams to a socket that do not pass a program. Raises OSError."""
    packed = b"".join(struct.pack("HBBI", i.code, i.true, i.false, i.operand) for i in instructions)
    memory = ctypes.create_string_buffer(packed)
    address = struct.pack("HP", len(instructions), ctypes.addressof(memory))
    receiver.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, address)


def own_addresses() -> list[str]:
    """The workstation's IPv4 addresses but those of loopback, as they are now."""
    found = re.findall(r"\|-- ([\d.]+)\n\s+/32 host LOCAL", read(FIB_TRIE))
    return sorted({address for address in found if not address.startswith("127.")})
