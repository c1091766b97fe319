"""Which release of each of its hosts a stack is to run."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from flakeship.config.settings import Settings
from flakeship.model import ledger
from flakeship.model.errors import SettingError
from flakeship.model.release import Record, Release
from flakeship.nix import evaluate, source, store, workers
from flakeship.ssh import keys
from flakeship.targets import image_support


@dataclass(frozen=True)
class Desired:
    """What a stack is to be: its settings, and the release of each of its hosts.

    `ledger` holds what the stack has verified before, `others` what of it stays beside the wanted
    releases; `before` are the stack's own outputs.
    """

    stack: str
    settings: Settings
    releases: Mapping[str, Release]
    ledger: list[Record]
    others: list[Record]
    before: Mapping[str, Any]


@dataclass(frozen=True)
class Evaluation:
    """The flake's releases by host, and what to tell of its source."""

    releases: Mapping[str, Release]
    warnings: list[str]


def evaluate_hosts(settings: Settings, stack: str, hosts: list[str]) -> Evaluation:
    """The releases that the flake describes now, with the stack's keys in them; builds nothing.

    Each host is evaluated by a process of its own, and as many at a time as there is memory for.
    """
    if not hosts:
        return Evaluation({}, [])
    directory = keys.directory(stack, keys.public_keys(settings.authorized_keys))

    def evaluated(host: str) -> Release:
        return evaluate.evaluate(settings.flake, host, settings.format, directory)

    with ThreadPoolExecutor(workers.workers(len(hosts))) as pool:
        evaluating = pool.map(evaluated, hosts)
        origin = source.inspect(settings.flake)
        found = list(evaluating)
    for release in found:
        image_support.check(release, settings.target)
    releases = {release.host: replace(release, revision=origin.revision) for release in found}
    return Evaluation(releases, list(origin.warnings))


def chosen(settings: Settings, records: list[dict[str, Any]] | None) -> Mapping[str, Release]:
    """The release of the ledger that the settings name, by its host; its flake is not evaluated.

    `records` is the stack's own output `releases`.
    """
    release = ledger.choose(ledger.read(records), settings.release).release
    if release.host not in settings.hosts:
        raise SettingError(
            f"flakeship:release: {release.name} is a release of {release.host}, and the servers "
            f"of this stack run {', '.join(settings.hosts)}"
        )
    if (error := store.missing(release)) is not None:
        raise error
    image_support.check(release, settings.target)
    return {release.host: release}


def lost(records: list[Record]) -> list[str]:
    """What to tell of kept releases that could not be booted any more."""
    errors = [store.missing(record.release) for record in records]
    return [str(error) for error in errors if error is not None]
