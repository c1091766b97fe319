"""The image of a release in Glance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NotRequired, TypedDict

import pulumi

from flakeship.targets.openstack import requests
from flakeship.targets.openstack.resources import GLANCE_IMAGE

from ..resource import Resource, inputs


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


class GlanceImage(Resource):
    """An image file in Glance: uploaded and compared in one step, hidden until it is shown.

    `image` is its id there.
    """

    image: pulumi.Output[str]

    def __init__(
        self, name: str, args: GlanceImageArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        plain = requests.PublishRequest(name, "", "", 0, {}, "private")
        given = inputs(plain, **args)
        super().__init__("flakeship:openstack:GlanceImage", GLANCE_IMAGE.name(name), given, opts)
        self.published = self.answer(requests.Published)
        self.image = self.published.apply(lambda published: published.id)


class ImageVisibilityArgs(TypedDict):
    """The inputs of ImageVisibility: ids of images."""

    shown: Sequence[pulumi.Input[str]]
    hidden: Sequence[pulumi.Input[str]]
    repair: NotRequired[int]  # another number does it again
    cloud: NotRequired[pulumi.Input[str]]


class ImageVisibility(Resource):
    """Shows the images that active servers boot from and hides older ones.

    It is to depend on the verifications and cutovers: nobody is offered what has not passed.
    """

    def __init__(
        self, name: str, args: ImageVisibilityArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        given = inputs(requests.VisibilityRequest([]), **args)
        super().__init__("flakeship:openstack:ImageVisibility", name, given, opts)
