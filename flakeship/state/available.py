"""What Pulumi says where a stack, or the backend that keeps it, is not there, as an error of ours.

Pulumi repeats the backend's URL with the password in it; these errors do not.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

from flakeship.model.errors import CommandError, FlakeshipError
from flakeship.system.redaction import redacted

URL = "PULUMI_BACKEND_URL"
CLOSED = re.compile(r"unable to open ([A-Za-z ]+) (?:\"[^\"]*\"|\S+): (.*)")
"""A database or a bucket that cannot be opened, and why."""
NO_LOGIN = "PULUMI_ACCESS_TOKEN must be set"
"""Of the service of Pulumi, which is asked for every URL whose scheme is of no other backend."""
LOST = re.compile(
    r"dial tcp|connection re(?:fused|set)|no such host|i/o timeout|blob \((?:key|code)"
)
"""What Go says of a server that does not answer, and Pulumi of one that answers with an error."""


@contextmanager
def available(remedy: str) -> Iterator[None]:
    """Make an error of Pulumi's, that it has no such stack or state, one of ours, with `remedy`.

    Raises FlakeshipError: `stack-unavailable`, or `backend-unavailable` without that remedy.
    """
    try:
        yield
    except CommandError as error:
        if error.exit_code is None:
            raise
        said = redacted(error.stderr.strip())
        last = said.splitlines()[-1].removeprefix("error: ") if said else error.what
        raise unreachable(said) or FlakeshipError(
            last, code="stack-unavailable", key="pulumi", remedy=remedy
        ) from error


def unreachable(said: str) -> FlakeshipError | None:
    """The error for a backend that cannot be used, by what Pulumi said; None for anything else."""
    said = redacted(said)
    closed = CLOSED.search(said)
    if not (closed or NO_LOGIN in said or LOST.search(said)):
        return None
    why = closed[2] if closed else said.splitlines()[-1].removeprefix("error: ")
    return FlakeshipError(
        f"the backend that keeps the state cannot be used: {why}",
        code="backend-unavailable",
        key=URL,
        given=redacted(os.environ.get(URL, "")),
        remedy="check the URL, the credentials and the network (docs/how-to/shared-state.md)",
    )
