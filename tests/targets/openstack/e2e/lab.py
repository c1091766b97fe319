"""Whether there is a lab, or why not.

`python -m tests.targets.openstack.e2e.lab` tells whether there can be one.
"""

from __future__ import annotations

import os
import sys

from dev.openstack import install
from dev.openstack.__main__ import CLOUD
from dev.setup.tools import Machine
from flakeship.model.errors import FlakeshipError


def obstacle() -> str:
    """Tell what keeps a lab from running on this machine; empty where it can."""
    try:
        install.require_root()
    except FlakeshipError as error:
        return str(error)
    if Machine.detect().manager != "apt-get":
        return "the lab is made of Debian's packages, and there is no apt-get here"
    return ""


def reason_to_skip() -> str:
    """Tell why tests cannot run; they act in the lab's cloud and never in one of the user's."""
    if why := obstacle():
        return why
    if os.environ.get("OS_CLOUD") != CLOUD:
        return f"OS_CLOUD is not {CLOUD}: `make test-openstack` brings the lab up and selects it"
    return ""


if __name__ == "__main__":
    sys.exit(1 if obstacle() else 0)
