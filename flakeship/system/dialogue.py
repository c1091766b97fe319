"""A command that writes a line when it is ready, and goes on when it is sent one."""

from __future__ import annotations

import os
import selectors
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from flakeship.model.errors import CommandError
from flakeship.system.process import start

LONGEST = 64 * 1024  # bytes of what it writes that are read


class Dialogue:
    """The lines of a running command, both ways. `name` is what errors call it."""

    def __init__(self, process: subprocess.Popen[bytes], name: str) -> None:
        self._process = process
        self._name = name
        self._rest = b""

    def hear(self, seconds: float) -> str:
        """Its next line. Raises CommandError where it ends before, or says nothing for so long."""
        output, end = self._process.stdout, time.monotonic() + seconds
        assert output
        with selectors.DefaultSelector() as selector:
            selector.register(output, selectors.EVENT_READ)
            while b"\n" not in self._rest:
                if not selector.select(max(0.0, end - time.monotonic())):
                    raise CommandError(
                        f"{self._name} said nothing for {seconds:g} s", code="command-timeout"
                    )
                block = os.read(output.fileno(), LONGEST)
                if not block:
                    raise self._ended(self._wait(end))
                self._rest += block
                if len(self._rest) > LONGEST:
                    raise CommandError(f"{self._name} wrote too much", code="output-too-long")
        line, _, self._rest = self._rest.partition(b"\n")
        return line.decode(errors="replace")

    def say(self, line: str) -> None:
        """Send it a line; who has ended meanwhile does not hear it."""
        assert self._process.stdin
        with suppress(BrokenPipeError):
            self._process.stdin.write(f"{line}\n".encode())

    def finish(self, seconds: float) -> None:
        """Wait for its end. Raises CommandError where it fails, or does not end."""
        if code := self._wait(time.monotonic() + seconds):
            raise self._ended(code)

    def _wait(self, end: float) -> int:
        try:
            return self._process.wait(max(0.0, end - time.monotonic()))
        except subprocess.TimeoutExpired as error:
            raise CommandError(f"{self._name} did not end", code="command-timeout") from error

    def _ended(self, code: int) -> CommandError:
        assert self._process.stderr
        stderr = os.read(self._process.stderr.fileno(), LONGEST).decode(errors="replace")
        what = f"{self._name} ended too early (exit code {code})"
        return CommandError(what, code, stderr, details=stderr.strip().splitlines()[-1:])


@contextmanager
def dialogue(argv: Sequence[str], name: str) -> Iterator[Dialogue]:
    """Start a command for a dialogue; it ends with the block. Raises CommandError as `start`."""
    with start(argv) as process:
        yield Dialogue(process, name)
