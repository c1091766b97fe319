"""The settings of a stack, read once from its configuration and checked before anything happens."""

from __future__ import annotations

import contextlib
import difflib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails

from flakeship.config.fields import Model, once
from flakeship.config.server import Server
from flakeship.model.checks import Check
from flakeship.model.errors import FlakeshipError
from flakeship.model.ports import Port
from flakeship.targets.openstack.settings import (
    FlavorPolicy,
    NetworkSettings,
    OpenStackSettings,
    TestServerSettings,
)

NAMESPACE = "flakeship:"

Target = Literal["local", "openstack"]

VARIANTS: dict[str, str] = {"local": "qemu", "openstack": "openstack"}
"""What is built for a target where nothing else is asked for."""

ONLY: dict[str, set[str]] = {
    "local": {"flavor", "user_data", "metadata", "keypair", "address", "volume"},
    "openstack": {"data"},
}
"""The keys of a server that a target does not know."""


class Settings(Model):
    """One stack. Every key is described in Pulumi.yaml."""

    flake: str = "./nix/appliance"
    host: str = "appliance"
    variant: str = ""
    target: Target = "local"
    servers: list[Server] = [Server(name="web")]
    keep: Annotated[int, Field(ge=1, le=100)] = 3
    rollback_window: Annotated[int, Field(ge=0, le=20)] = 1
    release: str = ""
    authorized_keys: list[str] = []
    identity: str = ""
    boot_timeout: Annotated[int, Field(gt=0, le=3600)] = 300
    openstack: OpenStackSettings = OpenStackSettings()

    @property
    def each(self) -> list[Server]:
        """Every single server."""
        return [single for server in self.servers for single in server.each]

    @property
    def hosts(self) -> list[str]:
        """The NixOS configurations that the stack's servers run, the stack's own first."""
        used = [server.host or self.host for server in self.servers] or [self.host]
        return list(dict.fromkeys(used))

    @property
    def format(self) -> str:
        """The variant, by default that of the target."""
        return self.variant or VARIANTS[self.target]

    @model_validator(mode="after")
    def distinct(self) -> Settings:
        """No two servers share a name or a port of this machine."""
        once("servers: the name", [server.name for server in self.each])
        named = [s.address for s in self.each if s.address not in ("floating", "none")]
        once("servers: the address", named)
        once(
            "servers: the host port",
            [p.host_port for s in self.each for p in s.ports if p.host_port is not None],
        )
        return self

    @model_validator(mode="after")
    def fits_target(self) -> Settings:
        """What only another target has is refused rather than ignored."""
        for number, server in enumerate(self.servers):
            given = server.model_fields_set & ONLY[self.target]
            if given:
                names = ", ".join(to_camel(name) for name in sorted(given))
                raise ValueError(
                    f"servers[{number}]: {server.name} has {names}, "
                    f"which the target {self.target} does not know"
                )
        if self.target == "local" and not self.servers:
            raise ValueError("servers: the target local needs at least one")
        # Pulumi.yaml gives every stack its defaults
        if self.target == "local" and (
            self.openstack != OpenStackSettings() or self.rollback_window != 1
        ):
            raise ValueError("openstack and rollbackWindow are for the target openstack")
        if self.rollback_window >= self.keep and self.target == "openstack":
            raise ValueError(
                f"rollbackWindow: {self.rollback_window} releases stay running beside the newest, "
                f"so keep must be at least {self.rollback_window + 1}"
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
            model = model_at(where[:-1])
            if new := model.renamed.get(str(where[-1])):
                return f"{key}: is a key of an earlier version; write {new}"
            allowed = sorted(field.alias or name for name, field in model.model_fields.items())
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


def model_at(where: list[str | int]) -> type[Model]:
    """The model that a place in the settings is validated by."""
    kinds: dict[str, type[Model]] = {
        "servers": Server,
        "ports": Port,
        "checks": Check,
        "flavor": FlavorPolicy,
        "openstack": OpenStackSettings,
        "network": NetworkSettings,
        "test": TestServerSettings,
    }
    names = [part for part in where if isinstance(part, str)]
    return kinds[names[-1]] if names else Settings
