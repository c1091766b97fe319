"""OpenSSH to one machine: one connection that all commands share."""

from __future__ import annotations

import logging
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType

from flakeship.model.errors import CommandError, FlakeshipError
from flakeship.ssh import host_keys
from flakeship.ssh.login import HostKeyRefusedError, Login, LoginRefusedError, UnreachableError
from flakeship.ssh.options import HANDSHAKE, Endpoint, SshOptions
from flakeship.system import tcp
from flakeship.system.backoff import backoff
from flakeship.system.process import Result, run
from flakeship.system.tcp import LOOPBACK, bracketed

__all__ = ["Connection", "HostKeyRefusedError", "Login", "LoginRefusedError", "UnreachableError"]

log = logging.getLogger(__name__)

FAILED = 255
"""ssh's own exit code, also of a command that a signal has ended."""

BANNER = 3.0
"""Seconds to wait for the server's first line: QEMU accepts for a guest without network."""

REFUSALS = 3
"""How many refused logins in a row are final: a guest may install its users' keys late."""

AFTER_REFUSAL = 4.0
"""Seconds after a refused login: sshd locks out addresses that collect many of them."""

IDLE = 60
"""Seconds after which an unused connection ends by itself."""

SOCKET = 60
"""The longest temporary directory for a control socket; the system's limit is 104 to 108."""


