"""Where a flake comes from, as git sees it: its revision, and what Nix will not see."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from flakeship.process import run

NAMED = 5
"""How many files a warning names."""


@dataclass(frozen=True)
class Source:
    """`revision` ends in -dirty with uncommitted changes; it is empty outside of git."""

    revision: str = ""
    changed: tuple[str, ...] = ()
    untracked: tuple[str, ...] = ()

    @property
    def warnings(self) -> list[str]:
        """What a person should know before building from this source."""
        said = []
        if self.untracked:
            files = some(self.untracked)
            said.append(
                f"Nix does not see files that git does not track: {files}; "
                "`git add` makes them part of the flake"
            )
        if self.changed:
            files = some(self.changed)
            said.append(
                f"the flake has uncommitted changes ({files}): they go into the release, "
                f"but its revision is recorded as {self.revision}"
            )
        return said


def some(files: tuple[str, ...]) -> str:
    """The first few files, and how many more there are."""
    more = len(files) - NAMED
    return ", ".join(files[:NAMED]) + (f" and {more} more" if more > 0 else "")


def inspect(flake: str) -> Source:
    """The state of a flake that is a directory here; nothing is known of any other."""
    directory = Path(flake)
    if not flake.startswith((".", "/")):
        return Source()
    head = run(["git", "-C", directory, "rev-parse", "--verify", "HEAD"], check=False)
    status = run(
        ["git", "-C", directory, "status", "--porcelain", "-z", "--no-renames", "--", "."],
        check=False,
    )
    if status.code != 0:
        return Source()
    entries = [entry for entry in status.stdout.split("\0") if entry]
    untracked = tuple(entry[3:] for entry in entries if entry.startswith("??"))
    changed = tuple(entry[3:] for entry in entries if not entry.startswith("??"))
    revision = head.stdout.strip() if head.code == 0 else ""
    return Source(f"{revision}-dirty" if changed and revision else revision, changed, untracked)
