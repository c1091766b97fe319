"""The id of this checkout, a part of where its machines live; a machine-id may be cloned."""

from __future__ import annotations

import os
import re
import secrets
from contextlib import suppress
from pathlib import Path

from flakeship.model.errors import FlakeshipError
from flakeship.system import processes
from flakeship.system.files import STATE, make_directory, read, refuse_links

FILE = "checkout.id"
ROOT = "root.qcow2"
VARIABLE = "FLAKESHIP_MACHINE"


def identifier() -> str:
    """The random id of this checkout, made once: 12 hexadecimal digits.

    Raises FlakeshipError (`checkout-id-invalid`) where the file has something else.
    """
    file = Path(STATE, FILE)
    try:
        text = _made(file)
    except FlakeshipError as error:
        if error.code != "state-unreadable":
            raise
        raise _invalid(file, why=error.what) from error
    if not re.fullmatch(r"[0-9a-f]{12}\n?", text):
        raise _invalid(file, given=repr(text[:20]))
    return text.strip()


def _made(file: Path) -> str:
    if not (text := read(file)):
        refuse_links(file)
        make_directory(file.parent)
        new = file.with_name(f".{FILE}.{os.getpid()}.{secrets.token_hex(4)}")
        new.write_text(f"{secrets.token_hex(6)}\n")
        with suppress(FileExistsError):  # another process was first
            file.hardlink_to(new)
        new.unlink()
        text = read(file)
    return text


def _invalid(file: Path, *, given: str = "", why: str = "") -> FlakeshipError:
    return FlakeshipError(
        f"the id of this checkout cannot be read ({file})" + (f": {why}" if why else ""),
        code="checkout-id-invalid",
        key=str(file),
        given=given,
        allowed="12 hexadecimal digits",
        remedy="restore the file from a backup; without it, machines that run are another "
        "checkout's",
    )


def environment(mark: str = "") -> dict[str, str]:
    """The whole environment of QEMU: /proc shows it, and that of a run may hold credentials."""
    path = os.environ.get("PATH", os.defpath)
    return {"PATH": path} | ({VARIABLE: mark} if mark else {})


def mark_of(pid: int) -> str:
    """The mark of a machine's QEMU; empty for any other process."""
    return processes.environment(pid).get(VARIABLE, "")


def mark(directory: Path) -> str:
    """What the environment of a machine's QEMU has: `<checkout>/<stack>/<machine>`."""
    return f"{identifier()}/{directory.parent.parent.name}/{directory.name}"
