"""From a file to an image with its bytes, and nothing left where that fails."""

from __future__ import annotations

import hashlib
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from flakeship.rollout.ownership import CHECKOUT, RELEASE, STACK, Owner
from flakeship.targets import upload
from flakeship.targets.openstack.images import glance
from flakeship.targets.openstack.images.publish import publish
from flakeship.targets.openstack.requests import Published, PublishRequest
from tests.targets.openstack.unit.conftest import TAGS, only, refused
from tests.targets.openstack.unit.fake_cloud import NOW, Cloud
from tests.unit.nix.test_image_file import qcow2_header


def test_an_image_has_the_bytes_and_what_it_is_to_carry(
    cloud: Cloud, request_: PublishRequest
) -> None:
    done = publish(request_, None)
    image = only(cloud)
    assert done == Published(image["id"], request_.sha512, 4028, 2049)
    wanted = {
        "name": "web-1", "disk_format": "qcow2", "container_format": "bare", "min_disk": 3,
        "min_ram": 512, "visibility": "private", "os_hidden": True, "tags": ["flakeship"],
        "os_distro": "nixos", **TAGS, "os_hash_value": request_.sha512,
    }  # fmt: skip
    assert {key: image[key] for key in wanted} == wanted
    assert not cloud.asked("PATCH")


def test_a_raw_file_is_published_as_raw(cloud: Cloud, request_: PublishRequest, file: Path) -> None:
    file.write_bytes(b"x" * 4096)
    publish(replace(request_, sha512=hashlib.sha512(b"x" * 4096).hexdigest()), None)
    assert (only(cloud)["disk_format"], only(cloud)["min_disk"]) == ("raw", 1)


def test_again_it_stays_and_only_what_differs_is_patched(
    cloud: Cloud, request_: PublishRequest
) -> None:
    done = publish(request_, None)
    only(cloud).update(theirs="yes", os_hidden=False, tags=[])
    cloud.calls.clear()
    assert publish(request_, done) == done
    assert not cloud.asked("PATCH|POST .*/images|file")
    assert only(cloud)["tags"] == ["flakeship"]
    changed = replace(request_, visibility="shared", properties={**TAGS, "a/b~c": "new"})
    assert publish(changed, done) == done
    image = only(cloud)
    assert (image["visibility"], image["a~1b~0c"]) == ("shared", "new")  # a pointer's own letters
    assert (image["theirs"], image["os_distro"]) == ("yes", "nixos")
    assert not image["os_hidden"]  # what is shown stays shown


@pytest.mark.parametrize("change", [{"status": "killed"}, {"os_hash_value": "other"}, None])
def test_an_image_that_is_not_what_it_was_is_published_again(
    cloud: Cloud, request_: PublishRequest, change: dict[str, Any] | None
) -> None:
    done = publish(request_, None)
    if change:
        cloud.images[done.id].update(change)
    else:
        cloud.images.clear()
    again = publish(request_, done)
    assert again.id != done.id
    assert cloud.images[again.id]["status"] == "active"


def test_an_administrators_deactivation_is_not_worked_around(
    cloud: Cloud, request_: PublishRequest
) -> None:
    done = publish(request_, None)
    only(cloud)["status"] = "deactivated"
    error = refused(lambda: publish(request_, done))
    assert error.code == "image-deactivated"
    assert f"image set --activate {done.id}" in error.remedy
    assert len(cloud.images) == 1


def test_a_file_that_is_gone(cloud: Cloud, request_: PublishRequest) -> None:
    for path in ("/gone", os.devnull):
        error = refused(partial(publish, replace(request_, file=path), None))
        assert (error.code, error.key) == ("image-file-missing", "image web-1")
        assert error.what.startswith(path)
    assert not cloud.calls


def test_an_image_that_glance_has_needs_no_file(cloud: Cloud, request_: PublishRequest) -> None:
    done = publish(request_, None)
    elsewhere = replace(request_, file="/gone", visibility="shared")
    assert publish(elsewhere, done) == done
    assert (only(cloud)["visibility"], only(cloud)["min_disk"]) == ("shared", 3)
    cloud.images.clear()
    error = refused(lambda: publish(elsewhere, done))
    assert error.code == "image-file-missing"
    assert "nix copy" in error.remedy
    assert not cloud.images


