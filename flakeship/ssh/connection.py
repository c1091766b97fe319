"""OpenSSH to one machine: one connection that all commands share."""

from __future__ import annotations

import logging
import re
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from functools import partial

from flakeship.model.errors import CommandError, FlakeshipError
from flakeship.model.flake import is_file
from flakeship.model.sizes import MIB
from flakeship.ssh import host_keys, log_file
from flakeship.ssh.banner import await_banner
from flakeship.ssh.errors import (
    HostKeyRefusedError,
    LoginRefusedError,
    NoKeyError,
    UnreachableError,
    UnsignedError,
)
from flakeship.ssh.login import Login
from flakeship.ssh.options import HANDSHAKE, Endpoint, SshOptions
from flakeship.system import tcp, temporary
from flakeship.system.backoff import backoff
from flakeship.system.dialogue import Dialogue, dialogue
from flakeship.system.process import Result, run, start
from flakeship.system.waiting import Waiting

log = logging.getLogger(__name__)

FAILED = 255  # ssh's own exit code, also of a command that a signal has ended
REFUSALS = 3  # as many in a row are final: a guest may install its users' keys late
AFTER_REFUSAL = 4.0  # seconds: sshd locks out addresses that collect many refusals
UNSIGNED_REMEDY = (
    "confirm or touch the key at each login, start an agent that holds it, or set "
    "flakeship:identity to the file of a key that needs neither"
)
FORBIDDEN = "administratively prohibited"  # of an SSH server that may not forward


