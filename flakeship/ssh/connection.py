"""OpenSSH to one machine: one shared connection, and what it says of logins."""

from __future__ import annotations

import re
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from flakeship.model.errors import CommandError, FlakeshipError
from flakeship.ssh import host_keys
from flakeship.ssh.options import HANDSHAKE, Endpoint, SshOptions
from flakeship.system import tcp
from flakeship.system.backoff import backoff
from flakeship.system.process import Result, run
from flakeship.system.tcp import LOOPBACK, bracketed

BANNER = 3.0
"""Seconds to wait for the server's first line; through QEMU a guest without network is silent."""

REFUSALS = 3
"""How many refused logins are one: a guest may install its users' keys late."""

AFTER_REFUSAL = 4.0
"""Seconds after a refused login: sshd locks out addresses that collect many of them."""

IDLE = 60
"""Seconds after which a connection that nobody uses ends by itself."""

SOCKET = 60
"""The longest temporary directory for a control socket; the system's limit is 104 to 108."""


class UnreachableError(FlakeshipError):
    """Nothing answered SSH, or the connection broke."""


class LoginRefusedError(FlakeshipError):
    """The server has the right host key and refused the login."""


class HostKeyRefusedError(FlakeshipError):
    """The server has another host key than the pinned one: nothing was sent to it."""


@dataclass(frozen=True)
class Login:
    """What ssh told of a login attempt: its exit code and its verbose log."""

    code: int
    log: str

    @property
    def offered(self) -> list[str]:
        """The methods that the server offers to somebody who has shown nothing yet."""
        found = re.search(r"Authentications that can continue: (\S+)", self.log)
        return found[1].split(",") if found else []

    @property
    def method(self) -> str:
        """How the login succeeded; empty where it did not."""
        found = re.search(r'^Authenticated to .* using "([^"]+)"', self.log, re.MULTILINE)
        return found[1] if found else ""

    @property
    def host_key(self) -> str:
        """The key that the server showed, as a fingerprint."""
        found = re.search(r"Server host key: (\S+ SHA256:\S+)", self.log)
        return found[1] if found else ""

    @property
    def denied(self) -> str:
        """The server's refusal to authenticate; empty where there was none."""
        found = re.search(r"Permission denied \([^)]*\)", self.log)
        return found[0] if found else ""

    @property
    def error(self) -> str:
        """The last line that is no debugging output."""
        lines = [line.strip() for line in self.log.splitlines()]
        said = [line for line in lines if line and not line.startswith(("debug", "OpenSSH_"))]
        return said[-1] if said else f"ssh ended with exit code {self.code}"


