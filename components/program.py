"""The program of a stack: settings, releases, plan, graph, outputs."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from concurrent.futures import Future
from importlib import import_module
from pathlib import Path
from threading import Thread
from typing import Any, TypeVar

import pulumi
from pulumi.runtime.config import CONFIG, is_config_secret

from flakeship.config import octal, settings
from flakeship.config.settings import AnySettings
from flakeship.model import ledger
from flakeship.model.release import Record, Release
from flakeship.model.text import lines
from flakeship.release.desired import (
    Desired,
    Flake,
    Found,
    Ledger,
    ReleaseSource,
    announcement,
    missing_images,
)
from flakeship.state import choice, passphrase
from flakeship.state.outputs import StackOutputs, refuse_older
from flakeship.system.files import read
from flakeship.targets import registry
from flakeship.targets.base import Plan, TargetSpec

from . import lifecycle, outputs, resource
from .nix_image import NixImage

T = TypeVar("T")


def run() -> None:
    """Run the program of the selected stack."""
    lifecycle.run(program)


async def program() -> dict[str, Any]:
    """Declare everything that this stack is to be; the outputs for the next run and for people."""
    stack = choice.own_name(pulumi.get_stack())
    choice.refuse_other_checkout(os.environ, Path.cwd())
    octal.refuse_octal(read(Path(f"Pulumi.{stack}.yaml")), f"Pulumi.{stack}.yaml")
    given, schema = settings.read(CONFIG.get(), registry.spec, registry.names(), is_config_secret)
    spec = registry.spec(schema.name)
    _refuse_secrets(stack, spec)
    target = spec.open(stack, given)
    inspecting, reading = _begin(target.inspect()), _begin(_read(schema.name))
    found, pinned = await _desired_releases(given, stack, spec, reading)
    before = await reading
    refuse_older(before.outputs, stack)

    # no other target's is imported; a cloud's types take a moment, in which the cloud answers
    graph: outputs.Graph[Any] = import_module(f"{__package__}.{spec.name}.graph").GRAPH
    desired = Desired(stack, given, found.releases, before.outputs, pinned)
    plan = target.plan(desired, await inspecting)
    preview = pulumi.runtime.is_dry_run()
    for fact in filter(None, [*plan.facts, plan.summary.planned if preview else ""]):
        pulumi.log.info(lines(fact))
    await report_changes(before.outputs.running, desired.ledger, found.releases)
    for warning in (*found.warnings, *plan.warnings, *missing_images(plan.records)):
        pulumi.log.warn(lines(warning))
    images = _declare_images(stack, plan, before.outputs)
    done = graph(plan, images)

    # through the verifications: a failed run leaves the ledger as it was (decision 0005)
    releases = list(plan.releases.values())
    artifacts = pulumi.Output.all(*(images[release.name].artifact for release in releases))
    verified = pulumi.Output.all(artifacts, *done.evidence).apply(
        lambda known: [Record(r, a) for r, a in zip(releases, known[0], strict=True)]
    )
    if not preview and not await lifecycle.is_known(verified):
        pulumi.log.warn("not every server is verified: the ledger stays as it was")
        return await before.kept(spec.name, done)
    if not preview:
        await _report_done(plan, done)
    kept = verified.apply(
        lambda records: ledger.updated(desired.ledger, records, list(plan.records), pinned)
    )
    return outputs.current(spec.name, before, verified, kept, done)


async def _read(target: str) -> outputs.Previous:
    found = await outputs.previous()
    if not pulumi.runtime.is_dry_run():
        # the provider imports what it needs while the program inspects and evaluates
        resource.prepare(target)
    return found


def _begin(work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """Begin what another error may end before anybody asks for its result.

    Python would show an error of its own that nobody has asked for, with a traceback.
    """
    task = asyncio.create_task(work)
    task.add_done_callback(lambda done: done.cancelled() or done.exception())
    return task


def _refuse_secrets(stack: str, spec: TargetSpec) -> None:
    secrets = [key for key in CONFIG.get() if is_config_secret(key)]
    if spec.features.secrets:
        secrets.append(f"the records of the target {spec.name}")
    passphrase.refuse_public(stack, secrets, Path(f"Pulumi.{stack}.yaml"), os.environ)


async def _desired_releases(
    given: AnySettings, stack: str, spec: TargetSpec, reading: asyncio.Task[outputs.Previous]
) -> tuple[Found, frozenset[str]]:
    """The release of each host, and which are pinned: chosen by name from the ledger."""
    records = (await reading).outputs.ledger if given.release else []
    verified: ReleaseSource = Ledger(given, records, spec)
    flake: ReleaseSource = Flake(given, stack, spec)
    pinned = verified.releases(given.hosts)
    rest = [host for host in given.hosts if host not in pinned.releases]
    if rest and (text := announcement(given)):
        pulumi.log.info(lines(text))
    evaluated = await asyncio.to_thread(flake.releases, rest)
    releases = {**evaluated.releases, **pinned.releases}
    found = Found(releases, [*pinned.warnings, *evaluated.warnings])
    return found, frozenset(pinned.releases)


async def report_changes(
    running: Mapping[str, str], records: list[Record], desired: Mapping[str, Release]
) -> None:
    """Show what changes inside each host; a failure is a warning, as nothing depends on it."""
    if not running or all(running.get(host) == each.name for host, each in desired.items()):
        return
    # a preview without a change is not to wait for it
    from flakeship.nix.diff.report import heading, replaced, report  # noqa: PLC0415

    pairs = list(replaced(running, records, desired))
    reports = [_in_background(report, *pair) for pair in pairs]
    done = await asyncio.gather(*reports, return_exceptions=True)
    for (before, after), result in zip(pairs, done, strict=True):
        if isinstance(result, str):
            pulumi.log.info(f"{result}\n  `flakeship diff` shows all of it")
        else:
            which = heading(before, after)
            pulumi.log.warn(f"{which} the changes cannot be shown: {result}")


async def _report_done(plan: Plan, done: outputs.Deployment) -> None:
    """Show what an update has done, once every address has moved; all is verified before."""
    moved = [await lifecycle.is_known(server) for server in done.servers.values()]
    if all(moved) and plan.summary.done:
        pulumi.log.info(lines(plan.summary.done))


def _in_background(act: Callable[..., str], *given: object) -> Awaitable[str]:
    """Like asyncio.to_thread, but a program that ends with an error does not wait for it."""
    done: Future[str] = Future()

    def run() -> None:
        try:
            done.set_result(act(*given))
        except Exception as error:  # noqa: BLE001 - it becomes a warning, whatever it is
            done.set_exception(error)

    done.set_running_or_notify_cancel()
    Thread(target=run, daemon=True).start()
    return asyncio.wrap_future(done)


def _declare_images(stack: str, plan: Plan, before: StackOutputs) -> dict[str, NixImage]:
    known = {record.name: record.artifact.files for record in before.ledger}
    releases: list[Release] = [*plan.releases.values(), *(r.release for r in plan.records)]
    return {
        release.name: NixImage(
            release.name,
            {
                "release": release,
                "stack": stack,
                "verified": known.get(release.name, ()),
                "max_image_disk": plan.max_image_disk.get(release.name, 0),
            },
        )
        for release in releases
    }
