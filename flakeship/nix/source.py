"""What git has of a flake in a working tree: its revision, and what Nix takes or ignores of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from flakeship.model.flake import FlakeReference
from flakeship.model.sizes import MIB
from flakeship.system.process import Result, run

HEAD = "# branch.oid "
COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
MOST = 64 * MIB  # of what git lists; nixpkgs has 5
MAX_NAMES = 5  # files that a warning names
SUBMODULE = "160000"  # the mode of a submodule in git's index
STATUS = ["--porcelain=v2", "--branch", "--no-renames", "-z"]


@dataclass(frozen=True)
class Source:
    """`revision` ends in -dirty with uncommitted changes; it is empty outside of git."""

    revision: str = ""
    changed: tuple[str, ...] = ()
    untracked: tuple[str, ...] = ()
    submodules: tuple[str, ...] = ()  # that Nix leaves out

    @property
    def warnings(self) -> list[str]:
        """What a person should read before a build from this source."""
        warnings = [self.unseen] if self.unseen else []
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
        found = []
        if self.untracked:
            found.append(
                f"Nix ignores files that git does not track: {_few(self.untracked)}; "
                "`git add` makes them part of the flake"
            )
        if self.submodules:
            found.append(
                f"Nix ignores submodules: {_few(self.submodules)}; `?submodules=1` at the end of "
                "flakeship:flake makes them part of the flake"
            )
        return ". ".join(found)


def source(flake: FlakeReference) -> Source:
    """What git has of a flake in a local directory; an empty Source for any other.

    A reference of a commit (`rev`, `ref`) has its revision, and nothing of the working tree.
    """
    if flake.directory is None or flake.scheme == "path":
        return Source()
    folder = flake.folder
    if folder is None:
        wanted = flake.parameters.get("rev") or flake.parameters["ref"]
        found = _git(
            flake.directory, "rev-parse", "--verify", "--end-of-options", f"{wanted}^{{commit}}"
        )
        return Source(found.stdout.strip() if found.code == 0 else "")
    status = _git(folder, "status", *STATUS, "--", ".")
    if status.code != 0:
        return Source()
    entries = status.stdout.split("\0")
    left_out = () if _has_submodules(flake, folder) else _submodules(folder)
    untracked = [entry[2:] for entry in entries if entry.startswith("? ")]
    changed: list[str] = []
    for entry in entries:
        # the path follows 8 words of an ordinary change, and 10 of one in a conflict; of a
        # submodule the third word is S<commit><modified><untracked>
        if words := {"1 ": 8, "u ": 10}.get(entry[:2]):
            _, states, submodule, *_, name = entry.split(" ", words)
            if name not in left_out:
                ignored = (states, submodule) == (".M", "S..U")
                (untracked if ignored else changed).append(name)
    heads = [entry.removeprefix(HEAD) for entry in entries if entry.startswith(HEAD)]
    revision = "".join(head for head in heads if head != "(initial)")
    dirty = f"{revision}-dirty" if changed and revision else revision
    return Source(dirty, tuple(changed), tuple(untracked), left_out)


def on_a_remote_branch(revision: str, folder: Path) -> bool:
    """Whether a branch of a remote has a revision, as the working tree `folder` has fetched it.

    It comes from a state: a name such as `main`, which is on some branch always, is none.
    """
    if not COMMIT.fullmatch(revision):
        return False
    found = _git(folder, "branch", "--remotes", "--contains", revision)
    return found.code == 0 and bool(found.stdout.strip())


def _has_submodules(flake: FlakeReference, folder: Path) -> bool:
    """Whether they are part of the flake; since Nix 2.27 it may ask for them itself."""
    if flake.parameters.get("submodules", "") in {"1", "true"}:
        return True
    try:
        return "submodules" in (folder / "flake.nix").read_text(errors="replace")
    except OSError:
        return False


def _submodules(folder: Path) -> tuple[str, ...]:
    staged = _git(folder, "ls-files", "--stage", "--full-name", "-z", "--", ".").stdout.split("\0")
    return tuple(each.partition("\t")[2] for each in staged if each.startswith(SUBMODULE))


def _git(folder: Path, *words: str) -> Result:
    # without the hook that a repository may set for a faster status
    argv: list[str | Path] = ["git", "-C", folder, "-c", "core.fsmonitor=false", *words]
    return run(argv, check=False, most=MOST)


def _few(names: Sequence[str]) -> str:
    more = len(names) - MAX_NAMES
    return ", ".join(names[:MAX_NAMES]) + (f" and {more} more" if more > 0 else "")
