"""Everything that Flakeship itself does on a cloud, with each kind of call that it makes.

Each is run as its command or command resource runs it, but for the login on a server.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from flakeship.rollout.ownership import CHECKOUT, Owner
from flakeship.state.stack import Stack
from flakeship.targets.base import SweepResult
from flakeship.targets.openstack import sweep as sweeping
from flakeship.targets.openstack.functions import FindServerRequest
from flakeship.targets.openstack.images.glance import UPLOADING
from flakeship.targets.openstack.images.publish import publish, set_visibility, withdraw
from flakeship.targets.openstack.inspect import inspect
from flakeship.targets.openstack.inventory import Needed
from flakeship.targets.openstack.requests import (
    EphemeralRequest,
    PublishRequest,
    VerifyServerRequest,
    VisibilityRequest,
)
from flakeship.targets.openstack.resources import description
from flakeship.targets.openstack.servers import ephemeral, nova, verify_server
from tests.targets.openstack.unit.conftest import TAGS
from tests.targets.openstack.unit.fake_cloud import NOW, Cloud, server
from tests.targets.openstack.unit.samples import OWNER, REQUEST
from tests.targets.openstack.unit.test_owned_resources import address, port
from tests.targets.openstack.unit.test_sweep import OLD, TEMPORARY

STABLE = "203.0.113.77"
TESTED = EphemeralRequest(replace(REQUEST, server="", port=""), "flavor-1", "private", ["group-1"])
PASSING = frozenset({"429", "500", "502", "503", "504", "cut", "garbled", "half", "lost", "silent"})
FOUND = frozenset({"garbled", "half", "lost", "silent"})
"""Of a create or removal that is looked for: it had its effect, though nobody ever told."""


@dataclass(frozen=True)
class Call:
    """A kind of call; with one of `borne` it may fail as often as it likes, and the rest works.

    `unlike` are faults that are none here: a true state that has tests of its own, or one before
    which another call has come to its end.
    """

    pattern: str
    borne: frozenset[str] = frozenset()
    unlike: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Operation:
    """Something to do with a cloud, whose result may be tried once more.

    `run` gets what `prepare` returned. `left` has the numbers of objects that the cloud has after a
    run, and `most` those that a failed run may leave, where these are more.
    """

    run: Callable[[PublishRequest, object], object]
    calls: tuple[Call, ...]
    prepare: Callable[[Cloud, PublishRequest], object] = lambda *_: None
    left: Mapping[str, int] = field(default_factory=dict)
    most: Mapping[str, int] = field(default_factory=dict)


def reads(*patterns: str) -> tuple[Call, ...]:
    return tuple(Call(f"GET .*{pattern}") for pattern in patterns)


TOKEN = Call("POST .*/auth/tokens")
GONE = frozenset({"404"})
NOT_SHOWN = frozenset({"403", "404"})  # by some clouds


def _interrupted(cloud: Cloud, _: PublishRequest) -> None:
    """Two uploads that another run of this checkout could not remove."""
    checkout = {CHECKOUT: Owner("").of_this_checkout().checkout}
    common = {"os_hidden": True, "owner": "p", "created_at": NOW, **TAGS, **checkout}
    cloud.put("images", {"id": "cut", "status": "saving", "tags": ["flakeship"], **common})
    tags = ["flakeship", UPLOADING]
    cloud.put("images", {"id": "lost", "status": "active", "tags": tags, **common})


def _published(cloud: Cloud, request: PublishRequest) -> object:
    done = publish(request, None)
    cloud.images[done.id].update(tags=[], os_distro="other")
    return done


def _shown(_: PublishRequest, done: object) -> None:
    set_visibility(VisibilityRequest([done.id], [], cloud="fake"))  # type: ignore[attr-defined]


def _stopped(cloud: Cloud, _: PublishRequest) -> None:
    cloud.things["servers"]["server-1"].update(status="SHUTOFF", hostId="host-1")
    cloud.put("server_groups", {"id": "g", "name": "g", "members": ["server-1"]})


def _verify(_: PublishRequest, changes: object) -> object:
    given = changes if isinstance(changes, VerifyServerRequest) else REQUEST
    return verify_server.verify_server(given, [])


def _repair(_: PublishRequest, __: object) -> object:
    placed = replace(REQUEST, repair=1, placement="anti-affinity")
    return verify_server.verify_server(placed, [])


def _address_left(cloud: Cloud, _: PublishRequest) -> None:
    cloud.floating(description=description(OWNER.for_verification()))


def _served(cloud: Cloud, _: PublishRequest) -> None:
    cloud.floating(floating_ip_address=STABLE, port_id="port-1")


def _verify_again(_: PublishRequest, __: object) -> object:
    live = replace(REQUEST, stable=STABLE)
    return verify_server.verify_existing(live, "", "dev", active=True)


def _test_server_left(cloud: Cloud, _: PublishRequest) -> None:
    owner = OWNER.for_verification().of_this_checkout()
    cloud.put("servers", server("killed", metadata=owner.tags))


def _orphans(cloud: Cloud, _: PublishRequest) -> None:
    cloud.only("servers", server("s", name="web-1", metadata=TEMPORARY.tags, created=OLD))
    cloud.only("ports", {**port("web-1", tags=[]), "description": description(TEMPORARY),
                         "created_at": OLD})  # fmt: skip
    cloud.only("floatingips", address("203.0.113.9", description=description(TEMPORARY)))


def _sweep(_: PublishRequest, __: object) -> SweepResult:
    held = [{"urn": "u::x", "type": "t", "id": "something"}]
    return sweeping.sweep(Stack("dev", {"resources": held}), "fake")


OPERATIONS: Mapping[str, Operation] = {
    "inspect": Operation(
        lambda *_: inspect("fake", Needed(keypairs=True, volumes=True)),
        (
            TOKEN,
            *reads("/servers/detail", "/limits", "/os-keypairs", "/flavors/detail"),
            *reads(r"/images\?(?!.*os_hidden)", r"/images\?.*os_hidden", "/networks"),
            *reads("/floatingips", "/security-groups"),
            Call("GET .*/quotas/", NOT_SHOWN),
            Call("GET .*/os-quota-sets/", NOT_SHOWN),
        ),
    ),
    "publish": Operation(
        lambda request, _: publish(request, None),
        (
            TOKEN,
            *reads(r"/images\?", "/images/[^/?]+$"),
            Call("DELETE .*/images/[^/]+$", FOUND, unlike=GONE),
            Call("POST .*/images$"),
            Call("PUT .*/images/.*/file$"),
            Call("DELETE .*/images/.*/tags/", FOUND),
        ),
        _interrupted,
        left={"images": 1},
        most={"images": 3},
    ),
    "publish again": Operation(
        publish,  # type: ignore[arg-type]
        (
            Call("GET .*/images/[^/]+$", unlike=GONE),
            Call("PATCH .*/images/[^/]+$"),
            Call("PUT .*/images/.*/tags/"),
        ),
        _published,
        left={"images": 1},
    ),
    "show": Operation(
        _shown,
        (*reads(r"/images\?id=in"), Call("PATCH .*/images/")),
        _published,
        left={"images": 1},
    ),
    "withdraw": Operation(
        withdraw,  # type: ignore[arg-type]
        (*reads(r"/servers/detail\?image="), Call("DELETE .*/images/", unlike=GONE)),
        _published,
        left={"images": 0},
        most={"images": 1},
    ),
    "verify": Operation(
        _verify,
        (
            *reads("/servers/server-1$", "/ports/[^/?]+$", "/subnets/", r"/floatingips\?project"),
            Call("POST .*/floatingips$", FOUND),
            Call("DELETE .*/floatingips/", unlike=GONE),
            Call("POST .*/action$", PASSING | GONE | {"409"}),  # its console
        ),
        left={"floatingips": 0},
        most={"floatingips": 1},
    ),
    "verify and start": Operation(
        _repair,
        (Call("POST .*/action$", FOUND), *reads("/os-server-groups")),
        _stopped,
        left={"floatingips": 0},
        most={"floatingips": 1},
    ),
    "verify with what a killed run left": Operation(
        _verify,
        (Call("PUT .*/floatingips/[^/]+$"),),
        _address_left,
        left={"floatingips": 0},
        most={"floatingips": 1},
    ),
    "verify again": Operation(
        _verify_again,
        reads(r"/floatingips\?floating_ip_address"),
        _served,
        left={"floatingips": 1},
    ),
    "verify a test server": Operation(
        lambda *_: ephemeral.verify_ephemeral(TESTED),
        (
            *reads(r"/servers/detail\?name", r"/ports\?description", "/servers/[^/?]+$"),
            Call("POST .*/ports$", FOUND),
            Call("PUT .*/ports/.*/tags$"),
            Call("POST .*/servers$", FOUND),
            Call("DELETE .*/servers/", unlike=GONE),
            Call("DELETE .*/ports/", unlike=GONE),
        ),
        _test_server_left,
        left={"servers": 1, "ports": 1, "floatingips": 0},
        most={"servers": 2, "ports": 2},
    ),
    "sweep": Operation(
        _sweep,
        (
            *reads(r"/subnets\?", r"/routers\?", r"/ports\?project_id"),  # others are above
            Call("GET .*/servers/s$", GONE, unlike=FOUND),
            Call("DELETE .*/servers/", unlike=GONE),
            Call("DELETE .*/ports/", unlike=GONE),
            Call("DELETE .*/floatingips/", unlike=GONE),
        ),
        _orphans,
        left={"servers": 0, "ports": 0, "floatingips": 0},
        most={"servers": 1, "ports": 1, "floatingips": 1},
    ),
    "find a server that is being created": Operation(
        lambda *_: nova.find_server(FindServerRequest("fake", "dev", "web", [])),
        reads(r"/servers/detail\?name"),
    ),
}
