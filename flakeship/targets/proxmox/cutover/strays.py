"""A machine of the server that has its service address, though no cutover has told of it."""

from __future__ import annotations

import logging
import re

from flakeship.model.errors import FlakeshipError
from flakeship.targets.proxmox import listed
from flakeship.targets.proxmox.api import client, login
from flakeship.targets.proxmox.cutover import former
from flakeship.targets.proxmox.cutover.former import Former
from flakeship.targets.proxmox.requests import ActiveMachine, CutoverRequest
from flakeship.targets.proxmox.resources import marks, written

log = logging.getLogger(__name__)


def find(request: CutoverRequest, mac: str) -> Former | None:
    """The running machine of the request's server with a MAC address.

    A run that was killed may have left the address on it, and a run of another release follows:
    nobody has its host keys any more. None also where the API does not tell.
    """
    try:
        with client.connected(login.find(request.access)) as api:
            for each in api.get(list[listed.Resource], "cluster", "resources", type="vm"):
                tags = [tag for tag in re.split(r"[;, ]+", each.tags) if tag]
                if each.type != "qemu" or not each.vmid or not _ours(request, each.vmid, tags):
                    continue
                name = marks(each.vmid, tags).machine
                machine = ActiveMachine(name, each.vmid, tags, "", "", "", [])
                found = former.there(api, machine, each.node)
                if mac in found.macs:
                    return found
    except FlakeshipError as error:
        log.info("who has %s is not known: %s", mac, error)
    return None


def _ours(request: CutoverRequest, vmid: int, tags: list[str]) -> bool:
    """Whether these are the tags of a machine of the server, `<server>-<release>-<shape>`."""
    found = marks(vmid, tags)
    server = found.machine.rsplit("-", 2)[0]
    return (found.stack, server) == (written(request.stack), request.server)
