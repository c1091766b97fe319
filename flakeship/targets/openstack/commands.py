"""The verbs of the target openstack: flakeship/__main__.py imports them only where one is run."""

from __future__ import annotations

import os
from collections.abc import Callable

from flakeship.model import codec
from flakeship.targets.openstack.images import publish, visibility
from flakeship.targets.openstack.requests import (
    EphemeralRequest,
    PublishRequest,
    VerifyServerRequest,
    VisibilityRequest,
)
from flakeship.targets.openstack.servers import ephemeral, verify_server
from flakeship.verify import verify

Progress = Callable[[str], object]


def bring(text: str, progress: Progress) -> str:
    """See to it that an image is in Glance; what was printed before has its id."""
    request = codec.parse(PublishRequest, text)
    previous = publish.earlier(printed(), request.name)
    return codec.dump(publish.publish(request, previous, progress))


def withdraw(text: str, _: Progress) -> str:
    """Remove an image from Glance."""
    request = codec.parse(PublishRequest, text)
    publish.withdraw(request, publish.earlier(printed(), request.name))
    return "{}"


def shelve(text: str, _: Progress) -> str:
    """Show the images that are in use and hide the others."""
    visibility.set_visibility(codec.parse(VisibilityRequest, text))
    return "{}"


def check(text: str, progress: Progress) -> str:
    """Verify a server; what was printed before has the host keys that are pinned."""
    request = codec.parse(VerifyServerRequest, text)
    pinned = verify.pinned_keys(printed(), request.machine)
    return codec.dump(verify_server.verify_server(request, pinned, progress))


def test(text: str, progress: Progress) -> str:
    """Make a server, verify it and remove it."""
    return codec.dump(ephemeral.verify_ephemeral(codec.parse(EphemeralRequest, text), progress))


def printed() -> str:
    """What the resource's verb printed the last time; empty for the first."""
    return os.environ.get("PULUMI_COMMAND_STDOUT", "")


VERBS: dict[str, Callable[[str, Progress], str]] = {
    "publish": bring,
    "withdraw": withdraw,
    "shelve": shelve,
    "review": check,
    "trial": test,
}
