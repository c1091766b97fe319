"""This host: its name, its free ports and subnets for guests."""

from __future__ import annotations

import hashlib
import re
import socket
from collections.abc import Collection, Iterable
from contextlib import ExitStack
from pathlib import Path

from flakeship.model.errors import FlakeshipError
from flakeship.system.files import read
from flakeship.system.process import run

LOOPBACK = "127.0.0.1"
GONE = (
    "Where that host is gone for ever, forget what lived there: "
    "`pulumi state delete --target-dependents URN` (see `pulumi stack --show-urns`)"
)


def this_host() -> str:
    """A name that stays and that no other host has: `<hostname>-<8 hexadecimal digits>`.

    The machine-id itself is confidential (machine-id(5)), so only a hash of it is shown.
    """
    name = socket.gethostname()
    identity = read(Path("/etc/machine-id")).strip()
    return f"{name}-{hashlib.sha256(identity.encode()).hexdigest()[:8]}" if identity else name


def same(one: str, other: str) -> bool:
    """Whether two such names are of one host: it may have got another hostname meanwhile."""
    return one == other or (_identity(one) is not None and _identity(one) == _identity(other))


def _identity(name: str) -> str | None:
    found = re.search(r"-([0-9a-f]{8})$", name)
    return found and found[1]


def refuse_foreign(machine: str, lives_on: str) -> None:
    """Raise a FlakeshipError when a machine lives on another host than this one."""
    here = this_host()
    if lives_on and not same(lives_on, here):
        raise FlakeshipError(
            f"{machine} lives on the host {lives_on}, this is {here}: "
            f"a `local` server is changed and destroyed only where it runs; run this on {lives_on}"
            f". {GONE}"
        )


def free(port: int) -> bool:
    """Whether a port of the loopback address can be listened on."""
    with socket.socket() as probe:
        # As QEMU does: connections that have ended do not keep a port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def free_ports(count: int) -> list[int]:
    """As many different free ports; somebody else may take one before it is used."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind((LOOPBACK, 0))
        return [each.getsockname()[1] for each in sockets]


def keep_or_choose(guests: Iterable[int], former: dict[int, int]) -> dict[int, int]:
    """A free host port for each guest port: the former one where it is still free."""
    wanted = sorted(set(guests))
    kept = {guest: former[guest] for guest in wanted if guest in former and free(former[guest])}
    missing = [guest for guest in wanted if guest not in kept]
    chosen = zip(missing, free_ports(len(missing)), strict=True)
    return dict(sorted((kept | dict(chosen)).items()))


def holder(port: int) -> str:
    """Who listens on a port, for an error message: `nginx (pid 42)`, or `another process`."""
    listening = run(["ss", "-Hltnp", f"sport = :{port}"], check=False, timeout=5).stdout
    _, found, users = listening.partition('users:(("')
    name, _, rest = users.partition('",pid=')
    return f"{name} (pid {rest.split(',')[0]})" if found and rest else "another process"


def subnet(machine: str, taken: Collection[str]) -> str:
    """A /24 for a machine's user network: always the same one unless it is taken.

    Raises a FlakeshipError when every subnet is taken.
    """
    start = int.from_bytes(hashlib.sha256(machine.encode()).digest()[:4], "big")
    # 10.0.x is left out: QEMU's default and the likeliest network around us.
    every = 255 * 256
    for step in range(every):
        number = (start + step) % every
        candidate = f"10.{1 + number // 256}.{number % 256}.0/24"
        if candidate not in taken:
            return candidate
    raise FlakeshipError(f"no subnet is left for {machine}: 10.1.0.0/24 to 10.255.255.0/24 allowed")
