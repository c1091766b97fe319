"""The flavor of servers: which one it is, why, and which were next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NotRequired, TypedDict

import pulumi
from pulumi_openstack import compute

from flakeship.targets.openstack.flavors.choice import Choice
from flakeship.targets.openstack.resources import FLAVOR


class FlavorSelectionArgs(TypedDict):
    """The inputs of FlavorSelection; sizes are in MiB."""

    flavor: pulumi.Input[str]
    """The name of the flavor."""
    id: NotRequired[pulumi.Input[str]]
    """The id of an existing flavor; without it one of this size is created."""
    vcpus: pulumi.Input[int]
    memory: pulumi.Input[int]
    disk: int
    extra_specs: NotRequired[pulumi.Input[Mapping[str, pulumi.Input[str]]]]
    reason: NotRequired[pulumi.Input[str]]
    runners_up: NotRequired[pulumi.Input[Sequence[pulumi.Input[str]]]]


def selection(choice: Choice) -> FlavorSelectionArgs:
    """The inputs for a flavor that flakeship.targets.openstack.flavors has chosen."""
    flavor = choice.flavor
    args: FlavorSelectionArgs = {
        "flavor": flavor.name,
        "vcpus": flavor.vcpus,
        "memory": flavor.memory,
        "disk": flavor.disk,
        "extra_specs": dict(flavor.extra_specs),
        "reason": choice.reason,
        "runners_up": [*choice.runners_up],
    }
    return {**args, "id": flavor.id} if flavor.id else args


class FlavorSelection(pulumi.ComponentResource):
    """A chosen flavor: `id`, `flavor` (its name), `reason` and `runners_up` are its outputs.

    One that is created has a name with everything that it is, so it never changes.
    """

    id: pulumi.Output[str]

    def __init__(
        self, name: str, args: FlavorSelectionArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("flakeship:openstack:FlavorSelection", name, None, opts)
        self.id = pulumi.Output.from_input(args["id"]) if "id" in args else self._create(name, args)
        self.register_outputs(
            {
                "id": self.id,
                "flavor": args["flavor"],
                "reason": args.get("reason", ""),
                "runnersUp": args.get("runners_up", []),
            }
        )

    def _create(self, name: str, args: FlavorSelectionArgs) -> pulumi.Output[str]:
        return compute.Flavor(
            FLAVOR.name(name),
            name=args["flavor"],
            vcpus=args["vcpus"],
            ram=args["memory"],
            disk=args["disk"] // 1024,
            extra_specs=args.get("extra_specs"),
            is_public=True,
            opts=pulumi.ResourceOptions(parent=self),
        ).id
