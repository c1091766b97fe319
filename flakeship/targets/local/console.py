"""A machine's console: what writes its file, and how QEMU is told of that."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flakeship.system.files import refuse_links
from flakeship.system.process import run
from flakeship.targets.local import console_writer
from flakeship.targets.local.checkout import environment

FILE = console_writer.FILE
DETACHED = ["/bin/sh", "-c", '"$@" </dev/null >/dev/null 2>&1 &', "sh"]
FDSET = 1  # QEMU's number for the descriptor, which it keeps as a daemon


@contextmanager
def writer(directory: Path) -> Iterator[int]:
    """The descriptor that QEMU is to inherit: what is written there goes to the console's file.

    The program behind it ends when nobody has the descriptor any more.
    """
    for name in (FILE, console_writer.FORMER):
        refuse_links(directory / name)
    (directory / FILE).touch()
    source, descriptor = os.pipe()
    try:
        program = [sys.executable, "-IS", console_writer.__file__, str(source)]
        own = environment()
        run([*DETACHED, *program], cwd=directory, descriptors=[source], env=own)
    finally:
        os.close(source)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def arguments(descriptor: int) -> list[str]:
    """QEMU's, for a serial port on the descriptor."""
    return [
        *("-add-fd", f"fd={descriptor},set={FDSET}"),
        *("-chardev", f"file,id=console,path=/dev/fdset/{FDSET},append=on"),
        *("-serial", "chardev:console"),
    ]
