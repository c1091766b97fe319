"""The files of verified releases on this workstation: which are here, and what brings them back."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from flakeship.model.release import Artifact, Record, Release
from flakeship.nix import restore, store
from flakeship.nix.build import BuildRequest
from flakeship.system.redaction import redacted


def are_here(release: Release) -> bool:
    """Whether all files of a release are in the Nix store."""
    return all(Path(path).exists() for path in release.paths)


@dataclass(frozen=True)
class ImageFiles:
    """The image files of a stack's releases; `records` are those that were verified.

    `image_store` is a Nix store that may have what is not here; empty: there is none. What another
    stack has built is never built here.
    """

    stack: str
    image_store: str
    records: Sequence[Record]

    @property
    def absent(self) -> frozenset[str]:
        """The names of the verified releases whose files are not in the Nix store."""
        return frozenset(each.name for each in self.records if not are_here(each.release))

    def verified(self, release: Release) -> Artifact | None:
        """What was verified of a release; None: it was not."""
        found = (record.artifact for record in self.records if record.name == release.name)
        return next(found, None)

    def missing(self, releases: Iterable[Release]) -> Iterator[BuildRequest]:
        """The requests for those that nothing in this run builds, and whose files are not here.

        Raises FlakeshipError for one that was built and is gone before it was verified.
        """
        for release in releases:
            request = BuildRequest.of(release, self.stack, self.verified(release))
            if are_here(release):
                continue
            if request.verified is not None:
                yield request
            elif Path(request.gc_root).is_symlink():
                # its image is in the state, and so it is not built again
                raise store.gone(
                    release.name, release.out, f"build it again: nix build '{release.drv}^out'"
                )

    def obtain(self, request: BuildRequest, *, fetch: bool) -> str:
        """Bring files back or, without `fetch`, see where they are; the name of that place.

        Raises FlakeshipError (store-path-missing).
        """
        act = restore.restore if fetch else restore.find
        promoted = {record.name for record in self.records if record.origin}
        return act(request, self.image_store, may_build=request.release not in promoted)

    def warnings(self, kept: Iterable[Record], needs_files: Collection[str]) -> list[str]:
        """Warnings about kept releases that could be booted only with files that are not here."""
        bring = (
            f"a run takes its files from {redacted(self.image_store)}, if that has them"
            if self.image_store
            else ""
        )
        return [
            f"{each.name} is kept, and nothing here can boot it: its files are not in the Nix "
            f"store. To go back to it, {bring or store.bring_back(each.release.out)}"
            for each in kept
            if each.name in needs_files and not are_here(each.release)
        ]