def test_an_image_with_another_checksum_needs_the_file(
    cloud: Cloud, request_: PublishRequest
) -> None:
    cloud.algorithm = "sha256"
    done = publish(request_, None)
    assert publish(request_, done) == done
    error = refused(lambda: publish(replace(request_, file="/gone"), done))
    assert error.code == "image-file-missing"
    assert len(cloud.images) == 1


def test_a_file_that_has_changed_since_it_was_built(cloud: Cloud, request_: PublishRequest) -> None:
    error = refused(lambda: publish(replace(request_, sha512="0" * 128), None))
    assert error.code == "image-file-changed"
    assert "built was 0000000000000000…" in error.what
    assert not cloud.images


def test_other_bytes_in_glance(cloud: Cloud, request_: PublishRequest) -> None:
    cloud.damage = True
    error = refused(lambda: publish(request_, None))
    assert error.code == "image-differs"
    assert error.what.startswith(f"Glance has other bytes than {request_.file}")
    assert not cloud.images


@pytest.mark.parametrize("damage", [False, True])
def test_another_algorithm_is_compared_too(
    cloud: Cloud, request_: PublishRequest, damage: bool
) -> None:
    cloud.algorithm, cloud.damage = "sha256", damage
    if damage:
        assert "(sha256 " in refused(lambda: publish(request_, None)).what
    else:
        assert publish(request_, None).sha512 == request_.sha512
    assert len(cloud.images) == (not damage)


@pytest.mark.parametrize(
    ("hashed", "text"),
    [({}, "reports no checksum"), ({"os_hash_algo": "crc-9", "os_hash_value": "1"}, "crc-9")],
)
def test_a_cloud_without_a_known_hash(
    cloud: Cloud, request_: PublishRequest, hashed: dict[str, str], text: str
) -> None:
    cloud.refuse("GET /image/v2/images/.", 200, {"id": "x", "status": "active", **hashed})
    error = refused(lambda: publish(request_, None))
    assert error.code == "checksum-missing"
    assert text in error.what
    assert not cloud.images


@pytest.mark.parametrize("status", [400, 415])
def test_a_refused_image_is_removed(cloud: Cloud, request_: PublishRequest, status: int) -> None:
    html = "<html>\n<title>415 Not This</title>\n<body>no such &#x27;format&#x27;</body></html>"
    cloud.refuse("PUT .*/file", status, html)
    error = refused(lambda: publish(request_, None))
    assert error.code == "image-refused"
    assert error.what == f"Glance refuses {request_.file}, which begins as qcow2: no such 'format'"
    assert not cloud.images


def test_properties_that_glance_does_not_take(cloud: Cloud, request_: PublishRequest) -> None:
    cloud.refuse("POST .*/images", 400, "<html><body>hw_x is wrong</body></html>")
    error = refused(lambda: publish(request_, None))
    assert (error.code, error.key) == ("image-refused", "image web-1")
    assert error.what == "Glance refuses its properties: hw_x is wrong"


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_a_visibility_that_is_not_allowed(
    cloud: Cloud, request_: PublishRequest, method: str
) -> None:
    done = publish(request_, None) if method == "PATCH" else None
    cloud.refuse(f"{method} .*/images", 403, "<html><body>no publicize_image</body></html>")
    error = refused(lambda: publish(replace(request_, visibility="public"), done))
    assert (error.code, error.given) == ("visibility-forbidden", "public")
    assert error.allowed == "private, shared and community"


def test_another_prohibition_is_not_blamed_on_the_visibility(
    cloud: Cloud, request_: PublishRequest
) -> None:
    cloud.refuse("POST .*/images", 403, "<html><body>no add_image</body></html>")
    error = refused(lambda: publish(replace(request_, visibility="public"), None))
    assert error.code == "role-missing"
    assert "it needs the role member" in error.what


