"""How a login fails."""

from __future__ import annotations

from flakeship.model.errors import FlakeshipError


class UnreachableError(FlakeshipError):
    """Nothing answered SSH, or the connection broke."""

    code = "ssh-unreachable"


class LoginRefusedError(FlakeshipError):
    """The server has the right host key and refused the login."""

    code = "login-refused"


class UnsignedError(LoginRefusedError):
    """The server would not let the user in without a signature, and got none: it never refused."""

    code = "login-unsigned"


class NoKeyError(LoginRefusedError):
    """Neither a file nor an agent had a key to offer."""

    code = "login-without-key"


class HostKeyRefusedError(FlakeshipError):
    """The server has another host key than the pinned ones: nothing was sent to it."""

    code = "host-key-refused"
