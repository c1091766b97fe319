"""What a stack is to be: the release of each host, and what of the ledger stays beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from flakeship.config.settings import AnySettings
from flakeship.model.ledger import older
from flakeship.model.release import Record, Release
from flakeship.nix import store
from flakeship.state.outputs import StackOutputs


@dataclass(frozen=True)
class Desired:
    """What a target plans from, beside its inventory.

    `outputs` are those of the last good run, with the ledger of what has been verified. `pinned`
    are the hosts whose release the settings choose by name.
    """

    stack: str
    settings: AnySettings
    releases: Mapping[str, Release]
    outputs: StackOutputs = field(default_factory=StackOutputs)
    pinned: frozenset[str] = frozenset()

    @property
    def ledger(self) -> list[Record]:
        """Everything that has been verified and is kept, newest first."""
        return list(self.outputs.ledger)

    @property
    def as_verified(self) -> Mapping[str, Release]:
        """The release of each host, as the ledger has it where it is in there.

        Another commit with the same release is no change.
        """
        known = {record.name: record.release for record in self.outputs.ledger}
        return {host: known.get(each.name, each) for host, each in self.releases.items()}

    @property
    def available(self) -> frozenset[str]:
        """The names of all releases that there are: desired ones, and those of the ledger."""
        desired = (release.name for release in self.releases.values())
        return frozenset((*desired, *(record.name for record in self.outputs.ledger)))

    @property
    def retained(self) -> list[Record]:
        """What of the ledger stays beside the desired releases by `retainReleases`."""
        return older(self.ledger, self.releases, self.settings.retain_releases, self.pinned)


def missing_images(records: Sequence[Record]) -> list[str]:
    """Warnings about kept releases that could not be booted any more."""
    errors = [store.missing(record.release) for record in records]
    return [str(error) for error in errors if error is not None]
