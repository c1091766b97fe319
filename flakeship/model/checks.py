"""A user's own check of a server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import Field, model_validator

from flakeship.model.fields import Model, Name, PortNumber

BUILT_IN = frozenset(
    {
        *("host-key", "root-login", "password-login", "toplevel", "sudo", "dhcp", "listeners"),
        *("firewall", "root-size", "system", "nix-build", "reactivation"),
    }
)
"""The names of the checks that every server gets; `port-…` are others."""


class Check(Model):
    """A user's own check: exactly one of `run` (a command inside), `http` and `tcp` (a port).

    `run` passes with exit code 0. `http` passes with `status` and, where given, `contains` in the
    body. `tcp` sends `send`, where given, and passes when `contains`, where given, comes back.
    `timeout` is in seconds. With `needs_data` it passes only with the server's data disks, which
    come with the cutover.
    """

    renamed: ClassVar[Mapping[str, str]] = {"data": "needsData"}

    name: Name
    run: str = ""
    http: PortNumber | None = None
    tcp: PortNumber | None = None
    path: Annotated[str, Field(pattern=r"^/[!-~]*$")] = "/"
    status: Annotated[int, Field(ge=100, le=599)] = 200
    send: str = ""
    contains: str = ""
    timeout: Annotated[float, Field(gt=0, le=3600)] = 10
    needs_data: bool = False

    @property
    def port(self) -> int | None:
        """The TCP port that it connects to; None for a command."""
        return self.http or self.tcp

    @model_validator(mode="after")
    def one_kind(self) -> Check:
        """A check is one thing, and has a name of its own."""
        if sum(map(bool, (self.run, self.http, self.tcp))) != 1:
            raise ValueError("needs exactly one of run (a command), http and tcp (a port)")
        if self.name in BUILT_IN or self.name.startswith("port-"):
            raise ValueError(f"{self.name} is the name of a built-in check")
        return self
