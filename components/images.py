"""The images of a stack: files that are here, what is built, and copies of what was verified."""

from __future__ import annotations

import asyncio

import pulumi

from flakeship.model.errors import FlakeshipError
from flakeship.model.release import Release
from flakeship.release.image_files import ImageFiles
from flakeship.targets.base import Plan

from .image_copy import ImageCopy
from .nix_image import NixImage
from .outputs import Deployment


async def obtain_files(files: ImageFiles, plan: Plan, *, preview: bool) -> None:
    """Have the files of verified releases here that this run boots machines from.

    A preview only sees where they are. Raises FlakeshipError before anything changes.
    """
    needed = [each for each in plan.releases.values() if each.name in plan.needs_files]
    for request in files.missing(needed):
        try:
            where = await asyncio.to_thread(files.obtain, request, fetch=False)
        except FlakeshipError as error:
            if way := plan.instead_of_files.get(request.release):
                error.remedy = f"{way}; or {error.remedy}"
            raise
        pulumi.log.info(f"the files of {request.release} are not on this workstation: from {where}")
        if not preview:
            await asyncio.to_thread(files.obtain, request, fetch=True)


def declare(files: ImageFiles, plan: Plan) -> dict[str, NixImage]:
    """Declare the image of every release that stays, by its name."""
    releases: list[Release] = [*plan.releases.values(), *(r.release for r in plan.records)]
    return {
        release.name: NixImage(
            release.name,
            {
                "release": release,
                "stack": files.stack,
                "verified": files.verified(release),
                "max_image_disk": plan.max_image_disk.get(release.name, 0),
            },
        )
        for release in releases
    }


def declare_copies(image_store: str, plan: Plan, done: Deployment) -> None:
    """Copy the image of each host to the image store, once its servers have moved to it."""
    after = pulumi.Output.all(*done.evidence, *done.servers.values())
    for host, release in plan.releases.items() if image_store else ():
        ImageCopy(host, {"release": release, "image_store": image_store, "after": after})
