"""The network of a machine: QEMU's user network, behind the packet filter unless a stack opens it.

Guest and user network are on one hub of QEMU. Between the guest's device and the hub are two
connected sockets, and the filter is on the one that the hub reads.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from flakeship.system.tcp import LOOPBACK
from flakeship.targets.local import packet_filter
from flakeship.targets.local.resources import MachineRequest

USER = "net0"  # QEMU's id of the user network, in commands that forward a port


@dataclass(frozen=True)
class Network:
    """QEMU's arguments, and the file descriptors that they name."""

    argv: list[str]
    descriptors: tuple[int, ...] = ()


@contextmanager
def network(request: MachineRequest, ports: Mapping[int, int]) -> Iterator[Network]:
    """The network of a machine that is started inside; `ports` maps guest ports to host ports."""
    forwards = "".join(f",hostfwd={forward_rule(host, guest)}" for guest, host in ports.items())
    user = f"user,id={USER},net={request.subnet}"
    if request.workstation_access:
        yield Network([*("-netdev", f"{user}{forwards}"), *_device(USER)])
        return
    guest, hub = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with guest, hub:
        own = packet_filter.own_addresses()
        packet_filter.attach(hub, packet_filter.program(request.subnet, own))
        argv = [
            *("-netdev", f"{user},ipv6=off{forwards}"),
            *("-netdev", f"hubport,id=hub-user,hubid=0,netdev={USER}"),
            *("-netdev", f"socket,id=filtered,fd={hub.fileno()}"),
            *("-netdev", "hubport,id=hub-filtered,hubid=0,netdev=filtered"),
            *("-netdev", f"socket,id=guest,fd={guest.fileno()}"),
        ]
        yield Network([*argv, *_device("guest")], (guest.fileno(), hub.fileno()))


def _device(netdev: str) -> list[str]:
    return ["-device", f"virtio-net-pci,netdev={netdev}"]


def forward_rule(host_port: int, guest_port: int) -> str:
    """A rule for `hostfwd=` and `hostfwd_add`: only the workstation itself reaches the port."""
    return f"tcp:{LOOPBACK}:{host_port}-:{guest_port}"
