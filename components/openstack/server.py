"""A server of one release, and its verification."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NotRequired, TypedDict

import pulumi
from pulumi_openstack import compute, networking

from flakeship.targets.openstack.requests import EphemeralRequest, VerifyServerRequest
from flakeship.targets.openstack.resources import PORT, SERVER

from ..verification import Verification


class ServerArgs(TypedDict):
    """The inputs of Server; ids are those of the cloud."""

    image: pulumi.Input[str]
    flavor: pulumi.Input[str]
    network: pulumi.Input[str]
    security_group: pulumi.Input[str]
    verification: VerifyServerRequest
    """What is verified, with empty ids and addresses."""
    address: NotRequired[pulumi.Input[str]]
    """The stable public address of the server; the verification uses it once it leads there."""
    metadata: NotRequired[Mapping[str, pulumi.Input[str]]]
    tags: NotRequired[Sequence[str]]
    """The tags of the port."""
    keypair: NotRequired[str]
    user_data: NotRequired[str]
    server_group: NotRequired[pulumi.Input[str]]
    volume: NotRequired[int]
    """The size in GiB of a root disk that is a volume; it is removed with the server."""
    boot_after: NotRequired[Sequence[pulumi.Resource]]
    """What has to exist before the server boots; its port does not wait for it."""
    on_error: NotRequired[Sequence[pulumi.ErrorHook]]


class Server(pulumi.ComponentResource):
    """One boot and one verification, on a port of its own.

    Its name has to change with the release and the shape: whatever Nova could change only by
    rebuilding it, which wipes the root disk, makes another server. Its port is new too, because one
    that is used again blocks its successor (terraform-provider-openstack#439). What `opts` depends
    on exists before any of its parts.
    """

    port: pulumi.Output[str]
    address: pulumi.Output[str]
    verification: Verification

    def __init__(
        self, name: str, args: ServerArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("flakeship:openstack:Server", name, None, opts)
        ready = depends_on(opts)
        port = networking.Port(
            PORT.name(name),
            name=name,
            network_id=args["network"],
            security_group_ids=[args["security_group"]],
            tags=[*args.get("tags", ())],
            opts=pulumi.ResourceOptions(parent=self, depends_on=ready),
        )
        volume, user_data = args.get("volume", 0), args.get("user_data", "")
        server = compute.Instance(
            SERVER.name(name),
            name=name,
            flavor_id=args["flavor"],
            networks=[compute.InstanceNetworkArgs(port=port.id)],
            config_drive=True,
            metadata=args.get("metadata"),
            key_pair=args.get("keypair") or None,
            user_data=pulumi.Output.secret(user_data) if user_data else None,
            scheduler_hints=[compute.InstanceSchedulerHintArgs(group=args["server_group"])]
            if "server_group" in args
            else None,
            image_id=None if volume else args["image"],
            block_devices=[root_volume(args["image"], volume)] if volume else None,
            # an image that is published again has another id, and the server is the same
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=[*ready, *args.get("boot_after", ())],
                ignore_changes=["imageId", "blockDevices"],
                hooks=pulumi.ResourceHookBinding(on_error=[*args.get("on_error", ())]),
            ),
        )
        request = pulumi.Output.all(
            server=server.id,
            port=port.id,
            image="" if volume else server.image_id,
            stable=args.get("address", ""),
        ).apply(lambda ids: replace(args["verification"], **ids))
        self.verification = Verification(
            name,
            {"command": "openstack.verify-server", "request": request},
            pulumi.ResourceOptions(parent=self, depends_on=ready),
        )
        self.port = port.id
        self.address = port.all_fixed_ips.apply(
            lambda addresses: next((a for a in addresses if ":" not in a), "")
        )
        self.register_outputs({"port": self.port, "address": self.address})


class TestServerArgs(TypedDict):
    """The inputs of TestServer; ids are those of the cloud."""

    image: pulumi.Input[str]
    flavor: pulumi.Input[str]
    network: pulumi.Input[str]
    security_group: pulumi.Input[str]
    verification: VerifyServerRequest
    """What is verified, with empty ids and addresses."""


class TestServer(pulumi.ComponentResource):
    """A server that its verification creates and removes; only the evidence stays."""

    __test__ = False  # it is no test of pytest's

    verification: Verification

    def __init__(
        self, name: str, args: TestServerArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("flakeship:openstack:TestServer", name, None, opts)
        request = pulumi.Output.all(
            image=args["image"],
            flavor=args["flavor"],
            network=args["network"],
            security_group=args["security_group"],
        ).apply(
            lambda ids: EphemeralRequest(
                replace(args["verification"], image=ids["image"]),
                ids["flavor"],
                ids["network"],
                [ids["security_group"]],
            )
        )
        self.verification = Verification(
            name,
            {"command": "openstack.verify-ephemeral", "request": request},
            pulumi.ResourceOptions(parent=self, depends_on=depends_on(opts)),
        )
        self.register_outputs({})


def root_volume(image: pulumi.Input[str], size: int) -> compute.InstanceBlockDeviceArgs:
    """A root disk that is a volume of so many GiB."""
    return compute.InstanceBlockDeviceArgs(
        uuid=image,
        source_type="image",
        destination_type="volume",
        volume_size=size,
        boot_index=0,
        delete_on_termination=True,
    )


def depends_on(opts: pulumi.ResourceOptions | None) -> list[pulumi.Resource]:
    """What a component is to depend on: its children have to, as Pulumi does not see to that."""
    found = opts.depends_on if opts else None
    return [found] if isinstance(found, pulumi.Resource) else [*(found or ())]  # type: ignore[misc]
