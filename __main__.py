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
from flakeship.local.plan import plan
from flakeship.release import Record


async def main() -> dict[str, Any]:
    """Declare everything that this stack is to be."""
    stack = pulumi.get_stack()
    given = settings.read(CONFIG.get(), f"Pulumi.{stack}.yaml", is_config_secret)
    before = asyncio.create_task(own_stack.previous_outputs("releases", "servers"))
    if given.release:
        release = wanted.chosen(ledger.read((await before)[0]), given.release)
    else:
        evaluation = asyncio.create_task(asyncio.to_thread(wanted.evaluated, given, stack))
        origin = await asyncio.to_thread(source.inspect, given.flake)
        for warning in origin.warnings:
            pulumi.log.warn(warning)
        release = replace(await evaluation, revision=origin.revision)
    records, servers = await before
    known = ledger.read(records)
    others = ledger.older(known, release, given.keep, chosen=bool(given.release))
    for warning in wanted.lost(others):
        pulumi.log.warn(warning)
    machines = plan(given, release, stack, access.identity(given), servers or {})

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

    # Through the verifications: a failed run leaves the ledger as it was (design.md, fact 2).
    verified = pulumi.Output.all(image.built, *evidence).apply(
        lambda done: Record(release, done[0].sha512, done[0].size)
    )
    return {
        "release": verified.apply(lambda record: record.name),
        "releases": verified.apply(
            lambda record: [
                requests.plain(kept)
                for kept in ledger.updated(known, record, others, chosen=bool(given.release))
            ]
        ),
        "servers": reports,
    }


program.run(main)
