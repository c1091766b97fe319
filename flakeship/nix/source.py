"""The source of a flake, as git sees it: its revision, and the files that Nix ignores."""

from __future__ import annotations

from dataclasses import dataclass

from flakeship.system.process import run

HEAD = "# branch.oid "
MAX_NAMES = 5  # files that a warning names


@dataclass(frozen=True)
class Source:
    """`revision` ends in -dirty with uncommitted changes; it is empty outside of git."""

    revision: str = ""
    changed: tuple[str, ...] = ()
    untracked: tuple[str, ...] = ()

    @property
    def warnings(self) -> list[str]:
        """What a person should read before a build from this source."""
        warnings = [self.unseen] if self.untracked else []
        if self.changed:
            recorded = f"is recorded as {self.revision}" if self.revision else "has no revision yet"
            warnings.append(
                f"the flake has uncommitted changes ({_few(self.changed)}); they are part of the "
                f"release, which {recorded}"
            )
        return warnings

    @property
    def unseen(self) -> str:
        """The warning about files that Nix ignores; empty where there are none."""
        if not self.untracked:
            return ""
        return (
            f"Nix ignores files that git does not track: {_few(self.untracked)}; "
            "`git add` makes them part of the flake"
        )


def _few(names: tuple[str, ...]) -> str:
    more = len(names) - MAX_NAMES
    return ", ".join(names[:MAX_NAMES]) + (f" and {more} more" if more > 0 else "")


def inspect(flake: str) -> Source:
    """The source of a flake in a local directory; an empty Source for any other."""
    if not flake.startswith((".", "/")):
        return Source()
    how = ["--porcelain=v2", "--branch", "--no-renames", "-z"]
    status = run(["git", "-C", flake, "status", *how, "--", "."], check=False)
    if status.code != 0:
        return Source()
    entries = status.stdout.split("\0")
    untracked = tuple(entry[2:] for entry in entries if entry.startswith("? "))
    # The path follows 8 words of an ordinary change, and 10 of one in a conflict.
    words = {"1 ": 8, "u ": 10}
    changed = tuple(e.split(" ", words[e[:2]])[-1] for e in entries if e[:2] in words)
    heads = [entry.removeprefix(HEAD) for entry in entries if entry.startswith(HEAD)]
    revision = "".join(head for head in heads if head != "(initial)")
    return Source(f"{revision}-dirty" if changed and revision else revision, changed, untracked)