class Connection:
    """One login that all commands share (ControlMaster): a handshake costs a slow guest 0.5 s.

    A context manager: it keeps its socket and its known_hosts in a private directory, and ends the
    connection on leaving. Call `connect` before `run`. Unused forwards do not keep the connection
    open: it ends by itself after `idle` seconds.
    """

    def __init__(self, endpoint: Endpoint, keys: Sequence[str], idle: int = IDLE) -> None:
        if endpoint.identity and not Path(endpoint.identity).expanduser().is_file():
            raise FlakeshipError(
                f"the private key {endpoint.identity} does not exist",
                code="identity-missing",
                key=endpoint.name,
                remedy="set flakeship:identity to another one, or run `ssh-keygen -t ed25519`",
            )
        self.endpoint = endpoint
        self.keys = list(keys)
        self.idle = idle
        self.login = Login(-1, "")
        self.banner = ""

    def __enter__(self) -> Connection:
        parent = next(d for d in (tempfile.gettempdir(), "/tmp") if len(d) <= SOCKET)  # noqa: S108
        self._directory = Path(tempfile.mkdtemp(prefix="flakeship-", dir=parent))
        known_hosts = self._directory / "known_hosts"
        known_hosts.write_text(host_keys.known_hosts(self.endpoint.name, self.keys))
        self._ssh = SshOptions(self.endpoint, self.keys, known_hosts).argv()
        self._log = self._log_file()
        self._control = ["-o", f"ControlPath={self._directory / 'control'}"]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if (self._directory / "control").exists():
            run([*self._ssh, *self._control, "-O", "exit", self.endpoint.address], check=False)
        shutil.rmtree(self._directory, ignore_errors=True)

    def connect(self, seconds: float) -> None:
        """Log in as soon as the machine answers; the attempts back off.

        Raises HostKeyRefusedError at once, LoginRefusedError when the refusal lasts, and
        UnreachableError after `seconds`, with the last error.
        """
        endpoint, refusals, last = self.endpoint, 0, ""
        for left in backoff(seconds):
            try:
                self._await_banner(min(left, BANNER))
                self._log_in()
            except UnreachableError as error:
                last = error.what
            except LoginRefusedError as error:
                last = error.what
                refusals += 1
                if refusals == REFUSALS:
                    raise
                time.sleep(AFTER_REFUSAL)
            else:
                return
        raise UnreachableError(
            f"no SSH login as {endpoint.user} on {endpoint.address}:{endpoint.port} within "
            f"{seconds:.0f} s; the last error: {last}",
            key=endpoint.name,
        )

    def run(
        self, command: str, *, stdin: str = "", timeout: float = 60.0, check: bool = True
    ) -> Result:
        """Run a command line in the user's shell on the machine, over the shared connection.

        Raises CommandError as system.process.run does; exit code 255 is ssh's own failure. After a
        lost connection each command logs in by itself.
        """
        argv = [*self._ssh, *self._control, "-o", "ControlMaster=no", self._destination(), command]
        result = run(argv, stdin=stdin, timeout=timeout, check=check)
        if result.code == FAILED:
            log.warning("%s: %s", self.endpoint.name, self._why_lost())
        return result

    def forward(self, address: str, port: int) -> int:
        """Forward a loopback port to a port that the machine can reach, and return its number."""
        target = f"{bracketed(address)}:{port}"
        return self._listen(lambda number: ["-L", f"{LOOPBACK}:{number}:{target}"])

    def socks(self) -> int:
        """The loopback port of a SOCKS server that connects from the machine."""
        return self._listen(lambda number: ["-D", f"{LOOPBACK}:{number}"])

    def attempt(self, user: str) -> Login:
        """Try to log in as another user with the same identity, on a connection of its own."""
        own = ["-o", "ControlPath=none"]
        return self._login(self._log_file(), own, self._destination(user), "true")

    def _listen(self, forwarding: Callable[[int], list[str]]) -> int:
        (number,) = tcp.free_ports(1)
        options = [*self._control, "-O", "forward", *forwarding(number)]
        try:
            run([*self._ssh, *options, self._destination()], timeout=HANDSHAKE)
        except CommandError as error:
            why = " ".join([error.what, *error.details])
            raise UnreachableError(
                f"the SSH connection forwards nothing: {why}", key=self.endpoint.name
            ) from error
        return number

    def _await_banner(self, seconds: float) -> None:
        """Read the server's first line before the first key exchange: it costs next to nothing."""
        try:
            reply = tcp.exchange(
                self.endpoint.address, self.endpoint.port, seconds=seconds, enough=tcp.a_line
            )
        except OSError as error:
            raise UnreachableError(f"{error.strerror or error}") from error
        if not reply.first_line.startswith("SSH-"):
            ended = "it closed the connection" if reply.closed else f"silence for {seconds:.0f} s"
            raise UnreachableError(f"the port is open, but no SSH server answers: {ended}")
        self.banner = reply.first_line

    def _log_in(self) -> None:
        # -f: back when authenticated, with a master that also ends by itself if we are killed
        master = ["-o", "ControlMaster=yes", "-o", f"ControlPersist={self.idle}", "-fN"]
        self._log = self._log_file()
        self.login = login = self._login(self._log, [*self._control, *master], self._destination())
        if login.code == 0:
            return
        if login.host_key_refused:
            given = f"{login.host_key} was shown" if login.host_key else login.error
            pinned = ", ".join(map(host_keys.fingerprint, self.keys))
            raise HostKeyRefusedError(f"{given}, {pinned} was expected")
        if login.denied:
            identity = self.endpoint.identity or "the keys of your agent"
            raise LoginRefusedError(
                f"the server refuses the login of {self.endpoint.user} with {identity}: "
                f"{login.denied}",
                key=self.endpoint.name,
            )
        raise UnreachableError(login.error)

    def _log_file(self) -> Path:
        """For the log of one login: the master in the background would keep a pipe open."""
        return self._directory / f"log-{time.monotonic_ns()}"

    def _login(self, file: Path, options: Sequence[str], *words: str) -> Login:
        try:
            argv = [*self._ssh, *options, "-v", "-E", str(file), *words]
            code = run(argv, timeout=2 * HANDSHAKE, check=False).code
        except CommandError as error:
            if error.exit_code is None and not file.exists():
                raise
            code = FAILED
        return Login(code, _text(file))

    def _why_lost(self) -> str:
        """Why a command over the shared connection has no exit code of its own."""
        alive = [*self._ssh, *self._control, "-O", "check", self.endpoint.address]
        if run(alive, check=False).code == 0:
            return "a signal ended a command, and SSH is still connected"
        return f"the SSH connection was lost: {Login(FAILED, _text(self._log)).error}"

    def _destination(self, user: str = "") -> str:
        return f"{user or self.endpoint.user}@{self.endpoint.address}"


def _text(file: Path) -> str:
    return file.read_text(errors="replace") if file.exists() else ""
