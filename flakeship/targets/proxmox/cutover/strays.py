"""A machine of the server that has its service address, though no cutover has told of it."""

from __future__ import annotations

import logging

from flakeship.model.errors import FlakeshipError
from flakeship.targets.proxmox import listed
from flakeship.targets.proxmox.api import client, login
from flakeship.targets.proxmox.api.client import Api
from flakeship.targets.proxmox.cutover import former
from flakeship.targets.proxmox.cutover.former import Former
from flakeship.targets.proxmox.inventory import Vm
from flakeship.targets.proxmox.own_words import Config
from flakeship.targets.proxmox.requests import ActiveMachine, CutoverRequest
from flakeship.targets.proxmox.resources import described, is_of_this_checkout, written

log = logging.getLogger(__name__)


def find(request: CutoverRequest, mac: str) -> Former | None:
    """The running machine of the request's server with a MAC address.

    A run that was killed may have left the address on it, and a run of another release follows:
    nobody has its host keys any more. None also where the API does not tell, and for a machine that
    another checkout has made: that may be its active one.
    """
    try:
        with client.connected(login.find(request.access)) as api:
            entries = api.get(list[listed.Resource], "cluster", "resources", type="vm")
            own = [each for each in listed.vms(entries) if _ours(request, each)]
            found = [_there(api, vm) for vm in own if _is_of_this_checkout(api, vm)]
    except FlakeshipError as error:
        log.info("who has %s is not known: %s", mac, error)
        return None
    return next((each for each in found if each and mac in each.macs), None)


def _there(api: Api, vm: Vm) -> Former | None:
    """What the cluster has of a machine; None where its node does not answer."""
    machine = ActiveMachine(vm.marks.machine, vm.id, [*vm.tags], "", "", "", [])
    try:
        return former.there(api, machine, vm.node)
    except FlakeshipError as error:
        log.info("%s: %s", vm, error)
        return None


def _is_of_this_checkout(api: Api, vm: Vm) -> bool:
    config = api.get(Config, "nodes", vm.node, "qemu", str(vm.id), "config")
    return is_of_this_checkout(described(vm.id, config.description))


def _ours(request: CutoverRequest, vm: Vm) -> bool:
    """Whether it has the tags of a machine of the server, `<server>-<release>-<shape>`."""
    server = vm.marks.machine.rsplit("-", 2)[0]
    return (vm.marks.stack, server) == (written(request.stack), request.server)
