"""Progress on standard error, for a person who waits."""

from __future__ import annotations

import shlex
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from flakeship.model.errors import CommandError
from flakeship.system.process import LAST_LINES

ON_TERMINAL = 1.0
IN_LOG = 20.0
"""Seconds between two lines about the same long command."""


def say(text: str) -> None:
    """Write one line."""
    print(f"set-up: {text}", file=sys.stderr, flush=True)


def watch(
    argv: Sequence[str | Path],
    about: Callable[[int, str], str],
    *,
    match: str = "",
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> None:
    """Run a long command; from time to time show `about(lines so far, last line)` and the time.

    Only lines that start with `match` count. Where the command fails, the error has its last lines.
    """
    words = [str(word) for word in argv]
    start, count, last = time.monotonic(), 0, ""
    try:
        child = subprocess.Popen(
            words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=cwd, env=env
        )
    except FileNotFoundError as error:
        raise CommandError(
            f"{words[0]} was not found: `make doctor` shows what is missing"
        ) from error
    with child:
        tail: deque[str] = deque(maxlen=LAST_LINES)
        ended = threading.Event()

        def read() -> None:
            nonlocal count, last
            assert child.stdout
            for line in child.stdout:
                tail.append(line.rstrip())
                if line.startswith(match):
                    count, last = count + 1, line.strip()
            ended.set()

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        on_terminal = sys.stderr.isatty()
        try:
            while not ended.wait(ON_TERMINAL if on_terminal else IN_LOG):
                text = f"set-up:   {about(count, last)}, {time.monotonic() - start:.0f} s"
                print(
                    f"\r\x1b[K{text}" if on_terminal else text,
                    end="" if on_terminal else "\n",
                    file=sys.stderr,
                    flush=True,
                )
        except KeyboardInterrupt:
            child.terminate()
            raise
        finally:
            if on_terminal:
                print("\r\x1b[K", end="", file=sys.stderr, flush=True)
        reader.join()
    if child.returncode != 0:
        raise CommandError(
            f"`{shlex.join(words)}` failed (exit code {child.returncode})",
            child.returncode,
            "\n".join(tail),
            details=tail,
        )
