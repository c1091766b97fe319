"""Showing the images that a stack's servers boot from, and hiding its older ones."""

from __future__ import annotations

from flakeship.model.errors import FlakeshipError
from flakeship.targets.openstack.api import rest
from flakeship.targets.openstack.api.connection import connected
from flakeship.targets.openstack.images import glance
from flakeship.targets.openstack.requests import VisibilityRequest


def set_visibility(request: VisibilityRequest) -> None:
    """Show and hide images (os_hidden).

    Raises FlakeshipError where one to show is gone; one to hide may be.
    """
    from openstack.exceptions import NotFoundException

    with connected(request.cloud) as connection:
        images = rest.client(connection, "image")
        for identity in request.hidden:
            try:
                glance.hide(images, identity, hidden=True)
            except NotFoundException:
                continue
        for identity in request.shown:
            try:
                glance.hide(images, identity, hidden=False)
            except NotFoundException as error:
                raise FlakeshipError(
                    "is gone from Glance",
                    code="image-missing",
                    key=f"image {identity}",
                    remedy="the next `pulumi up` publishes it again",
                ) from error
