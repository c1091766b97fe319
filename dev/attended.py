"""Runs a command so that a closed terminal interrupts it, as ctrl-C does.

`python -m dev.attended pulumi up`. Pulumi's engine does not handle SIGHUP: it would end at once,
and leave its lock and pending operations.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys


def main(argv: list[str]) -> int:
    """Run a command; its exit code, as a shell tells it."""
    if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:  # nohup: it is to outlive the terminal
        os.execvp(argv[0], argv)  # noqa: S606 - an argv, and no shell
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # which the command inherits
    with subprocess.Popen(argv) as command:
        signal.signal(signal.SIGHUP, lambda *_: command.send_signal(signal.SIGINT))
        signal.signal(signal.SIGTERM, lambda *_: command.terminate())
        signal.signal(signal.SIGINT, lambda *_: None)  # the terminal sends it to the command too
        code = command.wait()
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
