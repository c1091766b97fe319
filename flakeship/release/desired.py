"""What a stack is to be: the release of each host, from the flake or by name from the ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from flakeship.config.settings import AnySettings
from flakeship.config.target import TargetSchema
from flakeship.model import ledger
from flakeship.model.errors import SettingError
from flakeship.model.flake import FlakeReference
from flakeship.model.release import Record, Release
from flakeship.nix import messages
from flakeship.nix.evaluate import Evaluator
from flakeship.nix.source import source
from flakeship.nix.workers import workers
from flakeship.release import access
from flakeship.ssh import keys, public_key
from flakeship.state.outputs import StackOutputs


@dataclass(frozen=True)
class Desired:
    """What a target plans from, beside its inventory."""

    stack: str
    settings: AnySettings
    releases: Mapping[str, Release]
    outputs: StackOutputs = field(default_factory=StackOutputs)  # of the last good run
    pinned: frozenset[str] = frozenset()  # hosts whose release the settings choose by name
    absent: frozenset[str] = frozenset()  # verified releases whose files are not in the Nix store
    upstream: StackOutputs = field(default_factory=StackOutputs)  # of the stack promoted from

    @property
    def ledger(self) -> list[Record]:
        """Everything that has been verified and is kept, newest first."""
        return list(self.outputs.ledger)

    @property
    def as_verified(self) -> Mapping[str, Release]:
        """The release of each host, as in the ledger if there: another commit is no change.

        The same name means the same keys, which an older version has not recorded.
        """
        known = {record.name: record.release for record in self.ledger}
        found = {host: known.get(each.name, each) for host, each in self.releases.items()}
        return {
            host: each if each.keys else replace(each, keys=self.releases[host].keys)
            for host, each in found.items()
        }

    @property
    def available(self) -> frozenset[str]:
        """The names of all releases that there are: desired ones, and those of the ledger."""
        desired = {release.name for release in self.releases.values()}
        return frozenset(desired | {record.name for record in self.ledger})

    @property
    def retained(self) -> list[Record]:
        """What of the ledger stays beside the desired releases by `retainReleases`."""
        return ledger.older(self.ledger, self.releases, self.settings.retain_releases, self.pinned)


@dataclass(frozen=True)
class Found:
    """The release of each host, and what a person should know of their source.

    `promoted` are the records of those that another stack has verified: their bytes are known.
    """

    releases: Mapping[str, Release]
    warnings: Sequence[str] = ()
    facts: Sequence[str] = ()
    promoted: Sequence[Record] = ()

    def __or__(self, other: Found) -> Found:
        """Both; each host is in one of them."""
        return Found(
            {**self.releases, **other.releases},
            [*self.warnings, *other.warnings],
            [*self.facts, *other.facts],
            [*self.promoted, *other.promoted],
        )


class ReleaseSource(Protocol):
    """Where releases come from."""

    def releases(self, hosts: Sequence[str]) -> Found:
        """The release of each of these hosts; builds nothing. Raises FlakeshipError."""


@dataclass(frozen=True)
class Flake:
    """The flake as it is now, with the stack's authorized keys in every image.

    `outputs` are those of the last good run, whose keys this checkout must share.
    """

    settings: AnySettings
    stack: str
    target: TargetSchema
    outputs: StackOutputs = field(default_factory=StackOutputs)
    verified: bool = True  # whether checks are to log in to what boots the images

    def releases(self, hosts: Sequence[str]) -> Found:
        """Evaluate the hosts."""
        if not hosts:
            return Found({})
        reference = FlakeReference.parse(self.settings.flake)
        public = access.authorized_keys(self.settings, self.stack, self.outputs)
        folder = keys.directory(self.stack, public)
        variant = self.settings.variant or self.target.images.variants[0]
        evaluator = Evaluator(reference, folder, self.settings.allow_import_from_derivation)
        with ThreadPoolExecutor(workers(len(hosts))) as pool:
            evaluating = pool.map(lambda host: evaluator.evaluate(host, variant), hosts)
            origin, locked = source(reference), evaluator.locked()
            found = list(evaluating)
        for each in found:
            refuse_unbootable(each.release, self.target)
        said = {each.release.host: _without(each.messages, locked.messages) for each in found}
        kept = messages.remembered(
            Path(f".state/{self.stack}/evaluations"),
            locked.fingerprint,
            {f"{host}.{variant}": texts for host, texts in said.items()},
        )
        revision = origin.revision or locked.revision
        authorized = tuple(map(public_key.authorized, public)) if locked.takes_keys else ()
        releases = [
            replace(e.release, revision=revision, keys=authorized, inputs=locked.inputs)
            for e in found
        ]
        if self.verified:
            access.refuse_no_login(self.settings, releases, built=False)
        return Found(
            {each.host: each for each in releases},
            [
                *origin.warnings,
                *(warning for each in found for warning in each.warnings),
                *(
                    f"{each.release.host}.{variant}: evaluating it has built {path}"
                    for each in found
                    for path in each.built
                ),
                *messages.warnings({reference.text: locked.messages} | kept),
            ],
        )


def announcement(settings: AnySettings) -> str:
    """What a person should read before an evaluation; empty for nothing."""
    if not settings.allow_import_from_derivation:
        return ""
    return (
        f"{settings.flake}: evaluating it may build for minutes, because "
        "flakeship:allowImportFromDerivation is true"
    )


def _without(texts: Sequence[str], known: Sequence[str]) -> list[str]:
    return [text for text in texts if text not in known]


ROLLBACK = "FLAKESHIP_ROLLBACK"
"""The variable with the release that `flakeship rollback` chooses, in place of the setting."""


def chosen(settings: Mapping[str, str], env: Mapping[str, str]) -> dict[str, str]:
    """The settings of a run: those of a rollback are kept only once it has succeeded."""
    release = env.get(ROLLBACK)
    return {**settings, "flakeship:release": release} if release else {**settings}


@dataclass(frozen=True)
class Ledger:
    """A release that the settings choose by name; the flake is not evaluated for its host.

    It may be in the ledger of the stack that releases are promoted from, `elsewhere`, instead.
    """

    settings: AnySettings
    records: Sequence[Record]
    target: TargetSchema
    elsewhere: Sequence[Record] = ()

    def releases(self, hosts: Sequence[str]) -> Found:
        """The chosen release, which must be of one of the hosts; none where none is chosen."""
        name = self.settings.release
        if not name:
            return Found({})
        release = ledger.choose([*self.records, *self.elsewhere], name).release
        if release.host not in hosts:
            raise SettingError(
                f"{release.name} is of the host {release.host}, which no server here runs",
                code="release-of-another-host",
                key="flakeship:release",
                allowed=f"releases of {', '.join(hosts)}",
            )
        if name not in {record.name for record in self.records}:
            return Found({})
        refuse_unbootable(release, self.target)
        access.refuse_no_login(self.settings, [release], built=True)
        promoted = self.settings.promote_from
        stops = "no other release is promoted" if promoted else "the flake is not evaluated"
        warning = (
            f"flakeship:release pins {name}: {stops} until `pulumi config rm flakeship:release`"
        )
        return Found({release.host: release}, [warning])


def refuse_unbootable(release: Release, target: TargetSchema) -> None:
    """Refuse a release that the target cannot boot. Raises SettingError."""
    images = target.images
    if images.systems and release.system not in images.systems:
        raise SettingError(
            f"{release.host}.{release.variant} is for another platform than the machines of the "
            f"target {target.name}",
            code="system-not-bootable",
            key="flakeship:host",
            given=release.system,
            allowed=", ".join(images.systems),
            remedy="build the host for that platform (`nixpkgs.hostPlatform`), or choose another",
        )
    for what, given, bootable in (
        ("image format", release.format, images.formats),
        ("firmware", release.firmware, images.firmware),
    ):
        if given not in bootable:
            raise SettingError(
                f"{release.host}.{release.variant} has the {what} {given}, and the target "
                f"{target.name} boots {' and '.join(bootable)}",
                code="variant-not-bootable",
                key="flakeship:variant",
                given=release.variant,
                allowed=", ".join(images.variants),
            )
