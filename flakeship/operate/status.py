"""What `make up` ends with: the release, how to log in, and the evidence of every server."""

from __future__ import annotations

import json
from typing import Any

from pydantic import TypeAdapter

from flakeship.model import ledger
from flakeship.model.errors import FlakeshipError
from flakeship.model.evidence import CheckResult, Evidence
from flakeship.state.stack import Stack
from flakeship.targets.local import orphans


def status(stack: Stack) -> str:
    """The summary of a stack, from its state alone.

    Raises FlakeshipError when nothing in it has been verified yet.
    """
    left = [path.name for path in orphans.machines(stack.name, stack.resources)]
    also = (
        f"\n\nunknown to the state, after a killed run: {', '.join(left)}; `make sweep` removes it"
    )
    return text(stack) + (also if left else "")


def text(stack: Stack) -> str:
    """The summary without what the state does not know."""
    if "running" not in stack.outputs:
        raise FlakeshipError("nothing is verified in this stack yet: `make up` sees to that")
    servers = stack.outputs["servers"] or {}
    lines = releases(stack.outputs)
    for name, report in servers.items():
        lines += ["", *server(stack, name, report)]
    if not servers:
        for evidence in evidences(stack):
            lines += ["", f"{evidence.machine}: a test server, removed by its verification"]
            lines += verified(evidence)
    return "\n".join(lines)


def releases(outputs: dict[str, Any]) -> list[str]:
    """The releases that run, and the ledger."""
    records = ledger.read(outputs["releases"])
    running = list(outputs["running"].values())
    published = outputs.get("published") or {}
    lines = []
    for record in (ledger.choose(records, name) for name in running):
        lines += [
            "",
            f"release   {record.name} ({record.release.version})",
            f"toplevel  {record.release.toplevel}",
        ]
        for file in record.artifact.files:
            lines += [f"image     {file.path}, {file.size / 1024**2:.1f} MiB"]
            lines += [f"sha512    {file.sha512}"]
        if record.name in published:
            lines.append(f"glance    {published[record.name]['id']}")
    lines += [
        f"{'ledger' if first else '':10}{each.name}"
        f"{', running' if each.name in running else ''}"
        f"{f', of revision {each.release.revision}' if each.release.revision else ''}"
        for first, each in zip([True, *[False] * len(records)], records, strict=False)
    ]
    return lines


def server(stack: Stack, name: str, report: dict[str, Any]) -> list[str]:
    """How to log in to a server, its evidence, and its older machines that still run."""
    machine = report["machine"]
    evidence = next((each for each in evidences(stack) if each.machine == machine), None)
    if evidence is None:
        raise FlakeshipError(f"the state holds no evidence of {machine}: `make up` verifies it")
    cloud = "flavor" in report
    # the command line itself carries the pinned host key there
    login = f"make ssh STACK={stack.name} SERVER={name}" if cloud else report["ssh"]
    ports = "".join(f", {port} at {at}" for port, at in report["ports"].items() if port != "22")
    lines = [f"{name}: {login}{ports}"]
    if cloud:
        lines.append(f"  {machine} at {report['address']}, flavor {report['flavor']}")
    lines += verified(evidence)
    if served := with_disks(name, stack.resources):
        lines += ["  with its data disks:", *table(served)]
    return lines + [
        f"  {each.machine} runs too, to go back to; verified {each.at}, "
        f"{len(each.checks)} checks passed"
        for each in evidences(stack)
        if each.machine != machine and each.machine.rsplit("-", 2)[0] == name
    ]


def verified(evidence: Evidence) -> list[str]:
    """When and how quickly, and the table of the checks."""
    how = f"SSH answered after {evidence.seconds_to_ssh:.1f} s"
    return [f"  verified {evidence.at}, {how}", *table(evidence.checks)]


def evidences(stack: Stack) -> list[Evidence]:
    """What the verifications hold."""
    held = [each.get("outputs", {}).get("evidence") for each in stack.resources]
    return [TypeAdapter(Evidence).validate_python(each) for each in held if each]


def with_disks(server: str, resources: list[dict[str, Any]]) -> list[CheckResult]:
    """What the cut-over of a server has checked after its data disks had moved."""
    for resource in resources:
        stdout = resource.get("outputs", {}).get("stdout")
        # on a cloud the cut-over is no command: it moves an address, and there are no data disks
        if resource.get("urn", "").endswith(f"::cutover-{server}") and stdout:
            said = json.loads(stdout)
            return TypeAdapter(list[CheckResult]).validate_python(said.get("checks", []))
    return []


def table(checks: list[CheckResult]) -> list[str]:
    """A line for each check: its name, its time in seconds, and what was seen."""
    width = max((len(check.name) for check in checks), default=0)
    return [
        f"  {'✓' if check.passed else '✗'} {check.name:{width}}"
        f"  {check.milliseconds / 1000:6.2f} s  {check.detail}".rstrip()
        for check in checks
    ]
