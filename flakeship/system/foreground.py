"""A command that has the terminal, as if a person had started it."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Mapping, Sequence


def foreground(argv: Sequence[str], env: Mapping[str, str] | None = None) -> int:
    """Run a command to its end; its exit code, as a shell tells it.

    A closed terminal interrupts it, as ctrl-C does: Pulumi's engine does not handle SIGHUP. It
    would end at once, and leave its lock and pending operations.
    """
    stays = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN  # nohup: it outlives the terminal
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    before[signal.SIGHUP] = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # the command inherits it
    try:
        with subprocess.Popen(argv, env=env) as command:
            if not stays:
                signal.signal(signal.SIGHUP, lambda *_: command.send_signal(signal.SIGINT))
            signal.signal(signal.SIGTERM, lambda *_: command.terminate())
            signal.signal(signal.SIGINT, lambda *_: None)  # the terminal sends it that too
            code = command.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return code if code >= 0 else 128 - code
