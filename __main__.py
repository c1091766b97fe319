"""Settings -> evaluate -> build the graph -> outputs."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pulumi
from pulumi.runtime.config import CONFIG, is_config_secret

from components import own_stack, program
from components.nix_image import NixImage
from components.targets.local.cutover import LocalCutover
from components.targets.local.server import LocalServer
from components.verification import Verification
from flakeship import access, ledger, requests, settings, source, wanted
from flakeship.local import foresight
from flakeship.local.plan import plan
from flakeship.release import Record


async def main() -> dict[str, Any]:
    """Declare everything that this stack is to be."""
    stack = pulumi.get_stack()
    given = settings.read(CONFIG.get(), f"Pulumi.{stack}.yaml", is_config_secret)
    before = asyncio.create_task(own_stack.previous_outputs("release", "releases", "servers"))
    if given.release:
        release = wanted.chosen(ledger.read((await before)[1]), given.release)
        pulumi.log.warn(f"flakeship:release wants {release.name}: the flake is not looked at")
    else:
        evaluation = asyncio.create_task(asyncio.to_thread(wanted.evaluated, given, stack))
        origin = await asyncio.to_thread(source.inspect, given.flake)
        for warning in origin.warnings:
            pulumi.log.warn(warning)
        release = replace(await evaluation, revision=origin.revision)
    last, records, servers = await before
    known = ledger.read(records)
    others = ledger.older(known, release, given.keep, chosen=bool(given.release))
    for warning in wanted.lost(others):
        pulumi.log.warn(warning)
    machines = plan(given, release, stack, access.identity(given), servers or {})
    for warning in foresight.warnings(machines, servers or {}):
        pulumi.log.warn(warning)

    remembered = {record.name: record.sha512 for record in known}
    image = NixImage(release, stack, remembered.get(release.name, ""))
    for record in others:
        NixImage(record.release, stack, record.sha512)
    evidence, reports = [], {}
    for machine in machines:
        server = LocalServer(machine, image)
        verification = Verification(machine.id, server.reach)
        cutover = LocalCutover(machine, server, verification)
        evidence.append(verification.evidence)
        reports[machine.server.name] = cutover.report

    # Through the verifications: a failed run leaves the ledger as it was (docs/decisions/0005).
    verified = pulumi.Output.all(image.built, *evidence).apply(
        lambda done: Record(release, done[0].sha512, done[0].size)
    )
    if not pulumi.runtime.is_dry_run() and not await verified.is_known():
        pulumi.log.warn("not every server was looked at (--target?): the ledger stays as it was")
        return {"release": last, "releases": records, "servers": servers}
    kept = verified.apply(
        lambda record: ledger.updated(known, record, others, chosen=bool(given.release))
    )
    return {
        "release": verified.apply(lambda record: record.name),
        "releases": kept.apply(lambda records: [requests.plain(record) for record in records]),
        "servers": reports,
    }


program.run(main)
