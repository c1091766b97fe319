"""Who is offered the images of a stack: nobody before all of it is verified."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
from pulumi_openstack.images import ImageAccess

from flakeship.model.evidence import Evidence
from flakeship.targets.openstack.plan import StackPlan
from flakeship.targets.openstack.resources import IMAGE_VISIBILITY, SHARE

from .glance_image import GlanceImage, ImageVisibility
from .shared import Shared

Evidences = Sequence[pulumi.Output[Evidence]]


def declare_visibility(
    plan: StackPlan, shared: Shared, evidence: Evidences, cutovers: Sequence[pulumi.Resource]
) -> None:
    """Show the desired releases' images and hide older ones, when all is verified.

    Those of other stacks are not this one's to show.
    """
    if not shared.published:
        return
    desired = {release.name for release in plan.releases.values()}
    verified = pulumi.Output.all(*evidence)

    def ids(*, shown: bool) -> list[pulumi.Output[str]]:
        found = [it for name, it in shared.published.items() if (name in desired) == shown]
        return [_image(it, verified) for it in found]

    ImageVisibility(
        IMAGE_VISIBILITY,
        {
            "cloud": plan.context.settings.options.cloud,
            "shown": ids(shown=True),
            "hidden": ids(shown=False),
            "repair": plan.repairs.get(IMAGE_VISIBILITY, 0),
        },
        pulumi.ResourceOptions(depends_on=[*cutovers]),
    )


def declare_shares(
    plan: StackPlan, shared: Shared, evidence: Evidences, cutovers: Sequence[pulumi.Resource]
) -> None:
    """Let other projects boot from the images, when all is verified."""
    verified = pulumi.Output.all(*evidence)
    opts = pulumi.ResourceOptions.merge(shared.opts, pulumi.ResourceOptions(depends_on=[*cutovers]))
    for name, image in shared.published.items():
        for project in plan.context.settings.options.share_with:
            ImageAccess(
                SHARE.name(f"{name}-{project}"),
                image_id=_image(image, verified),
                member_id=project,
                # Glance takes no second one, and a killed run may have left it
                opts=pulumi.ResourceOptions.merge(
                    opts, pulumi.ResourceOptions(import_=plan.members.get((name, project)))
                ),
            )


def _image(image: GlanceImage, verified: pulumi.Output[list[Evidence]]) -> pulumi.Output[str]:
    """The id of an image, once all is verified."""
    return pulumi.Output.all(verified, image.image).apply(lambda it: str(it[1]))
