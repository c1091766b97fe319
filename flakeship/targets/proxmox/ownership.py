"""Whose a virtual machine or template is: before it is made, and when it is removed.

Pulumi's plugin removes by node and id alone. Proxmox VE gives an id that is free to the next one
who asks (bpg/terraform-provider-proxmox#2925), and people and HA move machines; one that is gone
is a failure to the plugin. So the removal is done here: of what still carries our tags, wherever it
is. The resource of the plugin only leaves the state (`retain_on_delete`).

It comes right before that resource, so that a creation that fails in the middle leaves nothing that
nobody removes; and what somebody else has made under the id since the plan is not touched. The
plugin tries again where Proxmox VE refuses to make what "already exists", and then takes it for its
own: it would resize it, and make it a template. In the moment between both nothing prevents that.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

from flakeship.model.errors import FlakeshipError
from flakeship.targets.proxmox import destroy, find, listed
from flakeship.targets.proxmox.api import client, login
from flakeship.targets.proxmox.api.client import Api
from flakeship.targets.proxmox.inventory import Vm
from flakeship.targets.proxmox.own_words import Config
from flakeship.targets.proxmox.requests import Claimed, OwnershipRequest
from flakeship.targets.proxmox.resources import described, marks

log = logging.getLogger(__name__)


def claim(request: OwnershipRequest, previous: str) -> Claimed:
    """Claim an id that nobody has; `previous` is empty where the state has no claim yet.

    Raises FlakeshipError: id-taken, machine-left.
    """
    with client.connected(login.find(request.access)) as api:
        vm = find.find(api, request.vmid)
        ours = vm is not None and _told(api, vm, request).ours
        if ours and not previous:
            raise FlakeshipError(
                f"{vm} carries its tags, and this state does not have it: a run that was killed "
                "has left it, or another checkout has a stack of this name",
                code="machine-left",
                key=request.name,
                remedy="`flakeship recover` removes what a killed run of this checkout has left; "
                "else give the stack another name",
            )
        if not ours and not (vm is None and find.is_free(api, request.vmid)):
            raise FlakeshipError(
                f"the id {request.vmid} was free when this run was planned, and is that of "
                f"{vm or 'something that the token may not see'} now",
                code="id-taken",
                key=request.name,
                remedy="it was not touched: run `pulumi up` again, which takes another id",
            )
    return Claimed(request.vmid)


def remove(request: OwnershipRequest) -> None:
    """Remove it, if it is there and not somebody else's now.

    Raises FlakeshipError where our tags were taken off something of ours, or replaced, and where
    the token may not see what has the id: it stays.
    """
    with client.connected(login.find(request.access)) as api:
        vm = find.find(api, request.vmid)
        if vm is None:
            if find.is_free(api, request.vmid):
                return
            raise FlakeshipError(
                f"there is something with its id {request.vmid} that the token may not see",
                code="id-hidden",
                key=request.name,
                remedy="it stays; give the token its privileges on it again, such as by `pveum "
                f"pool modify <pool> --vms {request.vmid}`",
            )
        told = _told(api, vm, request)
        if told.ours:
            destroy.destroy(api, vm)
        elif told.was_ours:
            raise find.replaced(vm, request.tags, request.name)
        else:
            log.warning("%s: its id is that of %s, which stays as it is", request.name, vm)


@dataclass(frozen=True)
class _Told:
    """What a virtual machine tells of whose it is, and was when it was made."""

    ours: bool
    was_ours: bool


def _told(api: Api, vm: Vm, request: OwnershipRequest) -> _Told:
    """It is ours with our tags or, where a clone has not got that far, as it was made.

    A clone has its name and description at once, and the tags of its template until it gets its
    own, which are a copy's.
    """
    own = marks(vm.id, request.tags)
    if vm.marks == own:
        return _Told(ours=True, was_ours=True)
    if vm.container:
        return _Told(ours=False, was_ours=False)
    config = api.get(Config, "nodes", vm.node, "qemu", str(vm.id), "config")
    described_so = replace(described(vm.id, config.description), checkout="", template=0) == own
    named_so = config.name == request.name
    tagged = marks(vm.id, listed.words(config.tags)).stack
    others = {vm.marks.stack, tagged} - {"", own.stack}
    was_ours = not others and (described_so or named_so)
    return _Told(described_so and named_so and not vm.marks.stack and not tagged, was_ours)
