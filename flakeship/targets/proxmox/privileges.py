"""The privileges of a token: which it has, which it needs, and the commands that grant them.

The needed ones are those with which a whole life was seen to work, as 8.4 and as 9.2. Beside them
one is needed to learn the SSH host keys of a machine, by either of two ways: VM.GuestAgent.FileRead
for its agent (in 8.4 VM.Monitor is that too, and is needed anyway), or VM.Console for its serial
console. So a token with one of them is not refused; what is proposed to one with neither is the
agent's, which also tells keys that were announced before anybody looked.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from shlex import quote
from typing import Protocol

Permissions = Mapping[str, Mapping[str, int]]
"""`GET access/permissions`: by path and privilege whether it is inherited by what is below."""

MACHINES = (
    "VM.Allocate",
    "VM.Audit",
    "VM.Clone",
    "VM.Config.CDROM",
    "VM.Config.CPU",
    "VM.Config.Cloudinit",
    "VM.Config.Disk",
    "VM.Config.HWType",
    "VM.Config.Memory",
    "VM.Config.Network",
    "VM.Config.Options",
    "VM.PowerMgmt",
)
AGENT = ("VM.GuestAgent.Audit", "VM.GuestAgent.FileRead")
IMAGES = ("Datastore.Allocate", "Datastore.AllocateTemplate", "Datastore.Audit")
"""Proxmox VE has no smaller one than Datastore.Allocate to remove an uploaded image."""
DISKS = ("Datastore.AllocateSpace", "Datastore.Audit")

OTHERS = {
    "VM.GuestAgent.Audit": ("VM.GuestAgent.Unrestricted",),
    "VM.GuestAgent.FileRead": ("VM.Console", "VM.GuestAgent.Unrestricted"),
}
"""Privileges in whose place others do."""


class Caller(Protocol):
    """A token by its id, `<user>@<realm>!<name>`, and the user whose it is."""

    @property
    def user(self) -> str:
        """The token's id."""

    @property
    def owner(self) -> str:
        """The user."""


@dataclass(frozen=True)
class Need:
    """Privileges on a path, and the role that a command grants them with."""

    path: str
    privileges: Sequence[str]
    role: str

    def missing(self, permissions: Permissions) -> list[str]:
        """Those that a token does not have."""
        return [
            name
            for name in self.privileges
            if not any(has(permissions, self.path, each) for each in (name, *OTHERS.get(name, ())))
        ]


def has(permissions: Permissions, path: str, privilege: str) -> bool:
    """Whether a token has a privilege: on the path, or inherited from the nearest one above.

    What is granted for a path replaces what would be inherited. A path with nothing at all is not
    in the answer, so that one with NoAccess is taken for one that inherits: the call tells then.
    """
    if path in permissions:
        return privilege in permissions[path]
    for above in map(str, PurePosixPath(path).parents):
        if above in permissions:
            return bool(permissions[above].get(privilege))
    return False


def needs(
    *,
    release: tuple[int, int],
    pool: str,
    images: str,
    disks: str,
    bridges: Collection[tuple[str, int]],
    ha: bool,
    permissions: Permissions,
) -> list[Need]:
    """What a stack needs; `bridges` are names with VLANs.

    A bridge is in the zone localnetwork, a VNet in another one, which the API does not tell
    everybody: a zone that the token may use it in counts.
    """
    guest = AGENT if release >= (9, 0) else ("VM.Monitor",)
    machines = sorted((*MACHINES, *guest, *(["Pool.Audit"] if pool else [])))
    found = [Need(f"/pool/{pool}" if pool else "/vms", machines, "FlakeshipMachines")]
    if pool and release >= (9, 0):
        # a new machine gets its tags before it is in the pool
        found.append(Need("/vms", ["VM.Config.Options"], "FlakeshipTags"))
    if images == disks:
        found.append(Need(f"/storage/{images}", sorted({*IMAGES, *DISKS}), "FlakeshipStorage"))
    else:
        found.append(Need(f"/storage/{images}", IMAGES, "FlakeshipImages"))
        found.append(Need(f"/storage/{disks}", DISKS, "FlakeshipDisks"))
    below = [path.split("/") for path in sorted(permissions) if path.startswith("/sdn/zones/")]
    zones = dict.fromkeys(parts[3] for parts in below)
    for bridge, vlan in sorted(bridges):
        tag = f"/{vlan}" if vlan else ""
        paths = [f"/sdn/zones/{zone}/{bridge}{tag}" for zone in ("localnetwork", *zones)]
        usable = (path for path in paths if has(permissions, path, "SDN.Use"))
        path = next(usable, f"/sdn/zones/localnetwork/{bridge}")
        found.append(Need(path, ["SDN.Use"], "FlakeshipNetwork"))
    # an entry is made with the one, and read with the other
    more = [Need("/", ["Sys.Audit", "Sys.Console"], "FlakeshipHA")] if ha else []
    return [*found, *more]


def grant(caller: Caller, path: str, privileges: Sequence[str], role: str = "FlakeshipMore") -> str:
    """The commands, for root on a node, that grant a token and its user privileges on a path.

    A token has what both have.
    """
    names = quote(",".join(privileges))
    make = f"pveum role add {role} 2>/dev/null; pveum role modify {role} --append 1 --privs {names}"
    acl = f"pveum acl modify {quote(path)} --roles {role}"
    return f"{make}; {acl} --users {quote(caller.owner)} --tokens {quote(caller.user)}"
