"""The image of a release as a template of Proxmox VE."""

from __future__ import annotations

from typing import TypedDict

import pulumi
import pulumi_proxmoxve as proxmox

from flakeship.targets.proxmox.api.login import Access
from flakeship.targets.proxmox.context import vm_name
from flakeship.targets.proxmox.devices import ROOT_DISK
from flakeship.targets.proxmox.machine import GIGABYTE, whole_gigabytes
from flakeship.targets.proxmox.requests import (
    OwnershipRequest,
    ProofRequest,
    Uploaded,
    UploadRequest,
)
from flakeship.targets.proxmox.resources import (
    OWNERSHIP,
    PROOF,
    TEMPLATE,
    UPLOAD,
    Marks,
    description,
    tags,
)

from ..resource import Resource, inputs
from .provider import hardware


class Upload(Resource):
    """The file of an image on a storage with the content `import`; `volume` is its id there."""

    def __init__(
        self,
        name: str,
        args: UploadRequest,
        sha512: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        given = inputs(args, sha512=sha512)
        super().__init__("flakeship:proxmox:Upload", UPLOAD.name(name), given, opts)
        self.volume: pulumi.Output[str] = self.answer(Uploaded).apply(lambda it: it.volume)


class ProxmoxTemplateArgs(TypedDict):
    """`upload` is that of its image, `disk` the size of its disk in MiB.

    `vmid` is the id that it gets, which the API of `access` does not have yet.
    """

    upload: Upload
    disk: pulumi.Input[int]
    release: str
    marks: Marks
    access: Access
    vmid: int
    node: str
    storage: str
    disk_format: str
    pool: str
    uefi: bool
    agent: bool
    cpu: str


class ProxmoxTemplate(pulumi.ComponentResource):
    """A template, whose it is, and the proof that it is as large as its image: then `id` is known.

    Its name has the release and the id, so another image is another template: the plugin ignores
    a change of what a disk was imported from (bpg/terraform-provider-proxmox#2401).
    """

    id: pulumi.Output[int]
    proof: pulumi.Resource

    def __init__(
        self, name: str, args: ProxmoxTemplateArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("flakeship:proxmox:ProxmoxTemplate", name, None, opts)
        size = pulumi.Output.from_input(args["disk"])
        gigabytes = size.apply(lambda disk: max(1, whole_gigabytes(disk) // GIGABYTE))
        title, own = vm_name(args["release"]), tags(args["vmid"], args["marks"])
        proof = ProofRequest(args["access"], args["vmid"], title, own)
        owned = Resource(
            "flakeship:proxmox:Ownership",
            OWNERSHIP.name(name),
            inputs(OwnershipRequest(args["access"], args["vmid"], title, own)),
            pulumi.ResourceOptions(parent=self, depends_on=[args["upload"]]),
        )
        made = proxmox.VmLegacy(
            TEMPLATE.name(name),
            **hardware(uefi=args["uefi"], agent=args["agent"], cpu=args["cpu"]),
            node_name=args["node"],
            vm_id=args["vmid"],
            name=title,
            description=description(args["vmid"], args["marks"]),
            tags=own,
            pool_id=args["pool"] or None,
            template=True,
            started=False,
            on_boot=False,
            boot_orders=[ROOT_DISK],
            disks=[
                {
                    "interface": ROOT_DISK,
                    "datastore_id": args["storage"],
                    "import_from": args["upload"].volume,
                    "size": gigabytes,
                    "file_format": args["disk_format"],
                }
            ],
            efi_disk={
                "datastore_id": args["storage"],
                "file_format": args["disk_format"],
                "type": "4m",
                "pre_enrolled_keys": False,
            }
            if args["uefi"]
            else None,
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=[owned],
                # the resource before it removes it, see targets.proxmox.ownership
                retain_on_delete=True,
                # what the plugin reads of a template differs from what it was given, in every
                # preview; where somebody moves it, or names another pool, it is still the same; and
                # its description has the checkout that made it
                ignore_changes=[
                    "description",
                    "disks",
                    "cpu",
                    "efiDisk",
                    "ipv4Addresses",
                    "ipv6Addresses",
                    "networkInterfaceNames",
                    "nodeName",
                    "poolId",
                ],
            ),
        )
        self.proof = Resource(
            "flakeship:proxmox:Proof",
            PROOF.name(name),
            inputs(proof, disk=size),
            pulumi.ResourceOptions(parent=self, depends_on=[made]),
        )
        known = pulumi.Output.all(made.vm_id, self.proof.result)
        self.id = known.apply(lambda it: int(it[0]))
        self.register_outputs({"id": self.id})
