"""The stack's outputs: what a run leaves for the next one, and for people.

They are written and read here alone. Their shape, as plain values:

    flakeship  {schema, version, target, promote_from, protect}: who wrote them, whose releases it
               takes, and whether it protects what is stable
    running    the name of the release that runs, by host
    releases   the ledger, newest first
    servers    by name: what ServerOutput has, with the target's own part below the target's name
    machines   secret, by server: what each machine that runs was made of, the active one first
    <target>   what the target keeps for the whole stack

Keys that this version does not have, at the top and in a server, survive its writing.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Annotated, Any, TypeVar

from pydantic import Field, TypeAdapter, ValidationError

from flakeship import __version__
from flakeship.model import codec
from flakeship.model.errors import FlakeshipError, shown
from flakeship.model.fields import NoWord, Number, Text, Word
from flakeship.model.machine import MachineName, ServerName
from flakeship.model.release import Record, ReleaseName
from flakeship.state import first_version

T = TypeVar("T")

SCHEMA = 2
"""Raised by a change that an older reader, or resources of an older version, would not fit."""


@dataclass(frozen=True)
class ServerOutput:
    """A server as the last run that verified it left it."""

    target: Word
    machine: MachineName
    release: ReleaseName
    address: Text = ""  # where its users find it
    ports: dict[Text, Text] = field(default_factory=dict)  # addresses with port by the port's label
    ssh: Text = ""  # a command line for people
    checks: Text = ""
    details: Mapping[str, Any] = field(default_factory=dict)  # its target's own

    def plain(self) -> dict[str, Any]:
        """The server as a stack output."""
        common = {key: value for key, value in vars(self).items() if key != "details"}
        return {**common, self.target: self.details}


@dataclass(frozen=True)
class StackOutputs:
    """All outputs of a stack; `unknown` are those that this version does not know."""

    schema: int | None = None  # None before the first run, 0 for the first version's
    version: str = ""
    target: str = ""
    promote_from: str = ""
    protect: bool = False  # whether the last good run protected anything
    running: dict[Word, ReleaseName] = field(default_factory=dict)
    ledger: Annotated[list[Record], Field(alias="releases")] = field(default_factory=list)
    servers: dict[ServerName, ServerOutput] = field(default_factory=dict)
    machines: dict[ServerName, list[dict[str, Any]]] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)
    unknown: Mapping[str, Any] = field(default_factory=dict)
    unknown_of_servers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Header:
    """The output that says who wrote the others."""

    schema: Annotated[int, Field(ge=0), Number] = 0
    version: Text = ""
    target: NoWord = ""
    promote_from: Text = ""
    protect: bool = False


KNOWN = ("flakeship", "running", "releases", "servers", "machines")
OF_SERVERS = {each.name for each in fields(ServerOutput)} - {"details"}


def header(target: str, promote_from: str = "", *, protect: bool = False) -> dict[str, Any]:
    """The output that says that this version wrote the others."""
    return asdict(Header(SCHEMA, __version__, target, promote_from, protect))


def read(raw: Mapping[str, Any], stack: str) -> StackOutputs:
    """The outputs from plain values. Raises FlakeshipError: a newer version's, or unreadable."""
    if not raw.get("flakeship") and not raw.get("running"):
        return StackOutputs(unknown=_without(raw, KNOWN))
    try:
        head = TypeAdapter(Header).validate_python(raw.get("flakeship") or {})
        if head.schema > SCHEMA:
            raise newer(stack, head.version, f"outputs schema {head.schema}, here {SCHEMA}")
        target, given = (head.target, raw) if head.schema else first_version.upgraded(raw)
        parts = {key: given[key] for key in KNOWN if given.get(key)}
        details = _own_part(given, target)
        found = TypeAdapter(StackOutputs).validate_python(parts)
        servers, unknown_of_servers = {}, {}
        for name, server in found.servers.items():
            plain = parts["servers"][name]
            own = _own_part(plain, server.target, f"servers.{name}.")
            servers[name] = replace(server, details=own)
            unknown_of_servers[name] = _without(plain, {*OF_SERVERS, server.target})
    except (ValueError, TypeError, AttributeError, LookupError) as error:
        raise _unreadable(stack, error) from error
    return replace(
        found,
        schema=head.schema,
        version=head.version,
        target=target,
        promote_from=head.promote_from,
        protect=head.protect,
        servers=servers,
        details=details,
        unknown=_without(given, {*KNOWN, target}),
        unknown_of_servers=unknown_of_servers,
    )


