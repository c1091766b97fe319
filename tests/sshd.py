"""OpenSSH's server on a loopback address, as the user who runs the tests."""

from __future__ import annotations

import os
import pwd
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from flakeship.ssh import errors
from flakeship.system import tcp
from flakeship.system.backoff import backoff
from flakeship.system.process import run, start

USER = pwd.getpwuid(os.getuid()).pw_name
PROGRAM = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
SECONDS = 10.0  # for it to listen


@dataclass(frozen=True)
class Sshd:
    """A running server: where it listens, its public host key, and what it logs."""

    address: str
    port: int
    key: str
    log: Path

    @property
    def logins(self) -> int:
        """How many there have been."""
        return self.log.read_text().count("Accepted publickey")

    @property
    def connections(self) -> int:
        """How many there have been, whatever became of them."""
        return self.log.read_text().count("Connection from ")


def missing() -> str:
    """Why OpenSSH's server cannot be started here; empty where it can."""
    if PROGRAM is None:
        return "needs sshd (Debian: openssh-server)"
    if os.getuid() == 0:
        try:
            pwd.getpwnam("sshd")
        except KeyError:
            return "sshd as root needs the user sshd, which its package makes"
        if not Path("/run/sshd").is_dir():
            return "sshd as root needs /run/sshd, which its service makes"
    return ""


def key(file: Path) -> str:
    """Make a key pair; the public key without its comment."""
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", file])
    return Path(f"{file}.pub").read_text().strip()


@contextmanager
def running(
    folder: Path, authorized: str, *settings: str, address: str = tcp.LOOPBACK
) -> Iterator[Sshd]:
    """Start a server that takes one key, and stop it in the end."""
    folder.mkdir()
    public = key(folder / "host")
    (folder / "authorized").write_text(f"{authorized}\n")
    (port,) = tcp.free_ports(1)
    lines = (
        f"ListenAddress {tcp.bracketed(address)}:{port}",
        f"HostKey {folder}/host",
        f"AuthorizedKeysFile {folder}/authorized",
        "PidFile none",
        "UsePAM no",
        "StrictModes no",
        "LogLevel VERBOSE",
        "PasswordAuthentication no",
        "KbdInteractiveAuthentication no",
        *settings,
    )
    (folder / "conf").write_text("\n".join(lines) + "\n")
    argv = [str(PROGRAM), "-D", "-f", str(folder / "conf"), "-E", str(folder / "log")]
    with start(argv, pipes=False):
        server = Sshd(address, port, public, folder / "log")
        for left in backoff(SECONDS):
            with suppress(OSError):
                if tcp.exchange(address, port, seconds=left, enough=tcp.a_line).data:
                    break
        else:
            raise errors.UnreachableError(server.log.read_text())
        server.log.write_text("")
        yield server
