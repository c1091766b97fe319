"""Who may do what, and who is asked for a certificate."""

from __future__ import annotations

import contextlib
import socket
import ssl
from dataclasses import dataclass

import pytest

from dev.proxmox.access import AUTOMATION, least_privilege
from dev.proxmox.server import Server
from dev.proxmox.site import HOST
from tests.dev.proxmox.client import Client


def client_without(lab: Server, without: str) -> Client:
    """A client whose token lacks one privilege of the least that are needed."""
    grants = {
        path: [each for each in held if each != without]
        for path, held in least_privilege("9.2").items()
    }
    return Client(lab, lab.lab.access.add_token(AUTOMATION, grants))


@dataclass(frozen=True)
class Refused:
    """A request, the privilege that the token lacks, and what the refusal says."""

    without: str
    method: str
    path: str
    reason: str
    fields: tuple[tuple[str, str], ...] = ()


CLONE = (("newid", "101"), ("pool", "iac"))
NET = (("net0", "virtio,bridge=vmbr0"),)
IMPORT = "/nodes/pve/storage/local/content/local:import/a.qcow2"
VM = "/nodes/pve/qemu/100"
AGENT = "/vms/100, VM.GuestAgent.Audit|"


@pytest.mark.parametrize(
    "refused",
    [
        Refused("VM.Clone", "POST", f"{VM}/clone", "/vms/100, VM.Clone", CLONE),
        Refused("VM.PowerMgmt", "POST", f"{VM}/status/start", "/vms/100, VM.PowerMgmt"),
        Refused("VM.Config.Memory", "PUT", f"{VM}/config", "VM.Config.Memory", (("memory", "64"),)),
        Refused("VM.Audit", "GET", f"{VM}/config", "/vms/100, VM.Audit"),
        Refused("VM.GuestAgent.Audit", "POST", f"{VM}/agent/ping", AGENT),
        Refused("SDN.Use", "PUT", f"{VM}/config", "localnetwork/vmbr0, SDN.Use", NET),
        Refused("Datastore.AllocateSpace", "POST", f"{VM}/clone", "/storage/local, ", CLONE),
        Refused("Datastore.Allocate", "DELETE", IMPORT, "/storage/local, Datastore.Allocate"),
    ],
)
@pytest.mark.usefixtures("template")
def test_a_missing_privilege_is_named(lab: Server, refused: Refused) -> None:
    with contextlib.closing(client_without(lab, refused.without)) as client:
        answer = client.send(refused.method, refused.path, refused.fields)
    assert answer.status == 403
    assert refused.reason in answer.reason


def test_a_token_has_no_more_than_its_user(lab: Server) -> None:
    content = lab.lab.site.read("access.json", {})
    content["grants"] = [each for each in content["grants"] if each[1] == AUTOMATION]
    lab.lab.site.write("access.json", content)
    assert not lab.lab.access.may(AUTOMATION, "/pool/iac", "VM.Audit")


def test_a_deeper_path_decides(lab: Server) -> None:
    lab.lab.access.add_token("a@pve!test", {"/": ["VM.Audit"], "/vms/7": []})
    assert lab.lab.access.may("a@pve!test", "/vms/8", "VM.Audit")
    assert not lab.lab.access.may("a@pve!test", "/vms/7", "VM.Audit")


def test_the_permissions_are_listed(automation: Client, operator: Client) -> None:
    own = automation.get("/access/permissions")
    assert own["/storage/local"]["Datastore.Allocate"] == 1
    assert "/" not in own
    assert operator.get("/access/permissions")["/"]["Sys.Audit"] == 1


def test_the_certificate_is_of_an_authority_of_its_own(lab: Server) -> None:
    with (
        socket.create_connection((HOST, lab.server_port)) as plain,
        pytest.raises(ssl.SSLCertVerificationError),
    ):
        ssl.create_default_context().wrap_socket(plain, server_hostname=HOST)


def test_tls_is_no_older_than_1_3(lab: Server) -> None:
    context = ssl.create_default_context(cafile=str(lab.lab.site.authority))
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with socket.create_connection((HOST, lab.server_port)) as plain, pytest.raises(ssl.SSLError):
        context.wrap_socket(plain, server_hostname=HOST)
