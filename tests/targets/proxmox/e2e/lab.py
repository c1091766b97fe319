"""Whether there is a cluster to test with, or why not.

`python -m tests.targets.proxmox.e2e.lab` tells whether there can be a lab.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from dev.proxmox import access
from dev.proxmox.__main__ import missing_packages
from dev.proxmox.faults import FILE
from dev.proxmox.site import Site
from flakeship.model.errors import FlakeshipError

OWN = "FLAKESHIP_TEST_CLUSTER"
"""The address of a cluster of the user's: the tests act on none that it does not name."""


def obstacle() -> str:
    """Tell what keeps a lab from running on this machine; empty where it can."""
    if os.geteuid() != 0:
        return "the lab needs root, for a bridge that its guests can be reached on"
    try:
        missing_packages()
    except FlakeshipError as error:
        return str(error)
    return ""


def reason_to_skip() -> str:
    """Tell why tests cannot run."""
    endpoint = os.environ.get("PROXMOX_VE_ENDPOINT", "")
    if endpoint in {Site.from_environment().endpoint, os.environ.get(OWN) or "-"}:
        return ""
    return obstacle() or (
        "PROXMOX_VE_ENDPOINT is not the lab's: `make test-proxmox` brings one up and selects it. "
        f"For a cluster of yours, set {OWN} to the same address"
    )


def faults(**switched: object) -> None:
    """Switch these faults of the lab on, and all others off: see dev/proxmox/faults.py."""
    Site.from_environment().write(FILE, switched)


@contextmanager
def faulty(**switched: object) -> Iterator[None]:
    """With these faults."""
    faults(**switched)
    try:
        yield
    finally:
        faults()


def refused(match: str, message: str, **more: object) -> dict[str, object]:
    """A fault by which requests such as `PUT /nodes/*/config` are refused."""
    return {"match": match, "message": message, **more}


def token(name: str, grants: Mapping[str, Sequence[str]] | None) -> str:
    """A token with these privileges by path, and no others."""
    return access.Access(Site.from_environment()).add_token(name, grants)


def operator() -> str:
    """The token that may do everything."""
    return access.Access(Site.from_environment()).token(access.OPERATOR)


def address(number: int) -> str:
    """An address of the lab's network, below 100 and above 1, that no machine has."""
    return str(Site.from_environment().range[number])


if __name__ == "__main__":
    sys.exit(1 if obstacle() else 0)
