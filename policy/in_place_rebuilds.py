"""No silent rebuild in place: a new image would wipe the root disk of a server that serves."""

from __future__ import annotations

from collections.abc import Iterator

from .rules import Config, Resource, Rule

INSTANCE = "openstack:compute/instance:Instance"


def check(resource: Resource, _config: Config) -> Iterator[str]:
    """Tell each image of a server whose change Nova makes by a rebuild, as an innocent update."""
    if resource.type != INSTANCE or "*" in resource.ignored:
        return
    for given in ("imageId", "imageName"):
        if resource.props.get(given) and given not in resource.ignored:
            yield (
                f"A change of {given} of {resource.name} is shown as an update, and rebuilds the "
                f"server in place: its root disk is wiped. Add it to ignoreChanges, and give the "
                f"resource another name for another image, as Flakeship's servers have."
            )


RULE = Rule("no-silent-rebuild", "A new image never wipes the disk of a running server.", check)
