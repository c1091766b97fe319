"""Starts commands, here alone. What they write is data: bounded here, cleaned where it is shown."""

from __future__ import annotations

import logging
import math
import os
import resource
import shlex
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from flakeship.model.errors import CommandError
from flakeship.model.sizes import MIB
from flakeship.model.text import EVIDENCE, LINE, cut
from flakeship.system.interrupt import deferred
from flakeship.system.keeper import KEEPER
from flakeship.system.pipes import Kept, Lines, Reader, pump
from flakeship.system.redaction import redacted

log = logging.getLogger(__name__)

LAST_LINES = 20  # of a failed command's standard error, which an error repeats
MOST = 4 * MIB  # bytes of a pipe that are kept
GRACE = 1.0  # seconds between the two signals that end a command


@dataclass(frozen=True)
class Result:
    """A command that has ended: its exit code and what it wrote.

    Of a very long output the middle is missing, which a line in its place says: so can a guest.
    Who reads more than the end of `stdout` asks for the bytes that are `dropped` of it.
    """

    code: int
    stdout: str
    stderr: str
    dropped: int = 0


class Shell(Protocol):
    """A login on a machine, as far as commands need it."""

    def run(
        self,
        command: str,
        *,
        stdin: str = "",
        timeout: float = 60.0,
        check: bool = True,
        most: int = MIB,
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
    reader: Reader | None = None,
    most: int = MOST,
    descriptors: Sequence[int] = (),
) -> Result:
    """Run a command to its end, without a shell.

    Never pass a secret as an argument: arguments are in the debug log and in process lists.
    `timeout` is in seconds, `env` the whole environment; a `reader` gets the lines of standard
    error, which are not kept then. `most` bytes are kept of standard output, and no more than MOST
    of standard error.
    The command inherits the open `descriptors`.
    Raises CommandError: command-missing, command-not-started, command-timeout, and with `check`
    command-failed, or output-too-long: half an answer is none.
    """
    command = [str(word) for word in argv]
    shown = shlex.join(command)
    started = time.monotonic()
    end = math.inf if timeout is None else started + timeout
    stdout, stderr = Kept(most), Lines(reader) if reader else Kept(min(most, MOST))
    with start(command, cwd=cwd, env=env, descriptors=descriptors) as process:
        try:
            code = pump(process, stdin.encode(errors="surrogateescape"), stdout, stderr, end)
        except TimeoutError as error:
            _trace(shown, started, "timed out")
            raise CommandError(
                f"{_named(command)} did not end within {timeout:g} s", code="command-timeout"
            ) from error
    _trace(shown, started, f"exit code {code}")
    result = Result(code, stdout.text(), stderr.text(), stdout.dropped)
    if check and result.code != 0:
        raise CommandError(
            f"{_named(command)} failed (exit code {result.code})",
            result.code,
            result.stderr,
            details=_last(result.stderr),
        )
    if check and result.dropped:
        raise CommandError(
            f"{_named(command)} wrote more than {most} bytes",
            result.code,
            result.stderr,
            code="output-too-long",
        )
    return result


@contextmanager
def start(
    command: Sequence[str],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    descriptors: Sequence[int] = (),
    pipes: bool = True,
    file_size: int = 0,
) -> Iterator[subprocess.Popen[bytes]]:
    """Start a command that ends with the block, and with this process at the latest.

    It is in a session of its own: an interruption, which a terminal sends to all, is ours to
    handle. Without `pipes` nobody reads what it writes; a file that it writes has at most
    `file_size` bytes. Raises CommandError (command-missing, command-not-started).
    """
    process: subprocess.Popen[bytes] | None = None
    failed = True
    try:
        with deferred():  # an interruption in Popen would leave a command that nobody has heard of
            process = _started(command, cwd, env, descriptors, pipes=pipes)
            KEEPER.keep(process.pid)
        if file_size:
            _limit(process.pid, file_size)
        yield process
        failed = False
    finally:
        if process:
            _end(process, all_of_it=failed or process.poll() is None)
            KEEPER.release(process.pid)


def _started(
    command: Sequence[str],
    cwd: Path | None,
    env: Mapping[str, str] | None,
    descriptors: Sequence[int],
    *,
    pipes: bool,
) -> subprocess.Popen[bytes]:
    started = time.monotonic()
    stdio = subprocess.PIPE if pipes else subprocess.DEVNULL
    try:
        return subprocess.Popen(
            command,
            stdin=stdio,
            stdout=stdio,
            stderr=stdio,
            bufsize=0,
            cwd=cwd,
            env=env,
            pass_fds=descriptors,
            start_new_session=True,
        )
    except FileNotFoundError as error:
        _trace(shlex.join(command), started, "not found")
        missing = cut(command[0], EVIDENCE) if cwd is None or cwd.is_dir() else str(cwd)
        raise CommandError(
            f"{missing} was not found",
            code="command-missing",
            remedy="run `flakeship doctor`: it shows what is missing and how to get it",
        ) from error
    except (OSError, ValueError) as error:  # not executable, too long, a NUL in it
        raise CommandError(
            f"{_named(command)} cannot be started: {error}",
            code="command-not-started",
        ) from error


def _limit(pid: int, file_size: int) -> None:
    """Limit the files that a process writes, as far as no smaller limit is in force."""
    if hasattr(resource, "prlimit"):
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        most = file_size if hard == resource.RLIM_INFINITY else min(file_size, hard)
        with suppress(ProcessLookupError):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (most, most))


def _end(process: subprocess.Popen[bytes], *, all_of_it: bool) -> None:
    """End a command with `all_of_it` that it has started, also what outlives it; close its pipes.

    What a command that has ended by itself left behind on purpose, a daemon, goes on.
    """
    if all_of_it:
        for number in (signal.SIGTERM, signal.SIGKILL):
            _signal(process, number)
            deadline = time.monotonic() + GRACE
            while _signal(process, 0) and time.monotonic() < deadline:
                time.sleep(0.01)
    process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe:
            with suppress(BrokenPipeError):
                pipe.close()


def _signal(process: subprocess.Popen[bytes], number: int) -> bool:
    """Send a signal to a command's group; whether there is a process in it."""
    process.poll()  # a leader that has ended, and nobody has asked, would count
    try:
        os.killpg(process.pid, number)
    except (ProcessLookupError, PermissionError):  # the number may be another user's by now
        return False
    return True


def _named(command: Sequence[str]) -> str:
    """A command as an error names it: a long one without its middle, for both ends tell most."""
    text = redacted(shlex.join(command))
    half = EVIDENCE // 2
    return f"`{text if len(text) <= EVIDENCE else f'{text[:half]} … {text[-half:]}'}`"


def _last(stderr: str) -> list[str]:
    """The last lines of a failed command; cut first, for a guest may have written them."""
    return [redacted(cut(line, LINE)) for line in stderr.strip().splitlines()[-LAST_LINES:]]


def _trace(command: str, started: float, outcome: str) -> None:
    if log.isEnabledFor(logging.DEBUG):
        log.debug("%s: %s after %.2f s", redacted(command), outcome, time.monotonic() - started)
