"""`flakeship status`: the release, how to log in, and the evidence of every server."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flakeship.model import codec, ledger
from flakeship.model.errors import FlakeshipError
from flakeship.model.evidence import Evidence, table
from flakeship.model.machine import MachineId
from flakeship.model.sizes import MIB
from flakeship.operate.actions import nothing_verified, operator
from flakeship.state import locks
from flakeship.state.resources import VERIFICATION
from flakeship.state.stack import Stack
from flakeship.targets.base import Operator


def status(stack: Stack) -> str:
    """The status of a stack for a person, from its state alone."""
    proven = evidence(stack)
    serves = operator(stack)
    lines = _releases(stack, serves)
    for name in stack.outputs.servers:
        lines += ["", *_server(stack, name, serves, proven)]
    if not stack.outputs.servers:
        for each in proven.values():
            lines += ["", f"{each.machine}: a test server, removed after its verification"]
            lines += _verified(each)
    held = locks.held(stack.name, os.environ, Path.cwd())
    if orphans := serves.orphans():
        # a run that is under way has such resources too, and not every backend tells of one
        whose = "left by a killed run" if held == [] else "unless a run is under way"
        lines += ["", f"orphaned resources, {whose}: {', '.join(orphans)}"]
        lines += [f"`flakeship --stack {stack.name} sweep` removes them"]
    if held:
        lines += ["", str(locks.refusal(stack.name, held))]
    return "\n".join(lines)


def plain(stack: Stack) -> Mapping[str, Any]:
    """The status as plain values, for scripts: the stack's outputs but the secret ones."""
    checks = {each.machine: codec.plain(each)["checks"] for each in evidence(stack).values()}
    shown = {name: value for name, value in stack.raw_outputs.items() if name != "machines"}
    return {**shown, "checks": checks}


def evidence(stack: Stack) -> dict[str, Evidence]:
    """The evidence of every verified machine, by its id. Raises FlakeshipError without any."""
    if not stack.outputs.running:
        raise nothing_verified(stack)
    found = stack.of(VERIFICATION)
    return {machine: each.result(Evidence) for machine, each in found.items() if each.raw_result}


def _releases(stack: Stack, serves: Operator) -> list[str]:
    records, running = stack.outputs.ledger, stack.outputs.running.values()
    lines = []
    for name in running:
        record = ledger.choose(records, name, f"stack {stack.name}, output running")
        lines += ["", f"release   {record.name} ({record.release.version})"]
        lines += [f"toplevel  {record.release.toplevel}"]
        for file in record.artifact.files:
            lines += [f"image     {file.path}, {file.size / MIB:.1f} MiB"]
            lines += [f"sha512    {file.sha512}"]
        lines += serves.describe_release(record.name)
    for number, record in enumerate(records):
        revision = record.release.revision
        lines.append(
            f"{'' if number else 'ledger':10}{record.name}"
            f"{', running' if record.name in running else ''}"
            f"{f', revision {revision}' if revision else ''}"
        )
    return lines


def _server(stack: Stack, name: str, serves: Operator, proven: Mapping[str, Evidence]) -> list[str]:
    output = stack.outputs.servers[name]
    if output.machine not in proven:
        raise FlakeshipError(
            "the state has no evidence of it",
            code="evidence-missing",
            key=output.machine,
            remedy="Run `pulumi up`, which verifies it",
        )
    ports = [f"{port} at {at}" for port, at in output.ports.items() if port != "22"]
    standby = [
        f"  {each.machine} is on standby for a rollback; verified {each.at}, "
        f"{len(each.checks)} checks passed"
        for each in proven.values()
        if each.machine != output.machine and MachineId.parse(each.machine).server == name
    ]
    return [
        f"{name}: {', '.join(filter(None, [output.ssh, *ports]))}",
        *serves.describe(name, output),
        *_verified(proven[output.machine]),
        *standby,
    ]


def _verified(proof: Evidence) -> list[str]:
    seconds = f"SSH answered after {proof.seconds_to_ssh:.1f} s"
    return [f"  verified {proof.at}, {seconds}", *table(proof.checks)]