class Connection:
    """One login that all commands share (ControlMaster): a handshake costs a slow guest 0.5 s.

    Enter it, then `connect`, then do the rest. It ends with the block, and with this process.
    """

    def __init__(self, endpoint: Endpoint, keys: Sequence[str]) -> None:
        if endpoint.identity and not is_file(endpoint.identity):
            raise FlakeshipError(
                f"the private key {endpoint.identity} does not exist",
                code="identity-missing",
                key=endpoint.name,
                remedy="copy it from the checkout that has it, or set flakeship:identity",
            )
        self.endpoint = endpoint
        self._destination = f"{endpoint.user}@{endpoint.address}"
        self.keys = list(keys)
        self.login = Login(-1, "")

    def __enter__(self) -> Connection:
        with ExitStack() as opened:
            self._directory = opened.enter_context(temporary.directory())
            known_hosts = self._directory / "known_hosts"
            known_hosts.write_text(host_keys.known_hosts(self.endpoint.name, self.keys))
            self._ssh = SshOptions(self.endpoint, self.keys, known_hosts).argv()
            self._control = self._directory / "control"
            self._shared = [*self._ssh, "-o", f"ControlPath={self._control}"]
            self._log = self._directory / "log"
            self._opened = opened.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def connect(
        self, seconds: float, *, up: bool = False, watch: Callable[[], object] = str
    ) -> None:
        """Log in as soon as the machine answers. Raises one of the errors above.

        `watch` is called while it does not, and may raise where it never will.

        One that is `up` for long gets no more connections than it needs, as it may lock out who is
        refused often or leaves early: a refusal is final, and nobody waits for its first line. A
        key that is not signed for is no refusal of the server's: a person may have to confirm it,
        and has until the end.
        """
        host, refusals, last = self.endpoint, 0, ""
        waiting = Waiting(f"{host.name}: no SSH login")

        def still(why: str) -> None:
            watch()
            waiting.still(partial(str, why))

        unsigned: UnsignedError | None = None
        for left in backoff(seconds):
            try:
                if not up:  # the first key exchange is costly
                    await_banner(host.address, host.port, left, still)
                self._log_in()
            except UnreachableError as error:
                last = error.what
            except UnsignedError as error:
                log.warning("%s: %s; trying again", host.name, error.what)
                unsigned = error
                time.sleep(min(left, AFTER_REFUSAL))
            except LoginRefusedError as error:
                last = error.what
                refusals += 1
                if up or refusals == REFUSALS:
                    raise
                time.sleep(AFTER_REFUSAL)
            else:
                return
            still(last)
        if unsigned:
            raise unsigned
        raise UnreachableError(
            f"no SSH login as {host.user} on {host.address}:{host.port} within {seconds:.0f} s; "
            f"the last error: {last}",
            key=host.name,
        )

    def run(
        self,
        command: str,
        *,
        stdin: str = "",
        timeout: float = 60.0,
        check: bool = True,
        most: int = MIB,
    ) -> Result:
        """Run a command line in the user's shell on the machine, over the shared connection.

        Raises CommandError as system.process.run does; exit code 255 is ssh's own failure. After a
        lost connection each command logs in by itself.
        """
        argv = [*self._shared, "-o", "ControlMaster=no", self._destination, command]
        result = run(argv, stdin=stdin, timeout=timeout, check=check, most=most)
        if result.code == FAILED:
            ask = [*self._shared, "-O", "check", self.endpoint.address]
            alive = run(ask, check=False, timeout=HANDSHAKE)
            signal = "a signal ended a command, and SSH is still connected"
            last = Login(FAILED, log_file.text(self._log)).error
            lost = f"the SSH connection was lost: {last}"
            log.warning("%s: %s", self.endpoint.name, lost if alive.code else signal)
        return result

    def start(self, command: str, name: str) -> AbstractContextManager[Dialogue]:
        """Start a command line as `run` does, for a dialogue with what runs on the machine."""
        argv = [*self._shared, "-o", "ControlMaster=no", self._destination, command]
        return dialogue(argv, name)

    def forward(self, address: str, port: int) -> int:
        """Forward a loopback port to a port that the machine can reach, and return its number."""
        return self._listen("-L", f":{tcp.bracketed(address)}:{port}")

    def socks(self) -> int:
        """The loopback port of a SOCKS server that connects from the machine."""
        return self._listen("-D")

    @property
    def forward_faults(self) -> list[str]:
        """Why the machine has not connected to forwarded ports: each reason once, latest last."""
        failed = r"^channel \d+: open failed: (.+?)\s*$"
        found = re.findall(failed, log_file.text(self._log), re.MULTILINE)
        return list(dict.fromkeys(reversed(found)))[::-1]

    def attempt(self, user: str) -> Login:
        """Try to log in as another user with the same identity, on a connection of its own."""
        file = self._directory / "log-attempt"
        own = ["-o", "ControlPath=none", *log_file.arguments(file)]
        argv = [*self._ssh, *own, f"{user}@{self.endpoint.address}", "true"]
        with start(argv, pipes=False, file_size=log_file.MOST) as process:
            return Login(_exit_code(process), log_file.text(file))

    def _listen(self, option: str, target: str = "") -> int:
        (number,) = tcp.free_ports(1)
        forwarding = ["-O", "forward", option, f"{tcp.LOOPBACK}:{number}{target}"]
        try:
            run([*self._shared, *forwarding, self._destination], timeout=HANDSHAKE)
        except CommandError as error:
            why = " ".join([error.what, *error.details])
            raise UnreachableError(
                f"the SSH connection forwards nothing: {why}", key=self.endpoint.name
            ) from error
        return number

    def _log_in(self) -> None:
        # In the foreground: it ends with us. Its log is a file, which no text of the server is in.
        master = ["-o", "ControlMaster=yes", "-N", *log_file.arguments(self._log)]
        with ExitStack() as opened:
            argv = [*self._shared, *master, self._destination]
            process = opened.enter_context(start(argv, pipes=False, file_size=log_file.MOST))
            code = self._await_master(process)
            self.login = login = Login(code, log_file.text(self._log))
            if code == 0:
                self._opened.push(opened.pop_all())
        if login.code == 0:
            return
        if login.host_key_refused:
            given = f"{login.host_key} was shown" if login.host_key else login.error
            pinned = ", ".join(map(host_keys.fingerprint, self.keys))
            raise HostKeyRefusedError(f"{given}, {pinned} was expected")
        if login.denied:
            who = f"{self.endpoint.user} with {self.endpoint.identity or 'the keys of your agent'}"
            who += f" ({', '.join(login.tried)})" if login.tried else ""
            if login.unsigned:
                kind = UnsignedError if login.taken else NoKeyError
                raise kind(
                    f"the login of {who} was not signed: {login.unsigned}",
                    key=self.endpoint.name,
                    remedy=UNSIGNED_REMEDY,
                )
            raise LoginRefusedError(
                f"the server refuses the login of {who}: {login.denied}", key=self.endpoint.name
            )
        raise UnreachableError(login.error)

    def _await_master(self, process: subprocess.Popen[bytes]) -> int:
        """0 once it accepts commands, which is when it has authenticated; else its exit code."""
        for _ in backoff(2 * HANDSHAKE, first=0.005, most=0.02):
            if self._control.exists():
                return 0
            if process.poll() is not None:
                break
        return process.poll() or FAILED


def _exit_code(process: subprocess.Popen[bytes]) -> int:
    try:
        return process.wait(2 * HANDSHAKE)
    except subprocess.TimeoutExpired:
        return FAILED
