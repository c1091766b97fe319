"""A user's own check of a server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import Field, model_validator

from flakeship.model.fields import Decimal, Model, Name, PortNumber, Raw, Script, Whole, wrong

BUILT_IN = frozenset(
    {
        *("host-key", "root-login", "password-login", "toplevel", "sudo", "dhcp", "listeners"),
        *("firewall", "root-size", "system", "nix-build", "reactivation"),
    }
)
"""Checks that every server gets; `port-…` are others."""

KINDS = {
    "run": frozenset({"run"}),
    "http": frozenset({"http", "path", "status", "contains"}),
    "tcp": frozenset({"tcp", "send", "contains"}),
}
"""The fields that each kind of check has beside those of every one."""
OF_ALL = frozenset({"name", "timeout", "needs_data"})


class Check(Model):
    """A check of a user's own: exactly one of `run`, `http` and `tcp`, with the keys of that."""

    renamed: ClassVar[Mapping[str, str]] = {"data": "needsData"}

    name: Name
    """Its name in the evidence. The names of built-in checks are reserved."""
    run: Script = ""
    """A command on the server, which passes with exit code 0."""
    http: PortNumber | None = None
    """A declared port, which passes when `path` answers with `status` and with `contains`."""
    tcp: PortNumber | None = None
    """A declared port, which passes when it answers `send` with `contains`."""
    path: Annotated[str, Field(pattern=r"^/[!-~]*$", title="begins with /, no spaces")] = "/"
    """The path of `http`."""
    status: Annotated[int, Field(ge=100, le=599), Whole] = 200
    """The HTTP status that `http` expects."""
    send: Raw = ""
    """What `tcp` sends; empty: nothing."""
    contains: Raw = ""
    """What the answer of `http` or `tcp` must contain; empty: anything."""
    timeout: Annotated[
        float, Field(gt=0, le=3600, json_schema_extra={"unit": "seconds"}), Decimal
    ] = 10
    """A command must end in this time; a port is tried again until then."""
    needs_data: bool = False
    """Whether it passes only with the data disks, which are attached at the cutover."""

    @property
    def port(self) -> int | None:
        """The TCP port that it connects to; None for a command."""
        return self.http or self.tcp

    @model_validator(mode="after")
    def _one_kind(self) -> Check:
        kinds = [kind for kind in KINDS if getattr(self, kind)]
        if len(kinds) != 1:
            raise wrong("needs exactly one of run (a command), http and tcp (a port)")
        for field in sorted(self.model_fields_set - KINDS[kinds[0]] - OF_ALL):
            if getattr(self, field):
                keys = sorted((KINDS[kinds[0]] | {"name", "timeout", "needsData"}) - {kinds[0]})
                raise wrong(f"does not belong to {kinds[0]}", at=field, allowed=", ".join(keys))
        if self.name in BUILT_IN or self.name.startswith("port-"):
            raise wrong(f"{self.name} is the name of a built-in check", remedy="rename it")
        return self
