"""The settings of a stack, read once from its configuration and checked before anything happens."""

from __future__ import annotations

import contextlib
import difflib
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails

from flakeship import requests
from flakeship.errors import FlakeshipError

NAMESPACE = "flakeship:"
UNITS = {"M": 1, "MiB": 1, "G": 1024, "GiB": 1024, "T": 1024 * 1024, "TiB": 1024 * 1024}


def mebibytes(value: object) -> object:
    """`2G`, `512M` and plain numbers of MiB mean a size; anything else is left to the error."""
    if isinstance(value, str):
        for unit, factor in UNITS.items():
            number = value.removesuffix(unit).strip()
            if number != value and number.isdecimal():
                return int(number) * factor
    return value


def port_alone(value: object) -> object:
    """A port may be given as a number alone."""
    alone = isinstance(value, (int, float, str)) and not isinstance(value, bool)
    return {"port": value} if alone else value


def once(kind: str, values: Iterable[object]) -> None:
    """Refuse a value that is given twice."""
    twice = [str(value) for value, count in Counter(values).items() if count > 1]
    if twice:
        raise ValueError(f"{kind} {', '.join(twice)} is given more than once")


OURS = {
    *("host-key", "root-login", "password-login", "toplevel", "sudo", "dhcp"),
    *("listeners", "firewall", "root-size", "system", "nix-build"),
}
"""The names of the checks that every server gets."""

Name = Annotated[str, Field(pattern=r"^[a-z]([a-z0-9-]{0,30}[a-z0-9])?$")]
Size = Annotated[int, BeforeValidator(mebibytes), Field(gt=0, le=64 * 1024 * 1024)]
PortNumber = Annotated[int, Field(ge=1, le=65535)]


class Model(BaseModel):
    """Keys are written as Pulumi writes them, and none is ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel)


class Port(Model):
    """A declared port, see requests.Port; the host's port `host` leads to it."""

    port: PortNumber
    protocol: requests.Protocol = "tcp"
    host: PortNumber | None = None
    data: bool = False


class Check(Model):
    """A check of the user's own; see requests.CustomCheck."""

    name: Name
    run: str = ""
    http: PortNumber | None = None
    tcp: PortNumber | None = None
    path: Annotated[str, Field(pattern=r"^/[!-~]*$")] = "/"
    status: Annotated[int, Field(ge=100, le=599)] = 200
    send: str = ""
    contains: str = ""
    timeout: Annotated[float, Field(gt=0, le=3600)] = 10
    data: bool = False

    @model_validator(mode="after")
    def one_kind(self) -> Check:
        """A check is one thing."""
        if sum(map(bool, (self.run, self.http, self.tcp))) != 1:
            raise ValueError("needs exactly one of run (a command), http and tcp (a port)")
        if self.name in OURS or self.name.startswith("port-"):
            raise ValueError(f"the name {self.name} is that of a check of ours")
        return self

    def request(self) -> requests.CustomCheck:
        """The check as the verification gets it."""
        given = self.model_dump()
        return requests.CustomCheck(**given | {"http": self.http or 0, "tcp": self.tcp or 0})


class Server(Model):
    """A server: a stable name, the shape of its machines, and what it offers."""

    name: Name
    vcpus: Annotated[int, Field(ge=1, le=256)] = 2
    memory: Size = 512
    disk: Size = 2048
    ports: list[Annotated[Port, BeforeValidator(port_alone)]] = []
    data: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,15}$")], Size] = {}
    checks: list[Check] = []

    @property
    def declared(self) -> list[Port]:
        """Every declared port. SSH is always one: without it nothing can be verified."""
        if any(port.port == 22 for port in self.ports):
            return self.ports
        return [Port(port=22, protocol="ssh"), *self.ports]

    @property
    def shape(self) -> str:
        """Four characters that change with what only a new machine can have."""
        text = f"{self.vcpus} {self.memory} {self.disk}"
        return hashlib.sha256(text.encode()).hexdigest()[:4]

    @model_validator(mode="after")
    def consistent(self) -> Server:
        """Names are given once, and a check asks a declared port, and waits with it for data."""
        ports = [port.port for port in self.declared]
        once("port", ports)
        once("check", [check.name for check in self.checks])
        waiting = [f"port {port.port}" for port in self.ports if port.data]
        named = [*waiting, *(f"check {check.name}" for check in self.checks if check.data)]
        if named and not self.data:
            raise ValueError(f"{', '.join(named)}: data is true, but the server has no data disk")
        for check in self.checks:
            wanted = check.http or check.tcp
            if wanted and wanted not in ports:
                raise ValueError(f"check {check.name} asks port {wanted}, which is not declared")
            if f"port {wanted}" in waiting and not check.data:
                raise ValueError(f"check {check.name} asks port {wanted}, so it needs data: true")
        return self


