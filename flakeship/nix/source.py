"""Where a flake comes from, as git sees it: its revision, and what Nix will not see."""

from __future__ import annotations

from dataclasses import dataclass

from flakeship.system.process import run

HEAD = "# branch.oid "

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
            said.append(self.unseen)
        if self.changed:
            files = some(self.changed)
            recorded = f"but its revision is recorded as {self.revision}"
            said.append(
                f"the flake has uncommitted changes ({files}): they go into the release, "
                f"{recorded if self.revision else 'and it has no revision before the first commit'}"
            )
        return said

    @property
    def unseen(self) -> str:
        """What to say of files that Nix does not see; empty where there are none."""
        if not self.untracked:
            return ""
        return (
            f"Nix does not see files that git does not track: {some(self.untracked)}; "
            "`git add` makes them part of the flake"
        )


def some(files: tuple[str, ...]) -> str:
    """The first few files, and how many more there are."""
    more = len(files) - NAMED
    return ", ".join(files[:NAMED]) + (f" and {more} more" if more > 0 else "")


def inspect(flake: str) -> Source:
    """The state of a flake that is a directory here; nothing is known of any other."""
    if not flake.startswith((".", "/")):
        return Source()
    how = ["--porcelain=v2", "--branch", "--no-renames", "-z"]
    status = run(["git", "-C", flake, "status", *how, "--", "."], check=False)
    if status.code != 0:
        return Source()
    entries = status.stdout.split("\0")
    untracked = tuple(entry[2:] for entry in entries if entry.startswith("? "))
    # Paths follow a fixed number of words: 8 of an ordinary change, 10 of one in a conflict.
    words = {"1 ": 8, "u ": 10}
    changed = tuple(e.split(" ", words[e[:2]])[-1] for e in entries if e[:2] in words)
    heads = [entry.removeprefix(HEAD) for entry in entries if entry.startswith(HEAD)]
    revision = "".join(head for head in heads if head != "(initial)")
    return Source(f"{revision}-dirty" if changed and revision else revision, changed, untracked)
