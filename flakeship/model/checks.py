"""A user's own check of a server."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field, model_validator

from flakeship.model.errors import shown
from flakeship.model.fields import (
    Decimal,
    Model,
    Name,
    PortNumber,
    Raw,
    Script,
    Text,
    Whole,
    refuse_unused,
    wrong,
)

BUILT_IN = frozenset(
    {
        *("host-key", "root-login", "password-login", "toplevel", "sudo", "dhcp", "listeners"),
        *("firewall", "root-size", "system", "nix-build", "reactivation"),
    }
)
"""Checks that every server gets; `port-…` are others."""

ANSWERED = {"path", "status", "contains", "host", "headers"}
KINDS: Mapping[str, frozenset[str]] = {
    "run": frozenset(),
    "http": frozenset(ANSWERED),
    "https": frozenset(ANSWERED | {"certificate"}),
    "tcp": frozenset({"send", "contains"}),
}
"""The kinds of check, and the keys that each uses beside `name`, `timeout` and `needsData`."""

OWN_HEADERS = {"host", "connection", "content-length", "transfer-encoding"}
FINGERPRINT = re.compile(r"sha256:([0-9a-f]{2}:?){31}[0-9a-f]{2}", re.IGNORECASE)


def _headers(value: dict[str, str]) -> dict[str, str]:
    for name, text in value.items():
        if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name):
            raise wrong(f"{shown(name)} is not the name of a header")
        if not re.fullmatch(r"[ -~]*", text):
            raise wrong(f"the value of {shown(name)} has characters that a header cannot have")
        if name.lower() in OWN_HEADERS:
            what = f"{name} is set by the request itself"
            raise wrong(what, remedy="the name of the site is `host`")
    return value


def _certificate(value: str) -> str:
    if "-----BEGIN CERTIFICATE-----" in value:
        import ssl  # noqa: PLC0415 - internal commands that read a request have no use for it

        try:
            ssl.create_default_context(cadata=value)
        except (ssl.SSLError, TypeError) as error:  # TypeError: not ASCII
            why = getattr(error, "reason", None) or "it must be PEM text"
            raise wrong(f"the certificate cannot be read: {why}") from error
    elif value not in ("trusted", "any") and not FINGERPRINT.fullmatch(value):
        raise wrong(
            "is not what a certificate can be",
            allowed="trusted, any, sha256: with the certificate's fingerprint (64 hexadecimal "
            "digits), or the PEM text of the authority that signs it",
        )
    return value


class Check(Model):
    """A check of a user's own: exactly one of `run`, `http`, `https` and `tcp`."""

    renamed: ClassVar[Mapping[str, str]] = {"data": "needsData"}

    name: Name
    """Its name in the evidence. The names of built-in checks are reserved."""
    run: Script = ""
    """A command on the server, which passes with exit code 0."""
    http: PortNumber | None = None
    """A declared port, which passes when `path` answers with `status` and with `contains`."""
    https: PortNumber | None = None
    """The same over TLS, with the `certificate` that it asks for."""
    tcp: PortNumber | None = None
    """A declared port, which passes when it answers `send` with `contains`."""
    path: Annotated[str, Field(pattern=r"^/[!-~]*$", title="begins with /, no spaces")] = "/"
    """The path of `http` and `https`."""
    host: Annotated[
        str, Field(pattern=r"^([A-Za-z0-9._:\[\]-]{1,253})?$", title="a name, without a path")
    ] = ""
    """The site that `http` and `https` ask for, and whose name the certificate has to have; empty:
    the address."""
    headers: Annotated[dict[Text, Text], AfterValidator(_headers)] = {}
    """Further headers of the request of `http` and `https`. They are not secret."""
    certificate: Annotated[str, AfterValidator(_certificate)] = "trusted"
    """What the certificate of `https` must be: `trusted` (for `host`, by the authorities that the
    workstation trusts), `any`, `sha256:` with its fingerprint, or the PEM text of the authority
    that has signed it for `host`."""
    status: Annotated[int, Field(ge=100, le=599), Whole] = 200
    """The HTTP status that `http` and `https` expect."""
    send: Raw = ""
    """What `tcp` sends; empty: nothing."""
    contains: Raw = ""
    """What the answer of `http`, `https` or `tcp` must contain; empty: anything."""
    timeout: Annotated[
        float, Field(gt=0, le=3600, json_schema_extra={"unit": "seconds"}), Decimal
    ] = 10
    """A command must end in this time; a port is tried again until then."""
    needs_data: bool = False
    """Whether it passes only with the data disks, which are attached at the cutover."""

    @property
    def kind(self) -> str:
        """`run`, `http`, `https` or `tcp`."""
        return next(kind for kind in KINDS if getattr(self, kind))

    @property
    def port(self) -> int | None:
        """The TCP port that it connects to; None for a command."""
        return self.http or self.https or self.tcp

    @property
    def names_site(self) -> bool:
        """Whether the certificate must be for a name."""
        return self.certificate != "any" and not FINGERPRINT.fullmatch(self.certificate)

    @model_validator(mode="after")
    def _one_kind(self) -> Check:
        given = {name for name in self.model_fields_set if getattr(self, name) is not None}
        if self.name in BUILT_IN or self.name.startswith("port-"):
            raise wrong(f"{self.name} is the name of a built-in check", remedy="rename it")
        if len(given & KINDS.keys()) != 1:
            raise wrong("needs exactly one of run (a command), http, https and tcp (a port)")
        (kind,) = given & KINDS.keys()
        if kind == "run" and not self.run.strip():
            raise wrong("must be a command: an empty one would always pass", at="run")
        used = {"name", "timeout", "needs_data", kind} | KINDS[kind]
        keys = ", ".join(sorted(KINDS[kind] | {"timeout", "needsData"}))
        refuse_unused(self, sorted(given - used), f"a check with {kind}", allowed=keys)
        if kind == "https" and self.names_site and not self.host:
            what = "is missing: https needs the name that the certificate is for"
            remedy = "give it, or certificate: any, or its fingerprint"
            raise wrong(what, at="host", remedy=remedy)
        return self
