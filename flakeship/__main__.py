"""`python -m flakeship`: internal commands start without the library that parses options."""

from __future__ import annotations

import os
import sys

from flakeship.system.interrupt import INTERRUPTED, leave_when_interrupted


def main() -> int:
    """Run a user's command, or an internal one; the exit code."""
    leave_when_interrupted()
    code = _run()
    if code == INTERRUPTED:
        # All is cleaned up. Threads that still wait for a server are not waited for.
        sys.stdout.flush()
        os._exit(code)
    return code


def _run() -> int:
    if sys.argv[1:2] == ["internal"]:
        from flakeship import internal  # noqa: PLC0415

        return internal.main(sys.argv[2:])
    from flakeship.cli import main as run  # noqa: PLC0415

    return run()


if __name__ == "__main__":
    sys.exit(main())
