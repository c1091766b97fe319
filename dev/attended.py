"""Runs Pulumi for `make`: says first whose lock is in the way, and handles a closed terminal.

`python -m dev.attended pulumi up --stack dev`. A closed terminal interrupts the command, as ctrl-C
does: Pulumi's engine does not handle SIGHUP. It would end at once, and leave its lock and pending
operations.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence

from flakeship.state import backend


def main(argv: list[str]) -> int:
    """Run a command; its exit code, as a shell tells it."""
    if "preview" not in argv and (refusal := locked(argv)):
        print(refusal, file=sys.stderr)
        return 1
    if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:  # nohup: it is to outlive the terminal
        os.execvp(argv[0], argv)  # noqa: S606 - an argv, and no shell
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # which the command inherits
    with subprocess.Popen(argv) as command:
        signal.signal(signal.SIGHUP, lambda *_: command.send_signal(signal.SIGINT))
        signal.signal(signal.SIGTERM, lambda *_: command.terminate())
        signal.signal(signal.SIGINT, lambda *_: None)  # the terminal sends it to the command too
        code = command.wait()
    return code if code >= 0 else 128 - code


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
