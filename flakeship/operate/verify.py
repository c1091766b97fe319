"""`make verify`: the checks of every server once more, without Pulumi and without any change."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from flakeship.model import codec
from flakeship.model.errors import FlakeshipError
from flakeship.model.evidence import Evidence
from flakeship.operate import status
from flakeship.state.stack import Stack
from flakeship.targets.local import data_disk_checks, verify_machine
from flakeship.targets.local.requests import CutoverRequest, VerifyMachineRequest
from flakeship.verify import verify

Progress = Callable[[str], object]


def verify_stack(stack: Stack, progress: Progress) -> str:
    """Verify every machine that has been verified, as the state says; the tables of all.

    The pinned host keys hold. Raises FlakeshipError with the story of each that does not pass.
    """
    lines, failed = [], []
    for resource in stack.resources:
        try:
            if "::verification-" in resource["urn"]:
                lines += ["", *_verified(stack, resource, progress)]
            elif "::cutover-" in resource["urn"] and "stdin" in resource["inputs"]:
                moved = codec.parse(CutoverRequest, resource["inputs"]["stdin"])
                if checks := data_disk_checks.again(moved):
                    lines += ["", f"{moved.server} with its data disks", *status.table(checks)]
        except FlakeshipError as error:
            failed.append(str(error))
    if failed:
        raise FlakeshipError("\n\n".join(failed))
    if not lines:
        raise FlakeshipError("nothing is verified in this stack yet: `make up` sees to that")
    return "\n".join(lines)


def _verified(stack: Stack, resource: dict[str, Any], progress: Progress) -> list[str]:
    """Run one verification again, by the verb that has made it."""
    verb, text = resource["inputs"]["create"], resource["inputs"]["stdin"]
    previous = resource["outputs"]["stdout"]
    evidence = codec.parse(Evidence, previous)
    machine = evidence.machine
    if verb == "trial":
        return [machine, "  was a test server and is gone; a new release gets another"]
    if verb == "review":
        active = machine in active_machines(stack)
        # openstacksdk takes its time, which the target `local` does not pay
        cloud = import_module("flakeship.targets.openstack.servers.verify_existing")
        evidence = cloud.verify_existing(text, previous, progress, stack.name, active=active)
    else:
        request = codec.parse(VerifyMachineRequest, text)
        pinned = verify.pinned_keys(previous, machine)
        evidence = verify_machine.verify_machine(request, pinned, on_failure(machine, stack.name))
    return [machine, *status.table(evidence.checks)]


def active_machines(stack: Stack) -> set[str]:
    """The machine that has each server's name now."""
    servers = stack.outputs.get("servers") or {}
    return {str(server["machine"]) for server in servers.values()}


def on_failure(machine: str, stack: str) -> str:
    """What a failure means of a machine here, where only active ones run."""
    return (
        "This was only a check: it still has its name and address. If it is sick, go back to a "
        "release that works (flakeship:release), or have it made anew: "
        f"`pulumi up --stack {stack} --replace '**-{machine}'`."
    )