class Settings(Model):
    """One stack. Every key is described in Pulumi.yaml."""

    flake: str = "./nix/appliance"
    host: str = "appliance"
    variant: str = "qemu"
    target: Literal["local"] = "local"
    servers: Annotated[list[Server], Field(min_length=1)] = [Server(name="web")]
    keep: Annotated[int, Field(ge=1, le=100)] = 3
    release: str = ""
    authorized_keys: list[str] = []
    identity: str = ""
    boot_timeout: Annotated[int, Field(gt=0, le=3600)] = 300

    @model_validator(mode="after")
    def distinct(self) -> Settings:
        """No two servers share a name or a port of this machine."""
        once("servers: the name", [server.name for server in self.servers])
        once(
            "servers: the host port",
            [p.host for s in self.servers for p in s.ports if p.host is not None],
        )
        return self

    @model_validator(mode="after")
    def files(self) -> Settings:
        """What is named by a path is there."""
        if not self.flake.startswith((".", "/")) and Path(self.flake).is_dir():
            raise ValueError(f"flake: {self.flake} is a directory: write ./{self.flake}")
        if self.flake.startswith((".", "/")) and not Path(self.flake, "flake.nix").is_file():
            raise ValueError(f"flake: there is no flake.nix in {self.flake}")
        if self.identity and not Path(self.identity).expanduser().is_file():
            raise ValueError(f"identity: there is no file {self.identity}")
        return self


def read(
    config: Mapping[str, str], file: str, secret: Callable[[str], bool] = lambda _: False
) -> Settings:
    """Settings from a stack's whole configuration, as Pulumi hands it over: text by full key.

    Lists and objects come as JSON; `secret` tells which keys are encrypted. Raises FlakeshipError
    with a line for each thing that is wrong, naming the key, what was given, what is allowed, and
    `file`.
    """
    given: dict[str, Any] = {}
    for key, text in config.items():
        if key.startswith(NAMESPACE):
            if secret(key):
                raise FlakeshipError(
                    f"{key}: is a secret, and every setting ends in the state as plain text: give "
                    f"it without --secret, and let the server read its secrets itself ({file})"
                )
            name = key.removeprefix(NAMESPACE)
            given[name] = structured(text)
    try:
        return Settings.model_validate(given)
    except ValidationError as error:
        lines = [f"{line(problem)} ({file})" for problem in error.errors()]
        raise FlakeshipError("\n".join(lines)) from error


def structured(text: str) -> object:
    """A list or an object where the text is one; other texts stay what they are."""
    if text.startswith(("[", "{")):
        with contextlib.suppress(json.JSONDecodeError):
            return json.loads(text)
    return text


def line(problem: ErrorDetails) -> str:
    """One problem in the words of the configuration."""
    where = [part for part in problem["loc"] if part != "[key]"]
    key = NAMESPACE + "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in where)[1:]
    value = json.dumps(problem["input"], default=str)
    match problem["type"]:
        case "extra_forbidden":
            allowed = allowed_keys(where[:-1])
            near = difflib.get_close_matches(str(where[-1]), allowed, 1)
            hint = f"did you mean {near[0]}?" if near else f"allowed are {', '.join(allowed)}"
            return f"{key}: there is no such key; {hint}"
        case "missing":
            return f"{key}: is missing"
        case "value_error":
            what = problem["ctx"]["error"]
            return f"{key}: {what}" if where else f"{NAMESPACE}{what}"
        case "string_pattern_mismatch":
            return f"{key}: {value} is given; allowed are lower-case letters, digits and dashes"
        case _:
            return (
                f"{key}: {value} is given; {problem['msg'].replace('Input should be', 'must be')}"
            )


def allowed_keys(where: list[str | int]) -> list[str]:
    """The keys that are allowed at a place in the settings."""
    kinds: dict[str, type[Model]] = {"servers": Server, "ports": Port, "checks": Check}
    names = [part for part in where if isinstance(part, str)]
    model = kinds[names[-1]] if names else Settings
    return sorted(field.alias or name for name, field in model.model_fields.items())
