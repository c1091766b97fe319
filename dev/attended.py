"""Runs Pulumi for `make`: says first whose lock is in the way, and handles a closed terminal.

`python -m dev.attended pulumi up --stack dev`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from flakeship.state import backend
from flakeship.system.foreground import foreground


def main(argv: list[str]) -> int:
    """Run a command; its exit code, as a shell tells it."""
    if "preview" not in argv and (refusal := locked(argv)):
        print(refusal, file=sys.stderr)
        return 1
    return foreground(argv)


def locked(argv: Sequence[str]) -> str:
    """What to say of the locks of the stack that a command is for; empty where there are none."""
    if "--stack" not in argv or not any_lock(os.environ.get("PULUMI_BACKEND_URL", "")):
        return ""
    from pathlib import Path  # noqa: PLC0415 - mostly there is no lock

    from flakeship.state import locks  # noqa: PLC0415

    stack = argv[argv.index("--stack") + 1]
    found = locks.held(stack, os.environ, Path.cwd())
    command = f"make recover STACK={stack}"
    return str(locks.refusal(stack, found, command=command)) if found else ""


def any_lock(url: str) -> bool:
    """Whether a backend in a folder has a lock of any stack: this takes less than a millisecond."""
    folder = backend.folder(url)
    if folder is None:
        return False
    return any(files for *_, files in os.walk(f"{folder}/{backend.LOCKS}"))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
