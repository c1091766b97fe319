"""A server of one release, and its verification."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NotRequired, TypedDict

import pulumi
from pulumi_openstack import compute, networking

from flakeship.model.evidence import Evidence
from flakeship.targets.openstack.requests import VerifyServerRequest
from flakeship.targets.openstack.resources import EPHEMERAL, PORT, SERVER

from ..resource import inputs
from ..verification import Verification
from .creation import Creation
from .hooks import child_of


class TestServerArgs(TypedDict):
    """Ids of the cloud; `verification` is what is verified, with empty ids and addresses.

    Without a `security_group`: on a network without port security, which takes none.
    """

    image: pulumi.Input[str]
    flavor: pulumi.Input[str]
    network: pulumi.Input[str]
    security_group: pulumi.Input[str] | None
    verification: VerifyServerRequest


class TestServer(pulumi.ComponentResource):
    """A server that its verification creates and removes; only the evidence stays."""

    __test__ = False  # it is no test of pytest's

    def __init__(
        self, name: str, args: TestServerArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("flakeship:openstack:TestServer", name, None, opts)
        groups = [] if args["security_group"] is None else [args["security_group"]]
        self.verification = Verification(
            name,
            {
                "type": EPHEMERAL,
                "inputs": {
                    "server": inputs(args["verification"], image=args["image"]),
                    "flavor": args["flavor"],
                    "network": args["network"],
                    "security_groups": groups,
                },
            },
            pulumi.ResourceOptions(parent=self, depends_on=depends_on(opts)),
        )
        self.register_outputs({})


class ServerArgs(TestServerArgs):
    """Beside what a test server needs: what only one that stays has.

    `address` is its stable public address, which the verification uses once it leads there; `tags`
    are those of its port, and `description` has them in one text. `volume` is the size in GiB of a
    root disk that is a volume; it is removed with the server. The server in Nova waits for
    `boot_after`, and its port does not. The verification begins after `verify_after`, and with a
    `creation` as soon as Nova has the server.
    """

    address: NotRequired[pulumi.Input[str]]
    metadata: NotRequired[Mapping[str, pulumi.Input[str]]]
    tags: NotRequired[Sequence[str]]
    description: NotRequired[str]
    keypair: NotRequired[str]
    user_data: NotRequired[str]
    server_group: NotRequired[pulumi.Input[str] | None]
    volume: NotRequired[int]
    boot_after: NotRequired[Sequence[pulumi.Resource]]
    verify_after: NotRequired[Sequence[pulumi.Resource]]
    creation: NotRequired[Creation]


class Server(pulumi.ComponentResource):
    """One boot and one verification, on a port of its own.

    Its name has to change with whatever Nova could change only by a rebuild, which wipes the root
    disk. Its port is new too: one that is used again blocks its successor
    (terraform-provider-openstack#439). What `opts` depends on exists before any of its parts.
    """

    def __init__(
        self, name: str, args: ServerArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("flakeship:openstack:Server", name, None, opts)
        ready = depends_on(opts)
        group = args["security_group"]
        port = networking.Port(
            PORT.name(name),
            name=name,
            network_id=args["network"],
            security_group_ids=None if group is None else [group],
            no_security_groups=True if group is None else None,
            # tags come only after a port, and the answer may be lost in between
            description=args.get("description"),
            tags=[*args.get("tags", ())],
            opts=child_of(self, opts, pulumi.ResourceOptions(depends_on=ready)),
        )
        creation = args.get("creation")
        volume, user_data = args.get("volume", 0), args.get("user_data", "")
        placed = args.get("server_group")
        hints = None if placed is None else [compute.InstanceSchedulerHintArgs(group=placed)]
        root_volume = compute.InstanceBlockDeviceArgs(
            uuid=args["image"],
            source_type="image",
            destination_type="volume",
            volume_size=volume,
            boot_index=0,
            delete_on_termination=True,
        )
        server = compute.Instance(
            SERVER.name(name),
            name=name,
            flavor_id=args["flavor"],
            networks=[compute.InstanceNetworkArgs(port=port.id)],
            config_drive=True,
            metadata=args.get("metadata"),
            key_pair=args.get("keypair") or None,
            user_data=pulumi.Output.secret(user_data) if user_data else None,
            scheduler_hints=hints,
            image_id=None if volume else args["image"],
            block_devices=[root_volume] if volume else None,
            opts=child_of(
                self,
                opts,
                pulumi.ResourceOptions(
                    depends_on=[*ready, *args.get("boot_after", ())],
                    # an image that is published again has another id, and the server is the same
                    ignore_changes=["imageId", "blockDevices"],
                    # its name is given, so the bridge would delete it before there is another one
                    delete_before_replace=False,
                    hooks=creation.hooks if creation else None,
                ),
            ),
        )
        verify_after = [*ready, *args.get("verify_after", ())]
        number, image = server.id, server.image_id
        if creation:
            number, image = creation.server(name, server, verify_after)
        request = inputs(
            args["verification"],
            server=number,
            port=port.id,
            image="" if volume else image,
            stable=args.get("address", ""),
        )
        self.verification = Verification(
            name,
            {"type": "flakeship:openstack:Verification", "inputs": request},
            pulumi.ResourceOptions(
                parent=self,
                depends_on=verify_after,
                # another server of the same name has other host keys than those that are pinned
                replace_on_changes=["server"],
            ),
        )
        self.instance = server
        # a server that the provider could not make in the end is none, whatever was verified
        known = pulumi.Output.all(self.verification.evidence, server.id)
        self.evidence: pulumi.Output[Evidence] = known.apply(lambda it: it[0])
        self.port = port.id
        self.address = port.all_fixed_ips.apply(
            lambda addresses: next((a for a in addresses if ":" not in a), "")
        )
        self.register_outputs({"port": self.port, "address": self.address})


def depends_on(opts: pulumi.ResourceOptions | None) -> list[pulumi.Resource]:
    """What a component is to depend on: its children have to, as Pulumi does not see to that."""
    found = opts.depends_on if opts else None
    return [found] if isinstance(found, pulumi.Resource) else [*(found or ())]  # type: ignore[misc]
