"""A user's own check of a server."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CustomCheck:
    """A user's own check: exactly one of `run` (a command inside), `http` and `tcp` (a port).

    `run` passes with exit code 0. `http` passes with `status` and, where given, `contains` in the
    body. `tcp` sends `send`, where given, and passes when `contains`, where given, comes back.
    With `data` it passes only with the server's data disks, which come with the cut-over.
    """

    name: str
    run: str = ""
    http: int = 0
    tcp: int = 0
    path: str = "/"
    status: int = 200
    send: str = ""
    contains: str = ""
    timeout: float = 10.0
    data: bool = False
