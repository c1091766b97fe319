"""The check that only a machine on Proxmox VE has: what the API reports of it."""

from __future__ import annotations

from flakeship.model.errors import FlakeshipError
from flakeship.model.sizes import MIB
from flakeship.targets.proxmox import listed
from flakeship.targets.proxmox.guest.guest import Guest
from flakeship.targets.proxmox.resources import marks
from flakeship.verify.checks.verdict import Failed


def api(guest: Guest) -> str:
    """Proxmox VE reports the machine as running, as ours, and with nothing under way."""
    try:
        found = guest.status()
    except FlakeshipError as error:
        raise Failed(f"the API does not answer: {error.what}") from error
    state = found.qmpstatus or found.status
    own = marks(guest.vmid, guest.tags)
    wrong = [
        *([f"it is {state}"] if (found.status, state) != ("running", "running") else []),
        *([f"it is locked by {found.lock}"] if found.lock else []),
        *(["it is a template"] if found.template else []),
        *(
            [f"its tags are {found.tags or 'none'}"]
            if marks(guest.vmid, listed.words(found.tags)) != own
            else []
        ),
    ]
    if wrong:
        raise Failed("; ".join(wrong))
    size = f"{found.cpus or 1} vCPUs, {found.maxmem // MIB} MiB"
    return f"{guest.vmid} is running on {guest.node} with {size}, and has its tags"
