"""The story of a stack: settings, releases, plan, graph, outputs."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import pulumi
from pulumi.runtime.config import CONFIG, is_config_secret

from flakeship.config import octal, settings
from flakeship.config.settings import AnySettings
from flakeship.model import ledger
from flakeship.model.text import lines
from flakeship.release.desired import (
    Desired,
    Flake,
    Found,
    Ledger,
    ReleaseSource,
    announcement,
    chosen,
)
from flakeship.release.image_files import ImageFiles
from flakeship.release.promotion import EXPECTED, Promotion, refuse_revoked
from flakeship.rollout import phases, protection
from flakeship.rollout.phases import Step
from flakeship.state import choice, passphrase
from flakeship.state import outputs as state_outputs
from flakeship.state.outputs import StackOutputs, refuse_older
from flakeship.system.files import read
from flakeship.targets import registry
from flakeship.targets.base import Plan, TargetSpec

from . import changes, images, lifecycle, outputs, promotion, resource
from .protection import Protection, Stable, recorded
from .states import States
from .timing import Timing


async def deploy(spec: TargetSpec, known: States) -> dict[str, Any]:
    """Declare everything that this stack is to be; the outputs for the next run and for people."""
    stack = choice.own_name(pulumi.get_stack())
    octal.refuse_octal(read(Path(f"Pulumi.{stack}.yaml")), f"Pulumi.{stack}.yaml")
    configured = chosen(CONFIG.get(), os.environ)
    given, _ = settings.read(configured, registry.spec, registry.names(), is_config_secret)
    _refuse_secrets(stack, spec)
    target = spec.open(stack, given)
    preview, steps = pulumi.runtime.is_dry_run(), list[Step]()
    before = outputs.previous(known.recorded)
    refuse_older(before.outputs, stack)
    states = {stack: before.outputs, **_upstream(known)}
    inspecting = lifecycle.begin(target.inspect(resource.Functions(spec), states))
    if not preview:
        steps = Timing().steps
        inspecting.add_done_callback(lambda _: resource.prepare(spec.name, "operations"))
    found, pinned = await _desired_releases(given, stack, spec, before.outputs, known)
    names = [release.name for release in found.releases.values()]
    revoked = refuse_revoked(names, before.outputs.running.values(), known.statements)

    # no other target's is imported; a cloud's types take a moment, in which the cloud answers
    declares = import_module(f"{__package__}.{spec.name}.graph")
    graph: outputs.Graph[Any] = declares.GRAPH
    files = ImageFiles(stack, given.image_store, [*before.outputs.ledger, *found.promoted])
    desired = Desired(
        stack,
        given,
        found.releases,
        before.outputs,
        pinned,
        files.absent,
        known.upstream.outputs if known.upstream else StackOutputs(),
    )
    plan = target.plan(desired, await inspecting)
    for fact in filter(None, [*found.facts, *plan.facts, plan.summary.planned if preview else ""]):
        pulumi.log.info(lines(fact))
    reporting = lifecycle.begin(
        changes.report(before.outputs.running, desired.ledger, found.releases)
    )
    kept_files = files.warnings(plan.records, plan.needs_files)
    for warning in (*revoked, *found.warnings, *plan.warnings, *kept_files):
        pulumi.log.warn(lines(warning))
    await images.obtain_files(files, plan, preview=preview)
    protected = await _protect(declares.STABLE, given, before.outputs, plan, pinned)
    if given.promote_from:
        moved = {host: release.name for host, release in plan.releases.items()}
        promotion.Promotion(given.promote_from, {"gate": given.gate, "releases": moved})
    # nothing of what is declared from here on happens before the next await
    built = images.declare(files, plan)
    done = graph(plan, built)
    images.declare_copies(given.image_store, plan, done)
    protected.refuse_removal(stack)
    if preview and protected.names:
        pulumi.log.info(f"protected against removal: {', '.join(protected.names)}")

    # through the verifications: a failed run leaves the ledger as it was (decision 0005)
    releases = list(plan.releases.values())
    origins = {record.name: record.origin for record in found.promoted}
    header = state_outputs.header(spec.name, given.promote_from, protect=given.protect)
    artifacts = pulumi.Output.all(*(built[release.name].artifact for release in releases))
    verified = pulumi.Output.all(artifacts, *done.evidence).apply(
        lambda seen: [
            ledger.record(release, artifact, seen[1:], origins.get(release.name, ""))
            for release, artifact in zip(releases, seen[0], strict=True)
        ]
    )
    await reporting
    if not preview and (missing := await _missing(verified, done)):
        pulumi.log.warn(f"not every server is {missing}: the ledger stays as it was")
        return await before.kept(header, done)
    if not preview:
        _report_done(plan, steps)
    kept = verified.apply(
        lambda records: ledger.updated(desired.ledger, records, list(plan.records), pinned)
    )
    return outputs.current(header, before, verified, kept, done)


async def _protect(
    stable: Stable, given: AnySettings, before: StackOutputs, plan: Plan, pinned: Collection[str]
) -> Protection:
    """Protect what is stable in what is declared from now on, where the settings ask for it."""
    retain = given.retain_releases
    in_use = protection.images(before.running, before.ledger, plan.releases, retain, pinned)
    may_have = given.protect or before.protect
    known = await recorded(pulumi.get_stack()) if may_have else []
    protected = Protection(stable, in_use, given.protect, known)
    protected.begin()
    return protected


def _upstream(known: States) -> dict[str, StackOutputs]:
    """The outputs of the stack that releases are promoted from, by its name."""
    return {known.upstream.name: known.upstream.outputs} if known.upstream else {}


def _refuse_secrets(stack: str, spec: TargetSpec) -> None:
    secrets = [key for key in CONFIG.get() if is_config_secret(key)]
    if spec.features.secrets:
        secrets.append(f"the records of the target {spec.name}")
    passphrase.refuse_public(stack, secrets, Path(f"Pulumi.{stack}.yaml"), os.environ)


async def _desired_releases(
    given: AnySettings, stack: str, spec: TargetSpec, before: StackOutputs, known: States
) -> tuple[Found, frozenset[str]]:
    """The release of each host, and which are pinned: chosen by name from the ledger."""
    others = known.upstream.outputs.ledger if known.upstream else ()
    pinned = Ledger(given, before.ledger, spec, others).releases(given.hosts)
    rest = [host for host in given.hosts if host not in pinned.releases]
    source: ReleaseSource = Flake(given, stack, spec, before)
    if known.upstream:
        source = Promotion(
            settings=given,
            stack=stack,
            project=pulumi.get_project(),
            target=spec,
            upstream=known.upstream,
            before=before,
            statements=known.statements,
            now=datetime.now(UTC),
            expected=os.environ.get(EXPECTED, "").split(),
        )
    elif rest and (text := announcement(given)):
        pulumi.log.info(lines(text))
    found = await asyncio.to_thread(source.releases, rest)
    return pinned | found, frozenset(pinned.releases)


async def _missing(verified: pulumi.Output[Any], done: outputs.Deployment) -> str:
    """What has not come of some server; empty: all of them are verified and cut over."""
    if not await lifecycle.is_known(verified):
        return "verified"
    moved = [await lifecycle.is_known(server) for server in done.servers.values()]
    return "" if all(moved) else "cut over"


def _report_done(plan: Plan, steps: Sequence[Step]) -> None:
    """Show what an update has done and how long it took, once every address has moved."""
    if text := "\n".join(filter(None, [plan.summary.done, phases.told(steps)])):
        pulumi.log.info(lines(text))
