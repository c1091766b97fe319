"""A login attempt of OpenSSH, and how it can fail."""

from __future__ import annotations

import re
from dataclasses import dataclass

from flakeship.model.errors import FlakeshipError


class UnreachableError(FlakeshipError):
    """Nothing answered SSH, or the connection broke."""

    code = "ssh-unreachable"


class LoginRefusedError(FlakeshipError):
    """The server has the right host key and refused the login."""

    code = "login-refused"


class HostKeyRefusedError(FlakeshipError):
    """The server has another host key than the pinned ones: nothing was sent to it."""

    code = "host-key-refused"


@dataclass(frozen=True)
class Login:
    """A login attempt: the exit code of ssh and its verbose log."""

    code: int
    log: str

    @property
    def offered(self) -> list[str]:
        """The methods that the server offers to a client that has not authenticated yet."""
        found = re.search(r"Authentications that can continue: (\S+)", self.log)
        return found[1].split(",") if found else []

    @property
    def method(self) -> str:
        """How the login succeeded; empty where it did not."""
        found = re.search(r'^Authenticated to .* using "([^"]+)"', self.log, re.MULTILINE)
        return found[1] if found else ""

    @property
    def host_key(self) -> str:
        """The fingerprint of the server's host key."""
        found = re.search(r"Server host key: (\S+ SHA256:\S+)", self.log)
        return found[1] if found else ""

    @property
    def host_key_refused(self) -> bool:
        """Whether ssh refused the server's host key, or found none of the pinned types."""
        return bool(re.search(r"Host key verification failed|no matching host key type", self.log))

    @property
    def denied(self) -> str:
        """The server's refusal to authenticate; empty where there was none."""
        found = re.search(r"Permission denied \([^)]*\)", self.log)
        return found[0] if found else ""

    @property
    def error(self) -> str:
        """The last line that is no debugging output."""
        lines = [line.strip() for line in self.log.splitlines()]
        messages = [line for line in lines if line and not line.startswith(("debug", "OpenSSH_"))]
        return messages[-1] if messages else f"ssh ended with exit code {self.code}"
