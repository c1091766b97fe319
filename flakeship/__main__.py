"""`python -m flakeship`: internal commands start without the library that parses options."""

from __future__ import annotations

import os
import sys
import traceback

from flakeship.system import log
from flakeship.system.interrupt import INTERRUPTED, leave_when_interrupted


def main() -> int:
    """Run a user's command, or an internal one; the exit code."""
    leave_when_interrupted()
    internal = sys.argv[1:2] == ["internal"]
    with log.cleaned(stdout=not internal):  # of an internal command it is for programs
        try:
            code = _internal() if internal else _run()
        except Exception:  # noqa: BLE001 - a fault of ours, whose text may be a guest's
            traceback.print_exc()
            code = 1
    if code == INTERRUPTED:
        # All is cleaned up. Threads that still wait for a server are not waited for.
        sys.stdout.flush()
        os._exit(code)
    return code


def _internal() -> int:
    from flakeship import internal  # noqa: PLC0415

    return internal.main(sys.argv[2:])


def _run() -> int:
    from flakeship.cli import main as run  # noqa: PLC0415

    return run()


if __name__ == "__main__":
    sys.exit(main())
