"""A release's image in Glance."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi

from flakeship.model import codec
from flakeship.model.evidence import Evidence
from flakeship.targets.openstack.requests import Published, PublishRequest, VisibilityRequest
from flakeship.targets.openstack.resources import GLANCE_IMAGE

from ..command import command


class GlanceImage(pulumi.ComponentResource):
    """The bytes of a release in Glance: uploaded and compared in one step, hidden until verified.

    The request counts the uploads, so an image that was deleted behind our back is published again.
    The servers that were made from the old one do not care (they ignore changes of the image's id).
    """

    published: pulumi.Output[Published]

    def __init__(
        self,
        release: str,
        request: pulumi.Output[PublishRequest],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("flakeship:openstack:GlanceImage", release, None, opts)
        published = command(
            GLANCE_IMAGE.name(release),
            {
                "create": "openstack.publish-image",
                "delete": "openstack.withdraw-image",
                "request": request.apply(codec.dump),
            },
            pulumi.ResourceOptions(parent=self),
        )
        self.published = published.stdout.apply(lambda text: codec.parse(Published, text))
        self.register_outputs({"image": self.published.apply(codec.plain)})


class Shelf(pulumi.ComponentResource):
    """Shows the images that are in use now and hides the older ones, after every cut-over.

    So an image that has not passed is seen by nobody, and going back waits for no image.
    """

    def __init__(
        self,
        cloud: str,
        shown: Sequence[GlanceImage],
        hidden: Sequence[GlanceImage],
        evidence: Sequence[pulumi.Output[Evidence]],
        cutovers: Sequence[pulumi.Resource],
    ) -> None:
        super().__init__("flakeship:openstack:Shelf", "shelf")
        ids = [
            pulumi.Output.all(*(image.published.apply(lambda found: found.id) for image in part))
            for part in (shown, hidden)
        ]
        request = pulumi.Output.all(*ids, *evidence).apply(
            lambda known: VisibilityRequest(cloud, known[0], known[1])
        )
        command(
            "shelf",
            {
                "create": "openstack.set-image-visibility",
                "request": request.apply(codec.dump),
            },
            pulumi.ResourceOptions(parent=self, depends_on=[*cutovers]),
        )
        self.register_outputs({})
