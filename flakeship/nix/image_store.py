"""A Nix store elsewhere, as `nix copy` takes it: an image store, or a binary cache.

Nix finds credentials and keys itself, so a URL has none. What an image store has need not be
signed: an image's files are compared with the ledger's.
"""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from pathlib import Path

from flakeship.model.errors import CommandError, FlakeshipError
from flakeship.nix.store import NIX
from flakeship.system.process import run
from flakeship.system.redaction import redacted

log = logging.getLogger(__name__)

ANSWER = 20.0  # seconds that a store has to say whether it has a path


@dataclass(frozen=True)
class StoreImageRequest:
    """Have the output of a verified release in an image store."""

    release: str  # its name
    output: str
    image_store: str


def store_image(request: StoreImageRequest) -> None:
    """Copy an output to the image store, unless it is there. Raises FlakeshipError.

    What is neither there nor here was verified before the stack had an image store.
    """
    url, path = request.image_store, request.output
    try:
        ask(url, path)
    except CommandError as error:
        if error.exit_code is None:
            raise
    else:
        log.info("%s: %s has it", request.release, url)
        return
    if not Path(path).exists():
        log.warning("%s: %s is not on this workstation, and not copied", request.release, path)
        return
    try:
        copy(path, to=url)
    except CommandError as error:
        raise FlakeshipError(
            f"it cannot be copied to the image store: {reason(error)}",
            code="image-store-failed",
            key=request.release,
            given=redacted(url),
            remedy=f"try it by hand: nix copy --no-check-sigs --to '{redacted(url)}' {path}",
        ) from error
    log.info("%s: copied to %s", request.release, url)


def ask(url: str, path: str) -> None:
    """Ask a store whether it has a path. Raises CommandError where not, or without an answer."""
    run([*NIX, "path-info", "--store", url, path], timeout=ANSWER, env=_unattended())


def copy(path: str, *, to: str = "", origin: str = "", signed: bool = False) -> None:
    """Copy a path with all that it refers to, between this workstation's store and another one.

    Raises CommandError; also for what lacks a signature by a key that Nix trusts, where it has to
    be `signed`.
    """
    where = ["--to", to] if to else ["--from", origin]
    run([*NIX, "copy", *where, *([] if signed else ["--no-check-sigs"]), path], env=_unattended())


def reason(error: FlakeshipError) -> str:
    """The last line that Nix has written, or what is wrong with the command itself."""
    said = error.stderr.strip().splitlines() if isinstance(error, CommandError) else []
    return redacted(said[-1].removeprefix("error: ")) if said else error.what


def _unattended() -> dict[str, str]:
    """The environment of a command that nobody is there to type a passphrase for."""
    options = f"{os.environ.get('NIX_SSHOPTS', '')} -o BatchMode=yes".strip()
    return {**os.environ, "NIX_SSHOPTS": options}