class Connection:
    """One login that all commands share (ControlMaster): a handshake costs a slow guest 0.5 s.

    A context manager: it keeps its socket and its known_hosts in a private directory, and ends
    the connection on leaving. `connect` comes before `run`. Forwards that nobody uses do not keep
    it open: it ends by itself after `idle` seconds.
    """

    def __init__(self, endpoint: Endpoint, keys: Sequence[str], idle: int = IDLE) -> None:
        if endpoint.identity and not Path(endpoint.identity).expanduser().is_file():
            raise FlakeshipError(
                f"{endpoint.name}: the private key {endpoint.identity} does not exist: "
                "name another one or make it with `ssh-keygen -t ed25519`"
            )
        self.endpoint = endpoint
        self.keys = list(keys)
        self.idle = idle
        self.login = Login(-1, "")
        self.banner = ""

    def __enter__(self) -> Connection:
        room = next(d for d in (tempfile.gettempdir(), "/tmp") if len(d) <= SOCKET)  # noqa: S108
        self._directory = Path(tempfile.mkdtemp(prefix="flakeship-", dir=room))
        known_hosts = self._directory / "known_hosts"
        known_hosts.write_text(host_keys.known_hosts(self.endpoint.name, self.keys))
        self._ssh = SshOptions(self.endpoint, self.keys, known_hosts).argv()
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
        where = f"{self.endpoint.address}:{self.endpoint.port}"
        refusals = 0
        last = ""
        for left in backoff(seconds):
            try:
                self._knock(min(left, BANNER))
                self._log_in()
            except UnreachableError as error:
                last = str(error)
            except LoginRefusedError as error:
                last = str(error)
                refusals += 1
                if refusals == REFUSALS:
                    raise
                time.sleep(AFTER_REFUSAL)
            else:
                return
        raise UnreachableError(
            f"{self.endpoint.name}: no SSH login as {self.endpoint.user} on {where} "
            f"within {seconds:.0f} s; the last error: {last}"
        )

    def run(
        self, command: str, *, stdin: str = "", timeout: float = 60.0, check: bool = True
    ) -> Result:
        """Run a command line in the user's shell on the machine, over the shared connection.

        Raises CommandError as flakeship.process.run does; exit code 255 is ssh's own failure.
        """
        argv = [*self._ssh, *self._control, "-o", "ControlMaster=no", self._destination(), command]
        return run(argv, stdin=stdin, timeout=timeout, check=check)

    def forward(self, address: str, port: int) -> int:
        """Reach a port that the machine reaches: the port of the loopback address it is at now."""
        return self._listen(lambda here: ["-L", f"{LOOPBACK}:{here}:{bracketed(address)}:{port}"])

    def socks(self) -> int:
        """The port of the loopback address where a SOCKS server connects from the machine."""
        return self._listen(lambda here: ["-D", f"{LOOPBACK}:{here}"])

    def attempt(self, user: str) -> Login:
        """Try to log in as another user with the same identity, on a connection of its own."""
        return self._login(["-o", "ControlPath=none"], self._destination(user), "true")

    def _listen(self, words: Callable[[int], list[str]]) -> int:
        here = tcp.free_port()
        argv = [*self._ssh, *self._control, "-O", "forward", *words(here), self._destination()]
        try:
            run(argv, timeout=HANDSHAKE)
        except CommandError as error:
            raise UnreachableError(f"{self.endpoint.name} forwards nothing: {error}") from error
        return here

    def _knock(self, seconds: float) -> None:
        """See the server's first line before the first key exchange: it costs next to nothing."""
        try:
            reply = tcp.exchange(
                self.endpoint.address, self.endpoint.port, seconds=seconds, enough=tcp.a_line
            )
        except OSError as error:
            raise UnreachableError(f"{error.strerror or error}") from error
        if not reply.first_line.startswith("SSH-"):
            ended = "it closed the connection" if reply.closed else f"silence for {seconds:.0f} s"
            raise UnreachableError(f"the port is open, but no SSH server: {ended}")
        self.banner = reply.first_line

    def _log_in(self) -> None:
        # -f: back when authenticated, with a master that also ends by itself if we are killed
        master = [
            *self._control,
            "-o",
            "ControlMaster=yes",
            "-o",
            f"ControlPersist={self.idle}",
            "-fN",
        ]
        self.login = login = self._login(master, self._destination())
        if login.code == 0:
            return
        if re.search(r"Host key verification failed|no matching host key type", login.log):
            shown = f"{login.host_key} was shown" if login.host_key else login.error
            pinned = ", ".join(map(host_keys.fingerprint, self.keys))
            raise HostKeyRefusedError(f"{shown}, {pinned} was expected")
        if login.denied:
            raise LoginRefusedError(
                f"{self.endpoint.name}: refused the login of {self.endpoint.user} with "
                f"{self.endpoint.identity or 'the keys of your agent'}: {login.denied}"
            )
        raise UnreachableError(login.error)

    def _login(self, options: Sequence[str], *words: str) -> Login:
        # The log goes to a file: a master that stays in the background would keep a pipe open.
        file = self._directory / f"log-{time.monotonic_ns()}"
        try:
            argv = [*self._ssh, *options, "-v", "-E", str(file), *words]
            code = run(argv, timeout=2 * HANDSHAKE, check=False).code
        except CommandError as error:
            if error.exit_code is None and not file.exists():
                raise
            code = 255
        return Login(code, file.read_text(errors="replace") if file.exists() else "")

    def _destination(self, user: str = "") -> str:
        return f"{user or self.endpoint.user}@{self.endpoint.address}"
