"""Starts commands, here alone, and lets SIGINT and SIGTERM end ours in the same way."""

from __future__ import annotations

import logging
import re
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from flakeship.model.errors import CommandError

log = logging.getLogger(__name__)

SECRET_PARAMETER = re.compile(
    r"([?&][\w.-]*(?:token|secret|passw|key|sig|cred)[\w.-]*=)[^&\s'\"]+", re.IGNORECASE
)
LAST_LINES = 20  # of a failed command's standard error, which an error repeats
SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True)
class Result:
    """A command that has ended: its exit code and what it wrote."""

    code: int
    stdout: str
    stderr: str


class Shell(Protocol):
    """A login on a machine, as far as commands need it."""

    def run(
        self, command: str, *, stdin: str = "", timeout: float = 60.0, check: bool = True
    ) -> Result:
        """Run a command line. Raises CommandError as `run` does."""


def run(
    argv: Sequence[str | Path],
    *,
    stdin: str = "",
    timeout: float | None = None,
    check: bool = True,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    stream: bool = False,
    descriptors: Sequence[int] = (),
) -> Result:
    """Run a command to its end, without a shell.

    Never pass a secret as an argument: arguments are in the debug log and in process lists.
    `timeout` is in seconds, `env` the whole environment; with `stream` the standard error goes to
    ours. It inherits the open file `descriptors`. Raises CommandError: command-missing,
    command-timeout, with `check` command-failed.
    """
    command = [str(word) for word in argv]
    shown = shlex.join(command)
    started = time.monotonic()
    try:
        done = subprocess.run(
            command,
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=sys.stderr if stream else subprocess.PIPE,
            text=True,
            errors="replace",
            timeout=timeout,
            cwd=cwd,
            env=env,
            pass_fds=descriptors,
            check=False,
        )
    except FileNotFoundError as error:
        _trace(shown, started, "not found")
        missing = command[0] if cwd is None or cwd.is_dir() else str(cwd)
        raise CommandError(
            f"{missing} was not found",
            code="command-missing",
            remedy="run `flakeship doctor`: it shows what is missing and how to get it",
        ) from error
    except subprocess.TimeoutExpired as error:
        _trace(shown, started, "timed out")
        raise CommandError(
            f"`{redacted(shown)}` did not end within {timeout:g} s", code="command-timeout"
        ) from error
    _trace(shown, started, f"exit code {done.returncode}")
    result = Result(done.returncode, done.stdout, done.stderr or "")
    if check and result.code != 0:
        last = redacted(result.stderr).strip().splitlines()[-LAST_LINES:]
        raise CommandError(
            f"`{redacted(shown)}` failed (exit code {result.code})",
            result.code,
            result.stderr,
            details=last,
        )
    return result


def redacted(text: str) -> str:
    """A text without the credentials that a URL in it may hold: of the user, and in its query."""
    return SECRET_PARAMETER.sub(r"\1…", re.sub(r"(://)[^/@\s]+@", r"\1…@", text))


def _trace(command: str, started: float, outcome: str) -> None:
    if log.isEnabledFor(logging.DEBUG):
        log.debug("%s: %s after %.2f s", redacted(command), outcome, time.monotonic() - started)


def install_signal_handlers() -> None:
    """Let both signals raise KeyboardInterrupt."""
    # a shell's background jobs ignore SIGINT, and SIGTERM would end Python without any cleanup
    for number in SIGNALS:
        signal.signal(number, signal.default_int_handler)


@contextmanager
def deferred() -> Iterator[None]:
    """Defer an interruption until the block has ended. Only in the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    received: list[int] = []
    former = [
        signal.signal(number, lambda signum, _frame: received.append(signum)) for number in SIGNALS
    ]
    try:
        yield
    finally:
        for number, handler in zip(SIGNALS, former, strict=True):
            signal.signal(number, handler)
    if received:
        raise KeyboardInterrupt
