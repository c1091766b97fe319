"""The gate of a stack: which rules refuse a release of the stack before, and what meets each."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from flakeship.config.gate import Gate
from flakeship.model import dsse, provenance
from flakeship.model.errors import FlakeshipError, SettingError
from flakeship.model.provenance import StackId
from flakeship.model.release import Record
from flakeship.model.statement import Statements
from flakeship.model.times import duration, parsed
from flakeship.nix.source import on_a_remote_branch
from flakeship.ssh import keys, public_key, signature

CLOCKS = timedelta(minutes=5)
"""By how much the clocks of two machines may differ."""


@dataclass(frozen=True)
class Candidate:
    """A release that a stack is to take from the one before it, at a time of day."""

    record: Record  # the other stack's
    upstream: str
    stack: str
    project: str
    now: datetime
    checkout: Path  # a working tree that may know the release's revision

    @property
    def name(self) -> str:
        """The release's name."""
        return self.record.name

    @property
    def age(self) -> timedelta | None:
        """For how long it has been verified there; None where no time was recorded."""
        at = parsed(self.record.at)
        return self.now - at if at else None


def refusals(candidate: Candidate, gate: Gate, statements: Statements) -> list[FlakeshipError]:
    """Why a release may not be taken yet, one error for each rule; none: it may."""
    return [
        *_checks(candidate, gate),
        *_soak(candidate, gate),
        *_revision(candidate, gate),
        *_approval(candidate, gate, statements),
        *_provenance(candidate, gate, statements),
    ]


def _checks(candidate: Candidate, gate: Gate) -> Iterator[FlakeshipError]:
    passed = candidate.record.checks
    if missing := [name for name in gate.checks if name not in passed]:
        yield FlakeshipError(
            f"{candidate.name} has not passed {', '.join(missing)} in the stack "
            f"{candidate.upstream}",
            code="gate-checks",
            key="flakeship:gate.checks",
            allowed=f"the checks that it passed there: {', '.join(passed) or 'none recorded'}",
            remedy=f"add the check to the stack {candidate.upstream} and verify a release with it",
        )


def _soak(candidate: Candidate, gate: Gate) -> Iterator[FlakeshipError]:
    if not gate.soak:
        return
    age, needed = candidate.age, timedelta(seconds=gate.soak)
    where = f"in the stack {candidate.upstream}"
    if age is None:
        yield FlakeshipError(
            f"it is not recorded when {candidate.name} was verified {where}",
            code="gate-soak",
            key="flakeship:gate.soak",
            remedy=f"`pulumi up` of the stack {candidate.upstream} with this version records it",
        )
    elif age < -CLOCKS:
        yield FlakeshipError(
            f"{candidate.name} was verified {where} at {candidate.record.at}, which is in the "
            "future: one of the two clocks is wrong",
            code="gate-clock",
            key="flakeship:gate.soak",
            given=candidate.now.isoformat(sep=" ", timespec="seconds"),
            remedy="set the clock of this machine or of the one that verified it",
        )
    elif age < needed:
        due = candidate.now + needed - age + timedelta(seconds=59)  # told in whole minutes
        yield FlakeshipError(
            f"{candidate.name} was verified {where} {duration(age)} ago, and the soak time "
            f"is {duration(needed)}",
            code="gate-soak",
            key="flakeship:gate.soak",
            remedy=f"promote it after {due.isoformat(sep=' ', timespec='minutes')}",
        )


def _revision(candidate: Candidate, gate: Gate) -> Iterator[FlakeshipError]:
    revision = candidate.record.release.revision
    if gate.revision == "any":
        return
    if not revision or revision.endswith("-dirty"):
        yield FlakeshipError(
            f"{candidate.name} was made "
            + ("with uncommitted changes" if revision else "of a flake outside of git"),
            code="gate-revision",
            key="flakeship:gate.revision",
            given=revision,
            remedy=f"commit, and run `pulumi up` of the stack {candidate.upstream}: a release that "
            "differs gets a name of its own",
        )
    elif gate.revision == "pushed" and not on_a_remote_branch(revision, candidate.checkout):
        yield FlakeshipError(
            f"{candidate.name} was made of a revision that is on no branch of a remote, as far as "
            "this checkout has fetched them",
            code="gate-revision",
            key="flakeship:gate.revision",
            given=revision,
            remedy="push it, or `git fetch` where it was pushed from elsewhere; for a flake that "
            "is not in this checkout, name its directory in flakeship:flake",
        )


def _approval(candidate: Candidate, gate: Gate, statements: Statements) -> Iterator[FlakeshipError]:
    if not gate.approvers:
        return
    record = candidate.record
    found = [
        each
        for each in statements.approvals
        if each.is_of(record.name, candidate.project, candidate.stack, record.artifact)
    ]
    approvers = yield from _people(gate.approvers, "flakeship:gate.approvers")
    if any(
        signature.identity(each.key) in approvers
        and signature.is_valid(each.signed, signature.APPROVAL, each.key, each.signature)
        for each in found
    ):
        return
    others = ", ".join(sorted({each.by for each in found}))
    yield FlakeshipError(
        f"no approver has approved {record.name} for the stack {candidate.stack}"
        + (f"; that by {others} is not signed by an approver's key" if others else ""),
        code="gate-approval",
        key="flakeship:gate.approvers",
        remedy=f"an approver runs `flakeship --stack {candidate.stack} approve {record.name}`",
    )


def _provenance(
    candidate: Candidate, gate: Gate, statements: Statements
) -> Iterator[FlakeshipError]:
    if not gate.signers:
        return
    key, where = "flakeship:gate.signers", f"in the stack {candidate.upstream}"
    signers = yield from _people(gate.signers, key)
    stack = StackId.of(candidate.upstream, candidate.project)
    found = [
        each
        for each in statements.signed(candidate.name, stack.project, stack.stack)
        if signature.identity(each.key) in signers
    ]
    sign = provenance.how_to_sign(candidate.upstream, candidate.name)
    text = dsse.pre_authentication(provenance.statement(candidate.record, stack))
    if not found:
        yield FlakeshipError(
            f"no signer has signed the provenance of {candidate.name} {where}",
            code="gate-unsigned",
            key=key,
            remedy=f"a signer runs {sign}",
        )
    elif not any(
        signature.is_valid(text, signature.PROVENANCE, each.key, each.signature) for each in found
    ):
        yield FlakeshipError(
            f"the record of {candidate.name} {where} is not what was signed: one of the two was "
            "changed",
            code="gate-signature",
            key=key,
            given=", ".join(sorted({public_key.fingerprint(each.key) for each in found})),
            remedy="compare it with a backup of that state (`flakeship provenance` shows it); a "
            f"signer who finds it right runs {sign}",
        )


def _people(entries: Sequence[str], key: str) -> Generator[FlakeshipError, None, set[str]]:
    """The public keys of a setting; yields what is wrong with each entry that has none."""
    known: set[str] = set()
    for number, entry in enumerate(entries):
        try:
            known |= {*map(signature.identity, keys.of_entry(entry, f"{key}[{number}]"))}
        except SettingError as error:
            yield error
    return known
