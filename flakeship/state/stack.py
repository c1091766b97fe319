"""A stack, as Pulumi has it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from flakeship.model import codec
from flakeship.model.errors import CommandError, FlakeshipError
from flakeship.model.sizes import MIB
from flakeship.state import choice, locks, outputs
from flakeship.state.available import available, unreachable
from flakeship.state.outputs import StackOutputs
from flakeship.state.resources import RESULT, Kind, urn_name
from flakeship.system.process import run
from flakeship.system.redaction import redacted

T = TypeVar("T")
STACK = "pulumi:pulumi:Stack"
MOST = 256 * MIB  # of an exported stack
DEFAULTS = "__defaults"  # the engine's own note among inputs
SIGNATURE = "4dabf18193072939515e22adb298388d"  # Pulumi's key of objects such as a secret


@dataclass(frozen=True)
class Resource:
    """One resource of a state."""

    urn: str
    token: str = ""
    id: str = ""
    inputs: Mapping[str, Any] = field(default_factory=dict)
    outputs: Mapping[str, Any] = field(default_factory=dict)
    protected: bool = False  # Pulumi refuses to delete it

    @property
    def raw_result(self) -> str:
        """What its last change has answered, as JSON; empty where it has not been made."""
        found = self.outputs.get(RESULT)
        older = str(self.outputs.get("stdout") or "")
        return codec.dump(found) if found else older

    def request(self, kind: type[T]) -> T:
        """What the provider was asked. Raises FlakeshipError where it cannot be read."""
        return self._parsed(kind, str(self.inputs.get("stdin") or json.dumps(self.inputs)))

    def result(self, kind: type[T]) -> T:
        """What the provider has answered. Raises FlakeshipError where it cannot be read."""
        return self._parsed(kind, self.raw_result)

    def _parsed(self, kind: type[T], text: str) -> T:
        try:
            return codec.parse(kind, text)
        except ValidationError as error:
            raise FlakeshipError(
                "its request or result in the state cannot be read",
                code="state-unreadable",
                key=urn_name(self.urn),
                remedy=f"Make it anew: `pulumi up --replace '{self.urn}'`",
            ) from error


@dataclass(frozen=True)
class Stack:
    """A stack's name and its state, as `pulumi stack export` writes it."""

    name: str
    deployment: Mapping[str, Any]

    @cached_property
    def resources(self) -> list[Resource]:
        """What the state has; nothing before the first run and after a destroy."""
        try:
            return [
                Resource(
                    str(each["urn"]),
                    str(each.get("type") or ""),
                    str(each.get("id") or ""),
                    {k: v for k, v in (each.get("inputs") or {}).items() if k != DEFAULTS},
                    dict(each.get("outputs") or {}),
                    bool(each.get("protect")),
                )
                for each in self.deployment.get("resources") or []
            ]
        except (TypeError, KeyError, ValueError, AttributeError) as error:
            raise self._unreadable(error) from error

    @property
    def pending(self) -> list[str]:
        """What a killed run has left half-way: `<type> <name> (creating)`."""
        left = self.deployment.get("pending_operations") or []
        try:
            return [f"{named(each['resource']['urn'])} ({each['type']})" for each in left]
        except (TypeError, KeyError, AttributeError) as error:
            raise self._unreadable(error) from error

    @cached_property
    def raw_outputs(self) -> Mapping[str, Any]:
        """The stack's outputs as plain values, but for the secret ones: they are encrypted here."""
        found = next((each.outputs for each in self.resources if each.token == STACK), {})
        encrypted = {k for k, v in found.items() if isinstance(v, Mapping) and SIGNATURE in v}
        return {name: value for name, value in found.items() if name not in encrypted}

    @cached_property
    def outputs(self) -> StackOutputs:
        """As outputs.read."""
        return outputs.read(self.raw_outputs, self.name)

    def _unreadable(self, error: Exception) -> FlakeshipError:
        return FlakeshipError(
            f"its state cannot be read: {error!r}",
            code="state-unreadable",
            key=f"stack {self.name}",
            remedy="Restore it from a backup (`pulumi stack import`)",
        )

    def of(self, kind: Kind) -> dict[str, Resource]:
        """The resources of a kind, by their subjects."""
        return {
            subject: each
            for each in self.resources
            if (subject := kind.subject(each.token, each.urn)) is not None
        }


def named(urn: str) -> str:
    """The type and the name of a resource, which is how Pulumi shows it."""
    *_, kind, name = urn.split("::", 3)
    return f"{kind.rpartition('$')[2]} {name}"


def selected() -> Stack:
    """The stack that Pulumi has selected. Raises FlakeshipError where there is none."""
    return exported("")


def exported(name: str) -> Stack:
    """A stack by its name, empty: the selected one. Raises FlakeshipError where there is none."""
    choice.refuse_other_checkout(os.environ, Path.cwd())
    which = ["--stack", name] if name else []
    with available("name a stack with --stack, or choose one with `pulumi stack select`"):
        name = name or run(["pulumi", "stack", "--show-name"]).stdout.strip()
        choice.own_name(name)
        found = json.loads(run(["pulumi", "stack", "export", *which], most=MOST).stdout)
    return Stack(name, found.get("deployment") or {})


def without_pending(stack: Stack) -> Stack:
    """The stack, just exported, without what a killed run has left half-way in its state.

    Raises LockedError while a run is under way, which may have nothing pending yet. A backend that
    is no local folder tells of it only when somebody else takes the lock, which takes seconds.
    """
    found = locks.held(stack.name, os.environ, Path.cwd())
    if found:
        raise locks.refusal(stack.name, found)
    if found is not None and not stack.deployment.get("pending_operations"):
        return stack
    clear_pending(stack)
    return selected()


def clear_pending(stack: Stack) -> None:
    """Remove the operations from a state that a killed run has left half-way, and nothing else.

    Pulumi's own `up` keeps them until they succeed, and on a cloud they may not: what the killed
    run has made is in their way. Raises LockedError where Pulumi's lock tells that one runs.
    """
    # of the stack alone: nothing in the state is to change
    target = [f"--target={each.urn}" for each in stack.resources[:1]]
    argv = ["pulumi", "refresh", "--yes", "--skip-preview", "--clear-pending-creates"]
    try:
        run([*argv, "--suppress-outputs", "--stack", stack.name, *target])
    except CommandError as error:
        message = redacted(error.stderr.strip() or str(error))
        if not locks.is_locked(message):
            raise (unreachable(message) or error) from error
        raise locks.refusal(stack.name, locks.told(message), message) from error


def setting(stack: Stack, key: str) -> str:
    """One of a stack's settings, `flakeship:<key>`, as text; empty where it is not set."""
    return str(configuration(stack).get(f"flakeship:{key}", {}).get("value") or "")


def configuration(stack: Stack) -> dict[str, Any]:
    """A stack's settings as `pulumi config --json` shows them, the project's defaults included."""
    shown = run(["pulumi", "config", "--json", "--stack", stack.name]).stdout
    found: dict[str, Any] = json.loads(shown)
    return found
