"""A server of one release, and its verification."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_openstack import compute, networking

from flakeship.targets.openstack.machine import Machine
from flakeship.targets.openstack.resources import PORT, SERVER

from ..verification import Verification
from .image import GlanceImage


@dataclass(frozen=True)
class Site:
    """Where a machine goes: ids that the cloud knows, or will; `fault` says why it was not made."""

    network: pulumi.Input[str]
    security_group: pulumi.Input[str]
    flavor: pulumi.Input[str]
    group: pulumi.Input[str] | None
    stable: pulumi.Input[str]
    ready: Sequence[pulumi.Resource]
    fault: pulumi.ErrorHook


class CloudServer(pulumi.ComponentResource):
    """One boot and one verification, on a port of its own.

    It is named by release and shape: whatever Nova could change only by rebuilding it, which wipes
    the root disk, makes another server. Its port is new too, because one that is used again blocks
    its successor (terraform-provider-openstack#439).
    """

    port: pulumi.Output[str]
    address: pulumi.Output[str]
    verification: Verification

    def __init__(
        self,
        machine: Machine,
        image: GlanceImage,
        site: Site,
        after: Sequence[pulumi.Resource] = (),
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("flakeship:openstack:Server", machine.id, None, opts)
        port = networking.Port(
            PORT.name(machine.id),
            name=machine.id,
            network_id=site.network,
            security_group_ids=[site.security_group],
            tags=machine.tags,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[*site.ready]),
        )
        boots_from = image.published.apply(lambda published: published.id)
        own = machine.server.options
        server = compute.Instance(
            SERVER.name(machine.id),
            name=machine.id,
            flavor_id=site.flavor,
            networks=[compute.InstanceNetworkArgs(port=port.id)],
            config_drive=True,
            metadata=machine.metadata,
            key_pair=own.keypair or None,
            user_data=pulumi.Output.secret(own.user_data) if own.user_data else None,
            scheduler_hints=[compute.InstanceSchedulerHintArgs(group=site.group)]
            if site.group is not None
            else None,
            image_id=None if own.volume else boots_from,
            block_devices=[root_volume(machine, boots_from)] if own.volume else None,
            # an image that is published again has another id, and the server is the same
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=[*site.ready, *after],
                ignore_changes=["imageId", "blockDevices"],
                hooks=pulumi.ResourceHookBinding(on_error=[site.fault]),
            ),
        )
        booted = "" if own.volume else server.image_id
        request = pulumi.Output.all(server.id, port.id, booted, site.stable).apply(
            lambda ids: machine.review(*ids)
        )
        self.verification = Verification(
            machine.id,
            {"command": "openstack.verify-server", "request": request},
            pulumi.ResourceOptions(parent=self, depends_on=[*site.ready]),
        )
        self.port = port.id
        self.address = port.all_fixed_ips.apply(
            lambda addresses: next((a for a in addresses if ":" not in a), "")
        )
        self.register_outputs({})


def root_volume(machine: Machine, image: pulumi.Output[str]) -> compute.InstanceBlockDeviceArgs:
    """A root disk that is a volume; it goes with the server, like any other root disk."""
    return compute.InstanceBlockDeviceArgs(
        uuid=image,
        source_type="image",
        destination_type="volume",
        volume_size=-(-machine.disk // 1024),
        boot_index=0,
        delete_on_termination=True,
    )
