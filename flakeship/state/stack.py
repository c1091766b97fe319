"""The selected stack, as Pulumi has it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from flakeship.model.errors import CommandError, FlakeshipError
from flakeship.system.process import run

PROVIDER = "pulumi:providers:openstack"


@dataclass(frozen=True)
class Stack:
    """Its name and its state, as `pulumi stack export` writes it."""

    name: str
    deployment: dict[str, Any]

    @property
    def resources(self) -> list[dict[str, Any]]:
        """What the state knows; nothing before the first run and after a destroy."""
        found: list[dict[str, Any]] = self.deployment.get("resources") or []
        return found

    @property
    def outputs(self) -> dict[str, Any]:
        """The stack's own outputs."""
        stacks = (each for each in self.resources if each["type"] == "pulumi:pulumi:Stack")
        return next((each.get("outputs") or {} for each in stacks), {})


def selected() -> Stack:
    """Ask Pulumi for it."""
    name = run(["pulumi", "stack", "--show-name"]).stdout.strip()
    return Stack(name, json.loads(run(["pulumi", "stack", "export"]).stdout)["deployment"])


def settled(stack: Stack) -> Stack:
    """The stack without the operations that a killed run has left half-way in its state.

    Only what was recorded as done counts then. Pulumi's lock tells whether a run is under way:
    raises FlakeshipError where it is held. Pulumi's own `up` keeps such operations until they
    succeed, and on a cloud they may not: what the killed run has made is in their way.
    """
    if not stack.deployment.get("pending_operations"):
        return stack
    # of the stack alone: nothing in the state is to change
    target = [f"--target={each['urn']}" for each in stack.resources[:1]]
    argv = ["pulumi", "refresh", "--yes", "--skip-preview", "--clear-pending-creates"]
    try:
        run([*argv, "--suppress-outputs", "--stack", stack.name, *target])
    except CommandError as error:
        raise FlakeshipError(
            f"a run of the stack {stack.name} is under way, or was killed: wait for it, or end it "
            f"by `pulumi cancel`, and sweep then. Pulumi says: {error.stderr.strip() or error}"
        ) from error
    return selected()


def configuration(stack: Stack) -> dict[str, Any]:
    """What Pulumi knows of a stack's settings, the defaults of Pulumi.yaml included, by key."""
    told: dict[str, Any] = json.loads(
        run(["pulumi", "config", "--json", "--stack", stack.name]).stdout
    )
    return told


def cloud(stack: Stack) -> str | None:
    """The cloud that a stack is on, as flakeship:openstack.cloud names it; None: on this machine.

    The state knows; while it is empty the settings say it.
    """
    for resource in stack.resources:
        if resource["type"] == PROVIDER:
            return str(resource["inputs"].get("cloud", ""))
    told = configuration(stack)
    if told.get("flakeship:target", {}).get("value") != "openstack":
        return None
    wish = told.get("flakeship:openstack", {}).get("objectValue") or {}
    return str(wish.get("cloud", ""))
