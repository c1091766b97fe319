"""The stack's outputs: what a run leaves for the next one, and for people.

They are written and read here alone. Their shape, as plain values:

    flakeship  {schema, version, target}: who wrote them
    running    the name of the release that runs, by host
    releases   the ledger, newest first
    servers    by name: what ServerOutput has, with the target's own part below the target's name
    machines   secret, by server: what each machine that runs was made of, the active one first
    <target>   what the target keeps for the whole stack

Keys that this version does not have, at the top and in a server, survive its writing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from flakeship import __version__
from flakeship.model import codec
from flakeship.model.errors import FlakeshipError
from flakeship.model.release import Record
from flakeship.state import first_version

T = TypeVar("T")

SCHEMA = 1
"""Raised by a change that an older reader would misunderstand."""


@dataclass(frozen=True)
class ServerOutput:
    """A server as the last run that verified it left it.

    `address` is where its users find it, `ports` are addresses with port by the port's label, `ssh`
    is a command line for people. `details` belong to its target.
    """

    target: str
    machine: str
    release: str
    address: str
    ports: Mapping[str, str]
    ssh: str
    checks: str
    details: Mapping[str, Any] = field(default_factory=dict)

    def plain(self) -> dict[str, Any]:
        """The server as a stack output."""
        return {
            "target": self.target,
            "machine": self.machine,
            "release": self.release,
            "address": self.address,
            "ports": dict(self.ports),
            "ssh": self.ssh,
            "checks": self.checks,
            self.target: dict(self.details),
        }


@dataclass(frozen=True)
class StackOutputs:
    """All outputs of a stack. `schema` is None before the first run, 0 for the first version's.

    `machines` and `details` are read by the target. `unknown` has what this version does not know.
    """

    schema: int | None = None
    version: str = ""
    target: str = ""
    running: Mapping[str, str] = field(default_factory=dict)
    ledger: tuple[Record, ...] = ()
    servers: Mapping[str, ServerOutput] = field(default_factory=dict)
    machines: Mapping[str, list[dict[str, Any]]] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)
    unknown: Mapping[str, Any] = field(default_factory=dict)
    unknown_of_servers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


class _Header(BaseModel):
    # not strict: the state has only one kind of number, and 1 comes back as 1.0
    schema_: int = 0
    version: str = ""
    target: str = ""


class _Server(BaseModel):
    model_config = ConfigDict(extra="allow")
    target: str
    machine: str
    release: str
    address: str = ""
    ports: dict[str, str] = {}
    ssh: str = ""
    checks: str = ""


class _Stored(BaseModel):
    model_config = ConfigDict(extra="allow")
    running: dict[str, str]
    releases: list[Record]
    servers: dict[str, _Server]
    machines: dict[str, list[dict[str, Any]]]


KNOWN = ("flakeship", *_Stored.model_fields)


def header(target: str) -> dict[str, Any]:
    """The output that says who wrote the others."""
    return {"schema": SCHEMA, "version": __version__, "target": target}


def read(raw: Mapping[str, Any], stack: str) -> StackOutputs:
    """The outputs of a stack from plain values; a stack that never ran has none.

    Raises FlakeshipError in one line for outputs of a newer version, and for what cannot be read.
    """
    if not raw.get("flakeship") and not raw.get("running"):
        return StackOutputs(unknown={key: raw[key] for key in raw if key not in KNOWN})
    given = dict(raw)
    try:
        head = _Header.model_validate(_renamed(given.pop("flakeship", None) or {}))
        if head.schema_ > SCHEMA:
            raise newer(stack, head.version, f"outputs schema {head.schema_}, here {SCHEMA}")
        if head.schema_ == 0:
            head = head.model_copy(update={"target": first_version.target(given)})
            given = first_version.upgraded(given, head.target)
        details = own_part(given, head.target)
        given.pop(head.target, None)
        stored = _Stored.model_validate(
            {
                **given,
                "running": given.get("running") or {},
                "releases": given.get("releases") or [],
                "servers": given.get("servers") or {},
                "machines": given.get("machines") or {},
            }
        )
        servers = {name: _server(name, server) for name, server in stored.servers.items()}
    except ValidationError as error:
        raise _unfit(stack, error) from error
    except ValueError as error:
        raise unreadable(stack, str(error)) from error
    except (TypeError, AttributeError, LookupError) as error:
        raise unreadable(stack, repr(error)) from error
    return StackOutputs(
        schema=head.schema_,
        version=head.version,
        target=head.target,
        running=stored.running,
        ledger=tuple(stored.releases),
        servers=servers,
        machines=stored.machines,
        details=details,
        unknown=stored.model_extra or {},
        unknown_of_servers={
            name: {k: v for k, v in (server.model_extra or {}).items() if k != server.target}
            for name, server in stored.servers.items()
        },
    )


def own_part(given: Mapping[str, Any], target: str, place: str = "") -> Mapping[str, Any]:
    """A target's own part of outputs. Raises ValueError where it is no object."""
    found: object = given.get(target) or {}
    if not isinstance(found, Mapping):
        raise ValueError(f"{place}{target}: must be an object")  # noqa: TRY004 - as for all else
    return found


def _renamed(head: object) -> object:
    return (
        {"schema_" if k == "schema" else k: v for k, v in head.items()}
        if isinstance(head, Mapping)
        else head
    )


def _server(name: str, stored: _Server) -> ServerOutput:
    known = {field: getattr(stored, field) for field in _Server.model_fields}
    own = own_part(stored.model_extra or {}, stored.target, f"servers.{name}.")
    return ServerOutput(**known, details=own)


def parsed(kind: type[T], value: object, stack: str) -> T:
    """A target's own part of the outputs. Raises FlakeshipError where it cannot be read."""
    try:
        return TypeAdapter(kind).validate_python(value)
    except ValidationError as error:
        raise _unfit(stack, error) from error


def ledger(records: list[Record]) -> list[dict[str, object]]:
    """The ledger as a stack output."""
    return [codec.plain(record) for record in records]


def newer(stack: str, version: str, why: str) -> FlakeshipError:
    """The outputs were written by a version that this one does not understand."""
    return FlakeshipError(
        f"was last deployed by Flakeship {version or 'of unknown version'}, and this is "
        f"{__version__} ({why})",
        code="outputs-newer",
        key=f"stack {stack}",
        remedy="Update this checkout or package",
    )


def unreadable(stack: str, why: str) -> FlakeshipError:
    """The outputs are not what any version wrote."""
    return FlakeshipError(
        f"its outputs cannot be read: {why}",
        code="outputs-unreadable",
        key=f"stack {stack}",
        remedy="Outputs are written by `pulumi up` alone: restore the state from a backup "
        "(`pulumi stack import`)",
    )


def _unfit(stack: str, error: ValidationError) -> FlakeshipError:
    first = error.errors()[0]
    return unreadable(stack, f"{'.'.join(map(str, first['loc']))}: {first['msg']}")


def refuse_first_version(outputs: StackOutputs, stack: str) -> None:
    """Refuse to deploy over resources of the first version, whose names were others.

    Its status can be read. Raises FlakeshipError.
    """
    if outputs.schema == 0:
        raise FlakeshipError(
            "was deployed by Flakeship 0.1, whose resources have other names and commands",
            code="outputs-first-version",
            key=f"stack {stack}",
            remedy="Destroy it with that version, or deploy to a new stack (`pulumi stack init`)",
        )
