"""A machine on an API that gives the answers of a test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flakeship.targets.proxmox.api.client import connected
from flakeship.targets.proxmox.guest.guest import Guest
from flakeship.targets.proxmox.inventory import Vm
from flakeship.targets.proxmox.resources import Marks, tags
from tests.targets.proxmox.unit.cluster import Cluster, Reply

VMID = 9012
NAME = "web-6h0ir2lm-a1"
TAGS = tags(VMID, Marks("dev", machine=NAME))
PATH = f"nodes/pve/qemu/{VMID}"
AGENT = f"GET {PATH}/agent"
CARD = "BC:24:11:00:00:01"
ADDRESS = "192.0.2.10"


@contextmanager
def machine(cluster: Cluster) -> Iterator[Guest]:
    """The machine, in the pool iac on the node pve."""
    with connected(cluster.login()) as api:
        yield Guest(api, Vm(VMID, "pve", "web", pool="iac"), TAGS, NAME)


def status(cluster: Cluster, state: str = "running", **more: Any) -> None:
    """Let the API report a state."""
    found = {"status": state, "qmpstatus": state, "tags": ";".join(TAGS), "cpus": 2}
    cluster.get(f"{PATH}/status/current", found | {"maxmem": 512 * 2**20} | more)


def listed(cluster: Cluster, node: str = "pve", **more: Any) -> None:
    """Let the cluster list the machine."""
    entry = {"type": "qemu", "id": f"qemu/{VMID}", "vmid": VMID, "node": node, "name": "web"}
    whole = entry | {"status": "running", "tags": ";".join(TAGS), "pool": "iac"} | more
    cluster.get("cluster/resources?type=vm", [whole])


def refused(text: str, status: int = 500) -> Reply:
    """A refusal with Proxmox VE's words."""
    return Reply({"data": None, "message": f"{text}\n"}, status, text)


def denied(privileges: str) -> Reply:
    """A call that is forbidden."""
    return refused(f"Permission check failed (/vms/{VMID}, {privileges})", 403)


def cards(cluster: Cluster, *addresses: str, hardware: str = CARD.lower()) -> None:
    """Let the agent tell the addresses of the machine's network card, after those of others."""
    disk = "local:vm-9012-disk-0,size=4G"
    config = {"net0": f"virtio={CARD},bridge=vmbr0", "cores": 2, "virtio0": disk}
    cluster.get(f"{PATH}/config", config)
    found = [
        card("lo", "00:00:00:00:00:00", "127.0.0.1", "::1"),
        card("docker0", "02:42:00:00:00:01", "172.17.0.1"),
        card("eth0", hardware, *addresses),
    ]
    cluster.get(f"{PATH}/agent/network-get-interfaces", {"result": found})


def card(name: str, hardware: str, *addresses: str) -> dict[str, Any]:
    shown = [{"ip-address": each, "ip-address-type": "ipv4", "prefix": 24} for each in addresses]
    return {"name": name, "hardware-address": hardware, "ip-addresses": shown, "statistics": {}}


def key_files(cluster: Cluster, **contents: str | Reply) -> None:
    """Let the agent read public keys, each by its kind; there are no others."""
    missing = refused("Agent error: failed to open file 'x' (mode: 'r'): No such file or directory")
    for kind in ("ed25519", "ecdsa", "rsa"):
        found = contents.get(kind, missing)
        reply = found if isinstance(found, Reply) else Reply({"data": {"content": found}})
        name = f"/etc/ssh/ssh_host_{kind}_key.pub"
        cluster.replies[f"{AGENT}/file-read?file={name}"] = reply
