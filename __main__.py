"""Settings -> evaluate -> build the graph -> outputs."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pulumi
from pulumi.runtime.config import CONFIG, is_config_secret

from components import diff_report, outputs, program, targets
from components.nix_image import NixImage
from flakeship.config import settings
from flakeship.model import codec, ledger
from flakeship.model.release import Record
from flakeship.release import desired
from flakeship.release.desired import Desired
from flakeship.state import passphrase


async def main() -> dict[str, Any]:
    """Declare everything that this stack is to be."""
    stack = pulumi.get_stack()
    file = f"Pulumi.{stack}.yaml"
    given = settings.read(CONFIG.get(), file, is_config_secret)
    secrets = [key for key in CONFIG.get() if is_config_secret(key)]
    secrets += ["the target openstack"] if given.target == "openstack" else []
    passphrase.refuse_public(stack, secrets, Path(file), os.environ)
    target = targets.load(given)
    reading = asyncio.create_task(outputs.previous_outputs("running", "releases", *target.outputs))
    chosen = desired.chosen(given, (await reading).values["releases"]) if given.release else {}
    for release in chosen.values():
        pulumi.log.warn(f"flakeship:release wants {release.name}: the flake is not looked at")
    hosts = [host for host in given.hosts if host not in chosen]
    evaluation = await asyncio.to_thread(desired.evaluate_hosts, given, stack, hosts)
    for warning in evaluation.warnings:
        pulumi.log.warn(warning)
    releases = {**evaluation.releases, **chosen}

    before = await reading
    known = ledger.read(before.values["releases"])
    older = ledger.older(known, releases, given.keep, chosen)
    planned, _ = await asyncio.gather(
        target.plan(Desired(stack, given, releases, known, older, before.values)),
        diff_report.say(before.values["running"] or {}, known, releases),
    )
    others = planned.records
    for warning in desired.lost(others):
        pulumi.log.warn(warning)
    remembered = {record.name: record.artifact.files for record in known}
    images = {
        release.name: NixImage(
            release,
            stack,
            remembered.get(release.name, ()),
            planned.max_image_disk.get(release.name, 0),
        )
        for release in (*releases.values(), *(record.release for record in others))
    }
    deployed = target.deploy(images)

    # Through the verifications: a failed run leaves the ledger as it was (docs/decisions/0005).
    built = [images[release.name].artifact for release in releases.values()]
    verified = pulumi.Output.all(pulumi.Output.all(*built), *deployed.evidence).apply(
        lambda done: [
            Record(release, made) for release, made in zip(releases.values(), done[0], strict=True)
        ]
    )
    if not pulumi.runtime.is_dry_run() and not await program.is_known(verified):
        pulumi.log.warn("not every server is verified: the ledger stays as it was")
        return before.kept(await program.known(deployed.each))
    kept = verified.apply(lambda records: ledger.updated(known, records, others, chosen))
    return {
        "running": verified.apply(lambda records: {r.release.host: r.name for r in records}),
        "releases": kept.apply(lambda records: [codec.plain(record) for record in records]),
        # of no servers at all it would be a list
        **{name: pulumi.Output.all(**all_).apply(dict) for name, all_ in deployed.each.items()},
        **deployed.outputs,
    }


program.run(main)
