"""The image of a release in Glance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NotRequired, TypedDict

import pulumi

from flakeship.model import codec
from flakeship.targets.openstack import requests
from flakeship.targets.openstack.resources import GLANCE_IMAGE

from ..command import answer, command


class GlanceImageArgs(TypedDict):
    """The inputs of GlanceImage; see flakeship.targets.openstack.requests.PublishRequest."""

    file: pulumi.Input[str]
    sha512: pulumi.Input[str]
    min_ram: NotRequired[pulumi.Input[int]]
    properties: NotRequired[pulumi.Input[Mapping[str, pulumi.Input[str]]]]
    visibility: NotRequired[pulumi.Input[requests.Visibility]]
    publication: NotRequired[int]  # another number uploads it again
    repair: NotRequired[int]  # another number sets its properties again
    cloud: NotRequired[pulumi.Input[str]]


class GlanceImage(pulumi.ComponentResource):
    """An image file in Glance: uploaded and compared in one step, hidden until it is shown."""

    def __init__(
        self, name: str, args: GlanceImageArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("flakeship:openstack:GlanceImage", name, None, opts)
        defaults = {"min_ram": 0, "properties": {}, "visibility": "private", "cloud": ""}
        request = pulumi.Output.all(**{**defaults, **args}).apply(
            lambda given: requests.PublishRequest(name=name, **given)
        )
        published = command(
            GLANCE_IMAGE.name(name),
            {
                "create": "openstack.publish-image",
                "delete": "openstack.withdraw-image",
                "request": request,
            },
            pulumi.ResourceOptions(parent=self),
        )
        self.published = answer(published, requests.Published)
        self.id = self.published.apply(lambda published: published.id)
        self.register_outputs({"image": self.published.apply(codec.plain)})


class ImageVisibilityArgs(TypedDict):
    """The inputs of ImageVisibility: ids of images."""

    shown: Sequence[pulumi.Input[str]]
    hidden: Sequence[pulumi.Input[str]]
    repair: NotRequired[int]  # another number does it again
    cloud: NotRequired[pulumi.Input[str]]


class ImageVisibility(pulumi.ComponentResource):
    """Shows the images that active servers boot from and hides older ones.

    It is to depend on the verifications and cutovers: nobody is offered what has not passed.
    """

    def __init__(
        self, name: str, args: ImageVisibilityArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("flakeship:openstack:ImageVisibility", name, None, opts)
        request = pulumi.Output.all(
            cloud=args.get("cloud", ""),
            shown=[*args["shown"]],
            hidden=[*args["hidden"]],
            repair=args.get("repair", 0),
        ).apply(lambda given: requests.VisibilityRequest(**given))
        command(
            name,
            {"create": "openstack.set-image-visibility", "request": request},
            pulumi.ResourceOptions(parent=self, depends_on=opts.depends_on if opts else None),
        )
        self.register_outputs({})
