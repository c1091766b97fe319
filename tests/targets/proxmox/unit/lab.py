"""A lab whose guests do not boot, and whose consoles show what a test says."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dev.proxmox.access import AUTOMATION
from dev.proxmox.server import Server
from dev.proxmox.site import HOST, Site, Version
from flakeship.targets.proxmox import find
from flakeship.targets.proxmox.api import tasks
from flakeship.targets.proxmox.api.client import Api, connected
from flakeship.targets.proxmox.api.login import Login
from flakeship.targets.proxmox.guest.guest import Guest
from tests.dev.proxmox.client import running
from tests.dev.proxmox.no_guests import NoGuests
from tests.targets.proxmox.unit.machine import NAME, TAGS, VMID


class Speaking(NoGuests):
    """A VM's console is one end of a pair of sockets; a test has the other ones."""

    def __init__(self) -> None:
        super().__init__()
        self.ends: list[socket.socket] = []
        self.serial = True

    def console(self, _: int) -> socket.socket:
        if not self.serial:
            raise FileNotFoundError
        ours, theirs = socket.socketpair()
        ours.settimeout(20)
        self.ends.append(ours)
        return theirs

    def say(self, text: str | bytes) -> None:
        """Write to the newest console."""
        self.ends[-1].sendall(text.encode() if isinstance(text, str) else text)

    def close(self) -> None:
        """Close all."""
        for each in self.ends:
            each.close()


@contextmanager
def lab(folder: Path, guests: Speaking, version: Version = "9.2") -> Iterator[Server]:
    """A lab with the machine, which runs."""
    with running(Site(folder, version, port=0), guests) as server:
        with connected(login(server)) as api:
            named = {"vmid": str(VMID), "name": "web", "pool": "iac", "tags": ";".join(TAGS)}
            devices = {
                "net0": "virtio,bridge=vmbr0",
                "serial0": "socket",
                "agent": "1",
                "virtio0": "local:4",
            }
            make(api, "qemu", **named, **devices)
            make(api, "qemu", str(VMID), "status", "start")
        yield server
    guests.close()


def make(api: Api, *path: str, **fields: str) -> None:
    """Call what starts a task, and wait for it."""
    tasks.finish(api, api.call("POST", "nodes", "pve", *path, **fields), "/".join(path), 10)


def login(server: Server, token: str = AUTOMATION) -> Login:
    """The login of a token on a lab."""
    text = server.lab.access.token(token)
    authority = str(server.lab.site.authority)
    return Login(f"https://{HOST}:{server.server_port}", token, text, ca_file=authority)


@contextmanager
def machine(given: Login) -> Iterator[Guest]:
    """The machine, for a token."""
    with connected(given) as api:
        vm = find.made(api, VMID, TAGS, NAME)
        yield Guest(api, vm, TAGS, NAME)
