"""Settings -> evaluate -> build the graph -> outputs."""

from __future__ import annotations

import asyncio
from typing import Any

import pulumi
from pulumi.runtime.config import CONFIG, is_config_secret

from components import inside, own_stack, program, targets
from components.nix_image import NixImage
from flakeship import ledger, requests, settings, wanted
from flakeship.release import Record
from flakeship.wanted import Wanted


async def main() -> dict[str, Any]:
    """Declare everything that this stack is to be."""
    stack = pulumi.get_stack()
    given = settings.read(CONFIG.get(), f"Pulumi.{stack}.yaml", is_config_secret)
    target = targets.load(given)
    reading = asyncio.create_task(
        own_stack.previous_outputs("running", "releases", *target.outputs)
    )
    chosen = wanted.chosen(given, (await reading).values["releases"]) if given.release else {}
    for release in chosen.values():
        pulumi.log.warn(f"flakeship:release wants {release.name}: the flake is not looked at")
    hosts = [host for host in given.hosts if host not in chosen]
    evaluation = await asyncio.to_thread(wanted.evaluate, given, stack, hosts)
    for warning in evaluation.warnings:
        pulumi.log.warn(warning)
    releases = {**evaluation.releases, **chosen}

    before = await reading
    known = ledger.read(before.values["releases"])
    older = ledger.older(known, releases, given.keep, chosen)
    planned, _ = await asyncio.gather(
        target.plan(Wanted(stack, given, releases, known, older, before.values)),
        inside.say(before.values["running"] or {}, known, releases),
    )
    others = planned.records
    for warning in wanted.lost(others):
        pulumi.log.warn(warning)
    remembered = {record.name: record.sha512 for record in known}
    images = {
        release.name: NixImage(
            release, stack, remembered.get(release.name, ""), planned.room.get(release.name, 0)
        )
        for release in (*releases.values(), *(record.release for record in others))
    }
    deployed = target.deploy(images)

    # Through the verifications: a failed run leaves the ledger as it was (docs/decisions/0005).
    built = [images[release.name].built for release in releases.values()]
    verified = pulumi.Output.all(pulumi.Output.all(*built), *deployed.evidence).apply(
        lambda done: [
            Record(release, made.sha512, made.size, made.disk)
            for release, made in zip(releases.values(), done[0], strict=True)
        ]
    )
    if not pulumi.runtime.is_dry_run() and not await program.is_known(verified):
        pulumi.log.warn("not every server is verified: the ledger stays as it was")
        return before.kept(await program.known(deployed.each))
    kept = verified.apply(lambda records: ledger.updated(known, records, others, chosen))
    return {
        "running": verified.apply(lambda records: {r.release.host: r.name for r in records}),
        "releases": kept.apply(lambda records: [requests.plain(record) for record in records]),
        # of no servers at all it would be a list
        **{name: pulumi.Output.all(**all_).apply(dict) for name, all_ in deployed.each.items()},
        **deployed.outputs,
    }


program.run(main)
