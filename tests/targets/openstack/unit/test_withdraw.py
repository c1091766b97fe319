"""An image is removed unless something boots from it, and is shown while it is in use."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flakeship.model.codec import dump
from flakeship.provider import operations
from flakeship.provider.operations import CREATE, DELETE, Operation
from flakeship.targets.openstack.images.publish import (
    previous_publication,
    publish,
    set_visibility,
    withdraw,
)
from flakeship.targets.openstack.requests import Published, PublishRequest, VisibilityRequest
from tests.targets.openstack.unit.conftest import only, refused
from tests.targets.openstack.unit.fake_cloud import Cloud
from tests.targets.openstack.unit.test_inspect import booted


def test_an_image_is_withdrawn_and_may_be_gone(cloud: Cloud, request_: PublishRequest) -> None:
    done = publish(request_, None)
    withdraw(request_, done)
    assert not cloud.images
    withdraw(request_, done)
    withdraw(request_, None)


def test_an_image_in_use_stays(cloud: Cloud, request_: PublishRequest) -> None:
    done = publish(request_, None)
    cloud.only("servers", booted("other", "p", "x"), booted("mine", "p", done.id))
    error = refused(lambda: withdraw(request_, done))
    assert (error.code, error.key) == ("image-in-use", "image web-1")
    assert error.what.startswith("mine (project p) boots from it")
    cloud.only("servers", booted("theirs", "q", done.id))
    cloud.roles = ["admin"]
    error = refused(lambda: withdraw(request_, done))
    assert error.what.startswith("theirs (project q) boots from it")
    assert cloud.images


def test_an_image_that_the_store_or_its_protection_holds(
    cloud: Cloud, request_: PublishRequest
) -> None:
    done = publish(request_, None)
    cloud.refuse("DELETE", 409, "<html><body>has snapshots</body></html>")
    error = refused(lambda: withdraw(request_, done))
    assert (error.code, error.what) == ("image-in-use", "is in use (has snapshots)")
    cloud.refusals.clear()
    cloud.refuse("DELETE", 403, "<html><body>no</body></html>")
    assert refused(lambda: withdraw(request_, done)).code == "role-missing"
    only(cloud)["protected"] = True
    error = refused(lambda: withdraw(request_, done))
    assert error.code == "image-protected"
    assert f"--unprotect {done.id}`" in error.remedy


def test_what_was_printed_before_is_read() -> None:
    done = Published("id", "ab", 1, 2)
    assert previous_publication(dump(done), "web-1") == done
    assert previous_publication("\n", "web-1") is None
    error = refused(lambda: previous_publication("gibberish", "web-1"))
    assert (error.code, error.key) == ("publication-unreadable", "image web-1")


def test_what_is_in_use_is_shown_and_the_rest_hidden(
    cloud: Cloud, request_: PublishRequest
) -> None:
    old, new = (publish(request_, None).id for _ in range(2))
    set_visibility(VisibilityRequest([old], [], cloud="fake"))
    set_visibility(VisibilityRequest([new], [old, "gone"], cloud="fake"))
    assert [cloud.images[each]["os_hidden"] for each in (old, new)] == [True, False]
    error = refused(lambda: set_visibility(VisibilityRequest(["gone"], [], cloud="fake")))
    assert (error.code, error.key) == ("image-missing", "image gone")


def test_what_is_shown_or_hidden_already_is_not_written(
    cloud: Cloud, request_: PublishRequest
) -> None:
    new, last, old = (publish(request_, None).id for _ in range(3))
    set_visibility(VisibilityRequest([last], [old], cloud="fake"))
    assert len(cloud.asked("PATCH")) == 1  # they are hidden from the beginning
    cloud.calls.clear()
    set_visibility(VisibilityRequest([new], [last, old], cloud="fake"))
    assert sorted(cloud.asked("PATCH")) == sorted(
        f"PATCH /image/v2/images/{each}" for each in (new, last)
    )
    assert len(cloud.asked("GET")) == 1
    set_visibility(VisibilityRequest([new], [last, old], cloud="fake"))
    assert len(cloud.asked("PATCH")) == 2
    assert [cloud.images[each]["os_hidden"] for each in (new, last, old)] == [False, True, True]


def test_an_image_that_is_gone_does_not_keep_the_others_from_being_hidden(
    cloud: Cloud, request_: PublishRequest
) -> None:
    old = publish(request_, None).id
    set_visibility(VisibilityRequest([old], [], cloud="fake"))
    error = refused(lambda: set_visibility(VisibilityRequest(["gone"], [old], cloud="fake")))
    assert (error.code, error.key) == ("image-missing", "image gone")
    assert cloud.images[old]["os_hidden"]


@pytest.mark.parametrize("call", [r"GET .*\?id=in", "PATCH"])
def test_a_visibility_that_is_refused_is_told(
    cloud: Cloud, request_: PublishRequest, call: str
) -> None:
    done = publish(request_, None)
    cloud.refuse(call, 403, "<html><body>no</body></html>")
    error = refused(lambda: set_visibility(VisibilityRequest([done.id], [], cloud="fake")))
    assert error.code == "role-missing"


def test_the_operations_find_the_image_by_their_last_result(
    cloud: Cloud, request_: PublishRequest
) -> None:
    def run(kind: str, action: str, request: object, previous: object = None) -> object:
        last = dump(previous) if previous else ""
        token = f"flakeship:openstack:{kind}"
        return operations.run(Operation(token, action, dump(request), last))

    made = run("GlanceImage", CREATE, request_)
    done = previous_publication(dump(made), "web-1")
    assert done
    assert run("GlanceImage", CREATE, request_, made) == made
    assert run("ImageVisibility", CREATE, VisibilityRequest([done.id], [], cloud="fake")) == {}
    assert not only(cloud)["os_hidden"]
    assert run("GlanceImage", DELETE, request_, made) == {}
    assert not cloud.images
    error = refused(lambda: run("GlanceImage", CREATE, replace(request_, cloud="nowhere")))
    assert (error.given, error.allowed) == ("nowhere", "fake")
