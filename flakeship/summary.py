"""What `make up` ends with: the release, how to log in, and the evidence of every server."""

from __future__ import annotations

import json
from typing import Any

from pydantic import TypeAdapter

from flakeship import ledger
from flakeship.errors import FlakeshipError
from flakeship.local import orphans
from flakeship.process import run
from flakeship.requests import Check, Evidence


def summary() -> str:
    """The summary of the selected stack, from its state alone.

    Raises FlakeshipError when nothing in it has been verified yet.
    """
    stack, deployment = selected()
    resources = deployment.get("resources") or []
    left = [path.name for path in orphans.machines(stack, resources)]
    also = (
        f"\n\nunknown to the state, after a killed run: {', '.join(left)}; `make sweep` removes it"
    )
    return text(resources) + (also if left else "")


def selected() -> tuple[str, dict[str, Any]]:
    """The selected stack's name and its state, as `pulumi stack export` writes it."""
    stack = run(["pulumi", "stack", "--show-name"]).stdout.strip()
    deployment: dict[str, Any] = json.loads(run(["pulumi", "stack", "export"]).stdout)["deployment"]
    return stack, deployment


def text(resources: list[dict[str, Any]]) -> str:
    """The summary of a stack's resources."""
    found = {each["type"]: each.get("outputs", {}) for each in resources}
    outputs = found.get("pulumi:pulumi:Stack", {})
    if "running" not in outputs:
        raise FlakeshipError("nothing is verified in this stack yet: `make up` sees to that")
    records = ledger.read(outputs["releases"])
    running = list(outputs["running"].values())
    lines = []
    for record in (ledger.choose(records, name) for name in running):
        lines += [
            "",
            f"release   {record.name} ({record.release.version})",
            f"toplevel  {record.release.toplevel}",
            f"image     {record.release.path}, {record.size / 1024**2:.1f} MiB",
            f"sha512    {record.sha512}",
        ]
    lines += [
        f"{'ledger' if first else '':10}{each.name}"
        f"{', running' if each.name in running else ''}"
        f"{f', of revision {each.release.revision}' if each.release.revision else ''}"
        for first, each in zip([True, *[False] * len(records)], records, strict=False)
    ]
    for name, server in outputs["servers"].items():
        ports = "".join(f", {port} at {where}" for port, where in server["ports"].items())
        lines += ["", f"{name}: {server['ssh']}{ports}"]
        evidence = evidence_of(server["machine"], resources)
        lines.append(
            f"  verified {evidence.at}, SSH answered after {evidence.seconds_to_ssh:.1f} s"
        )
        lines += table(evidence.checks)
        if served := with_disks(name, resources):
            lines += ["  with its data disks:", *table(served)]
    return "\n".join(lines)


def evidence_of(machine: str, resources: list[dict[str, Any]]) -> Evidence:
    """What the verification of a machine holds."""
    for resource in resources:
        held = resource.get("outputs", {}).get("evidence")
        if held and held["machine"] == machine:
            return TypeAdapter(Evidence).validate_python(held)
    raise FlakeshipError(f"the state holds no evidence of {machine}: `make up` verifies it")


def with_disks(server: str, resources: list[dict[str, Any]]) -> list[Check]:
    """What the cut-over of a server has checked after its data disks had moved."""
    for resource in resources:
        if resource.get("urn", "").endswith(f"::cutover-{server}"):
            said = json.loads(resource["outputs"]["stdout"])
            return TypeAdapter(list[Check]).validate_python(said.get("checks", []))
    return []


def table(checks: list[Check]) -> list[str]:
    """A line for each check: its name, its time in seconds, and what was seen."""
    width = max((len(check.name) for check in checks), default=0)
    return [
        f"  {'✓' if check.passed else '✗'} {check.name:{width}}"
        f"  {check.milliseconds / 1000:6.2f} s  {check.detail}".rstrip()
        for check in checks
    ]
