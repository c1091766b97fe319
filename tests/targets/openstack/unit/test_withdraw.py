"""An image goes unless something boots from it, and is shown while it is in use; the verbs."""

from __future__ import annotations

import os
import sys
from dataclasses import replace

from flakeship.model.codec import dump
from flakeship.system import process
from flakeship.targets.openstack.images.publish import earlier, publish, withdraw
from flakeship.targets.openstack.images.visibility import set_visibility
from flakeship.targets.openstack.requests import Published, PublishRequest, VisibilityRequest
from tests.targets.openstack.unit.conftest import only, said
from tests.targets.openstack.unit.fake_cloud import Cloud
from tests.targets.openstack.unit.test_inspect import server


def test_an_image_is_withdrawn_and_may_be_gone(cloud: Cloud, request_: PublishRequest) -> None:
    done = publish(request_, None, print)
    withdraw(request_, done)
    assert not cloud.images
    withdraw(request_, done)
    withdraw(request_, None)


def test_an_image_in_use_stays(cloud: Cloud, request_: PublishRequest) -> None:
    done = publish(request_, None, print)
    cloud.servers = [server("other", "p", "x"), server("mine", "p", done.id)]
    assert "image web-1: mine (project p) boots from it: it stays" in said(
        lambda: withdraw(request_, done)
    )
    cloud.servers, cloud.roles = [server("theirs", "q", done.id)], ["admin"]
    assert "theirs (project q) boots from it" in said(lambda: withdraw(request_, done))
    assert cloud.images


def test_an_image_that_the_store_or_its_protection_holds(
    cloud: Cloud, request_: PublishRequest
) -> None:
    done = publish(request_, None, print)
    cloud.refuse("DELETE", 409, "<html><body>has snapshots</body></html>")
    assert "is in use (has snapshots)" in said(lambda: withdraw(request_, done))
    cloud.refuse("DELETE", 403, "<html><body>no</body></html>")
    assert "is forbidden (no): it needs the role member" in said(lambda: withdraw(request_, done))
    only(cloud)["protected"] = True
    assert f"--unprotect {done.id}` allows" in said(lambda: withdraw(request_, done))


def test_what_was_printed_before_is_read() -> None:
    done = Published("id", "ab", 1, 2)
    assert earlier(dump(done), "web-1") == done
    assert earlier("\n", "web-1") is None
    assert "image web-1: what its publication printed cannot be read" in said(
        lambda: earlier("gibberish", "web-1")
    )


def test_what_is_in_use_is_shown_and_the_rest_hidden(
    cloud: Cloud, request_: PublishRequest
) -> None:
    old, new = (publish(request_, None, print).id for _ in range(2))
    set_visibility(VisibilityRequest("fake", [old], []))
    set_visibility(VisibilityRequest("fake", [new], [old, "gone"]))
    assert [cloud.images[each]["os_hidden"] for each in (old, new)] == [True, False]
    assert "image gone: is gone from Glance" in said(
        lambda: set_visibility(VisibilityRequest("fake", ["gone"], []))
    )


def test_the_commands_find_the_image_by_what_they_printed(
    cloud: Cloud, request_: PublishRequest
) -> None:
    def verb(name: str, printed: str, request: object = request_) -> process.Result:
        env = {**os.environ, "PULUMI_COMMAND_STDOUT": printed}
        argv = [sys.executable, "-m", "flakeship", "internal", f"openstack.{name}"]
        return process.run(argv, stdin=dump(request), env=env, check=False)

    made = verb("publish-image", "").stdout
    done = earlier(made, "web-1")
    assert done
    assert verb("publish-image", made).stdout == made
    assert (
        verb("set-image-visibility", "", VisibilityRequest("fake", [done.id], [])).stdout == "{}\n"
    )
    assert not only(cloud)["os_hidden"]
    assert verb("withdraw-image", made).stdout == "{}\n"
    assert not cloud.images
    failed = verb("publish-image", "", replace(request_, cloud="nowhere"))
    assert (failed.code, failed.stdout, failed.stderr.count("\n")) == (1, "", 1)
    assert "got nowhere; allowed: fake" in failed.stderr