def _without(plain: Mapping[str, Any], keys: Collection[str]) -> dict[str, Any]:
    return {key: value for key, value in plain.items() if key not in keys}


def _own_part(given: Mapping[str, Any], target: str, place: str = "") -> Mapping[str, Any]:
    found: object = given.get(target) or {}
    if not isinstance(found, Mapping):
        raise ValueError(f"{place}{target}: must be an object")  # noqa: TRY004 - as for all else
    return found


def parsed(kind: type[T], value: object, stack: str) -> T:
    """A target's own part of the outputs. Raises FlakeshipError where it cannot be read."""
    try:
        return TypeAdapter(kind).validate_python(value)
    except ValidationError as error:
        raise _unreadable(stack, error) from error


def machines_of(kind: type[T], outputs: StackOutputs, stack: str) -> dict[str, list[T]]:
    """The machines of the last good run by server, the active one first. Raises FlakeshipError."""
    return parsed(dict[str, list[kind]], outputs.machines, stack)  # type: ignore[valid-type]


def plain_machines_of(kind: type[T], machines: Mapping[str, Sequence[T]]) -> dict[str, list[Any]]:
    """The machines of a kind as a stack output; defaults are left out."""
    found: dict[str, list[Any]] = TypeAdapter(dict[str, list[kind]]).dump_python(  # type: ignore[valid-type]
        {name: [*each] for name, each in machines.items()},
        mode="json",
        by_alias=True,
        exclude_defaults=True,
    )
    return found


def ledger(records: list[Record]) -> list[dict[str, object]]:
    """The ledger as a stack output."""
    return [codec.plain(record) for record in records]


def _unreadable(stack: str, error: Exception) -> FlakeshipError:
    match error:
        case ValidationError():
            first = error.errors()[0]
            pattern = first["type"] == "string_pattern_mismatch"
            rule = "is nothing that Flakeship writes there" if pattern else first["msg"]
            why = f"{'.'.join(map(str, first['loc']))}: {rule}, got {given(first['input'])}"
        case ValueError():
            why = str(error)
        case _:
            why = repr(error)
    return FlakeshipError(
        f"its outputs cannot be read: {why}",
        code="outputs-unreadable",
        key=f"stack {stack}",
        remedy="Outputs are written by `pulumi up` alone: restore the state from a backup "
        "(`pulumi stack import`)",
    )


def given(value: object) -> str:
    """A value of a state, cut."""
    return shown(json.dumps(value, default=str, ensure_ascii=False))


def newer(stack: str, version: str, why: str) -> FlakeshipError:
    """The outputs were written by a version that this one does not understand."""
    return FlakeshipError(
        f"was last deployed by Flakeship {version or 'of unknown version'}, and this is "
        f"{__version__} ({why})",
        code="outputs-newer",
        key=f"stack {stack}",
        remedy="Update this checkout or package",
    )


def refuse_older(outputs: StackOutputs, stack: str) -> None:
    """Refuse to deploy over resources of an older version; its status can be read."""
    if outputs.schema is not None and outputs.schema < SCHEMA:
        raise FlakeshipError(
            f"was deployed by an older Flakeship ({outputs.version or '0.1'}, outputs schema "
            f"{outputs.schema}, here {SCHEMA}), whose resources have other names and types",
            code="outputs-older",
            key=f"stack {stack}",
            remedy="Destroy it with that version, or deploy to a new stack (`pulumi stack init`)",
        )
