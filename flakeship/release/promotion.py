"""Releases that another stack has verified: promoted as they are, never evaluated nor built."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from flakeship.config.settings import AnySettings
from flakeship.config.target import TargetSchema
from flakeship.model import ledger
from flakeship.model.errors import FlakeshipError, RefusedError, did_you_mean
from flakeship.model.flake import FlakeReference
from flakeship.model.release import Record
from flakeship.model.statement import Statements
from flakeship.model.times import duration
from flakeship.release import access, gate
from flakeship.release.desired import Found, refuse_unbootable
from flakeship.release.gate import Candidate
from flakeship.state.outputs import StackOutputs

KEY, RELEASE = "flakeship:promoteFrom", "flakeship:release"
EXPECTED = "FLAKESHIP_EXPECTED_RELEASES"
"""The variable with the names of the releases that `flakeship promote` found, with blanks."""


@dataclass(frozen=True)
class Upstream:
    """The stack that releases are promoted from."""

    name: str
    outputs: StackOutputs

    def record(self, host: str) -> Record:
        """The release of a host that runs there. Raises FlakeshipError for none."""
        if not self.outputs.running:
            raise FlakeshipError(
                f"the stack {self.name} has no verified release: it has never succeeded, or was "
                "destroyed",
                code="nothing-to-promote",
                key=KEY,
                remedy=f"deploy that stack first: `make up STACK={self.name}`, or `pulumi up` in a "
                "shell that is set up for it",
            )
        if host not in self.outputs.running:
            raise FlakeshipError(
                f"is no host whose release the stack {self.name} runs",
                code="nothing-to-promote",
                key="flakeship:host",
                given=host,
                allowed=", ".join(self.outputs.running),
                remedy=did_you_mean(host, self.outputs.running),
            )
        return ledger.choose(self.outputs.ledger, self.outputs.running[host], KEY)


@dataclass(frozen=True)
class Promotion:
    """What the stack before runs, or a release of its ledger that the settings choose by name.

    `before` are this stack's own outputs. A release that it has verified itself has passed the gate
    already. `expected` are the releases that somebody has been shown; empty: any.
    """

    settings: AnySettings
    stack: str
    project: str
    target: TargetSchema
    upstream: Upstream
    before: StackOutputs
    statements: Statements
    now: datetime
    expected: Collection[str] = ()

    def releases(self, hosts: Sequence[str]) -> Found:
        """The release of each of these hosts. Raises FlakeshipError: all rules that refuse it."""
        chosen = [self._chosen(host) for host in hosts]
        self._refuse(chosen)
        for record in chosen:
            refuse_unbootable(record.release, self.target)
            access.refuse_promotion(self.settings, self.stack, self.before, record.release)
        access.refuse_no_login(self.settings, [record.release for record in chosen], built=True)
        return Found(
            {record.release.host: record.release for record in chosen},
            facts=[self._story(record) for record in chosen if not self._is_verified(record)],
            promoted=[replace(record, origin=self.upstream.name) for record in chosen],
        )

    def _chosen(self, host: str) -> Record:
        """The record of a host's release: this stack's own, where it has verified that itself."""
        named = [
            record
            for record in self.upstream.outputs.ledger
            if (record.name, record.release.host) == (self.settings.release, host)
        ]
        found = named[0] if named else self.upstream.record(host)
        ledger.refuse_inconsistent(found, self.upstream.name, KEY)
        own = next((known for known in self.before.ledger if known.name == found.name), found)
        if own.artifact != found.artifact or own.release.out != found.release.out:
            raise FlakeshipError(
                f"{found.name} is something else in the stack {self.upstream.name} than what was "
                "verified here",
                code="release-differs",
                key=KEY,
                remedy="compare the sha512 of both (`flakeship status`): one state was changed",
            )
        return own

    def _is_verified(self, record: Record) -> bool:
        return record.name in {known.name for known in self.before.ledger}

    def _refuse(self, chosen: Sequence[Record]) -> None:
        names = [record.name for record in chosen]
        refuse_revoked(names, self.before.running.values(), self.statements)
        refused: list[FlakeshipError] = []
        for record in chosen:
            candidate = self._candidate(record)
            if self.expected and record.name not in self.expected:
                refused.append(moved(record, self.upstream))
            if record.name != self.settings.release:
                refused += older(record, self.before.running, self.upstream, self.stack)
            if not self._is_verified(record):
                refused += gate.refusals(candidate, self.settings.gate, self.statements)
        if refused:
            raise refused[0] if len(refused) == 1 else RefusedError(refused)

    def _candidate(self, record: Record) -> Candidate:
        flake = self.settings.flake and FlakeReference.parse(self.settings.flake).folder
        checkout = flake or Path()
        return Candidate(record, self.upstream.name, self.stack, self.project, self.now, checkout)

    def _story(self, record: Record) -> str:
        """Why a release may be taken, for a person."""
        age = self._candidate(record).age
        revision = record.release.revision
        told = [
            f"{record.name} is promoted from the stack {self.upstream.name}",
            f"verified there {f'{duration(age)} ago' if age is not None else 'at an unknown time'}",
            f"checks passed: {len(record.checks)}" if record.checks else "",
            f"revision {revision}" if revision else "",
        ]
        return ", ".join(filter(None, told))


def moved(record: Record, upstream: Upstream) -> FlakeshipError:
    """The error where another release runs than the one that somebody has confirmed."""
    return FlakeshipError(
        f"the stack {upstream.name} runs {record.name} by now, which nobody has confirmed",
        code="promotion-moved",
        key=KEY,
        remedy="promote again: it shows what would change",
    )


def older(
    record: Record, running: Mapping[str, str], upstream: Upstream, stack: str
) -> list[FlakeshipError]:
    """Why a release is no promotion: it is older than what runs, as the other stack has them."""
    runs, pin = running.get(record.release.host), f"pulumi config set --stack {stack} {RELEASE}"
    names = [each.name for each in upstream.outputs.ledger]
    if runs not in names or names.index(record.name) <= names.index(runs):
        return []
    return [
        FlakeshipError(
            f"the stack {upstream.name} runs {record.name}, which is older than {runs}, and that "
            "runs here",
            code="gate-older",
            key=KEY,
            remedy=f"roll back on purpose: `{pin} {record.name}`; or keep what runs: `{pin} "
            f"{runs}`",
        )
    ]


def refuse_revoked(
    releases: Collection[str], running: Collection[str], statements: Statements
) -> list[str]:
    """Warnings about revoked releases that run. Raises FlakeshipError for others that would."""
    warnings = []
    for name in sorted({*releases, *running}):
        revoked = statements.revoked(name)
        if revoked is None:
            continue
        if name not in running:
            raise FlakeshipError(
                str(revoked),
                code="release-revoked",
                key=name,
                remedy="make another release, or name one that is not revoked in flakeship:release",
            )
        warnings.append(f"{revoked}. It runs in this stack")
    return warnings