def test_a_state_that_leads_nowhere(
    cloud: Cloud, request_: PublishRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.after_upload = "killed"
    assert refused(lambda: publish(request_, None)).what == "is killed after its upload"
    cloud.after_upload = "importing"
    monkeypatch.setattr(glance, "ACTIVE", 0.1)
    error = refused(lambda: publish(request_, None))
    assert error.code == "image-not-active"
    assert error.what == "is importing, not active, 0 s after its upload"
    assert not cloud.images


@pytest.mark.parametrize(("status", "called"), [(503, 2), (403, 1), (404, 1)])
def test_a_busy_glance_is_asked_again(
    cloud: Cloud, request_: PublishRequest, status: int, called: int
) -> None:
    """Once; what is permanent ends it at once."""
    usual = cloud.answer

    def answer(method: str, target: str, body: bytes) -> tuple[int, Any]:
        answered = usual(method, target, body)
        if method == "GET" and "/images/" in target and len(cloud.asked("GET .*/images/")) == 1:
            return status, {}
        return answered

    cloud.answer = answer  # type: ignore[method-assign]
    if status == 503:
        publish(request_, None)
    else:
        refused(lambda: publish(request_, None))
    assert len(cloud.asked("GET .*/images/")) == called


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_what_an_interruption_leaves_is_removed(
    cloud: Cloud,
    request_: PublishRequest,
    monkeypatch: pytest.MonkeyPatch,
    number: signal.Signals,
) -> None:
    def interrupted(*_: object) -> None:
        assert cloud.images
        os.kill(os.getpid(), number)

    monkeypatch.setattr(glance, "active", interrupted)
    before = signal.signal(number, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            publish(request_, None)
    finally:
        signal.signal(number, before)
    assert not cloud.images


def test_what_cannot_be_removed_is_told_beside_the_first_error(
    cloud: Cloud, request_: PublishRequest, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "flakeship")
    cloud.damage = True
    cloud.refuse("DELETE", 500, "<html><body>tired</body></html>")
    assert refused(lambda: publish(request_, None)).code == "image-differs"
    (message,) = caplog.messages
    assert message.startswith(f"image {only(cloud)['id']} is left in Glance (tired)")


def test_what_killed_uploads_of_the_release_left_is_removed(
    cloud: Cloud, request_: PublishRequest
) -> None:
    common = {"os_hidden": True, "status": "queued", "tags": ["flakeship"], "owner": "p", **TAGS}
    checkout = Owner("").of_this_checkout().checkout
    common |= {"created_at": NOW, CHECKOUT: checkout}
    others = {**common, CHECKOUT: "0123456789ab"}
    other = {"status": "active", "tags": ["flakeship", glance.UPLOADING],
             "os_hash_algo": "sha512", "os_hash_value": "0" * 128}  # fmt: skip
    cloud.things["images"] = {
        "a": {"id": "a", **common},
        "b": {"id": "b", **common, "status": "saving"},
        "old": {"id": "old", **others, "created_at": "2026-01-01T00:00:00Z"},
        "theirs": {"id": "theirs", **others},
        "c": {"id": "c", **common, RELEASE: "web-2"},
        "d": {"id": "d", **common, STACK: "prod"},
        "e": {"id": "e", **common, "status": "active"},
        "f": {"id": "f", **common, **other},
        "g": {"id": "g", **others, **other, "os_hash_value": request_.sha512},
    }
    done = publish(request_, None)
    assert sorted(cloud.images) == sorted(["c", "d", "e", "g", "theirs", done.id])
    assert cloud.images[done.id][CHECKOUT] == checkout


TAGGED = f"DELETE .*/tags/{glance.UPLOADING}"


@pytest.mark.parametrize("status", [503, 403, 404])
def test_a_compared_upload_whose_tag_stays_is_completed_by_the_next_run(
    cloud: Cloud, request_: PublishRequest, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    monkeypatch.setattr("flakeship.targets.openstack.images.new_image.PAUSES", (0, 0))
    cloud.refuse(TAGGED, status, "<html><body>not now</body></html>")
    refused(lambda: publish(request_, None))
    kept = only(cloud)["id"]
    assert glance.UPLOADING in only(cloud)["tags"]
    cloud.refusals.clear()
    changed = replace(request_, visibility="shared")
    assert publish(changed, None) == Published(kept, request_.sha512, 4028, 2049)
    assert (only(cloud)["tags"], only(cloud)["visibility"]) == (["flakeship"], "shared")
    assert only(cloud)["os_hidden"]
    assert len(cloud.asked("PUT .*/file")) == 1


def at_its_tag(cloud: Cloud, act: Callable[[str], object]) -> None:
    """Let something happen to the image just before its tag is removed."""
    usual = cloud.answer

    def answer(method: str, target: str, body: bytes) -> tuple[int, Any]:
        if method == "DELETE" and "/tags/" in target:
            act(target.split("/")[-3])
        return usual(method, target, body)

    cloud.answer = answer  # type: ignore[method-assign]


def test_an_image_that_is_gone_before_it_is_complete_is_not_published(
    cloud: Cloud, request_: PublishRequest
) -> None:
    at_its_tag(cloud, cloud.images.pop)
    error = refused(lambda: publish(request_, None))
    assert (error.code, error.key) == ("image-missing", "image web-1")
    assert error.remedy


def test_a_tag_that_is_gone_already_is_no_mistake(cloud: Cloud, request_: PublishRequest) -> None:
    """As after a removal whose answer was lost."""
    at_its_tag(cloud, lambda number: cloud.images[number]["tags"].remove(glance.UPLOADING))
    assert publish(request_, None).id == only(cloud)["id"]


def test_a_long_upload_logs_its_progress(
    file: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "flakeship")
    monkeypatch.setattr(upload, "EVERY", 0)
    monkeypatch.setattr(upload, "BLOCK", 1024)
    body = upload.Upload(file, "image web-1")
    for _ in range(2):  # after a renewed token the body is sent once more
        assert b"".join(body) == file.read_bytes()
        assert body.sha512 == hashlib.sha512(file.read_bytes()).hexdigest()
    assert len(body) == 4028
    assert caplog.messages[0].startswith("image web-1: 0 of 0 MiB uploaded, ")


@pytest.mark.parametrize("times", [1, 2])
def test_an_upload_that_fails_by_a_passing_fault_starts_over(
    cloud: Cloud, request_: PublishRequest, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    monkeypatch.setattr("flakeship.targets.openstack.images.new_image.PAUSES", (0, 0))
    cloud.refuse("PUT .*/file", 503, "storage is restarted", times=times)
    done = publish(request_, None)
    assert only(cloud)["id"] == done.id
    assert len(cloud.asked("PUT .*/file")) == times + 1
    assert len(cloud.asked("POST .*/images")) == times + 1


@pytest.mark.parametrize(("status", "uploads"), [(503, 3), (413, 1), (403, 1)])
def test_an_upload_ends_at_last_and_leaves_nothing(
    cloud: Cloud,
    request_: PublishRequest,
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    uploads: int,
) -> None:
    monkeypatch.setattr("flakeship.targets.openstack.images.new_image.PAUSES", (0, 0))
    cloud.refuse("PUT .*/file", status, "no")
    refused(lambda: publish(request_, None))
    assert len(cloud.asked("PUT .*/file")) == uploads
    assert not cloud.images


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (qcow2_header(backing=512), "image-refers"),
        (qcow2_header(features=4), "image-refers"),
        (b"# Disk DescriptorFile\nRW 9 FLAT /etc/shadow 0\n", "image-other-format"),
    ],
)
def test_what_would_read_the_clouds_files_is_not_uploaded(
    cloud: Cloud, request_: PublishRequest, data: bytes, code: str
) -> None:
    Path(request_.file).write_bytes(data)
    wanted = replace(request_, sha512=hashlib.sha512(data).hexdigest())
    assert refused(lambda: publish(wanted, None)).code == code
    assert not cloud.things.get("image")


def test_a_link_is_not_uploaded(cloud: Cloud, request_: PublishRequest, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(request_.file)
    wanted = replace(request_, file=str(tmp_path / "link"))
    assert refused(lambda: publish(wanted, None)).code == "image-not-regular"
    assert not cloud.things.get("image")
