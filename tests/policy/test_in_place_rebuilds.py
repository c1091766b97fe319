"""No silent rebuild in place."""

from __future__ import annotations

import pytest

from policy.in_place_rebuilds import INSTANCE, RULE
from policy.rules import UNKNOWN, Resource
from tests.policy.declared import UNKNOWN_TYPE, resource, told

OURS = ("imageId", "blockDevices")
"""What a server of the target openstack ignores changes of."""


@pytest.mark.parametrize(
    "kept",
    [
        resource(INSTANCE, imageId=UNKNOWN, ignored=OURS),
        resource(INSTANCE, imageId="5d0c", ignored=("*",)),
        resource(INSTANCE, imageName="debian", ignored=("imageName",)),
        # another root disk that is a volume makes another server
        resource(INSTANCE, blockDevices=[{"uuid": "5d0c", "sourceType": "image"}]),
        resource(UNKNOWN_TYPE, imageId="5d0c"),
    ],
)
def test_a_server_that_keeps_its_image_passes(kept: Resource) -> None:
    assert told(RULE, kept) == []


@pytest.mark.parametrize(
    "rebuilt",
    [
        resource(INSTANCE, imageId="5d0c"),
        resource(INSTANCE, imageId=UNKNOWN),
        resource(INSTANCE, imageName="debian"),
        resource(INSTANCE, imageName="debian", ignored=("imageId",)),
        resource(INSTANCE, imageId="5d0c", ignored=("blockDevices",)),
    ],
)
def test_a_server_that_a_new_image_would_wipe_is_told(rebuilt: Resource) -> None:
    (said,) = told(RULE, rebuilt)
    assert "ignoreChanges" in said
